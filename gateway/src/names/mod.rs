//! The names of upstreams and the addresses behind them: looked up off every request's path, and again when their time is over.
//!
//! An upstream's [`Addresses`] outlive an edit of its other settings. The control thread looks up each name (`follow`), by the hosts file
//! and the name servers (`system`, `lookup`), and publishes what changed; a worker's pool compares a version to see it. A name that
//! can't be looked up keeps the addresses that it had. What connects to the addresses, and how they are balanced, is `upstream/`.

mod follow;
mod lookup;
mod state;
mod system;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{mpsc, watch};

pub use follow::Follower;
pub use state::{AFTER_FAILURES, Known, Outcome};

use crate::metrics::UpstreamSeries;

/// Where an endpoint is, as the file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    /// An address: nothing to look up.
    Literal,
    Name(String),
}

impl Host {
    fn of(host: &str) -> (Self, Known) {
        match host.parse::<IpAddr>() {
            Ok(address) => (Self::Literal, Known::literal(address)),
            Err(_) => (Self::Name(host.to_owned()), Known::default()),
        }
    }
}

/// Where the endpoints of one upstream are now.
#[derive(Debug)]
pub struct Addresses {
    hosts: Vec<Host>,
    // Written by the control thread, read by each worker where its version has changed.
    known: watch::Sender<Vec<Known>>,
    series: Arc<UpstreamSeries>,
}

impl Addresses {
    /// What is known of each endpoint, in the file's order.
    pub fn known(&self) -> watch::Ref<'_, Vec<Known>> {
        self.known.borrow()
    }

    /// A worker's view; none where there is no name, and so never a change.
    #[must_use]
    pub fn watch(&self) -> Option<watch::Receiver<Vec<Known>>> {
        self.hosts.iter().any(|host| *host != Host::Literal).then(|| self.known.subscribe())
    }
}

/// The addresses of all upstreams, by the upstream's name.
#[derive(Debug)]
pub struct Names {
    // Locked by a compile, never by a request.
    all: Mutex<HashMap<String, Weak<Addresses>>>,
    wanted: mpsc::UnboundedSender<Weak<Addresses>>,
}

impl Names {
    /// None yet; the follower looks up those that are asked for, by these name servers, or by the system's.
    #[must_use]
    pub fn new(servers: Option<Vec<SocketAddr>>) -> (Self, Follower) {
        let (wanted, asked) = mpsc::unbounded_channel();
        (Self { all: Mutex::default(), wanted }, Follower::new(asked, servers))
    }

    /// The addresses of an upstream whose endpoints have these hosts. They are those of before where the hosts are; of other hosts,
    /// those that are known already stay known.
    pub fn addresses<'h>(
        &self,
        series: &Arc<UpstreamSeries>,
        hosts: impl IntoIterator<Item = &'h str>,
    ) -> Arc<Addresses> {
        let (hosts, mut known): (Vec<_>, Vec<_>) = hosts.into_iter().map(Host::of).unzip();
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = all.get(&series.upstream).and_then(Weak::upgrade) {
            if before.hosts == hosts {
                return before;
            }
            for (host, known) in hosts.iter().zip(&mut known) {
                if let Some(at) = before.hosts.iter().position(|earlier| earlier == host) {
                    *known = before.known.borrow()[at].clone();
                }
            }
        }
        let made = Arc::new(Addresses { hosts, known: watch::Sender::new(known), series: series.clone() });
        // Before the map grows, and so not for each of ten thousand.
        if all.len() == all.capacity() {
            all.retain(|_, known| known.strong_count() > 0);
        }
        all.insert(series.upstream.clone(), Arc::downgrade(&made));
        // Where nobody follows, as in a check, nothing is looked up.
        let _nobody = self.wanted.send(Arc::downgrade(&made));
        made
    }
}

//! Keeps names looked up: a task a name on the control thread, which sleeps until what it knows is too old.

use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::sleep;

use super::lookup::Resolver;
use super::state::{Known, Outcome};
use super::{Addresses, Host};

/// Looks up what [`super::Names`] hands out, for as long as somebody uses it.
#[derive(Debug)]
pub struct Follower {
    asked: UnboundedReceiver<Weak<Addresses>>,
    servers: Option<Vec<SocketAddr>>,
}

impl Follower {
    pub(super) fn new(asked: UnboundedReceiver<Weak<Addresses>>, servers: Option<Vec<SocketAddr>>) -> Self {
        Self { asked, servers }
    }

    /// Runs for as long as the gateway does.
    pub async fn run(mut self) {
        let resolver = Arc::new(Resolver::new(self.servers));
        while let Some(addresses) = self.asked.recv().await {
            let Some(strong) = addresses.upgrade() else { continue };
            for (at, host) in strong.hosts.iter().enumerate() {
                if let Host::Name(name) = host {
                    tokio::spawn(follow(addresses.clone(), at, name.clone(), resolver.clone()));
                }
            }
        }
    }
}

/// Ends when nobody uses the addresses any more.
async fn follow(addresses: Weak<Addresses>, at: usize, name: String, resolver: Arc<Resolver>) {
    while addresses.strong_count() > 0 {
        let outcome = resolver.look_up(&name).await;
        let Some(addresses) = addresses.upgrade() else { return };
        let pause = addresses.learn(at, &name, outcome);
        drop(addresses);
        sleep(pause).await;
    }
}

impl Addresses {
    /// Takes in a look-up's outcome, tells the workers where it changed anything, and says when to look again.
    fn learn(&self, at: usize, name: &str, outcome: Outcome) -> Duration {
        self.series.looked_up(outcome.label());
        let before = self.known.borrow()[at].clone();
        let (after, pause) = before.after(outcome);
        self.say(name, &before, &after);
        self.known.send_if_modified(|known| {
            let changed = (&before.addresses, &before.failure) != (&after.addresses, &after.failure);
            known[at] = after;
            changed
        });
        pause
    }

    /// One line a change.
    fn say(&self, name: &str, before: &Known, after: &Known) {
        let upstream = &self.series.upstream;
        match (&before.failure, &after.failure) {
            (None, Some(why)) => {
                let kept = after.addresses.len();
                tracing::warn!(upstream, name, why, kept, "cannot look up a name");
            }
            _ if before.addresses != after.addresses => {
                tracing::info!(upstream, name, addresses = ?after.addresses, "a name has new addresses");
            }
            (Some(_), None) => tracing::info!(upstream, name, "a name can be looked up again"),
            (None, None) | (Some(_), Some(_)) => {}
        }
    }
}

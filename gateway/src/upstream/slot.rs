//! One address of an upstream as one worker sees it: its idle connections, its shared ones, and how many requests are on it.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use tokio::time::Instant;

use super::connection::Connection;
use super::shared::Shared;
use crate::table::{Endpoint, HostHeader, Upstream};

/// Idle connections kept for an address by a worker; more than that many at once are closed after use.
const MAX_IDLE: usize = 512;

/// An address that could not be reached is left out for so long, while there are others.
const AVOIDED: Duration = Duration::from_secs(5);

/// What the slots of a pool share.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) upstream: Arc<Upstream>,
    pub(super) worker: usize,
    /// The time of the last sweep: near enough to tell how long a connection has been idle, and no clock to read for each request.
    pub(super) swept: Cell<Instant>,
}

/// The fields that an upstream's requests and answers get. Each slot has its own: the table's are counted by all workers, and with
/// each request they would take the count's cache line from each other.
#[derive(Debug)]
pub struct Fields {
    /// The upstream.
    pub served_by: HeaderValue,
    /// `host[:port]` of the endpoint.
    pub authority: HeaderValue,
    /// What `Host` becomes; none where it stays as the client wrote it.
    pub host: Option<HeaderValue>,
}

impl Fields {
    fn of(upstream: &Upstream, endpoint: &Endpoint) -> Self {
        // It was parsed once: it can't fail.
        let own = |value: &HeaderValue| HeaderValue::from_bytes(value.as_bytes()).unwrap_or_else(|_| value.clone());
        let host = match &upstream.host {
            HostHeader::Preserve => None,
            HostHeader::Upstream => Some(own(&endpoint.authority)),
            HostHeader::Literal(host) => Some(own(host)),
        };
        Self { served_by: own(&upstream.served_by), authority: own(&endpoint.authority), host }
    }
}

/// What belongs to one address.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) origin: Rc<Origin>,
    pub(super) endpoint: usize,
    pub(super) fields: Fields,
    pub(super) address: SocketAddr,
    pub(super) shared: Shared,
    pub(super) active: Cell<usize>,
    /// Set while it can't be reached, to when it is tried again.
    pub(super) avoided_until: Cell<Option<Instant>>,
    // Boxed, because connections move between pool, lease and download.
    #[expect(clippy::vec_box, reason = "they move")]
    idle: RefCell<Vec<Box<Connection>>>,
    /// What the metric was told of idle connections.
    told: Cell<usize>,
    gone: Cell<bool>,
}

impl Slot {
    pub(super) fn new(origin: Rc<Origin>, endpoint: usize, address: SocketAddr) -> Rc<Self> {
        Rc::new(Self {
            fields: Fields::of(&origin.upstream, &origin.upstream.endpoints[endpoint]),
            origin,
            endpoint,
            address,
            shared: Shared::default(),
            active: Cell::default(),
            avoided_until: Cell::default(),
            idle: RefCell::default(),
            told: Cell::default(),
            gone: Cell::default(),
        })
    }

    /// The endpoint that the file has.
    pub(super) fn named(&self) -> &Endpoint {
        &self.origin.upstream.endpoints[self.endpoint]
    }

    /// The idle connection that was used last, if one still lives.
    pub(super) fn take_idle(&self) -> Option<Box<Connection>> {
        let mut idle = self.idle.borrow_mut();
        let usable = |mut connection: Box<Connection>| connection.is_usable().then_some(connection);
        let taken = std::iter::from_fn(|| idle.pop()).find_map(usable);
        self.tell(idle.len());
        taken
    }

    pub(super) fn give_back(&self, mut connection: Box<Connection>) {
        let mut idle = self.idle.borrow_mut();
        if connection.is_done() && idle.len() < MAX_IDLE && !self.gone.get() {
            connection.rest();
            connection.idle_since = self.origin.swept.get();
            connection.reused = true;
            idle.push(connection);
            self.tell(idle.len());
        }
    }

    /// Closes what has been idle for longer than `keepalive`, and what the upstream has closed.
    pub(super) fn sweep(&self, now: Instant) {
        let keepalive = self.origin.upstream.keepalive;
        let mut idle = self.idle.borrow_mut();
        idle.retain_mut(|connection| {
            let young = keepalive.is_none_or(|limit| now.duration_since(connection.idle_since) < limit);
            young && connection.is_usable()
        });
        self.shared.sweep(now, keepalive);
        self.tell(idle.len() + self.shared.idle());
    }

    /// The address is no more: closes what is idle; what is in use ends with its request.
    pub(super) fn end(&self) {
        self.gone.set(true);
        self.idle.borrow_mut().clear();
        self.shared.forget();
        self.tell(0);
    }

    /// It could not be reached.
    pub(super) fn avoid(&self) {
        self.avoided_until.set(Some(Instant::now() + AVOIDED));
    }

    /// A request tries it. With connections that live there is nothing to find out; else the others stay away meanwhile.
    pub(super) fn try_again(&self) {
        if self.idle.borrow().is_empty() && !self.shared.is_open() {
            self.avoid();
        } else {
            self.avoided_until.set(None);
        }
    }

    fn tell(&self, idle: usize) {
        let before = self.told.replace(idle);
        self.origin.upstream.series.idle(self.origin.worker, before, idle);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.tell(0);
    }
}

//! A worker's pool of connections to one upstream: last in, first out, so that few connections are busy and the rest age out. Of HTTP/2
//! there are few, and requests share them.
//!
//! No other worker sees it, so it needs no lock. Several endpoints are balanced by the power of two choices: of two picked at
//! random the one with fewer requests in flight.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::time::Instant;

use super::body::Upload;
use super::connection::{Connection, ExchangeError, Failed};
use super::dial::{ConnectError, Open};
use super::shared::{Shared, Stream};
use super::wire::Wire;
use crate::socket::Socket;
use crate::table::{Endpoint, Protocol, Upstream};

/// Idle connections kept for an endpoint by a worker; more than that many at once are closed after use.
const MAX_IDLE: usize = 512;

/// Connections to one upstream.
#[derive(Debug)]
pub struct Pool {
    upstream: Arc<Upstream>,
    worker: usize,
    slots: Box<[Slot]>,
    /// The time of the last sweep: near enough to tell how long a connection has been idle, and no clock to read for each request.
    swept: Cell<Instant>,
}

/// What belongs to one endpoint.
#[derive(Debug, Default)]
struct Slot {
    idle: RefCell<Vec<Connection>>,
    shared: Shared,
    active: Cell<usize>,
}

impl Pool {
    pub(super) fn new(upstream: Arc<Upstream>, worker: usize) -> Rc<Self> {
        let slots = upstream.endpoints.iter().map(|_| Slot::default()).collect();
        Rc::new(Self { upstream, worker, slots, swept: Cell::new(Instant::now()) })
    }

    /// Whose connections these are.
    #[must_use]
    pub fn upstream(&self) -> &Arc<Upstream> {
        &self.upstream
    }

    /// Takes an idle connection, a stream on a shared one, or opens one.
    ///
    /// # Errors
    /// [`ConnectError`] from the endpoint that was chosen.
    pub async fn lease(self: &Rc<Self>, want: Want) -> Result<Lease, ConnectError> {
        let at = self.choose();
        let (slot, endpoint) = (&self.slots[at], &self.upstream.endpoints[at]);
        slot.active.set(slot.active.get() + 1);
        let mut lease = Lease { pool: self.clone(), endpoint: at, held: Held::Nothing };
        if self.upstream.protocol == Protocol::Http2 && want != Want::Upgrade {
            lease.held = Held::Stream(Box::pin(slot.shared.stream(&self.upstream, endpoint, self.worker)).await?);
            return Ok(lease);
        }
        let idle = match want {
            Want::Any => std::future::poll_fn(|cx| self.take_idle(at, cx)).await,
            Want::Fresh | Want::Upgrade => None,
        };
        lease.held = Held::Connection(match idle {
            Some(connection) => connection,
            // Boxed, so that the many requests that find a connection don't carry the state of the few that make one.
            None => Box::pin(Connection::open(&self.upstream, endpoint, self.worker)).await?,
        });
        Ok(lease)
    }

    fn choose(&self) -> usize {
        if self.slots.len() == 1 {
            return 0;
        }
        let (one, other) = (fastrand::usize(..self.slots.len()), fastrand::usize(..self.slots.len()));
        if self.slots[other].active.get() < self.slots[one].active.get() { other } else { one }
    }

    fn take_idle(&self, endpoint: usize, cx: &Context<'_>) -> Poll<Option<Connection>> {
        let mut idle = self.slots[endpoint].idle.borrow_mut();
        let taken =
            std::iter::from_fn(|| idle.pop()).find_map(|mut connection| connection.is_usable(cx).then_some(connection));
        self.upstream.series.idle(self.worker, self.idle_connections(endpoint, idle.len()));
        Poll::Ready(taken)
    }

    /// Idle connections of all endpoints, where the one at `endpoint`, which may be borrowed, holds `here`.
    fn idle_connections(&self, endpoint: usize, here: usize) -> usize {
        let others = self.slots.iter().enumerate().filter(|(at, _)| *at != endpoint);
        here + others.map(|(_, slot)| slot.idle.borrow().len() + slot.shared.idle()).sum::<usize>()
    }

    fn give_back(&self, endpoint: usize, mut connection: Connection) {
        let mut idle = self.slots[endpoint].idle.borrow_mut();
        if idle.len() < MAX_IDLE {
            connection.idle_since = self.swept.get();
            connection.reused = true;
            idle.push(connection);
            self.upstream.series.idle(self.worker, self.idle_connections(endpoint, idle.len()));
        }
    }

    /// Closes what has been idle for longer than `keepalive`, and what the upstream has closed.
    pub(super) fn sweep(&self) {
        let now = Instant::now();
        self.swept.set(now);
        for (endpoint, slot) in self.slots.iter().enumerate() {
            let mut idle = slot.idle.borrow_mut();
            let cx = Context::from_waker(Waker::noop());
            idle.retain_mut(|connection| {
                let young =
                    self.upstream.keepalive.is_none_or(|limit| now.duration_since(connection.idle_since) < limit);
                young && connection.is_usable(&cx)
            });
            slot.shared.sweep(now, self.upstream.keepalive);
            self.upstream.series.idle(self.worker, self.idle_connections(endpoint, idle.len() + slot.shared.idle()));
        }
    }
}

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Whatever there is.
    Any,
    /// No connection of HTTP/1.1 that may have been closed meanwhile.
    Fresh,
    /// A connection of HTTP/1.1 that becomes something else.
    Upgrade,
}

/// What a lease holds.
#[derive(Debug)]
enum Held {
    /// Not yet, or not any more.
    Nothing,
    Connection(Connection),
    Stream(Stream),
}

/// The right to use a connection; it counts as in flight on its endpoint until it is dropped.
#[derive(Debug)]
pub struct Lease {
    pool: Rc<Pool>,
    endpoint: usize,
    held: Held,
}

impl Lease {
    /// The leased connection of HTTP/1.1, which whoever reads from it drives.
    pub(super) fn connection(&mut self) -> Option<&mut Connection> {
        match &mut self.held {
            Held::Connection(connection) => Some(connection),
            Held::Stream(_) | Held::Nothing => None,
        }
    }

    /// Whether others have used the connection before, so that the upstream may have closed it just now.
    #[must_use]
    pub fn is_reused(&self) -> bool {
        match &self.held {
            Held::Connection(connection) => connection.reused,
            Held::Stream(stream) => stream.reused,
            Held::Nothing => false,
        }
    }

    /// Sends a request and waits for the head of the answer, polling `limit` beside it.
    ///
    /// # Errors
    /// [`Failed`], or what `limit` returns when it is ready first.
    pub async fn exchange<E: From<Failed>>(
        &mut self,
        request: Request<Upload>,
        limit: impl FnMut(&mut Context<'_>) -> Poll<E>,
    ) -> Result<Response<Incoming>, E> {
        match &mut self.held {
            Held::Connection(connection) => connection.exchange(request, limit).await,
            Held::Stream(stream) => {
                // Boxed, so that HTTP/1.1 does not carry its state.
                Box::pin(stream.exchange(request, &self.pool.upstream, self.endpoint, limit)).await
            }
            Held::Nothing => Err(Failed { error: ExchangeError::Closed, unsent: Some(Box::new(request)) }.into()),
        }
    }

    fn take_connection(&mut self) -> Option<Connection> {
        match std::mem::replace(&mut self.held, Held::Nothing) {
            Held::Connection(connection) => Some(connection),
            Held::Stream(_) | Held::Nothing => None,
        }
    }

    /// Waits for the end of HTTP on this connection, after an upgrade, and takes its socket with what came early.
    pub async fn upgraded(&mut self) -> Option<(Socket<Wire>, Bytes, Open)> {
        let mut connection = self.take_connection()?;
        std::future::poll_fn(|cx| connection.drive(cx)).await;
        Some(connection.into_socket())
    }

    /// Whose connection it is.
    #[must_use]
    pub fn upstream(&self) -> &Arc<Upstream> {
        &self.pool.upstream
    }

    /// Where the connection leads.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.pool.upstream.endpoints[self.endpoint]
    }

    /// Puts the connection back into the pool: the answer has been read to its end and the request was sent whole.
    pub fn give_back(&mut self) {
        if let Some(connection) = self.take_connection() {
            self.pool.give_back(self.endpoint, connection);
        }
    }

    /// Closes the connection: what comes next on it is not to be trusted.
    pub fn discard(&mut self) {
        self.held = Held::Nothing;
    }

    /// The request's body outlives its answer: its connection lives on as a task of its own. A stream does so anyway.
    pub fn detach(&mut self) {
        if let Held::Connection(_) = self.held
            && let Some(connection) = self.take_connection()
        {
            connection.detach();
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let active = &self.pool.slots[self.endpoint].active;
        active.set(active.get() - 1);
    }
}

//! What a worker counts that belongs to no route: requests in flight, client connections, and what was refused.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::series::add;

/// Kinds of TLS handshakes: the version, and whether a session was resumed.
pub(super) const HANDSHAKES: [[&str; 2]; 4] =
    [["1.2", "full"], ["1.2", "resumed"], ["1.3", "full"], ["1.3", "resumed"]];

/// The closed set of reasons for which something is refused: the names, in the order of their numbers.
pub type Refusals = &'static [&'static str];

/// What a worker counts that belongs to no route. Aligned, so that no two workers write to one cache line, or to a pair that is fetched
/// as one.
#[derive(Debug)]
#[repr(align(128))]
pub struct WorkerCells {
    pub(super) in_flight: AtomicU64,
    pub(super) connections: AtomicU64,
    pub(super) disconnects: AtomicU64,
    pub(super) log_dropped: AtomicU64,
    pub(super) rejected: Box<[AtomicU64]>,
    pub(super) connections_refused: Box<[AtomicU64]>,
    pub(super) handshakes: [AtomicU64; HANDSHAKES.len()],
}

impl WorkerCells {
    pub(super) fn new(refusals: Refusals, connection_refusals: Refusals) -> Self {
        let zeros = |reasons: Refusals| reasons.iter().map(|_| AtomicU64::default()).collect();
        Self {
            in_flight: AtomicU64::default(),
            connections: AtomicU64::default(),
            disconnects: AtomicU64::default(),
            log_dropped: AtomicU64::default(),
            rejected: zeros(refusals),
            connections_refused: zeros(connection_refusals),
            handshakes: Default::default(),
        }
    }

    /// A request began.
    pub fn began(&self) {
        add(&self.in_flight, 1);
    }

    /// A request ended, however.
    pub fn ended(&self) {
        add(&self.in_flight, u64::MAX);
    }

    /// A client connection was given to this worker. The accepting worker counts it, so that the next choice sees it, and the
    /// serving one takes it back: two writers, hence a locked add, once a connection.
    pub fn connected(&self) {
        self.connections.fetch_add(1, Relaxed);
    }

    /// A client connection closed.
    pub fn closed(&self) {
        self.connections.fetch_sub(1, Relaxed);
    }

    /// Whether nothing is left to wait for at a drain.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.connections.load(Relaxed) == 0 && self.in_flight.load(Relaxed) == 0
    }

    /// A client left before its answer was complete.
    pub fn disconnected(&self) {
        add(&self.disconnects, 1);
    }

    /// A line of the access log was dropped.
    pub fn log_dropped(&self) {
        add(&self.log_dropped, 1);
    }

    /// The gateway answered with an error; `reason` is its position in [`Refusals`].
    pub fn rejected(&self, reason: usize) {
        add(&self.rejected[reason], 1);
    }

    /// A client connection was not taken in, or closed for abuse; `reason` is its position in [`Refusals`].
    pub fn refused(&self, reason: usize) {
        add(&self.connections_refused[reason], 1);
    }

    /// A TLS handshake succeeded.
    pub fn shook_hands(&self, tls_13: bool, resumed: bool) {
        add(&self.handshakes[2 * usize::from(tls_13) + usize::from(resumed)], 1);
    }

    /// Open client connections, as the choice of a worker asks for them.
    #[must_use]
    pub fn load(&self) -> u64 {
        self.connections.load(Relaxed)
    }
}

//! The cells that requests are counted in: each is written by one worker only, with plain loads and stores, and read by the scrape.
//!
//! A series keeps a cell block for each worker and makes it at that worker's first use; what no worker used reads as zero.
//! Series are found by name when a table is compiled, so that they outlive the tables that use them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::worker::{Refusals, WorkerCells};
use crate::names::Outcome;
use crate::table::Reason;

/// Upper bounds of the histograms' buckets in seconds: half a millisecond, which a healthy local upstream stays below, up to the time limits' range.
pub(super) const BOUNDS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The classes of a status: `1xx` (a tunnel) to `5xx`.
pub(super) const CODES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// How an attempt to connect ended.
pub(super) const CONNECTS: [&str; 3] = ["ok", "failed", "timeout"];

/// Adds to a cell that only the calling worker writes; a gauge goes down by wrapping.
pub(super) fn add(cell: &AtomicU64, amount: u64) {
    cell.store(cell.load(Relaxed).wrapping_add(amount), Relaxed);
}

/// One block of cells for each worker.
///
/// Among ten thousand routes nothing of a series is in the processor's cache, and each cache line that a request needs is waited for:
/// hence the order of what lies here, and that a machine's usual number of workers finds its blocks in one line.
#[derive(Debug)]
#[repr(C, align(64))]
struct PerWorker<T> {
    first: [OnceLock<Box<T>>; 4],
    others: Box<[OnceLock<Box<T>>]>,
}

impl<T: Default> PerWorker<T> {
    fn new(workers: usize) -> Self {
        let first = <[OnceLock<Box<T>>; 4]>::default();
        Self { others: (first.len()..workers).map(|_| OnceLock::new()).collect(), first }
    }

    fn of(&self, worker: usize) -> &T {
        let block = self.first.get(worker).unwrap_or_else(|| &self.others[worker - self.first.len()]);
        block.get_or_init(Box::default)
    }

    fn sum(&self, cell: impl Fn(&T) -> &AtomicU64) -> u64 {
        let blocks = self.first.iter().chain(&self.others).filter_map(OnceLock::get);
        blocks.fold(0, |sum, block| sum.wrapping_add(cell(block).load(Relaxed)))
    }
}

/// A histogram's cells: the sum in nanoseconds, one per bound and one above the last. Most requests are fast: theirs lie in the first line.
#[derive(Debug, Default)]
#[repr(C)]
pub(super) struct Histogram {
    nanos: AtomicU64,
    buckets: [AtomicU64; BOUNDS.len() + 1],
}

impl Histogram {
    fn observe(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        add(&self.buckets[BOUNDS.partition_point(|bound| *bound < seconds)], 1);
        add(&self.nanos, took.as_nanos() as u64);
    }
}

/// Which histogram of a series.
#[derive(Clone, Copy, Debug)]
pub(super) enum Timing {
    Request,
    FirstByte,
}

#[derive(Debug, Default)]
#[repr(C, align(64))]
struct RequestCells {
    codes: [AtomicU64; CODES.len()],
    picks: [AtomicU64; Reason::OF_SPLITS.len()],
    request: Histogram,
    first_byte: Histogram,
}

impl RequestCells {
    fn timing(&self, which: Timing) -> &Histogram {
        match which {
            Timing::Request => &self.request,
            Timing::FirstByte => &self.first_byte,
        }
    }
}

/// The requests of one route to one upstream.
#[derive(Debug)]
pub struct Series {
    /// The route's name, `-` where none took the request.
    pub route: String,
    /// The upstream's name, `-` where the gateway answered itself.
    pub upstream: String,
    cells: PerWorker<RequestCells>,
}

impl Series {
    /// Counts a decision of the route's split.
    pub fn picked(&self, worker: usize, reason: Reason) {
        if let Some(at) = Reason::OF_SPLITS.iter().position(|known| *known == reason) {
            add(&self.cells.of(worker).picks[at], 1);
        }
    }

    /// Counts the head of an upstream's answer.
    pub fn first_byte(&self, worker: usize, took: Duration) {
        self.cells.of(worker).first_byte.observe(took);
    }

    /// Counts a request that ended, by its status as a number.
    pub fn ended(&self, worker: usize, status: u16, took: Duration) {
        let cells = self.cells.of(worker);
        add(&cells.codes[usize::from(status / 100).clamp(1, CODES.len()) - 1], 1);
        cells.request.observe(took);
    }

    pub(super) fn code(&self, at: usize) -> u64 {
        self.cells.sum(|cells| &cells.codes[at])
    }

    pub(super) fn picks(&self, at: usize) -> u64 {
        self.cells.sum(|cells| &cells.picks[at])
    }

    /// Counts by bucket, and the sum in seconds.
    pub(super) fn histogram(&self, which: Timing) -> ([u64; BOUNDS.len() + 1], f64) {
        let buckets = std::array::from_fn(|at| self.cells.sum(|cells| &cells.timing(which).buckets[at]));
        (buckets, self.cells.sum(|cells| &cells.timing(which).nanos) as f64 / 1e9)
    }
}

#[derive(Debug, Default)]
struct UpstreamCells {
    connects: [AtomicU64; CONNECTS.len()],
    open: AtomicU64,
    idle: AtomicU64,
    retries: AtomicU64,
}

/// The connections to one upstream.
#[derive(Debug)]
pub struct UpstreamSeries {
    /// The upstream's name.
    pub upstream: String,
    cells: PerWorker<UpstreamCells>,
    // Counted by the control thread.
    resolutions: [AtomicU64; Outcome::LABELS.len()],
}

impl UpstreamSeries {
    /// Counts an open connection; [`Self::closed`] takes it back.
    pub fn opened(&self, worker: usize) {
        add(&self.cells.of(worker).connects[0], 1);
        add(&self.cells.of(worker).open, 1);
    }

    /// Counts an attempt that brought no connection, in time or not.
    pub fn failed(&self, worker: usize, timed_out: bool) {
        add(&self.cells.of(worker).connects[1 + usize::from(timed_out)], 1);
    }

    /// Counts a connection that is no more.
    pub fn closed(&self, worker: usize) {
        add(&self.cells.of(worker).open, u64::MAX);
    }

    /// Says how many connections wait for one address, and how many there were when it last said so.
    pub fn idle(&self, worker: usize, before: usize, now: usize) {
        add(&self.cells.of(worker).idle, (now as u64).wrapping_sub(before as u64));
    }

    /// Counts a look-up of one of its names, by its place in [`Outcome::LABELS`].
    pub fn looked_up(&self, outcome: usize) {
        self.resolutions[outcome].fetch_add(1, Relaxed);
    }

    pub(super) fn resolutions(&self, outcome: usize) -> u64 {
        self.resolutions[outcome].load(Relaxed)
    }

    /// Counts a request sent again.
    pub fn retried(&self, worker: usize) {
        add(&self.cells.of(worker).retries, 1);
    }

    pub(super) fn connects(&self, at: usize) -> u64 {
        self.cells.sum(|cells| &cells.connects[at])
    }

    pub(super) fn retries(&self) -> u64 {
        self.cells.sum(|cells| &cells.retries)
    }

    /// `(active, idle)`
    pub(super) fn connections(&self) -> (u64, u64) {
        let idle = self.cells.sum(|cells| &cells.idle);
        (self.cells.sum(|cells| &cells.open).saturating_sub(idle), idle)
    }
}

/// What became of a version of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReloadResult {
    /// It is in force.
    Applied,
    /// It has problems; nothing changed.
    Rejected,
}

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    pub(super) refusals: Refusals,
    pub(super) connection_refusals: Refusals,
    workers: Box<[WorkerCells]>,
    // Locked by a compile and by a scrape, never by a request.
    pub(super) series: Mutex<BTreeMap<(String, String), Arc<Series>>>,
    pub(super) upstreams: Mutex<BTreeMap<String, Arc<UpstreamSeries>>>,
    pub(super) applied: AtomicU64,
    pub(super) rejected: AtomicU64,
    pub(super) in_sync: AtomicBool,
    pub(super) tls_applied: AtomicU64,
    pub(super) tls_rejected: AtomicU64,
    pub(super) tls_in_sync: AtomicBool,
}

impl Metrics {
    /// Cells for so many workers; requests are refused for `refusals`, connections for `connection_refusals`.
    #[must_use]
    pub fn new(workers: usize, refusals: Refusals, connection_refusals: Refusals) -> Self {
        Self {
            refusals,
            connection_refusals,
            workers: (0..workers).map(|_| WorkerCells::new(refusals, connection_refusals)).collect(),
            series: Mutex::default(),
            upstreams: Mutex::default(),
            applied: AtomicU64::default(),
            rejected: AtomicU64::default(),
            in_sync: AtomicBool::new(true),
            tls_applied: AtomicU64::default(),
            tls_rejected: AtomicU64::default(),
            tls_in_sync: AtomicBool::new(true),
        }
    }

    /// The series of a route and an upstream, made where it is missing.
    pub fn series(&self, route: &str, upstream: &str) -> Arc<Series> {
        let mut all = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (route.to_owned(), upstream.to_owned());
        let make = || Series {
            route: route.to_owned(),
            upstream: upstream.to_owned(),
            cells: PerWorker::new(self.workers.len()),
        };
        all.entry(key).or_insert_with(|| Arc::new(make())).clone()
    }

    /// The connections of an upstream, made where they are missing.
    pub fn upstream(&self, name: &str) -> Arc<UpstreamSeries> {
        let mut all = self.upstreams.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || UpstreamSeries {
            upstream: name.to_owned(),
            cells: PerWorker::new(self.workers.len()),
            resolutions: Default::default(),
        };
        all.entry(name.to_owned()).or_insert_with(|| Arc::new(make())).clone()
    }

    /// A worker's own cells.
    #[must_use]
    pub fn worker(&self, index: usize) -> &WorkerCells {
        &self.workers[index]
    }

    /// Counts a version of the file.
    pub fn reloaded(&self, result: ReloadResult) {
        match result {
            ReloadResult::Applied => self.applied.fetch_add(1, Relaxed),
            ReloadResult::Rejected => self.rejected.fetch_add(1, Relaxed),
        };
        self.in_sync(result == ReloadResult::Applied);
    }

    /// Says whether the file and the table in force agree.
    pub fn in_sync(&self, yes: bool) {
        self.in_sync.store(yes, Relaxed);
    }

    /// Counts a version of the files of `server.tls`.
    pub fn tls_reloaded(&self, result: ReloadResult) {
        match result {
            ReloadResult::Applied => self.tls_applied.fetch_add(1, Relaxed),
            ReloadResult::Rejected => self.tls_rejected.fetch_add(1, Relaxed),
        };
        self.tls_in_sync(result == ReloadResult::Applied);
    }

    /// Says whether those files and the certificates in force agree.
    pub fn tls_in_sync(&self, yes: bool) {
        self.tls_in_sync.store(yes, Relaxed);
    }

    pub(super) fn sum(&self, cell: impl Fn(&WorkerCells) -> &AtomicU64) -> u64 {
        self.workers.iter().fold(0, |sum, cells| sum.wrapping_add(cell(cells).load(Relaxed)))
    }

    pub(super) fn in_flight(&self) -> u64 {
        self.sum(|cells| &cells.in_flight)
    }

    pub(super) fn disconnects(&self) -> u64 {
        self.sum(|cells| &cells.disconnects)
    }

    /// Open client connections of all workers.
    #[must_use]
    pub fn load(&self) -> u64 {
        self.sum(|cells| &cells.connections)
    }

    pub(super) fn log_drops(&self) -> u64 {
        self.sum(|cells| &cells.log_dropped)
    }

    pub(super) fn refused(&self, reason: usize) -> u64 {
        self.sum(|cells| &cells.rejected[reason])
    }

    pub(super) fn connections_refused(&self, reason: usize) -> u64 {
        self.sum(|cells| &cells.connections_refused[reason])
    }

    pub(super) fn handshakes(&self, kind: usize) -> u64 {
        self.sum(|cells| &cells.handshakes[kind])
    }
}

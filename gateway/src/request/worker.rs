//! What a worker's requests share: all of it belongs to this worker alone, but the table behind the snapshots and the log's queue.

use std::cell::RefCell;
use std::sync::Arc;

use super::id::Namer;
use super::log::Log;
use super::tunnel::Scratch;
use crate::metrics::{Metrics, WorkerCells};
use crate::table::Server;
use crate::upstream::Snapshots;

/// A worker, as its requests see it.
#[derive(Debug)]
pub struct Worker {
    /// Its number, and its place in every block of cells.
    pub index: usize,
    /// All metrics.
    pub metrics: Arc<Metrics>,
    /// The settings of the start.
    pub server: Server,
    /// Makes request ids.
    pub namer: Namer,
    /// The way to the table in force.
    pub snapshots: Snapshots,
    /// The access log, if there is one.
    pub log: Option<Log>,
    /// What its tunnels read into.
    pub scratch: RefCell<Scratch>,
}

impl Worker {
    /// The cells of this worker.
    #[must_use]
    pub fn cells(&self) -> &WorkerCells {
        self.metrics.worker(self.index)
    }
}

//! The near side of the upstreams: each worker's own pools and the connections in them.
//!
//! `request/forward` takes a [`Lease`] from a [`Pool`], sends one request on it and reads the answer through a [`Download`],
//! which gives the connection back when the answer is complete. Nothing here knows routes or splits.

mod body;
mod connection;
mod dial;
mod expect;
mod failure;
mod framing;
mod head;
mod lease;
mod out;
mod pings;
mod pool;
mod race;
mod receiving;
mod sending;
mod shared;
mod slot;
mod wire;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use arc_swap::{ArcSwap, Cache};
use http::HeaderValue;

pub use body::{Download, Streamed, Transfer, Upload, UploadError};
pub use dial::{ConnectError, Open};
pub use failure::{ExchangeError, Failed};
pub use head::tokens;
pub use lease::{Lease, Want};
pub use pool::Pool;
pub use slot::Fields;
pub use wire::Wire;

use crate::table::{Table, UpstreamId};

/// What a request sees of the configuration, from its first moment to its last: one table, and this worker's pools for it.
#[derive(Debug)]
pub struct Snapshot {
    /// The table.
    pub table: Arc<Table>,
    /// Its generation as a header value, made once for all requests.
    pub generation: HeaderValue,
    pools: Vec<Rc<Pool>>,
}

impl Snapshot {
    /// This worker's connections to an upstream of the table.
    #[must_use]
    pub fn pool(&self, upstream: UpstreamId) -> &Rc<Pool> {
        &self.pools[upstream.0]
    }
}

/// A worker's way to the table in force.
#[derive(Debug)]
pub struct Snapshots {
    // Swapped by a reload, seen by every worker; while nothing was swapped a look costs one load of a pointer.
    tables: RefCell<Cache<Arc<ArcSwap<Table>>, Arc<Table>>>,
    worker: usize,
    current: RefCell<Rc<Snapshot>>,
}

impl Snapshots {
    /// Starts with the table in force and empty pools.
    #[must_use]
    pub fn new(tables: Arc<ArcSwap<Table>>, worker: usize) -> Self {
        let table = tables.load_full();
        let pools = table.upstreams.iter().map(|upstream| Pool::new(upstream.clone(), worker)).collect();
        let current = RefCell::new(Rc::new(Snapshot { generation: table.generation.into(), table, pools }));
        Self { tables: RefCell::new(Cache::new(tables)), worker, current }
    }

    /// The snapshot of this moment. After a swap the pools of upstreams that the edit left alone are carried over.
    #[must_use]
    pub fn load(&self) -> Rc<Snapshot> {
        let mut tables = self.tables.borrow_mut();
        let table = tables.load();
        if !Arc::ptr_eq(table, &self.current.borrow().table) {
            let renewed = self.renew(Arc::clone(table));
            *self.current.borrow_mut() = Rc::new(renewed);
        }
        self.current.borrow().clone()
    }

    fn renew(&self, table: Arc<Table>) -> Snapshot {
        let last = self.current.borrow();
        let kept: HashMap<_, _> = last.pools.iter().map(|pool| (Arc::as_ptr(pool.upstream()), pool)).collect();
        let pools = table.upstreams.iter().map(|upstream| match kept.get(&Arc::as_ptr(upstream)) {
            Some(pool) => Rc::clone(pool),
            None => Pool::new(upstream.clone(), self.worker),
        });
        Snapshot { pools: pools.collect(), generation: table.generation.into(), table }
    }

    /// Closes pooled connections that have been idle for too long, or that their upstream has closed.
    pub fn sweep(&self) {
        for pool in &self.load().pools {
            pool.sweep();
        }
    }
}

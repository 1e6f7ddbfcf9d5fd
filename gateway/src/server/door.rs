//! How many clients may come in: `server.limits.connections`, and `connections_per_client`.
//!
//! Asked by the accepting worker before anybody spends anything on a connection. The count by address is the one thing here that
//! workers share behind a lock: it exists only where the file sets that limit, and is touched when a connection opens and closes.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::entrance::position;
use crate::metrics::Metrics;
use crate::table::Server;

/// The door, shared by all workers.
#[derive(Debug)]
pub(super) struct Door {
    total: Option<u64>,
    clients: Option<Arc<Clients>>,
}

/// Open connections by address.
#[derive(Debug)]
struct Clients {
    limit: u64,
    open: Mutex<HashMap<IpAddr, u64>>,
}

/// The right to be inside, until it is dropped.
#[derive(Debug, Default)]
pub(super) struct Admitted(Option<Box<(Arc<Clients>, IpAddr)>>);

impl Door {
    pub(super) fn new(server: &Server) -> Self {
        let clients = |limit| Arc::new(Clients { limit, open: Mutex::default() });
        Self { total: server.limits.connections, clients: server.limits.connections_per_client.map(clients) }
    }

    /// Lets a client in, or says why not: the place of the reason among those of `entrance`.
    pub(super) fn admit(&self, peer: IpAddr, server: &Server, metrics: &Metrics) -> Result<Admitted, usize> {
        if self.total.is_some_and(|limit| metrics.load() >= limit) {
            return Err(position("full"));
        }
        let peer = peer.to_canonical();
        let Some(clients) = &self.clients else { return Ok(Admitted::default()) };
        if server.trusted_proxies.iter().any(|range| range.contains(&peer)) {
            return Ok(Admitted::default());
        }
        let mut open = clients.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(peer).or_default();
        if *count >= clients.limit {
            return Err(position("client_full"));
        }
        *count += 1;
        Ok(Admitted(Some(Box::new((clients.clone(), peer)))))
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let Some(admitted) = self.0.take() else { return };
        let (clients, peer) = &*admitted;
        let mut open = clients.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(peer) {
            *count -= 1;
            // An address that is gone leaves nothing behind.
            if *count == 0 {
                open.remove(peer);
            }
        }
    }
}

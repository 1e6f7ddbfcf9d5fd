//! A worker's pool of connections to one upstream: which address a request goes to, and what is done about the others.
//!
//! No other worker sees it, so it needs no lock. Each address of each endpoint is a [`Slot`]; several are balanced by the power of two
//! choices: of two picked at random the one with fewer requests in flight. Names change their addresses: a version is compared for
//! each request, and no more than that is done while nothing changed. An address that is gone gets no new request, and its slot ends
//! with the last one in flight.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;

use super::dial::ConnectError;
use super::lease::{Lease, Want};
use super::race::race;
use super::slot::{Origin, Slot};
use crate::clock::{after, within};
use crate::names::Known;
use crate::table::{Protocol, Upstream};

/// Connections to one upstream.
#[derive(Debug)]
pub struct Pool {
    origin: Rc<Origin>,
    slots: RefCell<Vec<Rc<Slot>>>,
    /// Only where an endpoint has a name.
    names: Option<RefCell<watch::Receiver<Vec<Known>>>>,
}

impl Pool {
    pub(super) fn new(upstream: Arc<Upstream>, worker: usize) -> Rc<Self> {
        let names = upstream.addresses.watch().map(RefCell::new);
        let origin = Rc::new(Origin { upstream, worker, swept: Cell::new(Instant::now()) });
        let pool = Self { origin, slots: RefCell::default(), names };
        pool.take_over(&pool.origin.upstream.addresses.known());
        Rc::new(pool)
    }

    /// Whose connections these are.
    #[must_use]
    pub fn upstream(&self) -> &Arc<Upstream> {
        &self.origin.upstream
    }

    /// Takes an idle connection, a stream on a shared one, or opens one.
    ///
    /// # Errors
    /// [`ConnectError`]: no address was reached within `timeout.connect`, or none is known.
    pub async fn lease(&self, want: Want) -> Result<Lease, ConnectError> {
        let slot = match self.choose() {
            Some(slot) => slot,
            None => Box::pin(self.first()).await?,
        };
        let mut lease = Lease::on(slot);
        if lease.take_ready(want) {
            return Ok(lease);
        }
        // Boxed, so that the many requests that find a connection don't carry the state of the few that make one.
        Box::pin(self.connect(lease, want)).await
    }

    async fn connect(&self, lease: Lease, want: Want) -> Result<Lease, ConnectError> {
        let others = self.others(&lease);
        let deadline = after(Instant::now(), self.upstream().timeouts.connect);
        race(lease, others, want, deadline).await
    }

    /// The slot for the next request; none while no address is known.
    fn choose(&self) -> Option<Rc<Slot>> {
        self.look();
        let slots = self.slots.borrow();
        if let [only] = slots.as_slice() {
            return Some(only.clone());
        }
        if slots.is_empty() {
            return None;
        }
        let one = fastrand::usize(..slots.len());
        let other = (one + fastrand::usize(1..slots.len())) % slots.len();
        let (one, other) = (&slots[one], &slots[other]);
        if one.avoided_until.get().is_some() || other.avoided_until.get().is_some() {
            return Some(self.choose_well(&slots).clone());
        }
        Some(if other.active.get() < one.active.get() { other } else { one }.clone())
    }

    /// The same where some addresses could not be reached of late: they are left out, but for one request now and then that tries.
    fn choose_well<'s>(&self, slots: &'s [Rc<Slot>]) -> &'s Rc<Slot> {
        let now = self.origin.swept.get();
        if let Some(due) = slots.iter().find(|slot| slot.avoided_until.get().is_some_and(|until| until <= now)) {
            due.try_again();
            return due;
        }
        let good = || slots.iter().filter(|slot| slot.avoided_until.get().is_none());
        match good().count() {
            0 => &slots[fastrand::usize(..slots.len())],
            count => {
                let (one, other) = (fastrand::usize(..count), fastrand::usize(..count));
                let (one, other) = (good().nth(one), good().nth(other));
                one.into_iter().chain(other).min_by_key(|slot| slot.active.get()).unwrap_or(&slots[0])
            }
        }
    }

    /// The other addresses, in the order in which they are tried: those that could be reached before those that could not, the two
    /// families in turn from the one that was not tried first, the least busy first.
    fn others(&self, chosen: &Lease) -> Vec<Rc<Slot>> {
        let v6 = chosen.slot().address.is_ipv6();
        let mut rest: Vec<_> = self.slots.borrow().iter().filter(|slot| !chosen.is_on(slot)).cloned().collect();
        let avoided = |slot: &Slot| slot.avoided_until.get().is_some();
        rest.sort_by_key(|slot| (avoided(slot), slot.active.get()));
        // The place within the family: even ones for the other, odd ones for the same.
        let mut places = [0, 1];
        let mut ordered: Vec<_> = rest
            .into_iter()
            .map(|slot| {
                let place = &mut places[usize::from(slot.address.is_ipv6() == v6)];
                *place += 2;
                (avoided(&slot), *place, slot)
            })
            .collect();
        ordered.sort_by_key(|(avoided, place, _)| (*avoided, *place));
        ordered.into_iter().map(|(_, _, slot)| slot).collect()
    }

    /// Waits for the first address of any endpoint, as long as it would for a connection.
    async fn first(&self) -> Result<Rc<Slot>, ConnectError> {
        let upstream = self.upstream();
        let found = within(after(Instant::now(), upstream.timeouts.connect), self.known()).await;
        let error = match found {
            Some(None) => match self.choose() {
                Some(slot) => return Ok(slot),
                None => ConnectError::NoAddress(upstream.name.clone(), "its names have changed just now".to_owned()),
            },
            Some(Some(why)) => ConnectError::NoAddress(upstream.name.clone(), why),
            None => ConnectError::Timeout(upstream.name.clone()),
        };
        tracing::warn!(upstream = upstream.name, ?error, "no address is known");
        upstream.series.failed(self.origin.worker, matches!(error, ConnectError::Timeout(_)));
        Err(error)
    }

    /// Ready when there is an address; or why there is none, once every name was looked up in vain.
    async fn known(&self) -> Option<String> {
        let mut names = self.upstream().addresses.watch()?;
        let over = |known: &Vec<Known>| {
            known.iter().any(|known| !known.addresses.is_empty()) || known.iter().all(|known| known.failure.is_some())
        };
        // The sender lives in the upstream, so that there always is an end to wait for.
        let known = names.wait_for(over).await.ok()?;
        if known.iter().any(|known| !known.addresses.is_empty()) {
            return None;
        }
        known.iter().find_map(|known| known.failure.clone())
    }

    /// Sees whether a name has changed its addresses.
    fn look(&self) {
        let Some(names) = &self.names else { return };
        // It can't be closed: the pool's upstream holds the other end.
        if names.borrow().has_changed().unwrap_or_default() {
            let mut names = names.borrow_mut();
            self.take_over(&names.borrow_and_update());
        }
    }

    /// Keeps the slots of addresses that stay, makes those of new ones, and lets those that are gone end.
    fn take_over(&self, known: &[Known]) {
        let mut slots = self.slots.borrow_mut();
        let mut before = std::mem::take(&mut *slots);
        for (endpoint, known) in known.iter().enumerate() {
            let port = self.upstream().endpoints[endpoint].port;
            for address in known.addresses.iter().map(|ip| SocketAddr::new(*ip, port)) {
                let kept = before.iter().position(|slot| slot.endpoint == endpoint && slot.address == address);
                slots.push(match kept {
                    Some(at) => before.swap_remove(at),
                    None => Slot::new(self.origin.clone(), endpoint, address),
                });
            }
        }
        for gone in before {
            gone.end();
        }
    }

    /// Closes what has been idle for longer than `keepalive`, what the upstream has closed, and what leads to where it is no more.
    pub(super) fn sweep(&self) {
        self.look();
        let now = Instant::now();
        self.origin.swept.set(now);
        for slot in self.slots.borrow().iter() {
            slot.sweep(now);
        }
    }
}

impl Origin {
    /// Whether requests share connections as streams.
    pub(super) fn shares(&self, want: Want) -> bool {
        self.upstream.protocol == Protocol::Http2 && want != Want::Upgrade
    }
}

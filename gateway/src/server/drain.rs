//! The connections of a worker: how they are told that it drains, and how those that rest are told that they have rested for too long.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Waker};

use slab::Slab;
use tokio::time::Instant;

use super::door::Admitted;
use crate::request::worker::Worker;

/// A worker's open client connections.
#[derive(Debug, Default)]
pub(super) struct Connections {
    draining: Cell<bool>,
    places: RefCell<Slab<Place>>,
}

/// Of one connection.
#[derive(Debug, Default)]
struct Place {
    waker: Option<Waker>,
    /// It rests, so long at most.
    until: Option<Instant>,
}

impl Connections {
    /// A place for a new connection, until it is dropped. The worker has counted it up, and counts it down then.
    pub(super) fn seat(self: &Rc<Self>, worker: Rc<Worker>, admitted: Admitted) -> Seat {
        let number = self.places.borrow_mut().insert(Place::default());
        Seat { connections: self.clone(), number, seated: Cell::new(false), worker, _admitted: admitted }
    }

    /// Wakes every connection, to close after its answer.
    pub(super) fn drain(&self) {
        self.draining.set(true);
        self.wake(|_| true);
    }

    /// Wakes those that have rested for too long.
    pub(super) fn sweep(&self) {
        let now = Instant::now();
        self.wake(|place| place.until.is_some_and(|until| until <= now));
    }

    fn wake(&self, which: impl Fn(&Place) -> bool) {
        for (_, place) in self.places.borrow().iter().filter(|(_, place)| which(place)) {
            place.waker.as_ref().inspect(|waker| waker.wake_by_ref());
        }
    }
}

/// A connection's place among those of its worker.
#[derive(Debug)]
pub(super) struct Seat {
    connections: Rc<Connections>,
    number: usize,
    seated: Cell<bool>,
    worker: Rc<Worker>,
    _admitted: Admitted,
}

impl Seat {
    /// Who serves the connection.
    pub(super) fn worker(&self) -> &Rc<Worker> {
        &self.worker
    }

    /// Another task has the connection from now on; where it only rests, until then.
    pub(super) fn change_hands(&self, until: Option<Instant>) {
        self.seated.set(false);
        self.connections.places.borrow_mut()[self.number].until = until;
    }

    /// True when the connection has rested for too long.
    pub(super) fn is_overdue(&self) -> bool {
        self.connections.places.borrow()[self.number].until.is_some_and(|until| until <= Instant::now())
    }

    /// True when the worker drains. The waker is kept from a task's first call.
    pub(super) fn told_to_close(&self, cx: &Context<'_>) -> bool {
        if !self.seated.replace(true) {
            self.connections.places.borrow_mut()[self.number].waker = Some(cx.waker().clone());
        }
        self.connections.draining.get()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        drop(self.connections.places.borrow_mut().remove(self.number));
        self.worker.cells().closed();
    }
}

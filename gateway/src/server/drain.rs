//! The connections of a worker, and how they are told that it drains.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::task::{Context, Waker};

/// A worker's open client connections.
#[derive(Debug, Default)]
pub(super) struct Connections {
    draining: Cell<bool>,
    next: Cell<u64>,
    wakers: RefCell<BTreeMap<u64, Option<Waker>>>,
}

impl Connections {
    /// A place for a new connection, until it is dropped.
    pub(super) fn seat(self: &Rc<Self>) -> Seat {
        let number = self.next.get();
        self.next.set(number + 1);
        self.wakers.borrow_mut().insert(number, None);
        Seat { connections: self.clone(), number, seated: Cell::new(false) }
    }

    /// Wakes every connection, to close after its answer.
    pub(super) fn drain(&self) {
        self.draining.set(true);
        for waker in self.wakers.borrow().values().flatten() {
            waker.wake_by_ref();
        }
    }
}

/// A connection's place among those of its worker.
#[derive(Debug)]
pub(super) struct Seat {
    connections: Rc<Connections>,
    number: u64,
    seated: Cell<bool>,
}

impl Seat {
    /// True when the worker drains. A connection is one task for life, so its waker is kept from the first call.
    pub(super) fn told_to_close(&self, cx: &Context<'_>) -> bool {
        if !self.seated.replace(true) {
            self.connections.wakers.borrow_mut().insert(self.number, Some(cx.waker().clone()));
        }
        self.connections.draining.get()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.connections.wakers.borrow_mut().remove(&self.number);
    }
}

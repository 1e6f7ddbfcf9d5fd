//! `Expect: 100-continue`: the client holds its body back until it is asked for, and it is the upstream that asks.
//!
//! hyper tells the client to go on when its body is first read. So the reading waits here: for the upstream's 100, for its final answer,
//! after which the body is never read, or for as long as a client would wait itself. The last is what RFC 9110 (10.1.1) asks of a
//! client, which we are to the upstream: many never send a 100.

use std::cell::{Cell, RefCell};
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::time::Instant;

/// How long an upstream may take to ask for the body: as curl waits.
const PATIENCE: Duration = Duration::from_secs(1);

/// A body that is held back.
#[derive(Debug)]
pub struct Expectation {
    over: Cell<bool>,
    until: Instant,
    reader: RefCell<Option<Waker>>,
}

impl Expectation {
    /// Holds a body back from now on.
    pub(super) fn begin() -> Self {
        Self { over: Cell::new(false), until: Instant::now() + PATIENCE, reader: RefCell::new(None) }
    }

    /// Whether the body is still held back; whoever wants to read it is woken by [`Expectation::end`].
    pub(super) fn holds(&self, cx: &Context<'_>) -> bool {
        let holds = self.waits();
        if holds {
            *self.reader.borrow_mut() = Some(cx.waker().clone());
        }
        holds
    }

    /// Whether nobody has asked for the body yet.
    #[must_use]
    pub fn waits(&self) -> bool {
        !self.over.get()
    }

    /// When the body is sent unasked.
    #[must_use]
    pub fn until(&self) -> Instant {
        self.until
    }

    /// Lets the body go: the upstream has asked for it, or has been waited for long enough.
    pub fn end(&self) {
        self.over.set(true);
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

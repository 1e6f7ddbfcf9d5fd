//! `Expect: 100-continue`: the client holds its body back until it is asked for, and it is the upstream that asks.
//!
//! hyper tells the client to go on when its body is first read, and reads a body as soon as a head is sent. So the reading waits here:
//! for the upstream's 100, for its final answer, after which the body is never read, or for as long as a client would wait itself.
//! The last is what RFC 9110 (10.1.1) asks of a client, which we are to the upstream: many never send a 100.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Waker};
use std::time::Duration;

use http::{Request, StatusCode};
use tokio::time::Instant;

/// How long an upstream may take to ask for the body: as curl waits.
const PATIENCE: Duration = Duration::from_secs(1);

/// A body that is held back.
#[derive(Debug)]
pub struct Expectation {
    // hyper wants the callback to be `Send`; one thread uses it.
    asked: Arc<AtomicBool>,
    over: Cell<bool>,
    until: Instant,
    reader: RefCell<Option<Waker>>,
}

impl Expectation {
    /// Holds the body of this request back.
    pub(super) fn of<B>(request: &mut Request<B>) -> Self {
        let asked = Arc::new(AtomicBool::new(false));
        let ask = asked.clone();
        hyper::ext::on_informational(request, move |answer| {
            if answer.status() == StatusCode::CONTINUE {
                ask.store(true, Relaxed);
            }
        });
        let until = Instant::now() + PATIENCE;
        Self { asked, over: Cell::new(false), until, reader: RefCell::new(None) }
    }

    /// Whether the body is still held back; whoever wants to read it is woken by [`Expectation::give_up`]. (The upstream's 100 is read by
    /// the task that reads the body next.)
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
        !self.over.get() && !self.asked.load(Relaxed)
    }

    /// When the body is sent unasked.
    #[must_use]
    pub fn until(&self) -> Instant {
        self.until
    }

    /// Sends the body unasked.
    pub fn give_up(&self) {
        self.over.set(true);
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

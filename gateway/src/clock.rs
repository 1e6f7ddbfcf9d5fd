//! One coarse timer for everything that a client connection waits for.
//!
//! A timer a phase (head, connect, first byte, body, keep-alive) would be armed and thrown away with each request. This one
//! stays armed at the earliest deadline that it was ever asked for; when it fires too early it is armed again for the deadline
//! of the moment. A busy keep-alive connection so touches the timer wheel once in many seconds, not several times a request.
//!
//! It serves one task, which is woken; another task must not poll it.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// A timer shared by all that one task waits for.
#[derive(Debug)]
pub struct Clock {
    timer: RefCell<Timer>,
    standing: Cell<Option<Instant>>,
}

#[derive(Debug)]
struct Timer {
    sleep: Pin<Box<Sleep>>,
    /// Whether the task's waker is with the timer already: it stays the same for the task's life.
    registered: bool,
}

impl Clock {
    /// A timer that is first armed for `deadline`.
    #[must_use]
    pub fn new(deadline: Instant) -> Self {
        let timer = Timer { sleep: Box::pin(sleep_until(deadline)), registered: false };
        Self { timer: RefCell::new(timer), standing: Cell::new(None) }
    }

    /// Sets a deadline for the task as a whole, for as long as whoever sets it is not polled himself; `None` takes it back.
    pub fn stand(&self, deadline: Option<Instant>) {
        self.standing.set(deadline);
    }

    /// Ready once the deadline of [`Clock::stand`] has passed.
    pub fn poll_standing(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll(cx, self.standing.get())
    }

    /// Lets go of the task, for another to be served. The timer stays as it is armed.
    pub fn release(&self) {
        self.standing.set(None);
        let mut timer = self.timer.borrow_mut();
        if std::mem::take(&mut timer.registered) {
            // The task's memory is its waker's as long as the timer holds that.
            let _armed = timer.sleep.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        }
    }

    /// Ready once `deadline` has passed; until then the task is woken no later than that. `None` never passes.
    pub fn poll(&self, cx: &mut Context<'_>, deadline: Option<Instant>) -> Poll<()> {
        let Some(deadline) = deadline else { return Poll::Pending };
        let mut timer = self.timer.borrow_mut();
        if timer.registered && timer.sleep.deadline() <= deadline && !timer.sleep.is_elapsed() {
            return Poll::Pending;
        }
        if deadline < timer.sleep.deadline() {
            timer.sleep.as_mut().reset(deadline);
        }
        loop {
            timer.registered = true;
            ready!(timer.sleep.as_mut().poll(cx));
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            timer.sleep.as_mut().reset(deadline);
        }
    }
}

/// The moment that lies `limit` after `start`, if there is a limit.
#[must_use]
pub fn after(start: Instant, limit: Option<Duration>) -> Option<Instant> {
    limit.map(|limit| start + limit)
}

/// The earlier of two deadlines.
#[must_use]
pub fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

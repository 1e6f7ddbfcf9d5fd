//! Happy eyeballs (RFC 8305) for one request: the chosen address first, and beside it another where it is slow or fails.
//!
//! The balancer chooses the first address; who comes next is the pool's order, the other family first. The first connection wins and the
//! rest is given up. A loser that had not even been reached is avoided for a while, as is one that failed. Only the way to an
//! open socket is raced: one that is open has the rest of `timeout.connect` for TLS and HTTP.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::dial::{Attempt, ConnectError};
use super::lease::{Lease, Want};
use super::slot::Slot;
use crate::clock::Clock;

/// How long an address has the field to itself: the Connection Attempt Delay of RFC 8305, section 8.
const HEAD_START: Duration = Duration::from_millis(250);

/// One address that is being tried.
struct Runner {
    slot: Rc<Slot>,
    attempt: Rc<Attempt>,
    result: Pin<Box<dyn Future<Output = Result<Lease, ConnectError>>>>,
}

impl Runner {
    fn start(mut lease: Lease, want: Want, deadline: Option<Instant>) -> Self {
        let (slot, attempt) = (lease.slot().clone(), Rc::new(Attempt::default()));
        let watched = attempt.clone();
        let result = Box::pin(async move {
            lease.connect(want, deadline, &watched).await?;
            Ok(lease)
        });
        Self { slot, attempt, result }
    }
}

/// Connects by `deadline` to the address of `first`, or else to one of the `others`.
///
/// # Errors
/// The last [`ConnectError`], where all failed.
pub(super) async fn race(
    mut first: Lease,
    others: Vec<Rc<Slot>>,
    want: Want,
    deadline: Option<Instant>,
) -> Result<Lease, ConnectError> {
    if others.is_empty() {
        first.connect(want, deadline, &Attempt::default()).await?;
        return Ok(first);
    }
    let mut race = Race {
        runners: vec![Runner::start(first, want, deadline)],
        others: others.into_iter(),
        clock: Clock::new(),
        next: Instant::now() + HEAD_START,
        want,
        deadline,
    };
    std::future::poll_fn(|cx| race.poll(cx)).await
}

struct Race {
    runners: Vec<Runner>,
    others: std::vec::IntoIter<Rc<Slot>>,
    clock: Clock,
    /// When another may start.
    next: Instant,
    want: Want,
    deadline: Option<Instant>,
}

impl Race {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Lease, ConnectError>> {
        loop {
            match self.poll_runners(cx) {
                Poll::Ready(Ok(lease)) => {
                    self.end();
                    return Poll::Ready(Ok(lease));
                }
                Poll::Ready(Err(error)) => {
                    if !self.start_next() && self.runners.is_empty() {
                        return Poll::Ready(Err(error));
                    }
                }
                Poll::Pending
                    if self.others.as_slice().is_empty() || self.clock.poll(cx, Some(self.next)).is_pending() =>
                {
                    return Poll::Pending;
                }
                // One whose socket is open is not slow; it is looked at again later.
                Poll::Pending if self.runners.iter().any(|runner| runner.attempt.has_reached()) => self.wait(),
                Poll::Pending => {
                    self.start_next();
                }
            }
        }
    }

    /// The first that is done; one that failed is out of the race.
    fn poll_runners(&mut self, cx: &mut Context<'_>) -> Poll<Result<Lease, ConnectError>> {
        for at in 0..self.runners.len() {
            if let Poll::Ready(result) = self.runners[at].result.as_mut().poll(cx) {
                let runner = self.runners.remove(at);
                match &result {
                    Ok(_) => runner.slot.avoided_until.set(None),
                    Err(_) => runner.slot.avoid(),
                }
                return Poll::Ready(result);
            }
        }
        Poll::Pending
    }

    fn start_next(&mut self) -> bool {
        if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return false;
        }
        let Some(slot) = self.others.next() else { return false };
        self.runners.push(Runner::start(Lease::on(slot), self.want, self.deadline));
        self.wait();
        true
    }

    fn wait(&mut self) {
        self.next = Instant::now() + HEAD_START;
    }

    /// Remembers who lost though it had the time.
    fn end(&self) {
        for loser in &self.runners {
            if loser.attempt.is_slower_than(HEAD_START) {
                loser.slot.avoid();
            }
        }
    }
}

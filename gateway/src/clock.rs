//! One coarse timer for everything that a client connection waits for, and a worker's list of them.
//!
//! A timer a phase (head, connect, first byte, body, keep-alive) would be armed and thrown away with each request. This one
//! stays armed at the earliest deadline that it was ever asked for; when it fires too early it is armed again for the deadline
//! of the moment. A busy keep-alive connection so touches the list once in many seconds, not several times a request.
//!
//! They are not the runtime's, which would look at the time and through its wheel whenever it waits for sockets: a fifth of what a
//! WebSocket's message costs beside the system's part. Here the system rings once, at the earliest deadline of a worker (`alarm.rs`).
//! A worker's runtime has no timers, so that whatever waits there waits by a clock.
//!
//! A clock serves one task, which is woken; another task must not poll it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::collections::btree_map::OccupiedEntry;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::task::spawn_local;
use tokio::time::Instant;

use crate::alarm::Alarm;

/// The system rings this far apart at least.
const TICK: Duration = Duration::from_millis(1);

/// When a clock rings, and its number among those that ring then.
type Place = (Instant, u64);

thread_local! {
    static TIMERS: RefCell<Option<Rc<Timers>>> = const { RefCell::new(None) };
}

/// Has the clocks of this thread ring. To be called once, in its local runtime.
///
/// # Errors
/// Where the system has no descriptor left.
pub fn start() -> io::Result<()> {
    let timers = Rc::new(Timers {
        waiting: RefCell::default(),
        armed: Cell::new(0),
        reached: Cell::new(Instant::now()),
        alarm: Alarm::new()?,
        rings: Cell::new(None),
    });
    TIMERS.set(Some(timers.clone()));
    spawn_local(timers.run());
    Ok(())
}

/// Whom the clocks of a thread wake, and when.
#[derive(Debug)]
struct Timers {
    waiting: RefCell<BTreeMap<Place, Waker>>,
    armed: Cell<u64>,
    /// Whoever waited until then has been woken.
    reached: Cell<Instant>,
    alarm: Alarm,
    /// When that rings, where anybody waits for it.
    rings: Cell<Option<Instant>>,
}

impl Timers {
    /// Wakes who is to be woken, for as long as the runtime runs.
    async fn run(self: Rc<Self>) {
        while self.alarm.rings().await.is_ok() {
            let now = Instant::now();
            self.reached.set(now);
            // One that is woken may arm its clock again, or let go of it.
            while let Some(waker) = self.due(now) {
                waker.wake();
            }
            self.rings.set(None);
            let next = self.waiting.borrow().first_key_value().map(|(&(deadline, _), _)| deadline);
            next.inspect(|&deadline| self.ring(deadline, now));
        }
    }

    fn due(&self, now: Instant) -> Option<Waker> {
        let mut waiting = self.waiting.borrow_mut();
        waiting.first_entry().filter(|first| first.key().0 <= now).map(OccupiedEntry::remove)
    }

    fn arm(&self, deadline: Instant, now: Instant, waker: &Waker) -> Place {
        let place = (deadline, self.armed.replace(self.armed.get() + 1));
        self.waiting.borrow_mut().insert(place, waker.clone());
        if self.rings.get().is_none_or(|rings| deadline < rings) {
            self.ring(deadline, now);
        }
        place
    }

    fn disarm(&self, place: Place) {
        let gone = self.waiting.borrow_mut().remove(&place);
        drop(gone);
    }

    fn ring(&self, deadline: Instant, now: Instant) {
        self.rings.set(Some(deadline));
        if let Err(error) = self.alarm.set(deadline.duration_since(now).max(TICK)) {
            tracing::error!(%error, "an alarm can't be set");
        }
    }
}

/// A timer shared by all that one task waits for.
#[derive(Debug)]
pub struct Clock {
    timers: Rc<Timers>,
    armed: Cell<Option<Place>>,
    standing: Cell<Option<Instant>>,
}

impl Clock {
    /// A clock of this thread, which is armed when it is first asked.
    ///
    /// # Panics
    /// Where the thread has not called [`start`].
    #[must_use]
    #[expect(clippy::expect_used, reason = "as a timer outside of a runtime: nobody would ever be woken")]
    pub fn new() -> Self {
        let timers = TIMERS.with_borrow(Clone::clone).expect("a thread whose clocks ring");
        Self { timers, armed: Cell::new(None), standing: Cell::new(None) }
    }

    /// Sets a deadline for the task as a whole, for as long as whoever sets it is not polled himself; `None` takes it back.
    pub fn stand(&self, deadline: Option<Instant>) {
        self.standing.set(deadline);
    }

    /// Ready once the deadline of [`Clock::stand`] has passed.
    pub fn poll_standing(&self, cx: &Context<'_>) -> Poll<()> {
        self.poll(cx, self.standing.get())
    }

    /// Ready once `deadline` has passed; until then the task is woken no later than that. `None` never passes.
    pub fn poll(&self, cx: &Context<'_>, deadline: Option<Instant>) -> Poll<()> {
        let Some(deadline) = deadline else { return Poll::Pending };
        if self.armed.get().is_some_and(|(armed, _)| armed <= deadline && armed > self.timers.reached.get()) {
            return Poll::Pending;
        }
        let now = Instant::now();
        if deadline <= now {
            return Poll::Ready(());
        }
        let armed = self.timers.arm(deadline, now, cx.waker());
        self.armed.replace(Some(armed)).inspect(|&before| self.timers.disarm(before));
        Poll::Pending
    }

    /// Waits until `deadline`.
    pub async fn passes(&self, deadline: Instant) {
        poll_fn(|cx| self.poll(cx, Some(deadline))).await;
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.armed.get().inspect(|&place| self.timers.disarm(place));
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

/// Waits that long.
pub async fn sleep(time: Duration) {
    Clock::new().passes(Instant::now() + time).await;
}

/// What comes of `work`, if it comes before the deadline.
pub async fn within<T>(deadline: Option<Instant>, work: impl Future<Output = T>) -> Option<T> {
    let (clock, mut work) = (Clock::new(), pin!(work));
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => clock.poll(cx, deadline).map(|()| None),
    })
    .await
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

//! The waker of an upstream connection: it wakes the task that uses the connection, but for what that task does to itself.
//!
//! Inside, hyper's connection, its sender and its bodies are halves of channels, each of which wakes the other. Driven by one task
//! they would wake the task that is polling them, and each request would poll everything it consists of twice as often, for nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, Wake, Waker};

use crate::caller::Caller;

/// How often a poll is repeated at once for what rang meanwhile, before other tasks get their turn.
const REPEATS: usize = 4;

/// A connection's waker. It stays the same for life, whichever task uses the connection.
#[derive(Debug)]
pub(super) struct Doorbell {
    bell: Arc<Bell>,
    waker: Waker,
}

// Atomic only because wakers are `Send`: a connection and all that wakes it live on one thread.
#[derive(Debug, Default)]
struct Bell {
    task: Caller,
    polling: AtomicBool,
    rung: AtomicBool,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.polling.load(Relaxed) {
            self.rung.store(true, Relaxed);
        } else {
            self.task.wake();
        }
    }
}

impl Default for Doorbell {
    fn default() -> Self {
        let bell = Arc::<Bell>::default();
        Self { waker: bell.clone().into(), bell }
    }
}

impl Doorbell {
    /// Does something to the connection that will be polled next anyway.
    pub(super) fn hush<T>(&self, act: impl FnOnce() -> T) -> T {
        self.bell.polling.store(true, Relaxed);
        let done = act();
        self.bell.polling.store(false, Relaxed);
        done
    }

    /// Polls until there is a result or nothing rings any more; from then on the task of `cx` is woken.
    pub(super) fn answer<T>(&self, cx: &Context<'_>, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        self.bell.task.follow(cx);
        self.bell.polling.store(true, Relaxed);
        let mut polled = Poll::Pending;
        for _ in 0..REPEATS {
            self.bell.rung.store(false, Relaxed);
            polled = poll(&mut Context::from_waker(&self.waker));
            if polled.is_ready() || !self.bell.rung.load(Relaxed) {
                break;
            }
        }
        self.bell.polling.store(false, Relaxed);
        if polled.is_pending() && self.bell.rung.load(Relaxed) {
            cx.waker().wake_by_ref();
        }
        polled
    }
}

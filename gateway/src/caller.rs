//! The task on whose behalf something is polled, kept by a waker of our own that passes calls on to it.
//!
//! `AtomicWaker` does the same, but takes locked instructions each time that it is told of a task, and forgets it with each call.
//! One task polls the same thing many times, and another rarely follows: what is told twice costs a comparison here.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

/// Who is woken. One thread tells and wakes it; it is `Sync` only because wakers are.
#[derive(Debug, Default)]
pub struct Caller {
    waker: Mutex<Option<Waker>>,
    /// Which one that is, to be compared without a lock. It lives as long as it stands here, so that no other has its address.
    identity: [AtomicUsize; 2],
}

impl Caller {
    /// From now on the task of `cx` is woken.
    pub fn follow(&self, cx: &Context<'_>) {
        let waker = cx.waker();
        let identity = [waker.data().addr(), std::ptr::from_ref(waker.vtable()).addr()];
        if [0, 1].map(|half: usize| self.identity[half].load(Relaxed)) == identity {
            return;
        }
        let _before = self.lock().replace(waker.clone());
        for (known, now) in self.identity.iter().zip(identity) {
            known.store(now, Relaxed);
        }
    }

    /// Wakes it, if there is one. It stays the one to be woken.
    pub fn wake(&self) {
        if let Some(waker) = &*self.lock() {
            waker.wake_by_ref();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Waker>> {
        self.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Counting(AtomicUsize);

    impl Wake for Counting {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    #[test]
    fn the_last_task_is_woken_each_time() {
        let (caller, tasks) = (Caller::default(), [Arc::<Counting>::default(), Arc::default()]);
        caller.wake();
        for (told, expected) in [(0, [1, 0]), (0, [2, 0]), (1, [2, 1]), (0, [3, 1])] {
            caller.follow(&Context::from_waker(&tasks[told].clone().into()));
            caller.wake();
            assert_eq!([0, 1].map(|task: usize| tasks[task].0.load(Relaxed)), expected);
        }
        caller.wake();
        assert_eq!(tasks[0].0.load(Relaxed), 4);
    }

    #[test]
    fn a_task_is_let_go_when_another_follows() {
        let (caller, task) = (Caller::default(), Arc::<Counting>::default());
        caller.follow(&Context::from_waker(&task.clone().into()));
        assert_eq!(Arc::strong_count(&task), 2);
        caller.follow(&Context::from_waker(Waker::noop()));
        assert_eq!(Arc::strong_count(&task), 1);
    }
}

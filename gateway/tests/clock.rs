//! The clocks of a worker: each wakes its own task once its deadline has passed, and not before.

#![expect(clippy::unwrap_used, reason = "what a test can't do ends it")]

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use gateway::clock::{Clock, Timers};
use proptest::prelude::*;
use tokio::runtime::{Builder, LocalOptions};
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::Instant;

fn with_timers<T>(test: impl AsyncFnOnce(&Rc<Timers>) -> T) -> T {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default()).unwrap();
    runtime.block_on(async {
        let timers = Timers::new().unwrap();
        spawn_local(timers.clone().run());
        test(&timers).await
    })
}

/// A task that a clock wakes, and when it was.
fn wakes(timers: &Rc<Timers>, first: Instant, then: Instant) -> JoinHandle<Instant> {
    let clock = Clock::new(timers);
    spawn_local(async move {
        poll_fn(|cx| {
            let _armed = clock.poll(cx, Some(first));
            Poll::Ready(())
        })
        .await;
        clock.passes(then).await;
        Instant::now()
    })
}

fn milliseconds() -> impl Strategy<Value = u64> {
    0_u64..30
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_clock_wakes_its_task_for_the_deadline_that_holds_and_never_before(
        deadlines in prop::collection::vec((milliseconds(), milliseconds()), 1..40),
        given_up in prop::collection::vec(milliseconds(), 0..10),
    ) {
        with_timers(async |timers| {
            let start = Instant::now();
            let at = |wait: u64| start + Duration::from_millis(wait);
            for abandoned in given_up.iter().map(|wait| wakes(timers, at(*wait), at(*wait))).collect::<Vec<_>>() {
                tokio::task::yield_now().await;
                abandoned.abort();
            }
            let waiting: Vec<_> = deadlines.iter().map(|(first, then)| wakes(timers, at(*first), at(*then))).collect();
            for (task, (_, then)) in waiting.into_iter().zip(&deadlines) {
                assert!(task.await.unwrap() >= at(*then));
            }
        });
    }
}

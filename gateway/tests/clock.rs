//! The clocks of a worker: each wakes its own task once its deadline has passed, and not before.

#![expect(clippy::unwrap_used, reason = "what a test can't do ends it")]

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use gateway::clock::{self, Clock};
use proptest::prelude::*;
use tokio::runtime::{Builder, LocalOptions};
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::Instant;

fn with_clocks(test: impl AsyncFnOnce()) {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default()).unwrap();
    runtime.block_on(async {
        clock::start().unwrap();
        test().await;
    });
}

/// A task that a clock wakes, and when it was.
fn wakes(first: Instant, then: Instant) -> JoinHandle<Instant> {
    let clock = Clock::new();
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
        with_clocks(async || {
            let start = Instant::now();
            let at = |wait: u64| start + Duration::from_millis(wait);
            for abandoned in given_up.iter().map(|wait| wakes(at(*wait), at(*wait))).collect::<Vec<_>>() {
                tokio::task::yield_now().await;
                abandoned.abort();
            }
            let waiting: Vec<_> = deadlines.iter().map(|(first, then)| wakes(at(*first), at(*then))).collect();
            for (task, (_, then)) in waiting.into_iter().zip(&deadlines) {
                assert!(task.await.unwrap() >= at(*then));
            }
        });
    }
}

//! The harness of the end-to-end tests: real programs, real sockets, free ports, and one bounded way to wait.
//!
//! A test starts a release binary with [`process`], and waits for a state of it with [`eventually`], never for an amount of time.

pub mod process;

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

pub use process::{Process, Program};

/// How long a state may take to come about. Generous, because a loaded machine is no failure.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Between two looks at a state.
const LOOK: Duration = Duration::from_millis(5);

/// Looks again and again until `look` sees something, and returns that. This is the only place where a test waits for time.
///
/// # Panics
/// After [`PATIENCE`], with `what`.
pub async fn eventually<T>(what: impl std::fmt::Display, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let latest = Instant::now() + PATIENCE;
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(Instant::now() < latest, "not within {} s: {what}", PATIENCE.as_secs());
    }
}

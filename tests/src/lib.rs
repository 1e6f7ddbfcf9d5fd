//! The harness of the end-to-end tests: it starts the real programs on free ports and waits on states, never on time.
//!
//! - [`gateway`](mod@gateway): the gateway on free ports, with a file to edit
//! - [`upstream`]: a server behind it that does what a test says
//! - [`client`]: a connection that stays open; [`load`]: many of them at a known rate
//! - [`scrape`]: a page of metrics, to count by
//! - [`process`]: one of the release binaries with its environment, its log and its end
//! - [`http`]: a client that sends what a test says, byte for byte, and reads one answer
//! - [`wire`]: HTTP/1.1 as bytes, for both ends
//! - [`servers`]: the PostgreSQL and the Kafka that `make test` starts, a database of a test's own in the one
//! - [`dns`]: a name server that says what a test says; [`place`]: addresses that share a port, to be behind one name
//! - [`relay`]: a TCP relay in front of either, which a test can cut
//! - [`folder`]: a folder that is gone when the test is over

pub mod client;
pub mod dns;
pub mod folder;
pub mod gateway;
pub mod http;
pub mod load;
pub mod place;
pub mod process;
pub mod relay;
pub mod scrape;
pub mod servers;
pub mod upstream;
pub mod wire;

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// How long a state may take to come about; far above what it takes, for machines that do other things too.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Asks every few milliseconds until `state` answers.
///
/// # Panics
/// After [`PATIENCE`], with what was waited for.
pub fn until<T>(what: &str, mut state: impl FnMut() -> Option<T>) -> T {
    until_ok(what, || state().ok_or("it is not so"))
}

/// Asks every few milliseconds until `state` is well; the one place where a test waits.
///
/// # Panics
/// After [`PATIENCE`], with what was waited for and how it stood at last.
pub fn until_ok<T, E: Debug>(what: &str, mut state: impl FnMut() -> Result<T, E>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        match state() {
            Ok(reached) => return reached,
            Err(still) => assert!(Instant::now() < end, "after {PATIENCE:?} still not: {what}; {still:?}"),
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

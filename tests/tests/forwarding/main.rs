//! What passes through the gateway, and what becomes of it when one side does not do its part.
//!
//! `bodies` and `streams` are about what is carried, `headers` and `identity` about what goes with it, `faults` and `pooled` about
//! upstreams that fail, `clients` about clients that do, `expected` about bodies that are held back, `upgrades` about WebSockets.

mod bodies;
mod clients;
mod expected;
mod faults;
mod headers;
mod identity;
mod pooled;
mod streams;
mod upgrades;

use tests::gateway::{Gateway, Setup};
use tests::http::Answer;
use tests::upstream::Upstream;

/// A file that sends everything to one upstream, called `films`; `policies` are of its route.
fn rest(url: &str, policies: &str) -> String {
    format!("upstreams: {{ films: \"{url}\" }}\nroutes: [{{ name: all, path: /, to: films{policies} }}]\n")
}

/// A gateway of one worker, so that what is pooled is found again, in front of one upstream.
fn before(upstream: &Upstream) -> Gateway {
    timed(upstream, "")
}

/// The same with policies of the route, each after a comma.
fn timed(upstream: &Upstream, policies: &str) -> Gateway {
    Setup::with(&["workers: 1", "access_log: json"], &rest(&upstream.url(), policies)).start()
}

/// An error of the gateway's own.
fn assert_failed(answer: &Answer, status: u16, reason: &str) {
    assert_eq!((answer.status, answer.header("x-gateway-error")), (status, Some(reason)), "{answer:?}");
    assert_eq!(answer.json()["reason"], reason);
    assert_eq!(answer.json()["request_id"].as_str(), answer.header("x-request-id"));
}

/// Bytes that repeat nowhere near, of all 256 values.
fn bytes(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..count).map(|_| next()).collect()
}

//! Which route a request takes, what the gateway answers itself, and what it refuses before any route.
//!
//! `matching` is about routes, `answers` about `respond` and `redirect`, `targets` about paths, hosts and methods as they come.

mod answers;
mod matching;
mod targets;

use tests::gateway::Gateway;
use tests::http::Answer;

/// A gateway whose routes answer with their own names, so that an answer says which one matched. A route is its matchers.
fn naming(routes: &[(&str, &str)]) -> Gateway {
    let routes: String = routes
        .iter()
        .map(|(name, matchers)| format!("  - {{ name: {name}, {matchers}, respond: {{ text: {name} }} }}\n"))
        .collect();
    Gateway::start(&format!("routes:\n{routes}"))
}

/// An error of the gateway's own: its status, and its reason in the header and in the JSON, beside the request's id.
fn assert_refused(answer: &Answer, status: u16, reason: &str) {
    assert_eq!((answer.status, answer.header("x-gateway-error")), (status, Some(reason)), "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let body = answer.json();
    assert_eq!(body["reason"], reason);
    assert_eq!(body["request_id"].as_str(), answer.header("x-request-id"), "the id in the body is the header's");
    assert!(body["error"].as_str().is_some_and(|text| !text.is_empty()));
}

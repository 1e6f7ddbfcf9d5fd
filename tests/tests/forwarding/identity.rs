//! Who a request comes from and what it is called: `X-Forwarded-*`, `x-request-id`, `traceparent`.

use tests::gateway::{Gateway, Setup};
use tests::upstream::Upstream;
use tests::wire::Head;

use crate::{before, rest};

/// What the upstream sees of a request with these headers.
fn seen(gateway: &Gateway, upstream: &Upstream, headers: &[(&str, &str)]) -> Head {
    assert_eq!(gateway.get_with("/", headers).status, 200);
    upstream.head()
}

const CLAIMED: [(&str, &str); 5] = [
    ("host", "asked.test"),
    ("x-forwarded-for", "203.0.113.7, 10.0.0.1"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "public.test"),
    ("forwarded", "for=203.0.113.7;proto=https"),
];

#[test]
fn a_stranger_is_not_believed() {
    let upstream = Upstream::named("films");
    // Somebody is trusted, but not this peer.
    let gateway = Setup::with(&["trusted_proxies: [10.0.0.0/8]"], &rest(&upstream.url(), "")).start();
    let twice = [&CLAIMED[..], &[("x-forwarded-for", "198.51.100.1"), ("x-forwarded-proto", "wss")]].concat();
    for head in [seen(&gateway, &upstream, &CLAIMED), seen(&gateway, &upstream, &twice)] {
        assert_eq!(head.all("x-forwarded-for"), ["127.0.0.1"]);
        assert_eq!(head.all("x-forwarded-proto"), ["http"]);
        assert_eq!(head.all("x-forwarded-host"), ["asked.test"]);
        assert_eq!(head.header("forwarded"), None);
    }
    let head = seen(&gateway, &upstream, &[("host", "asked.test")]);
    assert_eq!((head.all("x-forwarded-for"), head.all("x-forwarded-host")), (vec!["127.0.0.1"], vec!["asked.test"]));
}

#[test]
fn a_trusted_proxy_is_believed_and_added_to() {
    let upstream = Upstream::named("films");
    let gateway = Setup::with(&["trusted_proxies: [127.0.0.0/8]"], &rest(&upstream.url(), "")).start();
    let head = seen(&gateway, &upstream, &CLAIMED);
    assert_eq!(head.all("x-forwarded-for"), ["203.0.113.7, 10.0.0.1, 127.0.0.1"]);
    assert_eq!((head.all("x-forwarded-proto"), head.all("x-forwarded-host")), (vec!["https"], vec!["public.test"]));
    assert_eq!(head.all("forwarded"), ["for=203.0.113.7;proto=https"]);
    let head = seen(&gateway, &upstream, &[("x-forwarded-for", "203.0.113.7"), ("x-forwarded-for", "10.0.0.1")]);
    assert_eq!(head.all("x-forwarded-for"), ["203.0.113.7, 10.0.0.1, 127.0.0.1"], "one chain of two lines");
    let head = seen(&gateway, &upstream, &[("host", "asked.test")]);
    assert_eq!(head.all("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!((head.all("x-forwarded-proto"), head.all("x-forwarded-host")), (vec!["http"], vec!["asked.test"]));
}

#[test]
fn a_request_id_is_kept_where_it_is_good_and_replaced_where_not() {
    let upstream = Upstream::named("films");
    let gateway = before(&upstream);
    let longest = "x".repeat(128);
    for id in ["a", "0f1e-7", "!~/\\\"", longest.as_str()] {
        let answer = gateway.get_with("/", &[("x-request-id", id)]);
        assert_eq!((answer.header("x-request-id"), upstream.head().all("x-request-id")), (Some(id), vec![id]));
    }
    let too_long = "x".repeat(129);
    let mut made = std::collections::BTreeSet::new();
    for id in ["", "two words", "caf\u{e9}", too_long.as_str()] {
        let answer = gateway.get_with("/", &[("x-request-id", id)]);
        let new = answer.header("x-request-id").unwrap_or_default().to_owned();
        assert!(new.len() == 32 && new.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id:?} became {new:?}");
        assert_eq!(upstream.head().all("x-request-id"), [new.as_str()]);
        made.insert(new);
    }
    assert_eq!(made.len(), 4, "each has its own");
}

#[test]
fn an_answers_own_request_id_does_not_hide_the_gateways() {
    let upstream = Upstream::new(|exchange| exchange.answer(200, &[("x-request-id", "inner")], b""));
    let answer = before(&upstream).get_with("/", &[("x-request-id", "mine-1")]);
    let ids: Vec<_> = answer.headers.iter().filter(|(name, _)| name == "x-request-id").collect();
    assert_eq!(ids, [&("x-request-id".to_owned(), "mine-1".to_owned())]);
}

#[test]
fn a_trace_goes_on_or_begins() {
    let upstream = Upstream::named("films");
    let gateway = before(&upstream);
    let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let head = seen(&gateway, &upstream, &[("traceparent", good), ("tracestate", "a=1,b=2")]);
    assert_eq!((head.all("traceparent"), head.all("tracestate")), (vec![good], vec!["a=1,b=2"]));
    for bad in [
        "",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
    ] {
        let head = seen(&gateway, &upstream, &[("traceparent", bad), ("tracestate", "a=1")]);
        let made = head.header("traceparent").unwrap_or_default().to_owned();
        let parts: Vec<_> = made.split('-').collect();
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [2, 32, 16, 2], "{bad:?} became {made:?}");
        assert_eq!(head.header("x-request-id"), Some(parts[1]), "the trace is found by the request id");
        assert_eq!(head.header("tracestate"), None, "it belonged to no trace");
    }
}

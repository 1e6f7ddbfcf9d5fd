//! Paths, hosts and methods as they come: what is forwarded as it is, and what is refused before any route.

use tests::gateway::Gateway;
use tests::upstream::Upstream;

use crate::{assert_refused, naming};

/// A gateway with one upstream for everything.
fn through() -> (Gateway, Upstream) {
    let upstream = Upstream::named("films");
    let gateway = Gateway::start(&format!(
        "upstreams: {{ films: \"{}\" }}\nroutes: [{{ name: all, path: /, to: films }}]\n",
        upstream.url()
    ));
    (gateway, upstream)
}

#[test]
fn dot_segments_and_encoded_nul_are_400_and_reach_nobody() {
    let (gateway, upstream) = through();
    for path in [
        "/.",
        "/..",
        "/./a",
        "/a/.",
        "/a/..",
        "/a/../b",
        "/a/./b",
        "/%2e",
        "/%2E%2e/a",
        "/a/.%2e/b",
        "/a/%2e./",
        "/a%00b",
        "/%00",
        "/a/..?x",
        "/api/movies/../admin",
    ] {
        assert_refused(&gateway.get(path), 400, "bad_path");
    }
    assert_eq!(upstream.requests(), 0);
}

#[test]
fn any_other_path_is_forwarded_byte_for_byte() {
    let (gateway, upstream) = through();
    let mut client = gateway.connect();
    let paths = [
        "/",
        "//",
        "/a//b",
        "/a%2fb",
        "/a%2Fb",
        "/a%5cb",
        "/a\\b",
        "/...",
        "/..a",
        "/a../b",
        "/.well-known/x",
        "/a;b=c/d",
        "/%41%zz",
        "/a?",
        "/a?b=../c&%00",
        "/a?x=1?y=2",
        "/caf%C3%A9",
        "/a:b@c",
        "/a+b%20c",
        "/~a*'()!$&,=",
        "/a?q=[1]|{2}",
        "/x?%",
    ];
    for path in paths {
        assert_eq!(client.get(path).status, 200, "{path}");
    }
    let seen: Vec<_> = upstream.heads().iter().map(|head| head.word(1).to_owned()).collect();
    assert_eq!(seen, paths);
}

#[test]
fn an_absolute_target_names_the_host() {
    let (gateway, upstream) = through();
    let mut client = gateway.connect();
    let answer = client.request("GET", "http://films.test:81/a%2fb?c=d", &[("host", "other.test")], b"");
    assert_eq!(answer.status, 200);
    let head = upstream.head();
    assert_eq!((head.word(1), head.all("host")), ("/a%2fb?c=d", vec!["films.test:81"]));
    let answer = client.request("GET", "http://films.test", &[("host", "films.test")], b"");
    assert_eq!((answer.status, upstream.head().word(1)), (200, "/"));
    assert_refused(&gateway.get("http://films.test/a/../b"), 400, "bad_path");

    let gateway = naming(&[("films", "path: /, host: films.test"), ("any", "path: /")]);
    assert_eq!(gateway.get_with("http://films.test/", &[("host", "other.test")]).text(), "films");
    assert_eq!(gateway.get_with("http://other.test/", &[("host", "films.test")]).text(), "any");
}

#[test]
fn a_request_has_exactly_one_valid_host() {
    let (gateway, upstream) = through();
    let bad = [
        "",
        "host: a.test\r\nhost: a.test\r\n",
        "host: a.test\r\nHost: b.test\r\n",
        "host: a test\r\n",
        "host: a.test/x\r\n",
        "host: user@a.test\r\n",
        "host: a.test, b.test\r\n",
        "host: a.test:port\r\n",
        "host: a.test:99999\r\n",
        "host: http://a.test\r\n",
        "host: [::1\r\n",
        "host: \u{e9}.test\r\n",
    ];
    let asked = bad.map(|hosts| (hosts, gateway.raw(format!("GET / HTTP/1.1\r\n{hosts}\r\n"))));
    let taken: Vec<_> = asked.iter().filter(|(_, answer)| answer.status == 200).map(|(hosts, _)| hosts).collect();
    assert!(taken.is_empty(), "{taken:?}");
    asked.iter().for_each(|(_, answer)| assert_refused(answer, 400, "bad_host"));
    assert_eq!(upstream.requests(), 0);
    for host in ["a.test", "a.test:8000", "127.0.0.1:1", "[::1]", "[::1]:8000", "a_b.test"] {
        let answer = gateway.raw(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!((answer.status, upstream.head().all("host")), (200, vec![host]));
    }
}

#[test]
fn connect_and_trace_are_refused() {
    let (gateway, upstream) = through();
    for (method, target) in [("CONNECT", "films.test:443"), ("TRACE", "/"), ("TRACE", "/api/movies")] {
        let answer = gateway.raw(format!("{method} {target} HTTP/1.1\r\nhost: films.test\r\n\r\n"));
        assert_refused(&answer, 405, "bad_method");
        assert!(answer.header("allow").is_some_and(|allowed| allowed.contains("GET") && !allowed.contains(method)));
    }
    assert_eq!(upstream.requests(), 0);
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE", "get"] {
        assert_eq!(gateway.connect().request(method, "/", &[], b"").status, 200, "{method}");
        assert_eq!(upstream.head().word(0), method);
    }
}

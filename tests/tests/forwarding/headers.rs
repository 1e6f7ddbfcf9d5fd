//! Headers: what means this hop only goes no further, everything else passes as it is.

use tests::gateway::Setup;
use tests::upstream::Upstream;

use crate::{before, rest};

#[test]
fn hop_by_hop_headers_of_a_request_go_no_further() {
    let upstream = Upstream::named("films");
    let gateway = before(&upstream);
    let hops = [
        ("connection", "keep-alive, X-Hop, x-other"),
        ("Connection", "x-third"),
        ("x-hop", "1"),
        ("X-Other", "2"),
        ("x-third", "3"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("proxy-authorization", "Basic c2VjcmV0"),
        ("te", "gzip"),
        ("upgrade", "TLS/1.0"),
    ];
    let answer = gateway.get_with("/", &[&hops[..], &[("x-kept", "yes")]].concat());
    assert_eq!(answer.status, 200);
    let head = upstream.head();
    for (name, _) in hops {
        assert_eq!(head.header(&name.to_ascii_lowercase()), None, "{name} in {head:?}");
    }
    assert_eq!(head.header("x-kept"), Some("yes"));
}

#[test]
fn connection_cannot_name_away_what_others_rely_on() {
    let upstream = Upstream::named("films");
    let gateway = Setup::with(&["trusted_proxies: [127.0.0.1]"], &rest(&upstream.url(), "")).start();
    let relied_on = [
        ("host", "films.test"),
        ("authorization", "Bearer abc"),
        ("cookie", "session=7"),
        ("x-request-id", "mine-1"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "public.test"),
    ];
    let names = relied_on.map(|(name, _)| name).join(", ") + ", x-forwarded-for, content-length, close-not";
    let mut client = gateway.connect();
    let headers = [&relied_on[..], &[("x-forwarded-for", "203.0.113.7"), ("connection", &names)]].concat();
    assert_eq!(client.request("POST", "/", &headers, b"body").status, 200);
    let head = upstream.head();
    for (name, value) in relied_on {
        assert_eq!(head.all(name), [value], "{name}");
    }
    assert_eq!(head.header("x-forwarded-for"), Some("203.0.113.7, 127.0.0.1"));
    assert_eq!(head.header("content-length"), Some("4"));
}

#[test]
fn hop_by_hop_headers_of_an_answer_go_no_further() {
    let upstream = Upstream::new(|exchange| {
        let hops = [
            ("Connection", "X-Inner, keep-alive"),
            ("x-inner", "1"),
            ("Keep-Alive", "timeout=5"),
            ("Proxy-Authenticate", "Basic"),
            ("Proxy-Connection", "keep-alive"),
            ("Upgrade", "h2c"),
            ("x-kept", "yes"),
        ];
        exchange.answer(200, &hops, b"films")
    });
    let gateway = before(&upstream);
    let mut client = gateway.connect();
    for _ in 0..2 {
        let answer = client.get("/");
        assert_eq!((answer.text().as_str(), answer.header("x-kept")), ("films", Some("yes")));
        for name in ["connection", "x-inner", "keep-alive", "proxy-authenticate", "proxy-connection", "upgrade"] {
            assert_eq!(answer.header(name), None, "{name}");
        }
    }
}

#[test]
fn other_headers_pass_as_they_are() {
    let upstream = Upstream::new(|exchange| {
        let headers = [
            ("Set-Cookie", "a=1; Path=/"),
            ("Set-Cookie", "b=2"),
            ("Server", "films/1"),
            ("Date", "Sat, 01 Jan 2000 00:00:00 GMT"),
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Encoding", "gzip"),
            ("Vary", "accept, origin"),
            ("X-Empty", ""),
        ];
        exchange.answer(203, &headers, b"films")
    });
    let gateway = before(&upstream);
    let sent = [
        ("accept", "text/html, */*;q=0.8"),
        ("accept-encoding", "gzip, br"),
        ("cookie", "a=1"),
        ("cookie", "b=2"),
        ("x-list", "1"),
        ("x-list", "2,3"),
        ("x-empty", ""),
        ("x-latin", "caf\u{e9}"),
        ("user-agent", "test/1 (a; b) \"c\""),
        ("range", "bytes=0-9"),
        ("if-none-match", "\"7\", W/\"8\""),
    ];
    let answer = gateway.get_with("/", &sent);
    let head = upstream.head();
    for name in sent.map(|(name, _)| name) {
        let values: Vec<_> = sent.iter().filter(|(other, _)| *other == name).map(|(_, value)| *value).collect();
        assert_eq!(head.all(name), values, "{name}");
    }
    assert_eq!(answer.status, 203);
    let all = |name: &str| {
        answer.headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(all("set-cookie"), ["a=1; Path=/", "b=2"]);
    assert_eq!((all("server"), all("date")), (vec!["films/1"], vec!["Sat, 01 Jan 2000 00:00:00 GMT"]));
    assert_eq!(all("content-type"), ["text/html; charset=utf-8"]);
    assert_eq!(
        (all("content-encoding"), all("vary"), all("x-empty")),
        (vec!["gzip"], vec!["accept, origin"], vec![""])
    );
}

#[test]
fn the_upstream_sees_the_host_that_the_file_says() {
    let upstream = Upstream::named("films");
    let address = upstream.address().to_string();
    for (host, seen) in
        [("preserve", "asked.test:81"), ("upstream", &address), ("films.local:8080", "films.local:8080")]
    {
        let rest = format!(
            "upstreams: {{ films: {{ url: \"{}\", host: \"{host}\" }} }}\nroutes: [{{ name: all, path: /, to: films }}]\n",
            upstream.url()
        );
        let gateway = Setup::with(&[], &rest).start();
        assert_eq!(gateway.get_with("/", &[("host", "asked.test:81")]).status, 200);
        assert_eq!(upstream.head().all("host"), [seen], "{host}");
        assert_eq!(upstream.head().all("x-forwarded-host"), ["asked.test:81"], "{host}");
    }
}

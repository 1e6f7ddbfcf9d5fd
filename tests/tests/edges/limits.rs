//! What is too much: heads, targets, bodies and connections, each with its own answer.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use tests::client::Client;
use tests::gateway::{Gateway, Setup};
use tests::http::Answer;
use tests::upstream::Upstream;

/// A gateway with these settings of the server in front of an upstream, whose route has these policies, each after a comma.
fn limited(settings: &[&str], upstream: &Upstream, policies: &str) -> Gateway {
    let rest = format!(
        "upstreams: {{ films: \"{}\" }}\nroutes: [{{ name: all, path: /, to: films{policies} }}]\n",
        upstream.url()
    );
    Setup::with(&[&["workers: 1"], settings].concat(), &rest).start()
}

/// An error of the gateway's own, after which the connection is closed.
fn assert_refused(client: &mut Client, answer: &Answer, status: u16, reason: &str) {
    assert_eq!((answer.status, answer.header("x-gateway-error")), (status, Some(reason)), "{answer:?}");
    assert_eq!((answer.header("connection"), answer.json()["reason"].as_str()), (Some("close"), Some(reason)));
    assert_eq!(client.closed(), b"");
}

/// Sends and reads one answer.
fn ask(gateway: &Gateway, head: &str) -> (Client, Answer) {
    let mut client = gateway.connect();
    client.send(head).expect("it is sent");
    let answer = client.answer().unwrap_or_else(|problem| panic!("{problem}: {head:.200}"));
    (client, answer)
}

#[test]
fn a_head_over_its_limit_is_431_and_a_target_414() {
    let upstream = Upstream::named("films");
    let gateway = limited(&["limits: { head: 2KiB, fields: 5, target: 64B }"], &upstream, "");
    let filler = |length: usize| "a".repeat(length);
    // The line and the fields of this one: 16, 14 and 4 + 3 bytes, and what is filled.
    let head = |target: usize, fill: usize, fields: &str| {
        format!("GET /{} HTTP/1.1\r\nhost: a.test\r\nx: {}\r\n{fields}\r\n", filler(target - 1), filler(fill))
    };
    for good in [head(64, 10, ""), head(1, 1900, ""), head(1, 1, "b: 1\r\nc: 1\r\nd: 1\r\n")] {
        assert_eq!(ask(&gateway, &good).1.status, 200, "{good:.200}");
    }
    assert_eq!(upstream.requests(), 3);
    for (bad, status, reason) in [
        (head(65, 10, ""), 414, "target_too_long"),
        (head(1, 2048, ""), 431, "head_too_large"),
        (head(1, 100_000, ""), 431, "head_too_large"),
        (head(1, 1, "b: 1\r\nc: 1\r\nd: 1\r\ne: 1\r\n"), 431, "head_too_large"),
        (head(65, 2048, ""), 414, "target_too_long"),
    ] {
        let (mut client, answer) = ask(&gateway, &bad);
        assert_refused(&mut client, &answer, status, reason);
    }
    assert_eq!(upstream.requests(), 3, "none of it went up");
    let scrape = gateway.scrape();
    let rejected = |reason| scrape.value("gateway_rejected_total", &[("reason", reason)]);
    assert_eq!((rejected("target_too_long"), rejected("head_too_large")), (2.0, 3.0));
}

#[test]
fn larger_heads_pass_where_the_file_says_so() {
    let upstream = Upstream::named("films");
    let gateway = limited(&["limits: { head: 512KiB, fields: 300, target: 32KiB }"], &upstream, "");
    let fields: String = (0..290).map(|number| format!("x-{number}: {}\r\n", "a".repeat(1000))).collect();
    let head = format!("GET /{} HTTP/1.1\r\nhost: a.test\r\n{fields}\r\n", "a".repeat(30_000));
    assert_eq!(ask(&gateway, &head).1.status, 200);
    assert_eq!(upstream.head().headers.iter().filter(|(name, _)| name.starts_with("x-2")).count(), 101);
}

#[test]
fn a_head_that_never_ends_is_431() {
    let upstream = Upstream::named("films");
    let gateway = limited(&[], &upstream, "");
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nhost: a.test\r\n").expect("it is sent");
    let piece = format!("x: {}\r\n", "a".repeat(4000));
    let sent = (0..10_000).take_while(|_| client.send(&piece).is_ok()).count();
    assert!(sent < 10_000, "40 MB of head were taken");
    gateway.counted("it is counted", |scrape| scrape.value("gateway_rejected_total", &[("reason", "bad_head")]) == 1.0);
    assert_eq!((gateway.get("/").status, upstream.requests()), (200, 1));
}

#[test]
fn a_head_that_cannot_be_read_is_counted() {
    let upstream = Upstream::named("films");
    let gateway = limited(&[], &upstream, "");
    for number in 1..=3 {
        let mut client = gateway.connect();
        client.send("GET / HTTP/1.1\r\nhost : a.test\r\n\r\n").expect("it is sent");
        assert_eq!(client.answer().expect("it is answered").status, 400);
        assert_eq!(client.closed(), b"");
        gateway.counted("it is counted", |scrape| {
            scrape.value("gateway_rejected_total", &[("reason", "bad_head")]) == f64::from(number)
        });
    }
}

#[test]
fn a_body_that_says_it_is_too_large_is_413_at_once() {
    let upstream = Upstream::named("films");
    let gateway = limited(&[], &upstream, ", limit: { body: 1KiB }");
    let mut client = gateway.connect();
    assert_eq!(client.request("POST", "/", &[], &[b'a'; 1024]).status, 200);
    for expect in ["", "expect: 100-continue\r\n"] {
        let mut client = gateway.connect();
        // Not a byte of the body is sent.
        client
            .send(format!("POST / HTTP/1.1\r\nhost: a.test\r\n{expect}content-length: 1025\r\n\r\n"))
            .expect("it is sent");
        let head = client.answer_head().expect("it is answered");
        assert_eq!(
            (head.word(1), head.header("x-gateway-error")),
            ("413", Some("body_too_large")),
            "and no 100 before"
        );
    }
    assert_eq!(upstream.requests(), 1, "nothing of them went up");
}

#[test]
fn a_body_that_grows_too_large_is_cut_and_413() {
    let whole = Arc::new(AtomicUsize::new(0));
    let counted = whole.clone();
    let upstream = Upstream::new(move |exchange| {
        exchange.body()?;
        counted.fetch_add(1, SeqCst);
        exchange.answer(200, &[], b"films")
    });
    let gateway = limited(&[], &upstream, ", limit: { body: 1KiB }");
    let chunk = format!("200\r\n{}\r\n", "a".repeat(512));
    let chunks = |count: usize| {
        format!("POST / HTTP/1.1\r\nhost: a.test\r\ntransfer-encoding: chunked\r\n\r\n{}0\r\n\r\n", chunk.repeat(count))
    };
    assert_eq!(ask(&gateway, &chunks(2)).1.status, 200);
    for count in [3, 2000] {
        let (mut client, answer) = ask(&gateway, &chunks(count));
        assert_refused(&mut client, &answer, 413, "body_too_large");
    }
    assert_eq!(whole.load(SeqCst), 1, "what was cut does not look whole");
    tests::until("the upstream is let go", || (upstream.open() == 0).then_some(()));
}

#[test]
fn a_client_that_sends_on_after_413_still_reads_it() {
    let upstream = Upstream::named("films");
    let gateway = limited(&[], &upstream, ", limit: { body: 1KiB }");
    let mut client = gateway.connect();
    client.send("POST / HTTP/1.1\r\nhost: a.test\r\ncontent-length: 4000000\r\n\r\n").expect("it is sent");
    for _ in 0..100 {
        client.send([b'a'; 40_000]).expect("the gateway still reads");
    }
    let answer = client.answer().expect("it is answered");
    assert_refused(&mut client, &answer, 413, "body_too_large");
}

#[test]
fn an_answer_that_has_begun_breaks_off_where_its_upload_grows_too_large() {
    let upstream = Upstream::new(|exchange| {
        exchange.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf!")?;
        exchange.body().map(|_| ())
    });
    let gateway = limited(&[], &upstream, ", limit: { body: 1KiB }");
    let mut client = gateway.connect();
    client.send("POST / HTTP/1.1\r\nhost: a.test\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n").expect("it is sent");
    assert_eq!(client.answer_head().expect("it begins").word(1), "200");
    client.send(format!("800\r\n{}\r\n", "a".repeat(2048))).expect("it is sent");
    assert_eq!(client.closed(), b"half!", "and no more");
    tests::until("the upstream is let go", || (upstream.open() == 0).then_some(()));
}

#[test]
fn connections_over_the_limit_are_closed_at_accept_and_counted() {
    let upstream = Upstream::named("films");
    let gateway = limited(&["limits: { connections: 3 }"], &upstream, "");
    let mut inside: Vec<_> = (0..3).map(|_| gateway.connect()).collect();
    inside.iter_mut().for_each(|client| assert_eq!(client.get("/").status, 200));
    for _ in 0..5 {
        assert_eq!(gateway.connect().closed(), b"");
    }
    inside.iter_mut().for_each(|client| assert_eq!(client.get("/").status, 200, "those inside are served on"));
    let refused = [("reason", "full")];
    assert_eq!(gateway.scrape().value("gateway_client_connections_refused_total", &refused), 5.0);
    drop(inside.pop());
    gateway.counted("one has left", |scrape| scrape.value("gateway_client_connections", &[]) == 2.0);
    assert_eq!(gateway.get("/").status, 200, "and another may come in");
}

#[test]
fn an_address_may_have_so_many_connections_and_a_trusted_proxy_any_number() {
    let upstream = Upstream::named("films");
    let gateway = limited(&["limits: { connections_per_client: 2 }"], &upstream, "");
    let from = |last: u8| {
        let socket = Client::from_address([127, 0, 0, last], gateway.address);
        socket.unwrap_or_else(|problem| panic!("127.0.0.{last}: {problem}"))
    };
    let mut one: Vec<_> = (0..2).map(|_| from(1)).collect();
    let mut other: Vec<_> = (0..2).map(|_| from(2)).collect();
    one.iter_mut().chain(&mut other).for_each(|client| assert_eq!(client.get("/").status, 200));
    assert_eq!((from(1).closed(), from(2).closed()), (vec![], vec![]));
    let refused = [("reason", "client_full")];
    assert_eq!(gateway.scrape().value("gateway_client_connections_refused_total", &refused), 2.0);
    drop(one.pop());
    gateway.counted("one has left", |scrape| scrape.value("gateway_client_connections", &[]) == 3.0);
    assert_eq!(from(1).get("/").status, 200);
    let trusting = ["limits: { connections_per_client: 2 }", "trusted_proxies: [127.0.0.0/8]"];
    let gateway = limited(&trusting, &upstream, "");
    let mut many: Vec<TcpStream> = Vec::new();
    for _ in 0..10 {
        let mut client = gateway.connect();
        assert_eq!(client.get("/").status, 200);
        many.extend(client.socket().try_clone());
    }
}

#[test]
fn with_strict_paths_no_separator_comes_in_disguise() {
    let upstream = Upstream::named("films");
    let gateway = limited(&["paths: strict"], &upstream, "");
    for path in ["/a%2fb", "/a%2Fb", "/a%5cb", "/%5C", "/a\\b", "//", "/a//b", "/a%2f..%2fb"] {
        let mut client = gateway.connect();
        let answer = client.get(path);
        assert_refused(&mut client, &answer, 400, "bad_path");
    }
    assert_eq!(upstream.requests(), 0);
    for path in ["/", "/a/b", "/a%20b", "/a?b=%2f//\\", "/a/"] {
        assert_eq!(gateway.get(path).status, 200, "{path}");
    }
}

//! Clients that leave, dawdle, hurry, or are old.

use std::io::{self, Read as _};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use tests::gateway::{Gateway, Setup};
use tests::upstream::Upstream;

use crate::{assert_failed, before, rest, timed};

/// Waits for what the client's leaving must look like: one disconnect, 499 in the log, nothing in flight.
fn assert_left(gateway: &mut Gateway, upstream: &Upstream) {
    tests::until("the upstream's connection is closed", || (upstream.open() == 0).then_some(()));
    let line = gateway.process.line("the request", |line| line["status"] == 499);
    assert_eq!((line["route"].as_str(), line["upstream"].as_str()), (Some("all"), Some("films")));
    let scrape = gateway.counted("it is counted", |scrape| scrape.value("gateway_requests_in_flight", &[]) == 0.0);
    assert_eq!(scrape.value("gateway_client_disconnects_total", &[]), 1.0);
    assert_eq!(scrape.value("gateway_requests_total", &[("route", "all"), ("code", "4xx")]), 1.0);
    assert_eq!(scrape.value("gateway_requests_total", &[]), 1.0);
}

#[test]
fn a_client_that_leaves_while_it_waits_takes_its_request_with_it() {
    // Returns when the gateway has closed its end.
    let upstream = Upstream::new(|exchange| exchange.stream.read(&mut [0]).map(|_| ()));
    let mut gateway = before(&upstream);
    let mut client = gateway.connect();
    let head = client.head("GET", "/", &[], 0);
    client.send(head).expect("it is sent");
    tests::until("the request has arrived", || (upstream.requests() == 1).then_some(()));
    drop(client);
    assert_left(&mut gateway, &upstream);
}

#[test]
fn a_client_that_leaves_a_download_ends_it() {
    let upstream = Upstream::new(|exchange| {
        exchange.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
        loop {
            exchange.write("5\r\nfilms\r\n")?;
        }
    });
    let mut gateway = before(&upstream);
    let mut client = gateway.connect();
    let head = client.head("GET", "/", &[], 0);
    client.send(head).expect("it is sent");
    client.reader().read_exact(&mut [0; 100_000]).expect("it flows");
    drop(client);
    assert_left(&mut gateway, &upstream);
}

#[test]
fn a_client_that_leaves_an_upload_does_not_make_it_look_whole() {
    let whole = Arc::new(Mutex::new(None));
    let seen = whole.clone();
    let upstream = Upstream::new(move |exchange| {
        *seen.lock().expect("nobody panics") = Some(exchange.body().is_ok());
        Err(io::ErrorKind::ConnectionAborted.into())
    });
    let mut gateway = before(&upstream);
    let mut client = gateway.connect();
    let head = client.head("POST", "/", &[("transfer-encoding", "chunked")], 0);
    client.send(head + "5\r\nfilms\r\n").expect("it is sent");
    tests::until("the request has arrived", || (upstream.requests() == 1).then_some(()));
    drop(client);
    let looked = tests::until("the upload ends", || *whole.lock().expect("nobody panics"));
    assert!(!looked, "an upload that broke off looked whole");
    assert_left(&mut gateway, &upstream);
}

#[test]
fn a_head_that_takes_too_long_is_408_and_the_end() {
    let upstream = Upstream::named("films");
    let settings = ["workers: 1", "timeout: { head: 300ms }"];
    let gateway = Setup::with(&settings, &rest(&upstream.url(), "")).start();
    for start in ["GET / HTTP/1.1\r\nhost: a.test\r\nx-slow: ", "G", "\r\n"] {
        let mut client = gateway.connect();
        assert!(start == "G" || client.get("/").status == 200, "a connection that was used, or a new one");
        let began = Instant::now();
        client.send(start).expect("it is sent");
        let answer = client.answer().expect("it is answered");
        assert_eq!((answer.status, answer.header("x-gateway-error")), (408, Some("head_timeout")));
        assert_eq!(
            (answer.header("connection"), answer.json()["reason"].as_str()),
            (Some("close"), Some("head_timeout"))
        );
        assert!(began.elapsed() >= Duration::from_millis(300));
        assert_eq!(client.closed(), b"");
    }
    assert_eq!(gateway.scrape().value("gateway_rejected_total", &[("reason", "head_timeout")]), 3.0);
}

#[test]
fn an_idle_connection_is_closed_without_a_word() {
    let upstream = Upstream::named("films");
    let settings = ["workers: 1", "timeout: { keepalive: 300ms }"];
    let gateway = Setup::with(&settings, &rest(&upstream.url(), "")).start();
    let (mut unused, mut used) = (gateway.connect(), gateway.connect());
    assert_eq!(used.get("/").status, 200);
    assert_eq!((unused.closed(), used.closed()), (vec![], vec![]));
    gateway.counted("none is open", |scrape| scrape.value("gateway_client_connections", &[]) == 0.0);
}

#[test]
fn a_body_that_stalls_is_408_and_the_end() {
    let upstream = Upstream::named("films");
    let gateway = timed(&upstream, ", timeout: { idle: 300ms }");
    let mut client = gateway.connect();
    let head = client.head("POST", "/", &[], 10);
    client.send(head + "half").expect("it is sent");
    let answer = client.answer().expect("it is answered");
    assert_failed(&answer, 408, "body_timeout");
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(client.closed(), b"");
    tests::until("the upstream is let go", || (upstream.open() == 0).then_some(()));
}

#[test]
fn a_client_of_http_1_0_is_served_as_it_can_be() {
    let upstream = Upstream::new(|exchange| {
        exchange.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfilms\r\n0\r\n\r\n")
    });
    let gateway = before(&upstream);
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.0\r\n\r\n").expect("it is sent");
    let head = client.answer_head().expect("it is answered");
    assert_eq!((head.word(1), head.header("transfer-encoding")), ("200", None));
    assert_eq!(client.closed(), b"films", "the body ends with the connection");
    let seen = upstream.head();
    assert_eq!((seen.word(2), seen.all("host")), ("HTTP/1.1", vec![upstream.address().to_string().as_str()]));
    assert_eq!(gateway.raw("GET / HTTP/1.0\r\nhost: a.test\r\n\r\n").text(), "films");
    assert_eq!(upstream.head().all("host"), ["a.test"]);
}

#[test]
fn connection_close_is_honoured() {
    let upstream = Upstream::named("films");
    let gateway = before(&upstream);
    let mut client = gateway.connect();
    let answer = client.request("GET", "/", &[("connection", "close")], b"");
    assert_eq!((answer.text().as_str(), answer.header("connection")), ("films", Some("close")));
    assert_eq!(client.closed(), b"");
    assert_eq!(upstream.open(), 1, "the upstream's connection is another one");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let upstream = Upstream::new(|exchange| {
        let target = exchange.head.word(1).to_owned();
        exchange.answer(200, &[], target.as_bytes())
    });
    let gateway = before(&upstream);
    let mut client = gateway.connect();
    let all: String = (0..50)
        .map(|number| match number % 3 {
            0 => format!("POST /{number} HTTP/1.1\r\nhost: a.test\r\ncontent-length: 4\r\n\r\nbody"),
            _ => format!("GET /{number} HTTP/1.1\r\nhost: a.test\r\n\r\n"),
        })
        .collect();
    client.send(all).expect("they are sent");
    for number in 0..50 {
        assert_eq!(client.answer().expect("it is answered").text(), format!("/{number}"));
    }
}

#[test]
fn two_hundred_requests_at_once_are_all_in_flight_and_all_answered() {
    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let held = gate.clone();
    let upstream = Upstream::new(move |exchange| {
        let open = held.1.wait_while(held.0.lock().expect("nobody panics"), |open| !*open);
        drop(open);
        exchange.answer(200, &[], b"films")
    });
    let gateway = Setup::with(&["workers: 2"], &rest(&upstream.url(), "")).start();
    let mut clients: Vec<_> = (0..200).map(|_| gateway.connect()).collect();
    for client in &mut clients {
        let head = client.head("GET", "/", &[], 0);
        client.send(head).expect("it is sent");
    }
    tests::until("all of them have arrived", || (upstream.requests() == 200).then_some(()));
    let scrape = gateway.scrape();
    assert_eq!(scrape.value("gateway_requests_in_flight", &[]), 200.0);
    assert_eq!(scrape.value("gateway_upstream_connections", &[("upstream", "films"), ("state", "active")]), 200.0);
    *gate.0.lock().expect("nobody panics") = true;
    gate.1.notify_all();
    for mut client in clients {
        assert_eq!(client.answer().expect("it is answered").text(), "films");
    }
    let scrape = gateway.counted("none is in flight", |scrape| scrape.value("gateway_requests_in_flight", &[]) == 0.0);
    assert_eq!(scrape.value("gateway_requests_total", &[("code", "2xx")]), 200.0);
}

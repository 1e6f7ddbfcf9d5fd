//! A connection that nobody has used for two seconds rests, without hyper and its buffers. Nobody may notice.

use rustls::version::TLS13;
use tests::gateway::{Gateway, Setup};
use tests::upstream::Upstream;

use crate::authority::{Authority, open};
use crate::rest;

fn watched(upstream: &Upstream, settings: &[&str]) -> Gateway {
    let settings = [&["workers: 1"], settings].concat();
    Setup::with(&settings, &rest(upstream, "")).env("RUST_LOG", "gateway=trace").start()
}

fn rests(gateway: &mut Gateway) {
    let told = |line: &serde_json::Value| line["message"] == "a connection rests";
    gateway.process.line("that a connection rests", told);
}

#[test]
fn a_resting_connection_takes_the_next_request() {
    let upstream = Upstream::named("films");
    let mut gateway = watched(&upstream, &[]);
    let mut client = gateway.connect();
    for round in 0..2 {
        assert_eq!(client.get("/films").text(), "films", "{round}");
        rests(&mut gateway);
        // In pieces: the first byte wakes it.
        let head = client.head("GET", "/again", &[], 0);
        client.send(&head[..1]).and_then(|()| client.send(&head[1..])).expect("it is open");
        assert_eq!(client.answer().expect("an answer").text(), "films", "{round}");
    }
    assert_eq!(gateway.scrape().value("gateway_client_connections", &[]), 1.0);
}

#[test]
fn a_client_may_think_before_its_first_word_whatever_it_speaks() {
    let upstream = Upstream::named("films");
    let mut gateway = watched(&upstream, &[]);
    let mut client = gateway.connect();
    rests(&mut gateway);
    assert_eq!(client.get("/films").text(), "films");
    for first in ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n"] {
        let mut client = gateway.connect();
        rests(&mut gateway);
        client.send(first).expect("it is open");
        let said = client.some().expect("it answers");
        // HTTP/2 begins with a SETTINGS frame, of type 4.
        assert!(if first.starts_with("PRI") { said[3] == 4 } else { said.starts_with(b"HTTP/1.1 200") }, "{said:?}");
    }
}

#[test]
fn a_resting_connection_over_tls_takes_the_next_request() {
    use std::io::{Read as _, Write as _};
    let upstream = Upstream::named("films");
    let authority = Authority::new();
    let tls = format!("tls: {}", authority.write("films.example", "a"));
    let mut gateway = watched(&upstream, &[&tls]);
    let mut stream = open(gateway.address, &authority.client(&[&TLS13], None), "films.example").expect("a handshake");
    for _ in 0..2 {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: films.example\r\n\r\n").expect("it is open");
        let mut answer = vec![0; 4096];
        let read = stream.read(&mut answer).expect("an answer");
        assert!(answer[..read].starts_with(b"HTTP/1.1 200"));
        rests(&mut gateway);
    }
}

#[test]
fn a_resting_connection_ends_at_keepalive_and_when_the_worker_drains() {
    let upstream = Upstream::named("films");
    let mut gateway = watched(&upstream, &["timeout: { keepalive: 3s }"]);
    let mut client = gateway.connect();
    assert_eq!(client.get("/films").text(), "films");
    rests(&mut gateway);
    assert_eq!(client.closed(), b"");
    let mut gateway = watched(&upstream, &[]);
    let mut client = gateway.connect();
    assert_eq!(client.get("/films").text(), "films");
    rests(&mut gateway);
    gateway.process.terminate();
    assert_eq!(client.closed(), b"");
    assert_eq!(gateway.process.ended().code(), Some(0));
}

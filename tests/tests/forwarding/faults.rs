//! Upstreams that fail: each failure has its status and its reason, and none looks like an answer that is whole.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use tests::gateway::Setup;
use tests::http::Answer;
use tests::upstream::{Refusing, Upstream};
use tests::{PATIENCE, wire};

use crate::{assert_failed, before, rest, timed};

/// Reads a request's head, and no more.
fn read_head(stream: &mut TcpStream) {
    let mut seen = Vec::new();
    let mut byte = [0];
    while !seen.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        seen.push(byte[0]);
    }
}

/// Says the same to each request, and closes.
fn saying(bytes: impl Into<Vec<u8>>) -> Upstream {
    let bytes = bytes.into();
    Upstream::raw(move |mut stream, _| {
        read_head(&mut stream);
        let _gone = stream.write_all(&bytes);
    })
}

#[test]
fn an_upstream_that_refuses_is_502() {
    let refusing = Refusing::new();
    let gateway = Setup::with(&[], &rest(&refusing.url(), "")).start();
    for method in ["GET", "POST"] {
        let answer = gateway.connect().request(method, "/", &[], b"body");
        assert_failed(&answer, 502, "upstream_connect");
        let error = answer.json()["error"].as_str().unwrap_or_default().to_owned();
        assert!(error.contains("films") && !error.contains("127.0.0.1"), "its name, and not where it is: {error}");
    }
    let connects = gateway.scrape();
    let outcome =
        |outcome| connects.value("gateway_upstream_connects_total", &[("upstream", "films"), ("outcome", outcome)]);
    assert_eq!((outcome("ok"), outcome("failed"), outcome("timeout")), (0.0, 2.0, 0.0));
}

#[test]
fn an_upstream_that_accepts_no_connection_in_time_is_504() {
    // A listener that nobody accepts from: when its queue is full, the system leaves new connections unanswered.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its port");
    let full: Vec<_> =
        std::iter::from_fn(|| TcpStream::connect_timeout(&address, Duration::from_millis(300)).ok()).collect();
    let rest = format!(
        "upstreams: {{ films: {{ url: \"http://{address}\", timeout: {{ connect: 200ms }} }} }}\nroutes: [{{ name: all, path: /, to: films }}]\n"
    );
    let gateway = Setup::with(&[], &rest).start();
    assert_failed(&gateway.get("/"), 504, "upstream_connect_timeout");
    drop(full);
}

#[test]
fn an_upstream_that_is_silent_is_504_within_its_timeout() {
    let silent = Upstream::new(|exchange| exchange.stream.read(&mut [0]).map(|_| ()));
    let gateway = timed(&silent, ", timeout: { first_byte: 300ms }");
    for method in ["GET", "POST"] {
        let began = Instant::now();
        let answer = gateway.connect().request(method, "/", &[], b"");
        assert_failed(&answer, 504, "upstream_timeout");
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(300) && took < Duration::from_secs(10), "after {took:?}");
    }
    assert_eq!(silent.requests(), 2, "it was asked once each time");
    tests::until("what it may still say is not waited for", || (silent.open() == 0).then_some(()));
}

#[test]
fn a_total_limit_counts_the_whole_answer() {
    let endless = Upstream::new(|exchange| {
        exchange.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
        loop {
            exchange.write("1\r\na\r\n")?;
        }
    });
    let gateway = timed(&endless, ", timeout: 300ms");
    let mut client = gateway.connect();
    let head = client.head("GET", "/", &[], 0);
    client.send(head).expect("it is sent");
    assert_eq!(client.answer_head().expect("an answer begins").word(1), "200");
    let began = Instant::now();
    while matches!(wire::read_chunk(client.reader()), Ok(Some(_))) {
        assert!(began.elapsed() < PATIENCE, "it goes on and on");
    }
    tests::until("the upstream is let go", || (endless.open() == 0).then_some(()));
}

#[test]
fn an_upstream_that_closes_before_it_answers_is_502() {
    let closing = saying("");
    let gateway = before(&closing);
    for method in ["GET", "POST"] {
        assert_failed(&gateway.connect().request(method, "/", &[], b""), 502, "upstream_closed");
    }
    assert_eq!(closing.accepted(), 2, "a fresh connection is not tried again");
    let half = before(&saying("HTTP/1.1 200 OK\r\ncontent-le")).get("/");
    assert_failed(&half, 502, "upstream_closed");
}

#[test]
fn garbage_from_an_upstream_is_502() {
    for garbage in [
        "garbage\r\n\r\n",
        "SSH-2.0-OpenSSH_9.9\r\n",
        "HTTP/9.9 200 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: nine\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx-nul: a\0b\r\n\r\n",
        "\0\0\0\0\0\0\0\0\0\r\n\r\n",
    ] {
        let upstream = saying(garbage);
        let gateway = before(&upstream);
        assert_failed(&gateway.get("/"), 502, "upstream_invalid");
        assert_failed(&gateway.connect().request("POST", "/", &[], b"body"), 502, "upstream_invalid");
    }
}

#[test]
fn an_answer_that_breaks_off_looks_broken() {
    for broken in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n8\r\nhalf",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\nnonsense\r\n",
    ] {
        let upstream = saying(broken);
        let mut gateway = before(&upstream);
        let mut client = gateway.connect();
        let head = client.head("GET", "/", &[("x-request-id", "broken")], 0);
        client.send(head).expect("it is sent");
        // Where the end comes at once, it may overtake even the head.
        let seen = client.closed();
        let whole = Answer::read(&mut &seen[..], false);
        assert!(whole.is_err(), "{broken:?} looks whole: {whole:?}");
        gateway.process.line("the request", |line| line["request_id"] == "broken");
        assert_eq!(
            gateway.scrape().value("gateway_client_disconnects_total", &[]),
            0.0,
            "it was not the client that left"
        );
    }
}

#[test]
fn a_stream_that_stalls_is_broken_off_and_one_that_goes_on_is_not() {
    let (go, going) = std::sync::mpsc::channel::<()>();
    let going = std::sync::Mutex::new(going);
    let stream = Upstream::new(move |exchange| {
        exchange.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n")?;
        // Until the test is over, or the gateway has given up.
        let _over = going.lock().expect("one request").recv();
        Ok(())
    });
    let gateway = timed(&stream, ", timeout: { idle: 300ms }");
    let mut client = gateway.connect();
    let began = Instant::now();
    assert!(client.try_request("GET", "/", &[], b"").is_err(), "the body breaks off");
    assert!(began.elapsed() >= Duration::from_millis(300));
    drop(go);
    tests::until("the upstream is let go", || (stream.open() == 0).then_some(()));
}

#[test]
fn informational_answers_are_passed_over() {
    let upstream = saying(
        "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfilms",
    );
    let answer = before(&upstream).get("/");
    assert_eq!((answer.status, answer.text().as_str(), answer.header("link")), (200, "films", None));
}

#[test]
fn a_reset_is_502_and_the_gateway_goes_on() {
    let upstream = Upstream::raw(|stream, number| {
        // What was sent and is not read makes the close a reset.
        if number < 5 {
            let _peeked = stream.peek(&mut [0]);
            let _reset = stream.shutdown(Shutdown::Write);
            return;
        }
        let mut stream = stream;
        read_head(&mut stream);
        let _gone = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    });
    let gateway = before(&upstream);
    let mut client = gateway.connect();
    for _ in 0..5 {
        assert_failed(&client.request("POST", "/", &[], &[b'x'; 1000]), 502, "upstream_closed");
    }
    assert_eq!(client.get("/").text(), "ok", "on the same connection");
}

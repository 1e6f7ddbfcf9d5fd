//! `Expect: 100-continue`: the upstream's 100 or its final answer decides, and nobody hangs.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use tests::client::Client;
use tests::gateway::Gateway;
use tests::upstream::Upstream;

use crate::before;

/// Sends the head of an upload whose body is held back.
fn announce(gateway: &Gateway) -> Client {
    let mut client = gateway.connect();
    let head = client.head("POST", "/", &[("expect", "100-continue"), ("content-length", "5")], 0);
    client.send(head).expect("it is sent");
    client
}

fn status(client: &mut Client) -> String {
    client.answer_head().expect("an answer").word(1).to_owned()
}

#[test]
fn a_body_is_asked_for_when_the_upstream_asks() {
    let (go, going) = std::sync::mpsc::channel();
    let going = std::sync::Mutex::new(going);
    let upstream = Upstream::new(move |exchange| {
        assert_eq!(exchange.head.header("expect"), Some("100-continue"));
        going.lock().expect("one request").recv().map_err(std::io::Error::other)?;
        exchange.write("HTTP/1.1 100 Continue\r\n\r\n")?;
        let body = exchange.body()?.bytes;
        exchange.answer(200, &[], &body)
    });
    let gateway = before(&upstream);
    for _ in 0..3 {
        let mut client = announce(&gateway);
        tests::until("the head has arrived", || (upstream.requests() > 0).then_some(()));
        assert!(client.is_open(), "the gateway says nothing by itself");
        go.send(()).expect("the upstream waits");
        assert_eq!(status(&mut client), "100");
        client.send("films").expect("it is open");
        assert_eq!(client.answer().expect("an answer").text(), "films");
        // The connection goes on.
        go.send(()).expect("the upstream waits");
        assert_eq!(client.request("POST", "/", &[("expect", "100-continue")], b"other").text(), "other");
    }
}

#[test]
fn a_final_answer_comes_without_the_body_having_been_asked_for() {
    for refusal in ["417 Expectation Failed", "401 Unauthorized", "200 OK"] {
        let upstream = Upstream::new(move |exchange| {
            exchange.write(format!("HTTP/1.1 {refusal}\r\ncontent-length: 2\r\n\r\nno"))?;
            // Nothing of a body comes, and then the end.
            let mut rest = Vec::new();
            exchange.stream.read_to_end(&mut rest)?;
            assert_eq!(rest, b"");
            Err(std::io::ErrorKind::UnexpectedEof.into())
        });
        let gateway = before(&upstream);
        let mut client = announce(&gateway);
        let answer = client.answer_head().expect("an answer");
        assert_eq!(answer.word(1), &refusal[..3]);
        assert_eq!(client.closed(), b"no", "what the client would send now could be a body or a request");
        tests::until("the upstream's end is closed", || (upstream.open() == 0).then_some(()));
    }
}

#[test]
fn an_upstream_that_never_asks_gets_the_body_anyway() {
    let upstream = Upstream::new(|exchange| {
        let body = exchange.body()?.bytes;
        exchange.answer(200, &[], &body)
    });
    let gateway = before(&upstream);
    let began = Instant::now();
    let mut client = announce(&gateway);
    assert_eq!(status(&mut client), "100");
    assert!(began.elapsed() >= Duration::from_millis(900), "{:?}", began.elapsed());
    client.send("films").expect("it is open");
    assert_eq!(client.answer().expect("an answer").text(), "films");
}

#[test]
fn a_client_that_does_not_wait_is_served_as_well() {
    let upstream = Upstream::new(|exchange| {
        exchange.stream.get_mut().flush()?;
        let body = exchange.body()?.bytes;
        exchange.answer(200, &[], &body)
    });
    let gateway = before(&upstream);
    let mut client = announce(&gateway);
    client.send("films").expect("it is open");
    assert_eq!(client.answer().expect("an answer").text(), "films");
}

#[test]
fn early_hints_are_dropped_and_their_answer_comes_whole() {
    let upstream = Upstream::new(|exchange| {
        exchange.write("HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n")?;
        exchange.answer(200, &[], b"films")
    });
    let gateway = before(&upstream);
    let mut client = gateway.connect();
    for _ in 0..2 {
        let answer = client.get("/");
        assert_eq!((answer.status, answer.header("link"), answer.text().as_str()), (200, None, "films"));
    }
}

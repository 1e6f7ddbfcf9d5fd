//! `Expect: 100-continue`: the upstream's 100, or its final answer, decides whether the client sends its body.

use std::io::{self, Read as _};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use tests::upstream::Upstream;

use crate::before;

const HEAD: &str = "POST / HTTP/1.1\r\nhost: a.test\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n";

#[test]
fn the_client_is_told_to_go_on_when_the_upstream_says_so_and_not_before() {
    let (say, told) = channel::<()>();
    let told = Mutex::new(told);
    let upstream = Upstream::new(move |exchange| {
        let _said = told.lock().expect("nobody panics").recv();
        exchange.write("HTTP/1.1 100 Continue\r\n\r\n")?;
        let body = exchange.body()?.bytes;
        exchange.answer(200, &[], &body)
    });
    let gateway = before(&upstream);
    let mut client = gateway.connect();
    for _ in 0..2 {
        let asked = upstream.requests();
        client.send(HEAD).expect("it is sent");
        tests::until("the head has arrived", || (upstream.requests() > asked).then_some(()));
        assert_eq!(upstream.head().header("expect"), Some("100-continue"));
        assert!(client.is_open(), "nobody has said anything");
        say.send(()).expect("the upstream waits");
        assert_eq!(client.answer_head().expect("it is told").word(1), "100");
        client.send("films").expect("it is sent");
        assert_eq!(client.answer().expect("it is answered").text(), "films");
    }
    assert_eq!(upstream.accepted(), 1, "the connection is used again");
}

#[test]
fn a_final_answer_reaches_the_client_in_place_of_100_and_its_body_is_never_asked_for() {
    let after: Arc<Mutex<Vec<u8>>> = Arc::default();
    let kept = after.clone();
    let upstream = Upstream::new(move |exchange| {
        exchange.write("HTTP/1.1 401 Unauthorized\r\ncontent-length: 4\r\n\r\nwho?")?;
        // Until the gateway closes it.
        exchange.stream.read_to_end(&mut kept.lock().expect("nobody panics"))?;
        Err(io::ErrorKind::ConnectionAborted.into())
    });
    let gateway = before(&upstream);
    let mut client = gateway.connect();
    client.send(HEAD).expect("it is sent");
    let head = client.answer_head().expect("it is answered");
    assert_eq!((head.word(1), head.header("connection")), ("401", Some("close")), "without a 100 before it");
    assert_eq!(client.closed(), b"who?");
    tests::until("the upstream is let go", || (upstream.open() == 0).then_some(()));
    assert_eq!(*after.lock().expect("nobody panics"), b"", "not a byte of a body went up");
}

#[test]
fn an_upstream_that_knows_nothing_of_100_gets_the_body_all_the_same() {
    let upstream = Upstream::new(|exchange| {
        let body = exchange.body()?.bytes;
        exchange.answer(200, &[], &body)
    });
    let gateway = before(&upstream);
    let mut client = gateway.connect();
    client.send(HEAD).expect("it is sent");
    assert_eq!(client.answer_head().expect("it is told").word(1), "100");
    client.send("films").expect("it is sent");
    assert_eq!(client.answer().expect("it is answered").text(), "films");
    assert_eq!(client.get("/").status, 200, "and the connection goes on");
}

//! Pooled connections: used again, and when the upstream has closed one just now, tried once more where that can do no harm.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, mpsc};

use tests::gateway::Gateway;
use tests::upstream::{Exchange, Upstream};

use crate::{assert_failed, before};

/// Answers the first request on each connection, and closes at later ones without a word, having read them.
fn forgetful() -> Upstream {
    Upstream::new(|exchange| {
        exchange.body()?;
        if exchange.number > 0 {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        exchange.answer(200, &[], b"films")
    })
}

fn retries(gateway: &Gateway) -> f64 {
    gateway.scrape().value("gateway_upstream_retries_total", &[("upstream", "films")])
}

#[test]
fn connections_are_used_again() {
    let upstream = Upstream::named("films");
    let gateway = before(&upstream);
    let mut client = gateway.connect();
    (0..100).for_each(|_| assert_eq!(client.get("/").status, 200));
    (0..20).for_each(|_| assert_eq!(gateway.get("/").status, 200));
    assert_eq!((upstream.accepted(), upstream.requests()), (1, 120));
}

#[test]
fn an_upload_with_trailers_gives_its_connection_back() {
    let upstream = Upstream::named("films");
    let gateway = before(&upstream);
    for _ in 0..10 {
        let mut client = gateway.connect();
        let head = client.head("POST", "/", &[("transfer-encoding", "chunked")], 0);
        client.send(head + "5\r\norder\r\n0\r\nx-sum: 1\r\n\r\n").expect("it is sent");
        assert_eq!(client.answer().expect("it is answered").status, 200);
    }
    assert_eq!((upstream.accepted(), upstream.requests()), (1, 10));
}

#[test]
fn a_connection_whose_upload_outlived_its_answer_ends_with_it() {
    let upstream = Upstream::new(|exchange| {
        exchange.write("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nearly")?;
        exchange.body().map(|_| ())
    });
    let gateway = before(&upstream);
    let mut client = gateway.connect();
    let head = client.head("POST", "/", &[], 10);
    client.send(head + "order").expect("it is sent");
    assert_eq!(client.answer().expect("it is answered").text(), "early");
    client.send("order").expect("it is sent");
    assert_eq!(client.get("/").text(), "early", "the client's connection goes on");
    tests::until("nobody keeps the upload's connection", || (upstream.open() <= 1).then_some(()));
    gateway.counted("nor counts it", |scrape| {
        scrape.value("gateway_upstream_connections", &[("upstream", "films"), ("state", "active")]) == 0.0
    });
}

#[test]
fn a_get_on_a_stale_connection_is_sent_once_more() {
    let upstream = forgetful();
    let gateway = before(&upstream);
    let mut client = gateway.connect();
    for (round, method) in ["GET", "HEAD", "OPTIONS", "DELETE", "PUT"].into_iter().enumerate() {
        assert_eq!(client.get("/").status, 200, "puts a connection into the pool");
        let answer = client.request(method, "/again", &[("x-kept", "yes"), ("cookie", "a=1")], b"");
        assert_eq!(answer.status, 200, "{method}");
        let (last, heads) = (upstream.head(), upstream.heads());
        assert_eq!((last.word(0), last.word(1), last.header("x-kept")), (method, "/again", Some("yes")));
        assert_eq!(last.headers, heads[heads.len() - 2].headers, "the same request");
        assert_eq!(retries(&gateway), round as f64 + 1.0);
        // The connection that answered is in the pool, and its next request is read and dropped: empty it.
        upstream.close_all();
        tests::until("the pool is empty", || (upstream.open() == 0).then_some(()));
    }
}

#[test]
fn what_may_have_been_done_is_not_sent_again() {
    let upstream = forgetful();
    let gateway = before(&upstream);
    let mut client = gateway.connect();
    for (method, body) in [("POST", &b"order"[..]), ("POST", b""), ("PATCH", b"x"), ("PUT", b"a body")] {
        assert_eq!(client.get("/").status, 200, "puts a connection into the pool");
        let before = upstream.requests();
        assert_failed(&client.request(method, "/", &[], body), 502, "upstream_closed");
        assert_eq!(upstream.requests() - before, 1, "{method} with {} bytes was delivered once", body.len());
    }
    assert_eq!(retries(&gateway), 0.0);
}

#[test]
fn it_is_never_sent_a_third_time() {
    let first = Arc::new(Mutex::new(true));
    let upstream = Upstream::new(move |exchange: &mut Exchange<'_>| {
        match std::mem::take(&mut *first.lock().expect("nobody panics")) {
            true => exchange.answer(200, &[], b"films"),
            false => Err(io::ErrorKind::ConnectionAborted.into()),
        }
    });
    let gateway = before(&upstream);
    let mut client = gateway.connect();
    assert_eq!(client.get("/").status, 200);
    assert_failed(&client.get("/"), 502, "upstream_closed");
    assert_eq!((upstream.requests(), upstream.accepted()), (3, 2));
}

#[test]
fn no_byte_of_an_answer_may_have_come() {
    let upstream = Upstream::new(|exchange| match exchange.number {
        0 => exchange.answer(200, &[], b"films"),
        _ => {
            exchange.write("HTTP/1.1 20")?;
            Err(io::ErrorKind::ConnectionAborted.into())
        }
    });
    let gateway = before(&upstream);
    let mut client = gateway.connect();
    assert_eq!(client.get("/").status, 200);
    assert_failed(&client.get("/"), 502, "upstream_closed");
    assert_eq!(upstream.requests(), 2);
}

#[test]
fn idle_connections_that_the_upstream_closes_cost_nobody_anything() {
    let upstream = Upstream::named("films");
    let gateway = before(&upstream);
    let mut client = gateway.connect();
    for round in 1..=50 {
        let answer = client.request("POST", "/", &[], b"order");
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(upstream.accepted(), round);
        upstream.close_all();
        tests::until("it is closed", || (upstream.open() == 0).then_some(()));
    }
    assert_eq!((upstream.requests(), retries(&gateway)), (50, 0.0));
    gateway.counted("closed connections leave the pool by themselves", |scrape| {
        scrape.value("gateway_upstream_connections", &[("upstream", "films")]) == 0.0
    });
}

/// Another answer, which nobody asked for.
const STOLEN: &str = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nstolen";

#[test]
fn what_an_upstream_says_beyond_its_answer_is_nobody_elses() {
    for (method, answer, expected) in [
        ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfilms", "films"),
        ("GET", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfilms\r\n0\r\n\r\n", "films"),
        ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", ""),
        ("HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", ""),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n", ""),
        ("GET", "HTTP/1.1 304 Not Modified\r\n\r\n", ""),
    ] {
        let upstream = Upstream::new(move |exchange| exchange.write([answer, STOLEN].concat()));
        let gateway = before(&upstream);
        let mut client = gateway.connect();
        for _ in 0..20 {
            assert_eq!(client.request(method, "/", &[], b"").text(), expected, "{answer}");
        }
        assert_eq!((upstream.accepted(), upstream.requests()), (20, 20), "{answer}: no connection is used again");
    }
}

#[test]
fn an_idle_connection_on_which_the_upstream_speaks_unasked_is_not_used_again() {
    let (heard, answered) = mpsc::channel();
    let answered = Mutex::new(answered);
    let upstream = Upstream::new(move |exchange| {
        exchange.answer(200, &[], b"films")?;
        answered.lock().expect("nobody panics").recv().map_err(io::Error::other)?;
        exchange.write(STOLEN)
    });
    let gateway = before(&upstream);
    let mut client = gateway.connect();
    for _ in 0..5 {
        assert_eq!(client.get("/").text(), "films");
        heard.send(()).expect("the upstream waits");
        tests::until("it is closed", || (upstream.open() == 0).then_some(()));
    }
    assert_eq!(retries(&gateway), 0.0);
}

#[test]
fn no_post_is_delivered_twice_by_an_upstream_that_closes_after_each_answer() {
    let delivered: Arc<Mutex<BTreeMap<String, usize>>> = Arc::default();
    let seen = delivered.clone();
    let upstream = Upstream::new(move |exchange| {
        let id = exchange.head.header("x-request-id").unwrap_or_default().to_owned();
        *seen.lock().expect("nobody panics").entry(id).or_default() += 1;
        exchange.answer(201, &[], b"done")?;
        // It said nothing of closing.
        Err(io::ErrorKind::ConnectionAborted.into())
    });
    let gateway = before(&upstream);
    let mut client = gateway.connect();
    let answered: Vec<_> = (0..500)
        .map(|order| client.request("POST", "/", &[("x-request-id", &order.to_string())], b"order").status)
        .collect();
    let delivered = delivered.lock().expect("nobody panics");
    assert!(delivered.values().all(|count| *count == 1), "{delivered:?}");
    for (order, status) in answered.iter().enumerate() {
        let done = delivered.contains_key(&order.to_string());
        assert!(*status == 201 && done || *status == 502, "order {order}: {status}, done: {done}");
    }
    assert!(
        answered.iter().filter(|status| **status == 201).count() > 250,
        "most connections are found closed in time"
    );
}

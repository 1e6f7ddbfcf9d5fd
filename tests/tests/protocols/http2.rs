//! What an HTTP/2 request becomes behind the gateway, and how its connection lives and ends.

use std::io::Read as _;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderMap;
use tests::gateway::Setup;
use tests::upstream::Upstream;
use tests::{until, wire};

use crate::stream::{Whole, ask, connect, next, request, run, whole};
use crate::{memory, rest, with};

const MIB: usize = 1 << 20;

fn header<'a>(answer: &'a Whole, name: &str) -> Option<&'a str> {
    answer.head.headers().get(name).and_then(|value| value.to_str().ok())
}

#[test]
fn a_request_goes_up_in_http1_with_its_authority_as_host() {
    let upstream = Upstream::named("films");
    let gateway = with(&[], &upstream);
    let headers = [("x-a", "1"), ("te", "trailers"), ("cookie", "a=1"), ("cookie", "b=2; c=3")];
    let answer = run(async {
        let (mut sender, _) = connect(gateway.address).await;
        ask(&mut sender, request("GET", "/films%2f7?a=1&b=%20", &headers)).await.expect("an answer")
    });
    assert_eq!((answer.head.status().as_u16(), &answer.body[..]), (200, &b"films"[..]));
    assert_eq!((header(&answer, "x-served-by"), header(&answer, "content-length")), (Some("films"), Some("5")));
    let head = upstream.head();
    assert_eq!(head.first, "GET /films%2f7?a=1&b=%20 HTTP/1.1");
    assert_eq!(head.all("host"), ["films.example"]);
    assert_eq!(head.all("x-forwarded-host"), ["films.example"]);
    assert_eq!(head.all("x-forwarded-proto"), ["http"]);
    assert_eq!(head.all("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(head.all("cookie"), ["a=1; b=2; c=3"]);
    assert_eq!(head.all("te"), ["trailers"]);
    assert_eq!(head.all("x-a"), ["1"]);
    assert_eq!(head.framing(wire::Framing::None), wire::Framing::None, "{head:?}");
}

#[test]
fn a_host_has_to_be_the_authority() {
    let upstream = Upstream::named("films");
    let gateway = with(&[], &upstream);
    let statuses = run(async {
        let (mut sender, _) = connect(gateway.address).await;
        let mut statuses = Vec::new();
        for host in ["films.example", "FILMS.example", "other.example", "films.example:81"] {
            let answer = ask(&mut sender, request("GET", "/", &[("host", host)])).await.expect("an answer");
            statuses.push((answer.head.status().as_u16(), header(&answer, "x-gateway-error").map(str::to_owned)));
        }
        statuses
    });
    let refused = (400, Some("bad_host".to_owned()));
    assert_eq!(statuses, [(200, None), (200, None), refused.clone(), refused]);
    assert_eq!(upstream.requests(), 2);
    assert_eq!(upstream.head().all("host"), ["films.example"]);
}

#[test]
fn what_belongs_to_http1_does_not_come_down() {
    let upstream = Upstream::new(|exchange| {
        exchange.write("HTTP/1.1 200 OK\r\nconnection: x-hop\r\nx-hop: 1\r\nkeep-alive: timeout=5\r\nproxy-connection: a\r\nupgrade: h2c\r\ntransfer-encoding: chunked\r\nx-b: 2\r\n\r\n5\r\nfilms\r\n0\r\n\r\n")
    });
    let gateway = with(&[], &upstream);
    let answer = run(async {
        let (mut sender, _) = connect(gateway.address).await;
        ask(&mut sender, request("GET", "/", &[])).await.expect("an answer")
    });
    assert_eq!((&answer.body[..], header(&answer, "x-b")), (&b"films"[..], Some("2")));
    for gone in ["connection", "x-hop", "keep-alive", "proxy-connection", "upgrade", "transfer-encoding"] {
        assert_eq!(header(&answer, gone), None, "{gone}");
    }
}

#[test]
fn trailers_pass_both_ways() {
    let (seen, saw) = channel();
    let upstream = Upstream::new(move |exchange| {
        let _nobody = seen.send(exchange.body()?);
        exchange.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n5\r\nfilms\r\n0\r\nx-sum: 7\r\n\r\n")
    });
    let gateway = with(&[], &upstream);
    let answer = run(async {
        let (mut sender, _) = connect(gateway.address).await;
        // In HTTP/1.1 those trailers go up that were announced.
        let head = request("POST", "/", &[("trailer", "x-count"), ("te", "trailers")]);
        let (answer, mut body) = sender.send_request(head, false).expect("it is open");
        body.send_data(Bytes::from_static(b"a film"), false).expect("it is open");
        let mut trailers = HeaderMap::new();
        trailers.insert("x-count", "1".parse().expect("a value"));
        body.send_trailers(trailers).expect("it is open");
        whole(answer).await.expect("an answer")
    });
    let body = saw.recv().expect("a request");
    assert_eq!((&body.bytes[..], wire::first(&body.trailers, "x-count")), (&b"a film"[..], Some("1")));
    assert_eq!(answer.trailers.expect("trailers")["x-sum"], "7");
}

#[test]
fn a_body_of_unknown_length_passes_whatever_the_method() {
    let upstream = Upstream::new(|exchange| {
        let body = exchange.body()?.bytes;
        exchange.answer(200, &[], &body)
    });
    let gateway = with(&[], &upstream);
    for method in ["GET", "POST", "DELETE", "OPTIONS"] {
        let answer = run(async {
            let (mut sender, _) = connect(gateway.address).await;
            let (answer, mut body) = sender.send_request(request(method, "/", &[]), false).expect("it is open");
            body.send_data(Bytes::from_static(b"a film"), true).expect("it is open");
            whole(answer).await.expect("an answer")
        });
        assert_eq!(&answer.body[..], b"a film", "{method}");
        assert_eq!(upstream.head().all("transfer-encoding"), ["chunked"], "{method}");
    }
}

#[test]
fn answers_without_a_body_have_none() {
    let upstream = Upstream::new(|exchange| match exchange.head.word(1) {
        "/204" => exchange.write("HTTP/1.1 204 No Content\r\n\r\n"),
        "/304" => exchange.write("HTTP/1.1 304 Not Modified\r\netag: \"a\"\r\n\r\n"),
        _ => exchange.answer(200, &[], b"films"),
    });
    let gateway = with(&[], &upstream);
    run(async {
        let (mut sender, _) = connect(gateway.address).await;
        for (method, path, status) in [("HEAD", "/", 200), ("GET", "/204", 204), ("GET", "/304", 304)] {
            let answer = ask(&mut sender, request(method, path, &[])).await.expect("an answer");
            assert_eq!((answer.head.status().as_u16(), answer.body.len()), (status, 0), "{path}");
        }
    });
}

#[test]
fn streams_don_t_wait_for_each_other() {
    let (go, going) = channel::<()>();
    let going = Mutex::new(going);
    let upstream = Upstream::new(move |exchange| {
        if exchange.head.word(1) == "/slow" {
            let _ended = going.lock().expect("one of them").recv();
        }
        exchange.answer(200, &[], b"films")
    });
    let gateway = with(&[], &upstream);
    run(async {
        let (mut sender, _) = connect(gateway.address).await;
        let (slow, _) = sender.send_request(request("GET", "/slow", &[]), true).expect("it is open");
        for _ in 0..10 {
            assert_eq!(ask(&mut sender, request("GET", "/", &[])).await.expect("an answer").head.status(), 200);
        }
        let scrape = gateway.scrape();
        assert_eq!(scrape.value("gateway_requests_in_flight", &[]), 1.0);
        assert_eq!(scrape.value("gateway_client_connections", &[]), 1.0);
        drop(go);
        assert_eq!(whole(slow).await.expect("an answer").body, b"films");
    });
    let scrape = gateway.counted("all have ended", |scrape| scrape.value("gateway_client_connections", &[]) == 0.0);
    assert_eq!(scrape.value("gateway_requests_total", &[("route", "all"), ("code", "2xx")]), 11.0);
    assert_eq!(scrape.value("gateway_requests_in_flight", &[]), 0.0);
}

#[test]
fn each_stream_has_time_limits_of_its_own() {
    let upstream = Upstream::new(|exchange| match exchange.head.word(1) {
        "/silent" => Ok(exchange.stream.read_to_end(&mut Vec::new()).map(|_| ())?),
        _ => exchange.answer(200, &[], b"films"),
    });
    let rest = rest(&upstream, ", timeout: { first_byte: 400ms }");
    let gateway = Setup::with(&["workers: 1"], &rest).start();
    run(async {
        let (mut sender, _) = connect(gateway.address).await;
        let began = Instant::now();
        let silent: Vec<_> =
            (0..5).map(|_| sender.send_request(request("GET", "/silent", &[]), true).expect("it is open").0).collect();
        assert_eq!(ask(&mut sender, request("GET", "/", &[])).await.expect("an answer").head.status(), 200);
        for answer in silent {
            let answer = whole(answer).await.expect("an answer");
            assert_eq!(
                (answer.head.status().as_u16(), header(&answer, "x-gateway-error")),
                (504, Some("upstream_timeout"))
            );
        }
        assert!(began.elapsed() >= Duration::from_millis(400), "{:?}", began.elapsed());
    });
}

#[test]
fn a_stream_that_is_reset_leaves_its_upstream_at_once_and_the_connection_goes_on() {
    let upstream = Upstream::new(|exchange| match exchange.head.word(1) {
        "/silent" => Ok(exchange.stream.read_to_end(&mut Vec::new()).map(|_| ())?),
        _ => exchange.answer(200, &[], b"films"),
    });
    let gateway = with(&[], &upstream);
    run(async {
        let (mut sender, _) = connect(gateway.address).await;
        let (answer, mut stream) = sender.send_request(request("GET", "/silent", &[]), true).expect("it is open");
        // A second stream, so that something moves the first request on while this thread waits.
        ask(&mut sender, request("GET", "/", &[])).await.expect("an answer");
        until("both have arrived", || (upstream.requests() == 2).then_some(()));
        stream.send_reset(h2::Reason::CANCEL);
        drop(answer);
        assert_eq!(ask(&mut sender, request("GET", "/", &[])).await.expect("an answer").head.status(), 200);
    });
    until("the upstream is told", || (upstream.open() <= 1).then_some(()));
    let scrape =
        gateway.counted("it is counted", |scrape| scrape.value("gateway_client_disconnects_total", &[]) == 1.0);
    assert_eq!(scrape.value("gateway_requests_total", &[("route", "all"), ("code", "4xx")]), 1.0, "499");
}

#[test]
fn an_upload_that_is_given_up_does_not_look_whole() {
    let (seen, saw) = channel();
    let upstream = Upstream::new(move |exchange| {
        let mut pieces = 0;
        let end = loop {
            match wire::read_chunk(exchange.stream) {
                Ok(Some(_)) => pieces += 1,
                Ok(None) => break "whole",
                Err(_) => break "broken",
            }
        };
        let _nobody = seen.send((pieces > 0, end));
        Err(std::io::ErrorKind::BrokenPipe.into())
    });
    let gateway = with(&[], &upstream);
    for (before, reason) in [h2::Reason::CANCEL, h2::Reason::NO_ERROR].into_iter().enumerate() {
        run(async {
            let (mut sender, _) = connect(gateway.address).await;
            let (_answer, mut body) = sender.send_request(request("POST", "/", &[]), false).expect("it is open");
            body.send_data(Bytes::from_static(b"half a film"), false).expect("it is open");
            // Another request's answer says that all of this has been sent.
            ask(&mut sender, request("GET", "/own", &[])).await.expect("an answer");
            until("the upload has begun", || (upstream.requests() > before).then_some(()));
            body.send_reset(reason);
            ask(&mut sender, request("GET", "/own", &[])).await.expect("an answer");
        });
        assert_eq!(saw.recv().expect("a request").1, "broken", "{reason:?}");
    }
    gateway.counted("both are counted", |scrape| scrape.value("gateway_client_disconnects_total", &[]) == 2.0);
}

#[test]
fn large_bodies_stream_both_ways_and_memory_stays_flat() {
    let upstream = Upstream::new(|exchange| {
        if exchange.head.word(0) == "POST" {
            let mut count = 0;
            while let Some(chunk) = wire::read_chunk(exchange.stream)? {
                count += chunk.len();
            }
            exchange.stream.read_exact(&mut [0; 2])?;
            let text = count.to_string();
            return exchange.write(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}", text.len()));
        }
        exchange.write(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", 64 * MIB))?;
        (0..64).try_for_each(|_| exchange.write(vec![7; MIB]))
    });
    let gateway = with(&[], &upstream);
    let before = memory(&gateway);
    run(async {
        let (mut sender, _) = connect(gateway.address).await;
        let (answer, _) = sender.send_request(request("GET", "/", &[]), true).expect("it is open");
        let (mut body, mut count) = (answer.await.expect("an answer").into_body(), 0);
        while let Some(piece) = next(&mut body).await.expect("it goes on") {
            count += piece.len();
        }
        assert_eq!(count, 64 * MIB);
        let (answer, mut upload) = sender.send_request(request("POST", "/", &[]), false).expect("it is open");
        for _ in 0..64 {
            let mut left = Bytes::from(vec![7; MIB]);
            while !left.is_empty() {
                upload.reserve_capacity(left.len());
                let room = std::future::poll_fn(|cx| upload.poll_capacity(cx)).await;
                let room = room.expect("it is open").expect("it goes on");
                upload.send_data(left.split_to(room.min(left.len())), false).expect("it is open");
            }
        }
        upload.send_data(Bytes::new(), true).expect("it is open");
        assert_eq!(whole(answer).await.expect("an answer").body, (64 * MIB).to_string().as_bytes());
    });
    let grown = memory(&gateway).saturating_sub(before);
    println!("64 MiB down and up: {} KiB more", grown / 1024);
    assert!(grown < 16 * MIB, "{} MiB more", grown / MIB);
}

#[test]
fn a_head_that_is_too_large_is_431() {
    let upstream = Upstream::named("films");
    let gateway = with(&[], &upstream);
    let long = "x".repeat(16 * 1024);
    run(async {
        let (mut sender, _) = connect(gateway.address).await;
        let large = request("GET", "/", &[("a", &long), ("b", &long), ("c", &long), ("d", &long), ("e", &long)]);
        assert_eq!(ask(&mut sender, large).await.expect("an answer").head.status(), 431);
        let fits = request("GET", "/", &[("a", &long), ("b", &long)]);
        assert_eq!(ask(&mut sender, fits).await.expect("an answer").head.status(), 200);
    });
    assert_eq!(upstream.requests(), 1);
}

#[test]
fn an_idle_connection_is_closed_and_a_busy_one_is_not() {
    let (go, going) = channel::<()>();
    let going = Mutex::new(going);
    let upstream = Upstream::new(move |exchange| {
        let _ended = going.lock().expect("one of them").recv();
        exchange.answer(200, &[], b"films")
    });
    let gateway = with(&["timeout: { keepalive: 300ms }"], &upstream);
    run(async {
        let (mut busy, _) = connect(gateway.address).await;
        let (slow, _) = busy.send_request(request("GET", "/", &[]), true).expect("it is open");
        let (mut idle, ended) = connect(gateway.address).await;
        assert_eq!(ask(&mut idle, request("GET", "/own", &[])).await.expect("an answer").body, b"hello");
        ended.await.expect("a task").expect("it ends without an error");
        drop(go);
        assert_eq!(whole(slow).await.expect("an answer").body, b"films");
    });
}

#[test]
fn a_drain_lets_streams_in_flight_finish_and_takes_no_others() {
    let (go, going) = channel::<()>();
    let going = Arc::new(Mutex::new(going));
    let upstream = Upstream::new(move |exchange| {
        let _ended = going.lock().expect("one of them").recv();
        exchange.answer(200, &[], b"films")
    });
    let mut gateway = with(&["drain: 20s"], &upstream);
    run(async {
        let (mut sender, ended) = connect(gateway.address).await;
        let (slow, _) = sender.send_request(request("GET", "/", &[]), true).expect("it is open");
        let (_idle, idle_ended) = connect(gateway.address).await;
        while upstream.requests() == 0 {
            tokio::task::yield_now().await;
        }
        gateway.process.terminate();
        idle_ended.await.expect("a task").expect("an idle connection ends at once, and without an error");
        // GOAWAY was heard: nothing new is begun.
        while sender.send_request(request("GET", "/own", &[]), true).is_ok() {
            tokio::task::yield_now().await;
        }
        drop(go);
        assert_eq!(whole(slow).await.expect("an answer").body, b"films");
        ended.await.expect("a task").expect("it ends without an error");
    });
    assert!(gateway.process.ended().success());
}

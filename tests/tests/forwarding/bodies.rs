//! Bodies byte for byte, however they are framed.

use tests::http::Answer;
use tests::upstream::Upstream;

use crate::{before, bytes};

/// Sends back what it is sent.
fn echo() -> Upstream {
    Upstream::new(|exchange| {
        let body = exchange.body()?.bytes;
        exchange.answer(200, &[], &body)
    })
}

/// A body in chunks of all sizes.
fn chunked(body: &[u8]) -> Vec<u8> {
    let mut framed = Vec::new();
    let (mut rest, mut size) = (body, 1);
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(size.min(rest.len()));
        framed.extend(format!("{:x}\r\n", chunk.len()).as_bytes());
        framed.extend([chunk, b"\r\n"].concat());
        (rest, size) = (after, size * 3);
    }
    [&framed[..], b"0\r\n\r\n"].concat()
}

#[test]
fn bodies_pass_byte_for_byte_both_ways() {
    let upstream = echo();
    let gateway = before(&upstream);
    let mut client = gateway.connect();
    for size in [0, 1, 2, 255, 4095, 65_536, 100_003, 3_000_000] {
        let body = bytes(size);
        let answer = client.request("POST", "/", &[], &body);
        assert!(answer.status == 200 && answer.body == body, "{size} bytes with a length");
        assert_eq!(answer.header("content-length"), Some(size.to_string().as_str()));

        let head = client.head("PUT", "/", &[("transfer-encoding", "chunked")], 0);
        client.send([head.as_bytes(), &chunked(&body)].concat()).expect("it is sent");
        let answer = client.answer().expect("it is answered");
        assert!(answer.status == 200 && answer.body == body, "{size} bytes in chunks");
        assert_eq!(upstream.head().all("transfer-encoding"), ["chunked"]);
        assert_eq!(upstream.head().header("content-length"), None);
    }
    assert_eq!(upstream.accepted(), 1, "all of them on one connection");
}

#[test]
fn answers_in_chunks_pass_and_so_do_those_that_end_with_the_connection() {
    let body = bytes(200_000);
    let sent = body.clone();
    let upstream = Upstream::new(move |exchange| match exchange.head.word(1) {
        "/chunks" => {
            exchange.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
            exchange.write(chunked(&sent))
        }
        _ => {
            exchange.write([b"HTTP/1.0 200 OK\r\n\r\n", &sent[..]].concat())?;
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
    });
    let gateway = before(&upstream);
    let mut client = gateway.connect();
    for path in ["/chunks", "/close", "/chunks", "/close"] {
        let answer = client.get(path);
        assert!(answer.status == 200 && answer.body == body, "{path}: {} bytes", answer.body.len());
        assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
    }
}

#[test]
fn trailers_pass_both_ways() {
    let upstream = Upstream::new(|exchange| {
        let sum = exchange.body()?.trailers;
        let sum = tests::wire::first(&sum, "x-sum").unwrap_or("none").to_owned();
        exchange.write(format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-back\r\n\r\n3\r\nabc\r\n0\r\nx-back: {sum}\r\n\r\n"
        ))
    });
    let gateway = before(&upstream);
    let mut client = gateway.connect();
    let head =
        client.head("POST", "/", &[("transfer-encoding", "chunked"), ("trailer", "x-sum"), ("te", "trailers")], 0);
    client.send(head + "2\r\nhi\r\n0\r\nx-sum: 42\r\n\r\n").expect("it is sent");
    let answer = client.answer().expect("it is answered");
    assert_eq!((answer.text().as_str(), answer.header("trailer")), ("abc", Some("x-back")));
    assert_eq!(answer.trailers, [("x-back".to_owned(), "42".to_owned())]);
    assert_eq!((upstream.head().header("te"), upstream.head().header("trailer")), (Some("trailers"), Some("x-sum")));
    assert_eq!(
        answer.header("connection"),
        Some("close"),
        "where trailers end is uncertain, and nothing is read after them"
    );
}

#[test]
fn head_and_answers_that_have_no_body_have_none() {
    let upstream = Upstream::new(|exchange| match exchange.head.word(1) {
        "/204" => exchange.write("HTTP/1.1 204 No Content\r\nx-a: 1\r\n\r\n"),
        "/304" => exchange.write("HTTP/1.1 304 Not Modified\r\netag: \"7\"\r\ncontent-length: 1234\r\n\r\n"),
        "/chunks" => exchange.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
        _ => exchange.answer(200, &[("etag", "\"7\"")], b"a body of 20 bytes..."),
    });
    let gateway = before(&upstream);
    let mut client = gateway.connect();
    let with = |answer: &Answer, header: &str| answer.header(header).map(str::to_owned);
    for _ in 0..3 {
        let head = client.request("HEAD", "/", &[], b"");
        assert_eq!((head.status, with(&head, "content-length").as_deref(), head.body.len()), (200, Some("21"), 0));
        let head = client.request("HEAD", "/chunks", &[], b"");
        assert_eq!((head.status, with(&head, "content-length"), head.body.len()), (200, None, 0));
        let empty = client.get("/204");
        assert_eq!((empty.status, empty.header("x-a"), with(&empty, "content-length")), (204, Some("1"), None));
        let same = client.get("/304");
        assert_eq!((same.status, same.header("etag"), same.body.len()), (304, Some("\"7\""), 0));
        assert_eq!(client.get("/").body.len(), 21);
    }
    assert_eq!(upstream.accepted(), 1, "after each of them the connection was good");
}

#[test]
fn an_answer_may_come_before_the_request_has_ended() {
    let upstream = Upstream::new(|exchange| {
        exchange.write("HTTP/1.1 413 Too Large\r\ncontent-length: 4\r\n\r\nfull")?;
        exchange.body().map(|_| ())
    });
    let gateway = before(&upstream);
    let mut client = gateway.connect();
    let head = client.head("POST", "/", &[], 1000);
    client.send(head + "the first bytes").expect("it is sent");
    let answer = client.answer().expect("it is answered");
    assert_eq!((answer.status, answer.text().as_str()), (413, "full"));
    assert_eq!(gateway.get("/").status, 413, "others are not held up");
}

#[test]
fn expect_continue_neither_hangs_nor_loses_the_body() {
    let upstream = echo();
    let gateway = before(&upstream);
    let mut client = gateway.connect();
    for body in ["a", "a longer one"] {
        let head = client.head("POST", "/", &[("expect", "100-continue")], body.len());
        client.send(head).expect("it is sent");
        assert_eq!(client.answer_head().expect("an answer comes").word(1), "100");
        client.send(body).expect("it is sent");
        assert_eq!(client.answer().expect("it is answered").text(), body);
    }
    // Clients may send it all at once.
    let answer = client.request("POST", "/", &[("expect", "100-continue")], b"all at once");
    assert_eq!((answer.status, answer.text().as_str()), (200, "all at once"));
}

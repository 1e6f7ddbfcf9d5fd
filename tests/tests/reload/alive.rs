//! What an edit must not touch: pools of upstreams that it left alone, requests in flight, streams, WebSockets.

use std::io::{self, Write as _};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::mpsc::channel;

use tests::gateway::{Setup, file};
use tests::upstream::Upstream;
use tests::wire;
use tungstenite::Message;

use crate::Sides;

/// What replaces a file in the middle of something: the upstream is gone from it.
fn without(other: &Upstream) -> String {
    file(
        &["workers: 1"],
        &format!("upstreams: {{ other: \"{}\" }}\nroutes: [{{ name: other, path: /, to: other }}]\n", other.url()),
    )
}

#[test]
fn pools_of_upstreams_that_an_edit_leaves_alone_are_kept() {
    let sides = Sides::new();
    let file = |percent, more: &str| {
        let text = sides.file(percent).replace("workers: 2", "workers: 1");
        let long = format!("{{ url: \"{}\"{more} }}", sides.monolith.url());
        text.replace(&format!("\"{}\"", sides.monolith.url()), &long)
    };
    let gateway = Setup::of(file(50, "")).start();
    let mut client = gateway.connect();
    for edit in 0..20 {
        (0..10).for_each(|_| assert_eq!(client.get("/").status, 200));
        gateway.edit(&file(30 + edit, ""));
    }
    assert_eq!((sides.movies.accepted(), sides.monolith.accepted()), (1, 1));
    gateway.edit(&file(50, ", timeout: 7s"));
    (0..10).for_each(|_| assert_eq!(client.get("/").status, 200));
    assert_eq!((sides.movies.accepted(), sides.monolith.accepted()), (1, 2), "only its own pool is made anew");
    tests::until("the old pool's connection is closed", || (sides.monolith.open() == 1).then_some(()));
    assert_eq!(sides.movies.open(), 1);
}

#[test]
fn a_request_in_flight_keeps_the_table_that_it_began_with() {
    let (other, sides) = (Upstream::named("other"), Sides::new());
    let (go, going) = channel();
    let going = Mutex::new(going);
    let slow = Upstream::new(move |exchange| {
        going.lock().expect("one request").recv().map_err(io::Error::other)?;
        exchange.answer(200, &[], b"slow")
    });
    let rest = format!("upstreams: {{ slow: \"{}\" }}\nroutes: [{{ name: slow, path: /, to: slow }}]\n", slow.url());
    let gateway = Setup::with(&["workers: 1"], &rest).start();
    let mut client = gateway.connect();
    let head = client.head("POST", "/", &[], 4);
    client.send(head + "da").expect("the head goes out");
    tests::until("the request has arrived", || (slow.requests() == 1).then_some(()));
    gateway.edit(&without(&other));
    gateway.edit(&sides.file(0));
    client.send("ta").expect("the connection is open");
    go.send(()).expect("the upstream waits");
    let answer = client.answer().expect("the request is answered");
    assert_eq!((answer.text().as_str(), answer.header("x-table-generation")), ("slow", Some("1")));
    let next = client.get("/");
    assert_eq!(
        (next.text().as_str(), next.header("x-table-generation")),
        ("monolith", Some("3")),
        "on the same connection"
    );
    tests::until("the upstream that is no more is let go", || (slow.open() == 0).then_some(()));
}

#[test]
fn a_download_lives_on_across_edits() {
    let (other, sides) = (Upstream::named("other"), Sides::new());
    let (go, going) = channel::<&str>();
    let going = Mutex::new(going);
    let stream = Upstream::new(move |exchange| {
        exchange.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
        for piece in going.lock().expect("one request").iter() {
            exchange.write(format!("{:x}\r\n{piece}\r\n", piece.len()))?;
        }
        exchange.write("0\r\n\r\n")
    });
    let rest =
        format!("upstreams: {{ stream: \"{}\" }}\nroutes: [{{ name: stream, path: /, to: stream }}]\n", stream.url());
    let gateway = Setup::with(&["workers: 1"], &rest).start();
    let mut client = gateway.connect();
    let head = client.head("GET", "/", &[], 0);
    client.send(head).expect("the head goes out");
    assert_eq!(client.answer_head().expect("an answer begins").word(1), "200");
    for (piece, next) in [("one", without(&other)), ("two", sides.file(0)), ("three", without(&other))] {
        go.send(piece).expect("the upstream waits");
        let chunk = wire::read_chunk(client.reader()).expect("the stream goes on");
        assert_eq!(chunk.as_deref(), Some(piece.as_bytes()));
        gateway.edit(&next);
    }
    drop(go);
    assert_eq!(wire::read_chunk(client.reader()).expect("the stream ends well"), None);
}

#[test]
fn a_websocket_lives_on_across_edits() {
    let (other, sides) = (Upstream::named("other"), Sides::new());
    let echo = Upstream::raw(|stream, _| {
        let mut socket = tungstenite::accept(stream).expect("a handshake");
        while let Ok(message) = socket.read() {
            if message.is_text() && socket.send(message).is_err() {
                return;
            }
        }
    });
    let rest = format!("upstreams: {{ echo: \"{}\" }}\nroutes: [{{ name: echo, path: /, to: echo }}]\n", echo.url());
    let gateway = Setup::with(&["workers: 1"], &rest).start();
    let stream = TcpStream::connect(gateway.address).expect("the gateway listens");
    let (mut socket, answer) =
        tungstenite::client(format!("ws://{}/chat", gateway.address), stream).expect("a WebSocket");
    assert_eq!(answer.headers()["x-table-generation"], "1");
    for (number, next) in [without(&other), sides.file(0), without(&other)].iter().enumerate() {
        let message = Message::text(format!("message {number}"));
        socket.send(message.clone()).expect("the tunnel is open");
        assert_eq!(socket.read().expect("the tunnel is open"), message);
        gateway.edit(next);
    }
    assert_eq!(echo.open(), 1);
    socket.close(None).and_then(|()| socket.flush()).expect("the tunnel is open");
    socket.get_mut().flush().expect("the tunnel is open");
    tests::until("the other end notices", || (echo.open() == 0).then_some(()));
}

//! WebSockets pass, and no other upgrade does.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use tests::gateway::{Gateway, Setup};
use tests::upstream::Upstream;
use tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};
use tungstenite::{Message, WebSocket};

use crate::{assert_failed, before, bytes, timed};

/// Sends every message back.
fn echo() -> Upstream {
    Upstream::raw(|stream, _| {
        let mut socket = tungstenite::accept(stream).expect("a handshake");
        while let Ok(message) = socket.read() {
            if (message.is_text() || message.is_binary()) && socket.send(message).is_err() {
                return;
            }
        }
    })
}

fn open(gateway: &Gateway) -> WebSocket<TcpStream> {
    let stream = TcpStream::connect(gateway.address).expect("the gateway listens");
    let (socket, answer) =
        tungstenite::client(format!("ws://{}/chat?room=7", gateway.address), stream).expect("a WebSocket");
    assert_eq!(answer.status(), 101);
    assert_eq!(answer.headers()["x-served-by"], "films");
    socket
}

#[test]
fn a_websocket_passes_both_ways() {
    let upstream = echo();
    let mut gateway = before(&upstream);
    let mut socket = open(&gateway);
    for message in
        [Message::text("films"), Message::binary(bytes(200_000)), Message::text(""), Message::text("\u{1f3ac}")]
    {
        socket.send(message.clone()).expect("the tunnel is open");
        assert_eq!(socket.read().expect("the tunnel is open"), message);
    }
    let scrape = gateway.scrape();
    assert_eq!(scrape.value("gateway_requests_in_flight", &[]), 1.0, "a tunnel is in flight");
    let close = CloseFrame { code: CloseCode::Normal, reason: "done".into() };
    socket.close(Some(close.clone())).expect("the tunnel is open");
    assert_eq!(socket.read().expect("the close is answered"), Message::Close(Some(close)));
    drop(socket);
    tests::until("the upstream's end is closed", || (upstream.open() == 0).then_some(()));
    let scrape = gateway.counted("it has ended", |scrape| scrape.value("gateway_requests_in_flight", &[]) == 0.0);
    assert_eq!(scrape.value("gateway_requests_total", &[("route", "all"), ("code", "1xx")]), 1.0);
    gateway.process.line("the request", |line| line["status"] == 101);
}

#[test]
fn an_open_websocket_is_one_of_its_clients_connections() {
    let upstream = echo();
    let rest =
        format!("upstreams: {{ films: \"{}\" }}\nroutes: [{{ name: all, path: /, to: films }}]\n", upstream.url());
    let gateway = Setup::with(&["workers: 1", "limits: { connections: 1 }"], &rest).start();
    let mut socket = open(&gateway);
    assert_eq!(gateway.connect().closed(), b"", "there is no room beside it");
    socket.send(Message::text("films")).expect("the tunnel is open");
    assert_eq!(socket.read().expect("the tunnel is open"), Message::text("films"));
    assert_eq!(gateway.scrape().value("gateway_client_connections", &[]), 1.0);
    drop(socket);
    gateway.counted("it has left", |scrape| scrape.value("gateway_client_connections", &[]) == 0.0);
    drop(open(&gateway));
}

#[test]
fn a_tunnel_waits_for_whoever_is_slow_and_passes_on_each_end() {
    const MUCH: usize = 8 << 20;
    let upstream = Upstream::raw(|stream, _| {
        let mut stream = tungstenite::accept(stream).expect("a handshake").into_inner();
        stream.write_all(&bytes(MUCH)).expect("the tunnel is open");
        let mut came = Vec::new();
        stream.read_to_end(&mut came).expect("the client's end is passed on");
        assert!(came == bytes(MUCH), "{} bytes came up", came.len());
        stream.write_all(b"all of it").expect("the tunnel is open this way");
    });
    let gateway = before(&upstream);
    let mut down = open(&gateway).into_inner();
    let mut up = down.try_clone().expect("a socket");
    // The upstream reads nothing until all that it has to say was taken.
    let sending = std::thread::spawn(move || {
        up.write_all(&bytes(MUCH)).expect("the tunnel is open");
        up.shutdown(Shutdown::Write).expect("the tunnel is open");
    });
    let mut came = Vec::new();
    down.read_to_end(&mut came).expect("the upstream's end is passed on");
    sending.join().expect("all was sent");
    let (first, last) = came.split_at(MUCH);
    assert!(first == bytes(MUCH), "as it was sent");
    assert_eq!(String::from_utf8_lossy(last), "all of it");
}

#[test]
fn either_end_of_a_websocket_may_leave() {
    let upstream = echo();
    let gateway = before(&upstream);
    let socket = open(&gateway);
    drop(socket);
    tests::until("the upstream's end is closed", || (upstream.open() == 0).then_some(()));
    let mut socket = open(&gateway);
    upstream.close_all();
    assert!(socket.read().is_err(), "the client's end is closed");
}

#[test]
fn a_websocket_that_nothing_passes_on_is_closed_after_idle() {
    let upstream = echo();
    let gateway = timed(&upstream, ", timeout: { idle: 300ms, first_byte: 10s }");
    let mut socket = open(&gateway);
    socket.send(Message::text("films")).expect("the tunnel is open");
    assert_eq!(socket.read().expect("the tunnel is open"), Message::text("films"));
    assert!(socket.read().is_err(), "the tunnel is closed");
    tests::until("the upstream's end is closed", || (upstream.open() == 0).then_some(()));
}

#[test]
fn an_upstream_may_refuse_a_websocket() {
    let upstream = Upstream::new(|exchange| exchange.answer(403, &[("x-why", "closed")], b"no chat"));
    let gateway = before(&upstream);
    let headers = [("connection", "Upgrade"), ("upgrade", "websocket"), ("sec-websocket-version", "13")];
    let mut client = gateway.connect();
    let answer = client.request("GET", "/", &headers, b"");
    assert_eq!((answer.status, answer.text().as_str(), answer.header("x-why")), (403, "no chat", Some("closed")));
    let head = upstream.head();
    assert_eq!((head.header("upgrade"), head.header("sec-websocket-version")), (Some("websocket"), Some("13")));
    assert_eq!(client.get("/").status, 403, "the connection goes on");
}

#[test]
fn other_upgrades_are_not_passed_on() {
    let upstream = Upstream::named("films");
    let gateway = before(&upstream);
    let mut client = gateway.connect();
    for (method, upgrade) in [("GET", "TLS/1.0"), ("POST", "websocket"), ("GET", "chat, IRC/6.9")] {
        let headers = [("connection", "Upgrade"), ("upgrade", upgrade)];
        let answer = client.request(method, "/", &headers, b"");
        assert_eq!((answer.status, answer.text().as_str()), (200, "films"), "{method} {upgrade}");
        let head = upstream.head();
        for name in ["connection", "upgrade"] {
            assert_eq!(head.header(name), None, "{method} {upgrade}");
        }
    }
}

#[test]
fn an_upgrade_to_h2c_is_declined_and_nothing_of_it_passes() {
    let upstream = Upstream::named("films");
    let gateway = before(&upstream);
    let mut client = gateway.connect();
    for (name, value) in [("upgrade", "h2c"), ("upgrade", "H2C, chat"), ("http2-settings", "AAMAAABk")] {
        for connection in ["Upgrade, HTTP2-Settings", "Upgrade", "keep-alive"] {
            let headers = [("connection", connection), (name, value), ("http2-settings", "AAMAAABk")];
            let answer = client.request("GET", "/", &headers, b"");
            assert_eq!((answer.status, answer.text().as_str()), (200, "films"), "{connection}: {name}: {value}");
            let head = upstream.head();
            for name in ["connection", "upgrade", "http2-settings"] {
                assert_eq!(head.header(name), None, "{connection}: {name}: {value}");
            }
        }
    }
}

#[test]
fn an_upgrade_that_nobody_asked_for_is_502() {
    let upstream = Upstream::new(|exchange| {
        exchange.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: chat\r\n\r\nhello")
    });
    let gateway = before(&upstream);
    assert_failed(&gateway.get("/"), 502, "upstream_invalid");
}

//! How the gateway stops: readiness fails first, what is in flight is finished, and then it is gone.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tests::client::Client;
use tests::gateway::{Gateway, Setup};
use tests::http;
use tests::until;
use tests::upstream::Upstream;
use tests::wire;

fn setup(upstream: &Upstream, drain: &str) -> Setup {
    let rest =
        format!("upstreams: {{ films: \"{}\" }}\nroutes: [{{ name: all, path: /, to: films }}]\n", upstream.url());
    Setup::with(&[&format!("drain: {drain}")], &rest)
}

/// Answers when it is let go on; a dropped sender ends it without an answer. `/quick` it answers at once.
fn held() -> (Sender<()>, Upstream) {
    let (go, going) = channel();
    let going = Arc::new(Mutex::new(going));
    let upstream = Upstream::new(move |exchange| {
        if exchange.head.word(1) != "/quick" {
            going.lock().expect("one request").recv().map_err(io::Error::other)?;
        }
        exchange.answer(200, &[], b"films")
    });
    (go, upstream)
}

/// A request that waits for its answer.
fn in_flight(gateway: &Gateway, upstream: &Upstream) -> Client {
    let (mut client, before) = (gateway.connect(), upstream.requests());
    let head = client.head("GET", "/slow", &[], 0);
    client.send(head).expect("it is sent");
    until("the request has arrived", || (upstream.requests() > before).then_some(()));
    client
}

fn told_to_stop(gateway: &mut Gateway, signal: &str) {
    gateway.process.signal(signal);
    gateway.process.line("that it drains", |line| line["message"] == "draining");
}

/// Nobody listens any more.
fn refuses(gateway: &Gateway) {
    until("new connections are refused", || TcpStream::connect(gateway.address).is_err().then_some(()));
}

#[test]
fn readiness_fails_before_the_listener_closes() {
    let upstream = Upstream::named("films");
    let mut gateway = setup(&upstream, "{ delay: 3s, timeout: 10s }").start();
    let ready = || http::get(gateway.admin, "/readyz");
    assert_eq!((ready().status, ready().text().as_str()), (200, "ready\n"));
    gateway.process.terminate();
    until("readiness fails", || (ready().status == 503).then_some(()));
    assert_eq!(http::get(gateway.admin, "/healthz").status, 200, "it lives");
    assert_eq!(gateway.get("/").text(), "films", "and serves those who have not heard of it");
    refuses(&gateway);
    assert_eq!(gateway.process.ended().code(), Some(0));
}

#[test]
fn what_is_in_flight_is_answered_and_idle_connections_are_closed_at_once() {
    for signal in ["TERM", "INT"] {
        let (go, upstream) = held();
        let mut gateway = setup(&upstream, "20s").start();
        let (mut used, mut unused) = (gateway.connect(), gateway.connect());
        assert_eq!(used.get("/quick").status, 200);
        gateway.counted("both are connections", |scrape| scrape.value("gateway_client_connections", &[]) == 2.0);
        let mut busy = in_flight(&gateway, &upstream);
        told_to_stop(&mut gateway, signal);
        assert_eq!((used.closed(), unused.closed()), (vec![], vec![]), "idle ones are closed while another is busy");
        refuses(&gateway);
        assert!(!gateway.process.has_ended(), "a request is in flight");
        go.send(()).expect("the upstream waits");
        let answer = busy.answer().expect("it is answered");
        assert_eq!((answer.text().as_str(), answer.header("connection")), ("films", Some("close")));
        assert_eq!(busy.closed(), b"");
        assert_eq!(gateway.process.ended().code(), Some(0), "on SIG{signal}");
    }
}

#[test]
fn a_download_in_flight_comes_to_its_end() {
    let (go, going) = channel::<&str>();
    let going = Mutex::new(going);
    let upstream = Upstream::new(move |exchange| {
        exchange.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
        for piece in going.lock().expect("one request").iter() {
            exchange.write(format!("{:x}\r\n{piece}\r\n", piece.len()))?;
        }
        exchange.write("0\r\n\r\n")
    });
    let mut gateway = setup(&upstream, "20s").start();
    let mut client = in_flight(&gateway, &upstream);
    assert_eq!(client.answer_head().expect("an answer begins").word(1), "200");
    told_to_stop(&mut gateway, "TERM");
    refuses(&gateway);
    for piece in ["one", "two", "three"] {
        go.send(piece).expect("the upstream waits");
        let chunk = wire::read_chunk(client.reader()).expect("the stream goes on");
        assert_eq!(chunk.as_deref(), Some(piece.as_bytes()));
    }
    drop(go);
    assert_eq!(wire::read_chunk(client.reader()).expect("the stream ends well"), None);
    assert_eq!(gateway.process.ended().code(), Some(0));
}

#[test]
fn what_takes_longer_than_drain_is_cut() {
    let (_go, upstream) = held();
    let mut gateway = setup(&upstream, "500ms").start();
    let mut client = in_flight(&gateway, &upstream);
    let began = Instant::now();
    told_to_stop(&mut gateway, "TERM");
    assert_eq!(gateway.process.ended().code(), Some(0));
    let took = began.elapsed();
    assert!(took > Duration::from_millis(450) && took < Duration::from_secs(10), "after {took:?}");
    assert!(client.answer().is_err());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for (first, second) in [("TERM", "TERM"), ("INT", "TERM")] {
        let (_go, upstream) = held();
        let mut gateway = setup(&upstream, "10m").start();
        let mut client = in_flight(&gateway, &upstream);
        told_to_stop(&mut gateway, first);
        gateway.process.signal(second);
        assert_eq!(gateway.process.ended().code(), Some(1), "SIG{first}, then SIG{second}");
        assert!(client.answer().is_err());
    }
}

#[test]
fn clients_that_wait_to_be_accepted_are_served() {
    let upstream = Upstream::named("films");
    let mut gateway = setup(&upstream, "20s").start();
    // A stopped process accepts nobody: these wait in the listener's queue, their requests sent.
    gateway.process.signal("STOP");
    let mut clients: Vec<_> = (0..20).map(|_| gateway.connect()).collect();
    for client in &mut clients {
        let head = client.head("GET", "/", &[], 0);
        client.send(head).expect("it is sent");
    }
    gateway.process.terminate();
    gateway.process.signal("CONT");
    for mut client in clients {
        assert_eq!(client.answer().expect("it is answered").text(), "films");
        assert_eq!(client.closed(), b"");
    }
    assert_eq!(gateway.process.ended().code(), Some(0));
}

#[test]
fn a_port_that_is_taken_is_an_exit_with_1_that_says_which() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = taken.local_addr().expect("its port").to_string();
    let routes = "routes: [{ name: all, path: /, respond: { status: 200 } }]\n";
    for (key, other) in [("listen", "admin"), ("admin", "listen")] {
        let file = format!("server: {{ {key}: \"{address}\", {other}: \"127.0.0.1:0\" }}\n{routes}");
        let (mut process, _folder) = Setup::of(file).spawn();
        assert_eq!(process.ended().code(), Some(1));
        let said = process.text();
        assert!(said.contains(&address) && said.contains(&format!("server.{key}")), "{said}");
    }
    // A second gateway is no better off: the port is bound plainly.
    let first = Gateway::start(routes);
    let file = format!("server: {{ listen: \"{}\", admin: \"127.0.0.1:0\" }}\n{routes}", first.address);
    let (mut second, _folder) = Setup::of(file).spawn();
    assert_eq!(second.ended().code(), Some(1));
    assert_eq!(first.get("/").status, 200);
}

//! Handshakes, and what goes through them.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use rustls::version::{TLS12, TLS13};
use tests::gateway::{Gateway, Setup};
use tests::upstream::Upstream;
use tungstenite::Message;

use crate::authority::{Authority, ask, open, resumed, shown};
use crate::rest;

/// A gateway over TLS; `more` is other settings of the server, a line each.
pub fn secured(upstream: &Upstream, more: &str, tls: impl FnOnce(&Authority) -> String) -> (Authority, Gateway) {
    let authority = Authority::new();
    let tls = format!("tls: {}", tls(&authority));
    let settings: Vec<_> = ["workers: 1", "access_log: json", &tls].into_iter().chain(more.lines()).collect();
    let gateway = Setup::with(&settings, &rest(upstream, "")).env("RUST_LOG", "debug").start();
    (authority, gateway)
}

fn curl(authority: &Authority, to: SocketAddr, arguments: &[&str]) -> (Option<i32>, String) {
    let (url, resolve) =
        (format!("https://films.example:{}/films", to.port()), format!("films.example:{}:127.0.0.1", to.port()));
    let ca = authority.path("ca.pem");
    let mut command = Command::new("curl");
    command.args(["-sS", "--max-time", "30", "--resolve", &resolve, "--cacert"]).arg(ca).args(arguments).arg(url);
    let ran = command.output().expect("curl is installed");
    (ran.status.code(), String::from_utf8_lossy(&ran.stdout).into_owned())
}

#[test]
fn http1_and_http2_are_spoken_over_both_versions_of_tls() {
    let upstream = Upstream::named("films");
    let (authority, gateway) = secured(&upstream, "", |authority| authority.write("films.example", "a"));
    for (wishes, version) in [
        (&["--http2"][..], "2"),
        (&["--http1.1"], "1.1"),
        (&["--http1.0"], "1"),
        (&["--http2", "--tls-max", "1.2"], "2"),
        (&["--http1.1", "--tls-max", "1.2"], "1.1"),
        (&["--http2", "--tlsv1.3"], "2"),
        (&["--http1.1", "--no-alpn"], "1.1"),
    ] {
        let (_, said) = curl(&authority, gateway.address, &[wishes, &["-w", " %{http_version} %{http_code}"]].concat());
        assert_eq!(said.replace(" 1.0 ", " 1 "), format!("films {version} 200"), "{wishes:?}");
        let head = upstream.head();
        assert_eq!(head.all("x-forwarded-proto"), ["https"], "{wishes:?}");
        assert_eq!(head.all("host"), [format!("films.example:{}", gateway.address.port())], "{wishes:?}");
    }
    let scrape = gateway.scrape();
    let shook = |version| scrape.value("gateway_tls_handshakes_total", &[("version", version), ("kind", "full")]);
    assert_eq!((shook("1.2"), shook("1.3")), (2.0, 5.0));
}

#[test]
fn only_1_3_is_spoken_where_the_file_says_so() {
    let upstream = Upstream::named("films");
    let (authority, gateway) =
        secured(&upstream, "", |authority| authority.write("films.example", "a").replace('}', ", min_version: 1.3 }"));
    assert_eq!(curl(&authority, gateway.address, &["--tls-max", "1.2"]).0, Some(35));
    assert_eq!(curl(&authority, gateway.address, &[]).1, "films");
    gateway.counted("it is counted", |scrape| {
        scrape.value("gateway_client_connections_refused_total", &[("reason", "tls_incompatible")]) == 1.0
    });
}

#[test]
fn the_name_that_a_client_asks_for_chooses_the_certificate() {
    let upstream = Upstream::named("films");
    let (authority, gateway) = secured(&upstream, "", |authority| {
        let all = ["films.example,first.example", "*.wild.example", "users.example"];
        let all = all.iter().enumerate().map(|(at, names)| authority.write(names, &format!("c{at}")));
        format!("[{}]", all.collect::<Vec<_>>().join(", "))
    });
    let config = authority.client(&[&TLS13, &TLS12], None);
    let of = |name| shown(&open(gateway.address, &config, name).expect("the certificate fits the name"));
    assert_eq!(of("films.example"), of("first.example"));
    assert_eq!(of("a.wild.example"), of("b.wild.example"));
    assert!(of("users.example") != of("films.example") && of("users.example") != of("a.wild.example"));
    assert_eq!(of("FILMS.example"), of("films.example"));
    // None of them is for these: the first is shown, and the client refuses it.
    for other in ["other.example", "a.b.wild.example", "wild.example", "127.0.0.1"] {
        assert!(open(gateway.address, &config, other).is_err(), "{other}");
    }
    gateway.counted("they are counted", |scrape| {
        scrape.value("gateway_client_connections_refused_total", &[("reason", "tls_refused")]) == 4.0
    });
}

#[test]
fn a_session_is_resumed() {
    let upstream = Upstream::named("films");
    let (authority, gateway) = secured(&upstream, "", |authority| authority.write("films.example", "a"));
    for version in [&TLS13, &TLS12] {
        let config = authority.client(&[version], None);
        let again: Vec<bool> = (0..3)
            .map(|_| {
                let mut stream = open(gateway.address, &config, "films.example").expect("a handshake");
                assert!(ask(&mut stream, "/films").expect("an answer").ends_with("films"));
                resumed(&stream)
            })
            .collect();
        assert_eq!(again, [false, true, true], "{version:?}");
    }
    let scrape = gateway.scrape();
    assert_eq!(scrape.value("gateway_tls_handshakes_total", &[("kind", "resumed")]), 4.0);
}

#[test]
fn clients_show_certificates_where_the_file_asks_for_them() {
    let upstream = Upstream::named("films");
    for (demand, without) in [("required", None), ("optional", Some(200))] {
        let (authority, gateway) = secured(&upstream, "", |authority| {
            authority.write("somebody", "client");
            let settings =
                format!(", client_ca: {}, client_certificate: {demand} }}", authority.path("ca.pem").display());
            authority.write("films.example", "a").replace(" }", &settings)
        });
        let stranger = Authority::new();
        stranger.write("somebody", "stranger");
        let files = |folder: &Authority, name: &str| {
            ["pem", "key"].map(|end| folder.path(&format!("{name}.{end}")).display().to_string())
        };
        let code = |own: Option<[String; 2]>| {
            let own = own.map(|[cert, key]| vec!["--cert".to_owned(), cert, "--key".to_owned(), key]);
            let own = own.unwrap_or_default();
            let arguments: Vec<&str> = own.iter().map(String::as_str).chain(["-w", " %{http_code}"]).collect();
            let (_, said) = curl(&authority, gateway.address, &arguments);
            said.strip_prefix("films ").and_then(|code| code.parse::<u16>().ok())
        };
        assert_eq!(code(Some(files(&authority, "client"))), Some(200), "{demand}");
        assert_eq!(code(None), without, "{demand}");
        assert_eq!(code(Some(files(&stranger, "stranger"))), None, "{demand}");
        let refused = if without.is_some() { 1.0 } else { 2.0 };
        gateway.counted("they are counted", |scrape| {
            scrape.value("gateway_client_connections_refused_total", &[("reason", "tls_certificate")]) == refused
        });
    }
}

#[test]
fn a_handshake_that_does_not_come_about_is_counted_by_its_reason() {
    let upstream = Upstream::named("films");
    let (_authority, gateway) =
        secured(&upstream, "", |authority| authority.write("films.example", "a").replace('}', ", handshake: 300ms }"));
    let after = |bytes: &[u8], leave: bool| {
        let mut stream = TcpStream::connect(gateway.address).expect("the gateway listens");
        stream.write_all(bytes).expect("it is sent");
        if leave {
            return;
        }
        // What comes is an alert, or nothing; and then the end.
        let _ended = stream.read_to_end(&mut Vec::new());
    };
    after(b"", false);
    after(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", false);
    after(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", false);
    after(&[22, 3, 1, 0, 4, 1, 0, 0, 0], false);
    after(&[22, 3, 1, 0, 200], true);
    for (reason, count) in [("tls_timeout", 1.0), ("tls_plain", 2.0), ("tls_invalid", 1.0), ("tls_closed", 1.0)] {
        gateway.counted(reason, |scrape| {
            scrape.value("gateway_client_connections_refused_total", &[("reason", reason)]) == count
        });
    }
    gateway.counted("all are closed", |scrape| scrape.value("gateway_client_connections", &[]) == 0.0);
    assert_eq!(upstream.requests(), 0);
}

#[test]
fn a_websocket_passes_over_tls() {
    let upstream = Upstream::raw(|stream, _| {
        let mut socket = tungstenite::accept(stream).expect("a handshake");
        while let Ok(message) = socket.read() {
            if message.is_text() && socket.send(message).is_err() {
                return;
            }
        }
    });
    let (authority, gateway) = secured(&upstream, "", |authority| authority.write("films.example", "a"));
    let stream = open(gateway.address, &authority.client(&[&TLS13], None), "films.example").expect("a handshake");
    let (mut socket, answer) = tungstenite::client("ws://films.example/chat", stream).expect("a WebSocket");
    assert_eq!(answer.status(), 101);
    for text in ["films", "and more films"] {
        socket.send(Message::text(text)).expect("the tunnel is open");
        assert_eq!(socket.read().expect("the tunnel is open"), Message::text(text));
    }
}

#[test]
fn a_slow_head_and_an_idle_connection_end_in_their_time_over_tls_too() {
    let upstream = Upstream::named("films");
    let more = "timeout: { head: 300ms, keepalive: 600ms }";
    let (authority, gateway) = secured(&upstream, more, |authority| authority.write("films.example", "a"));
    let config = authority.client(&[&TLS13], None);
    let mut slow = open(gateway.address, &config, "films.example").expect("a handshake");
    slow.write_all(b"GET / HTTP/1.1\r\nho").expect("it is open");
    let mut answer = String::new();
    // That the connection ends without TLS's own end is no news.
    let _ended = slow.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    let mut idle = open(gateway.address, &config, "films.example").expect("a handshake");
    let _ended = idle.read_to_end(&mut Vec::new());
    gateway.counted("both are closed", |scrape| scrape.value("gateway_client_connections", &[]) == 0.0);
}

#[test]
fn a_drain_finishes_what_is_in_flight_over_tls() {
    let (go, going) = std::sync::mpsc::channel::<()>();
    let going = std::sync::Mutex::new(going);
    let upstream = Upstream::new(move |exchange| {
        let _ended = going.lock().expect("one request").recv();
        exchange.answer(200, &[], b"films")
    });
    let (authority, mut gateway) = secured(&upstream, "drain: 20s", |authority| authority.write("films.example", "a"));
    let mut stream = open(gateway.address, &authority.client(&[&TLS13], None), "films.example").expect("a handshake");
    stream.write_all(b"GET / HTTP/1.1\r\nhost: films.example\r\n\r\n").expect("it is open");
    tests::until("the request has arrived", || (upstream.requests() == 1).then_some(()));
    gateway.process.terminate();
    tests::until("new connections are refused", || TcpStream::connect(gateway.address).is_err().then_some(()));
    drop(go);
    let mut answer = String::new();
    let _ended = stream.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("films"), "{answer}");
    assert!(answer.contains("connection: close\r\n"), "{answer}");
    assert!(gateway.process.ended().success());
}

//! TLS and HTTP/2 to upstreams. The upstream that speaks them is another gateway.

use std::process::Command;

use tests::dns::{Entry, NameServer};
use tests::gateway::{Gateway, Setup};
use tests::process::binary;
use tests::upstream::Upstream;
use tungstenite::Message;

use crate::authority::Authority;
use crate::tls::secured;

/// On a machine that does other things too, a handshake may take its seconds.
const PATIENT: &str = "defaults: { timeout: { connect: 30s } }\n";

/// A gateway whose upstream is `inner` with these settings.
fn outer(inner: &Gateway, settings: &str) -> Gateway {
    Gateway::start(&format!(
        "{PATIENT}upstreams: {{ films: {{ url: \"https://localhost:{}\", {settings} }} }}\nroutes: [{{ name: all, path: /, to: films }}]\n",
        inner.address.port()
    ))
}

/// An upstream over TLS whose certificate is for these names, and the path of its authority's.
fn over_tls(upstream: &Upstream, names: &str) -> (Authority, Gateway, String) {
    let (authority, inner) = secured(upstream, "", |authority| authority.write(names, "a"));
    let ca = authority.path("ca.pem").display().to_string();
    (authority, inner, ca)
}

#[test]
fn both_protocols_are_spoken_over_tls() {
    let upstream = Upstream::new(|exchange| {
        let body = exchange.body()?;
        exchange.answer(200, &[("x-films", "yes")], &body.bytes)
    });
    let (_authority, inner, ca) = over_tls(&upstream, "localhost");
    for (protocol, host) in [("http1", "preserve"), ("h2", "preserve"), ("h2", "films.internal")] {
        let gateway = outer(&inner, &format!("protocol: {protocol}, host: {host}, tls: {{ ca: {ca} }}"));
        let mut client = gateway.connect();
        for size in [0, 1, 100_000] {
            let body = vec![b'x'; size];
            let answer = client.request("POST", "/films?a=b%20c", &[("te", "trailers")], &body);
            assert_eq!((answer.status, answer.header("x-films")), (200, Some("yes")), "{protocol}: {}", answer.text());
            assert!(answer.body == body, "{protocol}, {size} bytes");
        }
        let head = upstream.head();
        assert_eq!((head.word(0), head.word(1)), ("POST", "/films?a=b%20c"));
        assert_eq!(head.all("x-forwarded-proto"), ["https"], "the inner gateway heard TLS");
        let expected = if host == "preserve" { gateway.address.to_string() } else { host.to_owned() };
        assert_eq!(head.all("host"), [expected]);
        let opened = [("upstream", "films"), ("outcome", "ok")];
        assert_eq!(gateway.scrape().value("gateway_upstream_connects_total", &opened), 1.0, "one connection for all");
    }
}

#[test]
fn who_is_not_vouched_for_gets_no_request() {
    let upstream = Upstream::named("films");
    let (_authority, inner, ca) = over_tls(&upstream, "films.internal");
    let stranger = Authority::new();
    let theirs = stranger.path("ca.pem").display().to_string();
    for (settings, passes) in [
        (format!("tls: {{ ca: {ca} }}"), false), // its certificate is for another name
        (format!("tls: {{ ca: {ca}, name: films.internal }}"), true),
        (format!("protocol: h2, tls: {{ ca: {ca}, name: films.internal }}"), true),
        (format!("tls: {{ ca: {theirs}, name: films.internal }}"), false),
    ] {
        let before = upstream.requests();
        let gateway = outer(&inner, &settings);
        let answer = gateway.get("/films");
        let expected = if passes { (200, "films".to_owned()) } else { (502, "upstream_connect".to_owned()) };
        let told = if passes { answer.text() } else { answer.header("x-gateway-error").unwrap_or_default().to_owned() };
        assert_eq!((answer.status, told), expected, "{settings}");
        assert_eq!(upstream.requests() - before, usize::from(passes), "{settings}");
    }
}

#[test]
fn it_is_the_name_that_has_to_be_in_the_certificate_and_not_its_address() {
    let upstream = Upstream::named("films");
    let dns = NameServer::new();
    dns.say("films.test", Entry::Addresses(vec![[127, 0, 0, 1].into()], 300));
    for (names, passes) in [("films.test", true), ("127.0.0.1", false)] {
        let (_authority, inner, ca) = over_tls(&upstream, names);
        let port = inner.address.port();
        for protocol in ["http1", "h2"] {
            let settings = format!("protocol: {protocol}, host: upstream, tls: {{ ca: {ca} }}");
            let url = format!("url: \"https://films.test:{port}\"");
            let rest = format!(
                "{PATIENT}upstreams: {{ films: {{ {url}, {settings} }} }}\nroutes: [{{ name: all, path: /, to: films }}]\n"
            );
            let gateway = Setup::with(&[&format!("resolver: [\"{}\"]", dns.address())], &rest).start();
            assert_eq!(gateway.get("/").status, if passes { 200 } else { 502 }, "{names}, {protocol}");
            if passes {
                assert_eq!(upstream.head().all("host"), [format!("films.test:{port}")]);
            }
        }
    }
    assert_eq!(upstream.requests(), 2);
}

#[test]
fn an_upstream_may_ask_for_a_certificate() {
    let upstream = Upstream::named("films");
    let (authority, inner) = secured(&upstream, "", |authority| {
        let pair = authority.write("localhost", "a");
        let ca = authority.path("ca.pem");
        format!("{}, client_ca: {} }}", pair.trim_end_matches('}'), ca.display())
    });
    let ca = authority.path("ca.pem").display().to_string();
    let own = authority.write("gateway", "own");
    let own = own.trim_matches(['{', '}', ' ']);
    for protocol in ["http1", "h2"] {
        let known = outer(&inner, &format!("protocol: {protocol}, tls: {{ ca: {ca}, {own} }}"));
        assert_eq!(known.get("/").text(), "films");
        let unknown = outer(&inner, &format!("protocol: {protocol}, tls: {{ ca: {ca} }}"));
        assert_eq!(unknown.get("/").status, 502);
    }
    assert_eq!(upstream.requests(), 2);
}

#[test]
fn a_websocket_goes_over_http1_whatever_else_is_spoken() {
    let upstream = Upstream::raw(|stream, _| {
        let mut socket = tungstenite::accept(stream).expect("a handshake");
        while let Ok(message) = socket.read() {
            if message.is_text() && socket.send(message).is_err() {
                return;
            }
        }
    });
    let (_authority, inner, ca) = over_tls(&upstream, "localhost");
    for protocol in ["http1", "h2"] {
        let gateway = outer(&inner, &format!("protocol: {protocol}, tls: {{ ca: {ca} }}"));
        let stream = std::net::TcpStream::connect(gateway.address).expect("it listens");
        let (mut socket, answer) = tungstenite::client("ws://films.example/chat", stream).expect("a WebSocket");
        assert_eq!(answer.status(), 101);
        socket.send(Message::text("films")).expect("the tunnel is open");
        assert_eq!(socket.read().expect("the tunnel is open"), Message::text("films"));
    }
}

#[test]
fn a_missing_or_unfit_file_is_found_by_check() {
    let authority = Authority::new();
    let (ca, own) = (authority.path("ca.pem"), authority.write("gateway", "own"));
    let other = authority.write("other", "other");
    let file = authority.path("routes.yaml");
    let key_of_other = authority.path("other.key");
    let cert = authority.path("own.pem");
    assert!(own.contains("own.pem") && other.contains("other.key"));
    let (ca, cert, key) = (ca.display(), cert.display(), key_of_other.display());
    for (tls, told) in [
        ("{ ca: missing.pem }".to_owned(), "missing.pem can't be read"),
        (format!("{{ ca: {key} }}"), "there is no certificate in it"),
        (format!("{{ ca: {ca}, cert: {cert}, key: {cert} }}"), "there is no private key in it"),
        (format!("{{ ca: {ca}, cert: {cert}, key: {key} }}"), "does not go with"),
    ] {
        let routes = format!(
            "upstreams: {{ films: {{ url: \"https://localhost\", tls: {tls} }} }}\nroutes: [{{ name: all, path: /, to: films }}]\n"
        );
        std::fs::write(&file, routes).expect("a file");
        let ran = Command::new(binary("gateway")).arg("check").arg(&file).output().expect("it runs");
        let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(2), "{said}");
        assert!(said.contains(told) && said.contains("routes.yaml:1:"), "{told}: {said}");
    }
}

//! The PROXY protocol: whom a trusted proxy speaks for.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use tests::gateway::Gateway;
use tests::upstream::Upstream;

use crate::authority::Authority;
use crate::with;

const TRUSTED: [&str; 3] = ["proxy_protocol: true", "trusted_proxies: [127.0.0.1]", "timeout: { head: 500ms }"];
const REQUEST: &[u8] = b"GET /films HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Sends pieces, each after the one before had time to arrive alone, and reads to the end.
fn exchange(gateway: &Gateway, pieces: &[&[u8]]) -> String {
    let mut stream = TcpStream::connect(gateway.address).expect("the gateway listens");
    stream.set_nodelay(true).expect("a socket");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a socket");
    for piece in pieces {
        if stream.write_all(piece).is_err() {
            break;
        }
    }
    let mut answer = Vec::new();
    // A reset is an end too.
    let _ended = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// A header of version 2.
fn binary(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
    let length = (addresses.len() as u16).to_be_bytes();
    [SIGNATURE, &[command, family], &length, addresses].concat()
}

#[test]
fn the_client_is_whom_the_proxy_names() {
    let upstream = Upstream::named("films");
    let mut gateway = with(&TRUSTED, &upstream);
    let v4 = [192, 0, 2, 7, 192, 0, 2, 1, 0x12, 0x34, 0, 80];
    let v6 = [&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9][..], &[0; 16], &[0, 1, 0, 2]].concat();
    let notes = [&v4[..], &[3, 0, 4, 1, 2, 3, 4]].concat();
    for (header, client) in [
        (b"PROXY TCP4 192.0.2.7 192.0.2.1 4660 80\r\n".to_vec(), "192.0.2.7"),
        (b"PROXY TCP6 2001:db8::9 ::1 1 2\r\n".to_vec(), "2001:db8::9"),
        (b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.1"),
        (binary(0x21, 0x11, &v4), "192.0.2.7"),
        (binary(0x21, 0x21, &v6), "2001:db8::9"),
        (binary(0x21, 0x11, &notes), "192.0.2.7"),
        (binary(0x20, 0x11, &v4), "127.0.0.1"),
        (binary(0x20, 0x00, &[]), "127.0.0.1"),
    ] {
        let whole = [&header[..], REQUEST].concat();
        let (first, second) = whole.split_at(13);
        let bytes: Vec<&[u8]> = whole.chunks(1).collect();
        for pieces in [&[&whole[..]][..], &[first, second], &bytes] {
            let answer = exchange(&gateway, pieces);
            assert!(answer.starts_with("HTTP/1.1 200 "), "{header:?}: {answer}");
            assert_eq!(upstream.head().all("x-forwarded-for"), [client], "{header:?}");
        }
    }
    gateway.process.line("the request", |line| line["client"] == "2001:db8::9");
}

#[test]
fn a_named_client_is_not_trusted_because_its_proxy_is() {
    let upstream = Upstream::named("films");
    let gateway = with(&TRUSTED, &upstream);
    let request = b"GET / HTTP/1.1\r\nhost: a\r\nx-forwarded-for: 10.1.1.1\r\nconnection: close\r\n\r\n";
    exchange(&gateway, &[b"PROXY TCP4 192.0.2.7 192.0.2.1 4660 80\r\n", request]);
    assert_eq!(upstream.head().all("x-forwarded-for"), ["192.0.2.7"]);
    exchange(&gateway, &[b"PROXY UNKNOWN\r\n", request]);
    assert_eq!(upstream.head().all("x-forwarded-for"), ["10.1.1.1, 127.0.0.1"]);
}

#[test]
fn what_is_no_header_is_closed_and_counted() {
    let upstream = Upstream::named("films");
    let gateway = with(&TRUSTED, &upstream);
    let long = [b"PROXY TCP4 ".to_vec(), vec![b'1'; 200]].concat();
    let large = binary(0x21, 0x11, &[0; 5000]);
    for bytes in [
        REQUEST,
        b"PROXY TCP4 192.0.2.7 192.0.2.1 4660\r\n",
        b"PROXY TCP9 192.0.2.7 192.0.2.1 4660 80\r\n",
        &long,
        &binary(0x21, 0x11, &[1, 2, 3]),
        &binary(0x2f, 0x11, &[0; 12]),
        &large,
    ] {
        assert_eq!(exchange(&gateway, &[bytes]), "", "{bytes:?}");
    }
    let refused = |reason: &str, count: f64| {
        gateway.counted(reason, |scrape| {
            scrape.value("gateway_client_connections_refused_total", &[("reason", reason)]) == count
        })
    };
    refused("proxy_invalid", 7.0);
    assert_eq!(exchange(&gateway, &[b"PROXY TCP4 192."]), "", "too slow");
    refused("proxy_timeout", 1.0);
    drop(TcpStream::connect(gateway.address).expect("the gateway listens"));
    refused("proxy_closed", 1.0);
    assert_eq!(upstream.requests(), 0);
}

#[test]
fn other_peers_are_taken_as_they_are() {
    let upstream = Upstream::named("films");
    let gateway = with(&["proxy_protocol: true", "trusted_proxies: [192.0.2.0/24]"], &upstream);
    assert_eq!(gateway.get("/films").text(), "films");
    let claimed = exchange(&gateway, &[b"PROXY TCP4 192.0.2.7 192.0.2.1 4660 80\r\n", REQUEST]);
    assert!(claimed.starts_with("HTTP/1.1 400 "), "{claimed}");
    assert_eq!(upstream.requests(), 1);
}

#[test]
fn a_handshake_and_http2_come_after_the_header() {
    use std::process::Command;
    let upstream = Upstream::named("films");
    let authority = Authority::new();
    let tls = format!("tls: {}", authority.write("films.example", "a"));
    for (settings, scheme, wish) in
        [(vec![tls.as_str()], "https", "--http2"), (Vec::new(), "http", "--http2-prior-knowledge")]
    {
        let gateway = with(&[&TRUSTED[..], &settings].concat(), &upstream);
        let port = gateway.address.port();
        let (url, resolve) =
            (format!("{scheme}://films.example:{port}/films"), format!("films.example:{port}:127.0.0.1"));
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--haproxy-protocol", "--max-time", "30", wish, "--resolve", &resolve, "--cacert"]);
        let ran = curl.arg(authority.path("ca.pem")).arg("-w").arg(" %{http_version}").arg(url).output();
        assert_eq!(String::from_utf8_lossy(&ran.expect("curl is installed").stdout), "films 2");
        assert_eq!(upstream.head().all("x-forwarded-proto"), [scheme]);
    }
}

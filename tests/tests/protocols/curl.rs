//! Every version that curl speaks, on one port.

use std::net::SocketAddr;
use std::process::Command;

use tests::upstream::Upstream;

use crate::with;

/// What curl wrote.
fn curl(to: SocketAddr, path: &str, arguments: &[&str]) -> String {
    let url = format!("http://{to}{path}");
    let ran = Command::new("curl").args(["-sS", "--max-time", "30"]).args(arguments).arg(url).output();
    let ran = ran.expect("curl is installed");
    assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8_lossy(&ran.stdout).into_owned()
}

const SHOW: [&str; 2] = ["-w", " %{http_version} %{http_code}"];

#[test]
fn every_version_is_spoken_on_one_port() {
    let upstream = Upstream::named("films");
    let gateway = with(&[], &upstream);
    for (wish, got) in [("--http1.0", "1"), ("--http1.1", "1.1"), ("--http2-prior-knowledge", "2")] {
        for path in ["/films", "/own"] {
            let body = if path == "/own" { "hello" } else { "films" };
            let said = curl(gateway.address, path, &[&[wish], &SHOW[..]].concat());
            // Some curls say 1 and some 1.0 of HTTP/1.0.
            assert_eq!(said.replace(" 1.0 ", " 1 "), format!("{body} {got} 200"), "{wish} {path}");
        }
    }
    assert!(upstream.heads().iter().all(|head| head.first.ends_with(" HTTP/1.1")), "{:?}", upstream.heads());
}

#[test]
fn an_upgrade_to_http2_is_not_taken_and_the_request_answered_in_http1() {
    let upstream = Upstream::named("films");
    let gateway = with(&[], &upstream);
    assert_eq!(curl(gateway.address, "/films", &[&["--http2"], &SHOW[..]].concat()), "films 1.1 200");
    assert_eq!((upstream.head().header("upgrade"), upstream.head().header("http2-settings")), (None, None));
}

#[test]
fn an_upload_passes_in_every_version() {
    let upstream = Upstream::new(|exchange| {
        let body = exchange.body()?.bytes;
        exchange.answer(200, &[], format!("{} bytes", body.len()).as_bytes())
    });
    let gateway = with(&[], &upstream);
    let body = "x".repeat(300_000);
    for wish in ["--http1.0", "--http1.1", "--http2-prior-knowledge"] {
        let (folder, data) = (tests::folder::Folder::new(), "body");
        std::fs::write(folder.path().join(data), &body).expect("a file");
        let data = format!("@{}", folder.path().join(data).display());
        assert_eq!(curl(gateway.address, "/films", &[wish, "--data-binary", &data]), "300000 bytes", "{wish}");
    }
}

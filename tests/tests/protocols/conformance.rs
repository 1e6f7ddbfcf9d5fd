//! h2spec, strict: 146 tests of RFC 7540 and RFC 7541.

use std::path::Path;
use std::process::Command;

use tests::upstream::Upstream;

use crate::with;

/// What can't pass on a port that speaks HTTP/1.1 too: what is no preface is a bad HTTP/1.1 request there, and is told so before the
/// connection closes. h2spec wants it closed without a word.
const ANSWERED_IN_HTTP1: &str = "2: Sends invalid connection preface";

/// The failed tests by title, how many passed, and what h2spec says of the failed ones.
fn h2spec(port: u16, more: &[&str]) -> (Vec<String>, usize, String) {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/h2spec.sh");
    let port = port.to_string();
    let arguments = ["--strict", "-h", "127.0.0.1", "-p", &port, "-P", "/films", "-o", "10"];
    let ran = Command::new(tool).args(arguments).args(more).output().expect("h2spec runs");
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    let summary = text.lines().find(|line| line.contains(" tests, ") && line.contains(" passed")).map(str::to_owned);
    let summary = summary.unwrap_or_else(|| panic!("no summary:\n{text}{}", String::from_utf8_lossy(&ran.stderr)));
    println!("h2spec {}: {summary}", more.join(" "));
    let passed: Option<usize> = summary.split(", ").find_map(|part| part.strip_suffix(" passed")?.parse().ok());
    let failures = text.split("Failures:").nth(1).unwrap_or_default();
    let failed = failures.lines().filter_map(|line| line.trim().strip_prefix("\u{d7} "));
    (failed.map(str::to_owned).collect(), passed.unwrap_or(0), failures.to_owned())
}

/// Reads a request's body before it answers, and its answer does not fit into the window that a client has at first: a stream that is
/// already over would hide what its client does wrong.
fn patient() -> Upstream {
    Upstream::new(|exchange| exchange.answer(200, &[], &[b'x'; 200_000]))
}

#[test]
fn h2spec_passes_over_plain_tcp() {
    let upstream = patient();
    let gateway = with(&[], &upstream);
    let (failed, passed, why) = h2spec(gateway.address.port(), &[]);
    assert_eq!((failed, passed), (vec![ANSWERED_IN_HTTP1.to_owned()], 145), "{why}");
}

#[test]
fn h2spec_passes_over_tls() {
    let upstream = patient();
    let (_folder, gateway) = crate::tls::secured(&upstream, "", |authority| authority.write("films.example", "a"));
    let (failed, passed, why) = h2spec(gateway.address.port(), &["-t", "-k"]);
    assert_eq!((failed, passed), (Vec::new(), 146), "{why}");
}

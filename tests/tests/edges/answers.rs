//! The corpus of answers: what an upstream says wrongly or ambiguously is a 502, nothing of it is passed on, and its connection is not
//! used again.
//!
//! `>` is what the upstream says, `.` that it closes then, `<` the body that the client sees. Outcomes: `refused STATUS REASON`, `passed
//! STATUS again|once` (and whether the upstream's connection is used again), `broken STATUS` (the client sees a body that breaks off).

use std::io::{BufReader, Write as _};
use std::net::Shutdown;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tests::gateway::{Gateway, Setup};
use tests::upstream::Upstream;
use tests::wire::{Framing, read_body, read_head};

use crate::cases::{self, Case};

/// What the upstream says next: to a path, so many bytes and whether it closes.
type Next = Arc<Mutex<(Vec<u8>, bool)>>;

/// What became of a case.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    said: String,
    seen: String,
}

/// An upstream that says what it is told to `/case`, and `plain` with its connection's number to anything else.
fn told(next: &Next) -> Upstream {
    let next = next.clone();
    Upstream::raw(move |stream, number| {
        let Ok(mut writer) = stream.try_clone() else { return };
        let mut reader = BufReader::new(stream);
        while let Ok(Some(head)) = read_head(&mut reader) {
            if read_body(&mut reader, head.framing(Framing::None)).is_err() {
                return;
            }
            let plain = number.to_string();
            let plain = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{plain}", plain.len());
            let (bytes, closes) = match head.word(1) {
                "/case" => next.lock().unwrap_or_else(PoisonError::into_inner).clone(),
                _ => (plain.into_bytes(), false),
            };
            if writer.write_all(&bytes).is_err() || (closes && writer.shutdown(Shutdown::Both).is_ok()) {
                return;
            }
        }
    })
}

/// What becomes of a case, in the words of the corpus.
fn run(gateway: &Gateway, next: &Next, case: &Case) -> Outcome {
    *next.lock().unwrap_or_else(PoisonError::into_inner) = (case.sent.clone(), case.then_silent);
    let before = gateway.get("/plain").text();
    let method = if case.name.contains("HEAD") { "HEAD" } else { "GET" };
    let mut client = gateway.connect();
    client.patience(Duration::from_secs(2));
    let head = client.head(method, "/case", &[], 0);
    client.send(head).unwrap_or_else(|problem| panic!("{problem}"));
    let Ok(head) = client.answer_head() else {
        return Outcome { said: "closed".to_owned(), seen: String::new() };
    };
    let without =
        if method == "HEAD" || ["204", "304"].contains(&head.word(1)) { Framing::None } else { Framing::Close };
    let framing = if without == Framing::None { without } else { head.framing(without) };
    let body = read_body(client.reader(), framing);
    let after = gateway.get("/plain").text();
    let status = head.word(1);
    let again = if before == after { "again" } else { "once" };
    let said = match (head.header("x-gateway-error"), &body) {
        (Some(reason), _) if before != after => format!("refused {status} {reason}"),
        (Some(reason), _) => format!("refused {status} {reason}, and its connection used again"),
        (None, Ok(_)) => format!("passed {status} {again}"),
        (None, Err(_)) if before != after => format!("broken {status}"),
        (None, Err(_)) => format!("broken {status}, and its connection used again"),
    };
    let own = head.header("x-gateway-error").is_some();
    let seen = body.map(|body| String::from_utf8_lossy(&body.bytes).into_owned()).unwrap_or_default();
    // A refusal's own text is the gateway's; of the upstream's nothing may be in its head.
    let leaked = head.headers.iter().any(|(name, _)| name.starts_with("x-leak"));
    Outcome {
        said: if leaked && own { said + ", and a field passed" } else { said },
        seen: if own { String::new() } else { seen },
    }
}

#[test]
fn an_upstreams_ambiguous_answer_is_502_and_its_connection_is_not_used_again() {
    let next: Next = Arc::default();
    let upstream = told(&next);
    let rest = format!(
        "upstreams: {{ films: \"{}\" }}\nroutes: [{{ name: all, path: /, to: films, timeout: {{ first_byte: 500ms, idle: 500ms }} }}]\n",
        upstream.url()
    );
    let gateway = Setup::with(&["workers: 1"], &rest).start();
    let (mut count, mut different) = (0, Vec::new());
    for case in [include_str!("answers/heads.txt"), include_str!("answers/bodies.txt")]
        .iter()
        .flat_map(|file| cases::read(file))
    {
        count += 1;
        let seen = String::from_utf8_lossy(case.seen.strip_suffix(b"\r\n").unwrap_or(&case.seen)).into_owned();
        let (expected, found) = (Outcome { said: case.outcome.join(" "), seen }, run(&gateway, &next, &case));
        if expected != found {
            different
                .push(format!("{} [{}]\n  expected {expected:?}\n  found    {found:?}\n", case.name, case.section));
        }
    }
    println!("{count} cases, {} differ", different.len());
    assert!(count >= 30 && different.is_empty(), "{} of {count} differ:\n{}", different.len(), different.concat());
}

//! The corpus of requests: each is refused with nothing of it at the upstream and its connection closed, or reaches it as exactly
//! the bytes that the case says.
//!
//! Outcomes: `refused STATUS [REASON]` (answered, closed, not a byte upstream; without a reason it is hyper's own answer),
//! `closed` (the same without an answer), `answered STATUS [REASON]` (the gateway's answer, the connection goes on), `forwarded
//! open|closed [TIMES]` (as the bytes that follow `<`), `cut [STATUS REASON]` (what had gone up is broken off).

use std::io::{BufReader, Read as _};
use std::time::{Duration, Instant};

use tests::PATIENCE;
use tests::client::Client;
use tests::gateway::{Gateway, Setup};
use tests::http::Answer;

use crate::cases::{self, Case};
use crate::recorder::{Recorder, comparable};

/// A gateway in front of a recorder.
struct Bench {
    gateway: Gateway,
    recorder: Recorder,
}

/// What became of a case.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    said: String,
    seen: String,
}

impl Bench {
    fn start() -> Self {
        let recorder = Recorder::start();
        let rest = format!(
            "upstreams: {{ films: \"{}\" }}\nroutes:\n  - {{ name: all, path: /, to: films }}\n  - {{ name: own, path: /own, respond: {{ text: own }} }}\n",
            recorder.upstream.url()
        );
        Self { gateway: Setup::with(&["workers: 1"], &rest).start(), recorder }
    }

    /// What becomes of a case, in the words of the corpus.
    fn run(&self, case: &Case) -> Outcome {
        let open =
            matches!(case.outcome[0].as_str(), "answered") || case.outcome.get(1).is_some_and(|end| end == "open");
        let mut client = self.gateway.connect();
        client.patience(PATIENCE);
        // The gateway may refuse and close before it has all of it.
        let _closed = client.send(&case.sent);
        if case.then_silent {
            client.finish();
        }
        let times = case.outcome.get(2).and_then(|times| times.parse().ok()).unwrap_or(1);
        let (answers, end) = if open { self.answers(&mut client, times) } else { whole(&mut client) };
        if case.outcome[0] == "cut" {
            let end = Instant::now() + PATIENCE;
            while self.recorder.cut() == 0 && Instant::now() < end {
                std::thread::park_timeout(Duration::from_millis(1));
            }
        }
        let record = self.settled();
        let kind = match answers.first() {
            None if record.1 > 0 => "cut".to_owned(),
            None => "closed".to_owned(),
            Some(answer) if record.1 > 0 => format!("cut {}", told(answer)),
            Some(answer) if !record.0.is_empty() && answer.status == 200 => "forwarded".to_owned(),
            Some(answer) => told(answer),
        };
        let count = if answers.len() == 1 { String::new() } else { format!(" {}", answers.len()) };
        Outcome { said: format!("{kind}, {end}{count}"), seen: record.0 }
    }

    /// So many answers, and whether the connection goes on after them.
    fn answers(&self, client: &mut Client, times: usize) -> (Vec<Answer>, &'static str) {
        let answers: Vec<_> = std::iter::from_fn(|| client.answer().ok()).take(times).collect();
        let next = client.try_request("GET", "/own", &[], b"");
        (answers, if next.is_ok_and(|answer| answer.text() == "own") { "open" } else { "closed" })
    }

    /// What the upstream has seen of a case, and whether it broke off: all there is, because the gateway's one worker has served
    /// another request since.
    fn settled(&self) -> (String, usize) {
        assert_eq!(self.gateway.get("/marker").status, 200, "the gateway lives");
        let record = self.recorder.take();
        let seen = comparable(&record.bytes);
        let marker = seen.find("GET /marker HTTP/1.1\r\n").unwrap_or_else(|| panic!("no marker in {seen:?}"));
        (seen[..marker].to_owned(), record.cut)
    }
}

/// Everything up to the end of the connection, as answers.
fn whole(client: &mut Client) -> (Vec<Answer>, &'static str) {
    let mut all = Vec::new();
    let end = match client.reader().read_to_end(&mut all) {
        Err(problem) if problem.kind() == std::io::ErrorKind::WouldBlock => "open",
        Ok(_) | Err(_) => "closed",
    };
    let mut rest = BufReader::new(&all[..]);
    (std::iter::from_fn(|| Answer::read(&mut rest, false).ok()).collect(), end)
}

/// An answer of the gateway's own.
fn told(answer: &Answer) -> String {
    let reason = answer.header("x-gateway-error").map(|reason| format!(" {reason}"));
    format!("{}{}", answer.status, reason.unwrap_or_default())
}

/// What the corpus says.
fn expected(case: &Case) -> Outcome {
    let words: Vec<_> = case.outcome.iter().map(String::as_str).collect();
    let said = match words[..] {
        ["refused", ..] => format!("{}, closed", words[1..].join(" ")),
        ["closed"] => "closed, closed 0".to_owned(),
        ["answered", ..] => format!("{}, open", words[1..].join(" ")),
        ["cut"] => "cut, closed 0".to_owned(),
        ["cut", ..] => format!("cut {}, closed", words[1..].join(" ")),
        ["forwarded", end] => format!("forwarded, {end}"),
        ["forwarded", end, times] => format!("forwarded, {end} {times}"),
        _ => panic!("{}: `{words:?}` is no outcome", case.name),
    };
    Outcome { said, seen: comparable(&case.seen) }
}

#[test]
fn every_malformed_or_ambiguous_request_is_refused_whole_or_forwarded_clean() {
    let files = [
        include_str!("requests/request_line.txt"),
        include_str!("requests/target.txt"),
        include_str!("requests/host.txt"),
        include_str!("requests/fields.txt"),
        include_str!("requests/length.txt"),
        include_str!("requests/transfer.txt"),
        include_str!("requests/chunks.txt"),
        include_str!("requests/connection.txt"),
    ];
    let bench = Bench::start();
    let (mut count, mut different) = (0, Vec::new());
    for case in files.iter().flat_map(|file| cases::read(file)) {
        count += 1;
        let (expected, mut found) = (expected(&case), bench.run(&case));
        if case.outcome[0] == "cut" {
            // How much had gone up by then is the scheduler's choice.
            found.seen.clear();
        }
        if expected != found {
            different
                .push(format!("{} [{}]\n  expected {expected:?}\n  found    {found:?}\n", case.name, case.section));
        }
    }
    println!("{count} cases, {} differ", different.len());
    assert!(different.is_empty(), "{} of {count} differ:\n{}", different.len(), different.concat());
}

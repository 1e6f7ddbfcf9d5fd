//! Clients that take their time: two thousand of them, a byte a second each, keep nobody else from being served, and each is let go in
//! its own time.

use std::time::{Duration, Instant};

use tests::client::Client;
use tests::gateway::Setup;
use tests::load::Load;
use tests::upstream::Upstream;

/// Slow clients of each kind, of which there are four.
const EACH: usize = 500;

/// How often a slow client sends its next byte.
const EVERY: Duration = Duration::from_secs(1);

/// One of them.
struct Slow {
    client: Client,
    rest: Box<dyn Iterator<Item = u8>>,
    reason: &'static str,
    since: Instant,
}

impl Slow {
    /// Sends `start` at once, and then `rest` byte by byte; it is to be let go for `reason`.
    fn new(client: Client, start: &str, rest: &'static str, reason: &'static str) -> Self {
        let mut slow = Self { client, rest: Box::new(rest.bytes().cycle()), reason, since: Instant::now() };
        slow.client.send(start).expect("the gateway reads");
        slow
    }

    /// Sends the next byte, unless there is an answer: what that says, and after how long.
    fn step(&mut self) -> Option<(u16, Option<String>, Duration)> {
        if self.client.is_open() {
            // Where the answer comes this very moment, it is read the next time.
            let _closed = self.client.send([self.rest.next().unwrap_or(b'a')]);
            return None;
        }
        let answer = self.client.answer().unwrap_or_else(|problem| panic!("{}: {problem}", self.reason));
        Some((answer.status, answer.header("x-gateway-error").map(str::to_owned), self.since.elapsed()))
    }
}

#[test]
fn two_thousand_slow_clients_keep_nobody_from_being_served_and_each_is_closed_in_its_time() {
    let upstream = Upstream::named("films");
    let rest = format!(
        "upstreams: {{ films: \"{}\" }}
routes:
  - {{ name: all, path: /, to: films }}
  - {{ name: idle, path: /idle, to: films, timeout: {{ idle: 500ms }} }}
  - {{ name: total, path: /total, to: films, timeout: {{ total: 3s }} }}
",
        upstream.url()
    );
    let gateway = Setup::with(&["workers: 2", "timeout: { head: 3s }"], &rest).start();
    let load = Load::start(gateway.address, "/", 4, 200, |answer| answer.status == 200 && answer.text() == "films");
    let kinds = [
        ("", "GET / HTTP/1.1\r\n", "head_timeout"),
        ("GET / HTTP/1.1\r\nhost: a.test\r\nx-slow: ", "a", "head_timeout"),
        ("POST /idle HTTP/1.1\r\nhost: a.test\r\ncontent-length: 1000\r\n\r\n", "a", "body_timeout"),
        ("POST /total HTTP/1.1\r\nhost: a.test\r\ncontent-length: 1000\r\n\r\n", "a", "body_timeout"),
    ];
    let mut slow: Vec<_> = (0..EACH)
        .flat_map(|_| kinds.map(|(start, rest, reason)| Slow::new(gateway.connect(), start, rest, reason)))
        .collect();
    let mut next = Instant::now();
    tests::until("all of them are let go", || {
        if Instant::now() >= next {
            next += EVERY;
            slow.retain_mut(|slow| {
                let Some((status, reason, after)) = slow.step() else { return true };
                assert_eq!((status, reason.as_deref()), (408, Some(slow.reason)));
                assert!(after >= Duration::from_millis(500), "{}: let go after {after:?}", slow.reason);
                false
            });
        }
        slow.is_empty().then_some(())
    });
    let report = load.stop();
    report.assert_clean();
    assert!(report.requests > 200, "only {} requests of others were served meanwhile", report.requests);
    let scrape = gateway.counted("they are gone", |scrape| scrape.value("gateway_client_connections", &[]) == 0.0);
    for reason in ["head_timeout", "body_timeout"] {
        let counted = scrape.value("gateway_rejected_total", &[("reason", reason)]);
        assert_eq!(counted, 2.0 * EACH as f64, "{reason}");
    }
    tests::until("the upstream is let go", || (upstream.open() <= 4).then_some(()));
}

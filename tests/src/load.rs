//! A load of known size: so many connections that stay open, so many requests a second, every failure and every close counted.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::http::Answer;

/// A load that runs.
#[derive(Debug)]
pub struct Load {
    stops: Vec<Sender<()>>,
    threads: Vec<JoinHandle<Report>>,
    began: Instant,
}

/// What came of a load.
#[derive(Debug, Default)]
pub struct Report {
    /// Requests that were sent.
    pub requests: usize,
    /// What was wrong with those that failed.
    pub failed: Vec<String>,
    /// Connections that the other end closed.
    pub closed: usize,
    /// How long it ran.
    pub took: Duration,
}

impl Load {
    /// GETs of `path` by `connections` clients, `rate` a second in all, each answer judged by `good`.
    pub fn start(
        to: SocketAddr,
        path: &str,
        connections: u32,
        rate: u32,
        good: impl Fn(&Answer) -> bool + Clone + Send + 'static,
    ) -> Self {
        let every = Duration::from_secs(1) * connections / rate;
        let (stops, threads) = (0..connections)
            .map(|_| {
                let (stop, stopped) = channel();
                let (path, good) = (path.to_owned(), good.clone());
                (stop, thread::spawn(move || run(to, &path, every, &stopped, good)))
            })
            .unzip();
        Self { stops, threads, began: Instant::now() }
    }

    /// Ends it.
    ///
    /// # Panics
    /// One of its threads did.
    pub fn stop(self) -> Report {
        drop(self.stops);
        let mut all = Report::default();
        for thread in self.threads {
            let report = thread.join().unwrap_or_else(|_| panic!("a client of the load panicked"));
            all.requests += report.requests;
            all.failed.extend(report.failed);
            all.closed += report.closed;
        }
        all.took = self.began.elapsed();
        all
    }
}

impl Report {
    /// Requests a second.
    pub fn rate(&self) -> f64 {
        self.requests as f64 / self.took.as_secs_f64()
    }

    /// Nothing failed, nothing was closed.
    ///
    /// # Panics
    /// Something did.
    pub fn assert_clean(&self) {
        let some: Vec<_> = self.failed.iter().take(5).collect();
        assert!(self.failed.is_empty(), "{} of {} requests failed: {some:?}", self.failed.len(), self.requests);
        assert_eq!(self.closed, 0, "connections were closed");
    }
}

/// One client: a request every so often, by a plan of absolute times, so that a late one is made up for.
fn run(to: SocketAddr, path: &str, every: Duration, stopped: &Receiver<()>, good: impl Fn(&Answer) -> bool) -> Report {
    let mut report = Report::default();
    let mut client = Client::new(to);
    let mut next = Instant::now();
    while stopped.recv_timeout(next.saturating_duration_since(Instant::now())) == Err(RecvTimeoutError::Timeout) {
        next += every;
        report.requests += 1;
        match client.try_request("GET", path, &[], b"") {
            Ok(answer) if good(&answer) => {}
            Ok(answer) => report.failed.push(format!("{} {:?} {}", answer.status, answer.headers, answer.text())),
            Err(problem) => {
                report.failed.push(problem.to_string());
                report.closed += 1;
                client = Client::new(to);
            }
        }
    }
    // An answer may have been followed by a close that no later request noticed.
    report.closed += usize::from(!client.is_open());
    report
}

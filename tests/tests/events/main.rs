//! Events as their clients know them: on the broker in the process (`mock`), on a real Kafka (`kafka`), and while it is away.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod kafka;
mod mock;
mod outage;
mod topic;

use std::net::SocketAddr;

use serde_json::{Value, json};
use tests::folder::Folder;
use tests::http::{self, Answer};
use tests::process::Process;

/// The events service and where it listens.
pub struct Events {
    /// The service.
    pub process: Process,
    /// Its address.
    pub address: SocketAddr,
    _folder: Folder,
}

impl Events {
    /// With these brokers, or its own.
    pub fn with(brokers: Option<&str>) -> Self {
        let folder = Folder::new();
        let mut environment = vec![("PORT", "0")];
        environment.extend(brokers.map(|brokers| ("KAFKA_BROKERS", brokers)));
        let mut process = Process::start("events", folder.path(), &environment);
        let address = process.address();
        Self { process, address, _folder: folder }
    }

    /// POST.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        http::post(self.address, path, body)
    }

    /// A POST that must be answered 201: its answer.
    pub fn accepted(&self, path: &str, body: &Value) -> Value {
        let answer = self.post(path, body);
        assert_eq!(answer.status, 201, "{path} {body}: {}", answer.text());
        answer.json()
    }

    /// Waits for the line of the event that an answer tells of.
    pub fn handled(&mut self, kind: &str, answer: &Value) -> Value {
        let topic = format!("{kind}-events");
        self.process.line(&format!("that {answer} was handled"), |line| {
            line["message"] == "event handled"
                && (&line["topic"], &line["partition"], &line["offset"])
                    == (&json!(topic), &answer["partition"], &answer["offset"])
        })
    }

    /// The value of a series on its page of metrics.
    pub fn metric(&self, series: &str) -> f64 {
        let page = http::get(self.address, "/metrics").text();
        let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {series} in\n{page}")).parse().unwrap()
    }
}

/// A movie's event.
pub fn viewed(movie: i64) -> Value {
    json!({"movie_id": movie, "title": "t", "action": "viewed"})
}

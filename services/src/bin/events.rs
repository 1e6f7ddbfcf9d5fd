//! The events service: into Kafka and out of it.

use services::service::Service;
use services::{events, process};

const EVENTS: Service = Service { name: "events", port: 8082, domains: &[events::DOMAIN] };

fn main() -> std::process::ExitCode {
    process::run(&EVENTS)
}

//! The monolith: every domain in one process.

use services::service::Service;
use services::{movies, payments, process, subscriptions, users};

const MONOLITH: Service = Service {
    name: "monolith",
    port: 8080,
    domains: &[users::DOMAIN, movies::DOMAIN, payments::DOMAIN, subscriptions::DOMAIN],
};

fn main() -> std::process::ExitCode {
    process::run(&MONOLITH)
}

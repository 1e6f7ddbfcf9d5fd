//! The monolith: every domain in one process.

use services::service::Service;
use services::{movies, process, users};

const MONOLITH: Service = Service { name: "monolith", port: 8080, domains: &[users::DOMAIN, movies::DOMAIN] };

fn main() -> std::process::ExitCode {
    process::run(&MONOLITH)
}

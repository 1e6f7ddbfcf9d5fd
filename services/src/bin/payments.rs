//! The payments service, extracted later.

use services::service::Service;
use services::{payments, process};

const PAYMENTS: Service = Service { name: "payments", port: 8084, domains: &[payments::DOMAIN] };

fn main() -> std::process::ExitCode {
    process::run(&PAYMENTS)
}

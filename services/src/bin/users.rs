//! The users service, extracted later.

use services::service::Service;
use services::{process, users};

const USERS: Service = Service { name: "users", port: 8083, domains: &[users::DOMAIN] };

fn main() -> std::process::ExitCode {
    process::run(&USERS)
}

//! The movies service, the first to leave the monolith.

use services::service::Service;
use services::{movies, process};

const MOVIES: Service = Service { name: "movies", port: 8081, domains: &[movies::DOMAIN, movies::HEALTH] };

fn main() -> std::process::ExitCode {
    process::run(&MOVIES)
}

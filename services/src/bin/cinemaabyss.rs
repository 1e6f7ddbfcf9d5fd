//! The whole system in one process, on embedded defaults: what `make run` starts.

use std::process::ExitCode;

use services::service::Service;
use services::system::{Part, run};
use services::{events, movies, payments, subscriptions, users};

const MONOLITH: Service = Service {
    name: "monolith",
    port: 8080,
    domains: &[users::DOMAIN, movies::DOMAIN, payments::DOMAIN, subscriptions::DOMAIN],
};
const MOVIES: Service = Service { name: "movies", port: 8081, domains: &[movies::DOMAIN, movies::HEALTH] };
const EVENTS: Service = Service { name: "events", port: 8082, domains: &[events::DOMAIN] };

fn main() -> ExitCode {
    let monolith = Part { service: MONOLITH, variable: "MONOLITH_URL" };
    let movies = Part { service: MOVIES, variable: "MOVIES_SERVICE_URL" };
    let events = Part { service: EVENTS, variable: "EVENTS_SERVICE_URL" };
    run("cinemaabyss", &[monolith, movies, events])
}

//! The routes.yaml of this repository with the environment that its users set.

use tests::gateway::{Gateway, Setup};
use tests::upstream::Upstream;

use crate::{Sides, assert_in_ten, to_movies, who};

/// The shipped file, on free ports, with these variables.
fn shipped(sides: &Sides, events: &Upstream, variables: &[(&str, &str)]) -> Gateway {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../routes.yaml");
    let file = std::fs::read_to_string(path).unwrap_or_else(|problem| panic!("{path}: {problem}"));
    let setup = Setup::of(file)
        .env("PORT", "0")
        .env("ADMIN_LISTEN", "127.0.0.1:0")
        .env("ACCESS_LOG", "json")
        .env("MONOLITH_URL", sides.monolith.url())
        .env("MOVIES_SERVICE_URL", sides.movies.url())
        .env("EVENTS_SERVICE_URL", events.url());
    variables.iter().fold(setup, |setup, (name, value)| setup.env(name, *value)).start()
}

#[test]
fn movies_migration_percent_is_the_share_exactly() {
    let (sides, events) = (Sides::new(), Upstream::named("events"));
    for percent in [0, 20, 40, 60, 80, 100] {
        let gateway = shipped(&sides, &events, &[("MOVIES_MIGRATION_PERCENT", &percent.to_string())]);
        let went = to_movies(&mut gateway.connect(), "/api/movies?id=1", 100);
        assert_eq!(went.iter().filter(|side| **side).count(), percent);
        assert_in_ten(&went, percent / 10);
    }
    let gateway = shipped(&sides, &events, &[]);
    assert_in_ten(&to_movies(&mut gateway.connect(), "/api/movies", 20), 5);
}

#[test]
fn gradual_migration_false_sends_everything_to_the_monolith() {
    let (sides, events) = (Sides::new(), Upstream::named("events"));
    let variables = [("GRADUAL_MIGRATION", "false"), ("MOVIES_MIGRATION_PERCENT", "80")];
    let mut gateway = shipped(&sides, &events, &variables);
    let mut client = gateway.connect();
    assert_in_ten(&to_movies(&mut client, "/api/movies", 20), 0);
    assert_eq!(who(&mut client, "/api/movies", &[("x-user-id", "7"), ("x-request-id", "keyed")]), "monolith");
    let line = gateway.process.line("the request", |line| line["request_id"] == "keyed");
    assert_eq!((line["reason"].as_str(), line["route"].as_str()), (Some("disabled"), Some("movies")));

    let scrape = gateway.scrape();
    let of = |name, upstream| scrape.value(name, &[("route", "movies"), ("upstream", upstream)]);
    assert_eq!((of("gateway_split_weight_ratio", "movies"), of("gateway_split_weight_ratio", "monolith")), (0.8, 0.2));
    assert_eq!(of("gateway_split_effective_ratio", "movies"), 0.0);
    assert_eq!(of("gateway_split_effective_ratio", "monolith"), 1.0);
    let disabled = [("route", "movies"), ("upstream", "monolith"), ("reason", "disabled")];
    assert_eq!(scrape.value("gateway_split_picks_total", &disabled), 21.0);
    assert_eq!(who(&mut client, "/api/movies/health", &[]), "movies", "only movies has this path");
}

#[test]
fn every_path_of_the_contract_goes_where_its_domain_is() {
    let (sides, events) = (Sides::new(), Upstream::named("events"));
    let gateway = shipped(&sides, &events, &[("MOVIES_MIGRATION_PERCENT", "0")]);
    let health = gateway.get("/health");
    assert_eq!((health.status, health.text().as_str()), (200, "Strangler Fig Proxy is healthy"));
    assert!(health.header("content-type").is_some_and(|kind| kind.starts_with("text/plain")));
    let mut client = gateway.connect();
    for (path, upstream) in [
        ("/api/movies/health", "movies"),
        ("/api/movies", "monolith"),
        ("/api/movies/7", "monolith"),
        ("/api/events/health", "events"),
        ("/api/events/movie", "events"),
        ("/api/users", "monolith"),
        ("/api/payments?id=7", "monolith"),
        ("/api/subscriptions", "monolith"),
        ("/health/", "monolith"),
        ("/", "monolith"),
    ] {
        assert_eq!(who(&mut client, path, &[]), upstream, "{path}");
    }
}

#[test]
fn a_user_stays_on_one_side_of_the_movies() {
    let (sides, events) = (Sides::new(), Upstream::named("events"));
    let gateway = shipped(&sides, &events, &[]);
    let mut client = gateway.connect();
    for user in 0..20 {
        let user = user.to_string();
        let header = who(&mut client, "/api/movies", &[("x-user-id", &user)]);
        let cookie = who(&mut client, "/api/movies?id=1", &[("cookie", &format!("session={user}"))]);
        assert_eq!(header, cookie, "the same key, wherever it is read from");
        assert_eq!(who(&mut client, "/api/movies/7", &[("x-user-id", &user)]), header);
    }
}

#[test]
fn a_variable_that_pins_a_weight_is_named() {
    let (sides, events) = (Sides::new(), Upstream::named("events"));
    let mut gateway = shipped(&sides, &events, &[("MOVIES_MIGRATION_PERCENT", "35.5")]);
    let table = gateway.table();
    let route = table["routes"].as_array().and_then(|routes| routes.iter().find(|route| route["name"] == "movies"));
    let movies = &route.map(|route| route["action"]["split"][0].clone()).unwrap_or_default();
    assert_eq!(movies["upstream"], "movies");
    assert_eq!((movies["written"].as_f64(), movies["effective"].as_f64()), (Some(35.5), Some(35.5)));
    assert_eq!(movies["pinned_by"], "MOVIES_MIGRATION_PERCENT");
    let pinned = |line: &serde_json::Value| {
        line["message"].as_str().is_some_and(|text| text.contains("MOVIES_MIGRATION_PERCENT"))
    };
    gateway.process.line("what pins it", pinned);
}

//! What existing clients rely on: lists, ids, what a POST answers, exact paths, methods.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::thread;

use serde_json::{Value, json};
use tests::folder::Folder;
use tests::http;
use tests::process::Process;
use tests::servers::Database;

use crate::{Store, System, on_both_databases, start};

on_both_databases! {
    a_first_start_has_sample_data
    what_a_post_answers_a_get_then_gives
    what_one_service_stores_the_others_find
    ids_choose_and_users_filter
    paths_are_exact_and_methods_known
    bodies_are_read_as_clients_send_them
    a_hundred_and_fifty_at_once_are_all_answered
    every_metric_is_there_from_the_start
}

/// The keys of an object, sorted.
fn keys(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

fn ids(list: &Value) -> Vec<i64> {
    list.as_array().unwrap().iter().map(|one| one["id"].as_i64().unwrap()).collect()
}

fn a_first_start_has_sample_data(system: &System) {
    for (path, fields) in [
        ("/api/users", vec!["email", "id", "username"]),
        ("/api/movies", vec!["description", "genres", "id", "rating", "title"]),
        ("/api/payments", vec!["amount", "id", "timestamp", "user_id"]),
        ("/api/subscriptions", vec!["end_date", "id", "plan_type", "start_date", "user_id"]),
    ] {
        let list = system.found(path);
        let ids = ids(&list);
        assert!(ids.len() >= 3 && ids.is_sorted(), "{path}: {ids:?}");
        for one in list.as_array().unwrap() {
            assert_eq!(keys(one), fields, "{path}");
        }
    }
    // One movie without genres and one without a description: empty, not null.
    let movies = system.found("/api/movies");
    assert!(movies.as_array().unwrap().iter().any(|movie| movie["genres"] == json!([]) && movie["description"] == ""));
}

fn what_a_post_answers_a_get_then_gives(system: &System) {
    let long = "ж".repeat(255);
    for (path, body, kept) in [
        ("/api/users", json!({"username": "nora", "email": "nora@x"}), json!({"username": "nora", "email": "nora@x"})),
        // As stored: one decimal, genres in an order of the database's making, an empty list of them.
        (
            "/api/movies",
            json!({"title": long, "description": "", "genres": ["b", "a\"'; --", "c"], "rating": 8.25}),
            json!({"title": long, "description": "", "genres": ["a\"'; --", "b", "c"], "rating": 8.3}),
        ),
        (
            "/api/movies",
            json!({"title": "t", "description": "d", "genres": [], "rating": 10}),
            json!({"title": "t", "description": "d", "genres": [], "rating": 10.0}),
        ),
        ("/api/payments", json!({"user_id": 1, "amount": 0.1}), json!({"user_id": 1, "amount": 0.1})),
        ("/api/payments", json!({"user_id": 1, "amount": 99999999.99}), json!({"user_id": 1, "amount": 99999999.99})),
        ("/api/payments", json!({"user_id": 1, "amount": 7}), json!({"user_id": 1, "amount": 7.0})),
        (
            "/api/subscriptions",
            json!({"user_id": 2, "plan_type": "gold", "start_date": "2026-01-01T03:00:00.1234567+03:00", "end_date": "2026-02-01T00:00:00Z"}),
            json!({"user_id": 2, "plan_type": "gold", "start_date": "2026-01-01T00:00:00.123456Z", "end_date": "2026-02-01T00:00:00Z"}),
        ),
        (
            // It may end when it starts; and a winter of the last century is as good a time as any.
            "/api/subscriptions",
            json!({"user_id": 2, "plan_type": "", "start_date": "1899-12-31T23:59:59.5Z", "end_date": "1899-12-31T23:59:59.5Z"}),
            json!({"user_id": 2, "plan_type": "", "start_date": "1899-12-31T23:59:59.5Z", "end_date": "1899-12-31T23:59:59.5Z"}),
        ),
    ] {
        let answer = system.created(path, &body);
        for (field, value) in kept.as_object().unwrap() {
            assert_eq!(&answer[field], value, "{path} {field}");
        }
        let id = &answer["id"];
        assert_eq!(system.found(&format!("{path}?id={id}")), answer);
        let list = system.found(path);
        assert_eq!(list.as_array().unwrap().last(), Some(&answer), "{path}: a new one is the last of the list");
    }
}

fn what_one_service_stores_the_others_find(system: &System) {
    let movie = json!({"title": "shared", "description": "d", "genres": ["x"], "rating": 1});
    let movie = system.created("/api/movies", &movie);
    let (_movies, address) = system.service("movies");
    assert_eq!(http::get(address, &format!("/api/movies?id={}", movie["id"])).json(), movie);
    let other =
        http::post(address, "/api/movies", &json!({"title": "o", "description": "", "genres": [], "rating": 2}));
    assert_eq!(system.found(&format!("/api/movies?id={}", other.json()["id"])), other.json());
    assert_eq!(http::get(address, "/api/movies/health").json(), json!({"status": true}));
    assert_eq!(http::get(address, "/api/users").status, 404, "movies has no users");
    let (_users, address) = system.service("users");
    assert_eq!(http::get(address, "/api/users").json(), system.found("/api/users"));
    let (_payments, address) = system.service("payments");
    assert_eq!(http::get(address, "/api/payments").json(), system.found("/api/payments"));
}

fn ids_choose_and_users_filter(system: &System) {
    for path in ["/api/users", "/api/movies", "/api/payments", "/api/subscriptions"] {
        let all = system.found(path);
        assert_eq!(system.found(&format!("{path}?id=")), all, "nothing after id= means the list");
        assert_eq!(system.found(&format!("{path}?id=2"))["id"], 2);
        assert_eq!(system.found(&format!("{path}?other=1&id=3&id=2"))["id"], 3, "the first of several");
        assert_eq!(system.get(&format!("{path}?id=2147483647")).status, 404);
        assert_eq!(system.get(&format!("{path}?id=-1")).status, 404);
        assert_eq!(system.get(&format!("{path}?id=0")).status, 404);
    }
    for path in ["/api/payments", "/api/subscriptions"] {
        let all = system.found(path);
        let of_one: Vec<&Value> = all.as_array().unwrap().iter().filter(|one| one["user_id"] == 1).collect();
        assert!(!of_one.is_empty());
        assert_eq!(system.found(&format!("{path}?user_id=1")), json!(of_one));
        assert_eq!(system.found(&format!("{path}?user_id=")), all);
        assert_eq!(system.found(&format!("{path}?user_id=4711")), json!([]), "a user that nobody is");
        assert_eq!(system.found(&format!("{path}?user_id=1&id=2"))["id"], 2, "id wins");
        assert_eq!(system.found(&format!("{path}?user_id=x&id=2"))["id"], 2, "what does not count is not read");
        assert_eq!(system.found(&format!("{path}?id=&user_id=1")), json!(of_one));
    }
    assert_eq!(system.found("/api/movies?user_id=x"), system.found("/api/movies"), "movies are nobody's");
}

fn paths_are_exact_and_methods_known(system: &System) {
    assert_eq!(system.found("/health"), json!({"status": true}));
    for path in ["/", "/api/users/", "/api/users/1", "/api//users", "/API/users", "/api/movies/health", "/api/user"] {
        let answer = system.get(path);
        assert_eq!(answer.status, 404, "{path}");
        assert!(!answer.error().is_empty() && answer.header("content-type") == Some("application/json"), "{path}");
    }
    for path in ["/api/users", "/api/movies", "/api/payments", "/api/subscriptions"] {
        let (get, head) = (system.get(path), http::request(system.monolith, "HEAD", path, &[], b""));
        assert_eq!(get.header("content-type"), Some("application/json"));
        assert_eq!((head.status, head.header("content-length")), (200, get.header("content-length")), "{path}");
        for method in ["PUT", "PATCH", "DELETE", "OPTIONS"] {
            let answer = http::request(system.monolith, method, path, &[], b"");
            let allow: Vec<&str> = answer.header("allow").unwrap_or_default().split(',').map(str::trim).collect();
            assert_eq!((answer.status, allow), (405, vec!["GET", "HEAD", "POST"]), "{method} {path}");
            assert!(!answer.error().is_empty());
        }
    }
    let answer = http::request(system.monolith, "POST", "/health", &[], b"");
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET,HEAD")));
}

fn bodies_are_read_as_clients_send_them(system: &System) {
    // Unknown fields, an id and a time of the client's are ignored; the type of the content isn't looked at.
    let body = br#" {"user_id": 1, "amount": 2.5, "id": 999, "timestamp": "1999", "status": [], "x": {"y": null}} "#;
    for headers in
        [&[][..], &[("content-type", "text/plain")], &[("content-type", "application/x-www-form-urlencoded")]]
    {
        let answer = http::request(system.monolith, "POST", "/api/payments", headers, body);
        assert_eq!(answer.status, 201, "{}", answer.text());
        let payment = answer.json();
        assert!(payment["id"] != 999 && payment["timestamp"].as_str().unwrap().starts_with("20"), "{payment}");
    }
    // Of a key that is there twice the last counts; escapes and every plane of Unicode come back.
    let body = r#"{"username": "first", "username": "\ud83c\udfac 𝄞 ok", "email": "e"}"#;
    let answer = http::request(system.monolith, "POST", "/api/users", &[], body.as_bytes());
    assert_eq!((answer.status, answer.json()["username"].as_str()), (201, Some("🎬 𝄞 ok")));
}

fn a_hundred_and_fifty_at_once_are_all_answered(system: &System) {
    let monolith = system.monolith;
    let all: Vec<_> = (0..150).map(|_| thread::spawn(move || http::get(monolith, "/api/movies").status)).collect();
    let statuses: Vec<u16> = all.into_iter().map(|one| one.join().unwrap()).collect();
    assert_eq!(statuses, [200; 150]);
    let all: Vec<_> = (0..50)
        .map(|number| {
            let body = json!({"username": format!("u{number}"), "email": format!("e{number}")});
            thread::spawn(move || http::post(monolith, "/api/users", &body).status)
        })
        .collect();
    assert!(all.into_iter().all(|one| one.join().unwrap() == 201), "so are fifty that write");
}

/// On a database that none of them has seen.
fn services_that_start_together_make_the_tables_once(store: &Store) {
    let folder = Folder::new();
    let names = ["monolith", "movies", "users", "payments", "movies", "monolith"];
    let mut all: Vec<Process> = names.iter().map(|name| start(name, &folder, store, &[])).collect();
    let addresses: Vec<SocketAddr> = all.iter_mut().map(Process::address).collect();
    assert_eq!(ids(&http::get(addresses[0], "/api/movies").json()), (1..=10).collect::<Vec<i64>>());
    assert_eq!(http::get(addresses[1], "/api/movies").json(), http::get(addresses[5], "/api/movies").json());
    let firsts = all.iter().filter(|process| process.text().contains("first start"));
    assert_eq!(firsts.count(), 1, "one of them filled the tables");
}

#[test]
fn services_that_start_together_make_the_tables_once_on_sqlite() {
    services_that_start_together_make_the_tables_once(&Store::Sqlite);
}

#[test]
fn services_that_start_together_make_the_tables_once_on_postgres() {
    services_that_start_together_make_the_tables_once(&Store::Postgres(Database::new()));
}

fn every_metric_is_there_from_the_start(system: &System) {
    let text = || system.get("/metrics").text();
    let before = text();
    for series in [
        r#"cinema_http_requests_total{code="2xx",route="/api/movies"} 0"#,
        r#"cinema_http_requests_total{code="5xx",route="/api/subscriptions"} 0"#,
        r#"cinema_http_request_duration_seconds_count{code="4xx",route="none"} 0"#,
        "cinema_db_up 1",
        "cinema_db_connections_max 10",
        r#"cinema_db_connections{state="used"}"#,
        r#"cinema_build_info{service="monolith""#,
        "process_resident_memory_bytes",
    ] {
        assert!(before.contains(series), "{series} is missing:\n{before}");
    }
    system.get("/api/movies");
    system.get("/api/movies?id=x");
    system.get("/nowhere");
    let after = text();
    for series in [
        r#"cinema_http_requests_total{code="2xx",route="/api/movies"} 1"#,
        r#"cinema_http_requests_total{code="4xx",route="/api/movies"} 1"#,
        r#"cinema_http_request_duration_seconds_count{code="4xx",route="none"} 1"#,
    ] {
        assert!(after.contains(series), "{series} is missing:\n{after}");
    }
}

/// Every metric of docs/services.md is on a page, and every one on a page is in the document.
#[test]
fn the_documented_metrics_are_those_that_are_served() {
    let documented = include_str!("../../../docs/services.md");
    let documented: BTreeSet<&str> =
        documented.lines().filter_map(|line| line.strip_prefix("| `cinema_")?.split('`').next()).collect();
    let folder = Folder::new();
    let page = |process: &mut Process| http::get(process.address(), "/metrics").text();
    let mut served = BTreeSet::new();
    for service in ["monolith", "events"] {
        let page = page(&mut start(service, &folder, &Store::Sqlite, &[]));
        let names = page.lines().filter_map(|line| line.strip_prefix("# TYPE cinema_")?.split(' ').next());
        served.extend(names.map(str::to_owned));
    }
    assert_eq!(served.iter().map(String::as_str).collect::<BTreeSet<_>>(), documented);
}

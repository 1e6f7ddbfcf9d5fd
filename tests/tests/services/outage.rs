//! PostgreSQL goes away and comes back: refusals meanwhile, quick ones, and no restart after.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::json;
use tests::folder::Folder;
use tests::http;
use tests::process::Process;
use tests::relay::{Relay, Way};
use tests::servers::{Database, place};
use tests::until;

/// The most that a refused request may take: a request's patience and what a busy machine adds.
const SOON: Duration = Duration::from_secs(5);

/// A monolith whose database is behind a relay.
struct Behind {
    relay: Relay,
    monolith: SocketAddr,
    process: Process,
    _folder: Folder,
    _database: Database,
}

fn behind(way: Way) -> Behind {
    let database = Database::new();
    let place = place(database.url());
    let relay = Relay::new(&place);
    relay.set(way);
    let url = database.url().replace(&place, &relay.address().to_string());
    let folder = Folder::new();
    let environment = [("PORT", "0"), ("DB_CONNECTION_STRING", &url)];
    let mut process = Process::start("monolith", folder.path(), &environment);
    let monolith = process.address();
    Behind { relay, monolith, process, _folder: folder, _database: database }
}

impl Behind {
    fn refuses(&self) {
        for _ in 0..3 {
            let began = Instant::now();
            let answer = http::get(self.monolith, "/api/movies");
            assert_eq!(answer.status, 503, "{}", answer.text());
            assert!(began.elapsed() < SOON, "refused after {:?} only", began.elapsed());
            assert!(answer.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok()));
            assert!(answer.error().contains("database"));
        }
        let user = json!({"username": "away", "email": "away"});
        assert_eq!(http::post(self.monolith, "/api/users", &user).status, 503);
        assert_eq!(http::get(self.monolith, "/health").status, 200, "health is of the process");
        until("the metric says that the database is away", || {
            http::get(self.monolith, "/metrics").text().contains("cinema_db_up 0").then_some(())
        });
    }

    fn serves(&self) {
        until("the database is back", || (http::get(self.monolith, "/api/movies").status == 200).then_some(()));
        // Back for every connection of the pool.
        let statuses: Vec<u16> = (0..30).map(|_| http::get(self.monolith, "/api/movies").status).collect();
        assert_eq!(statuses, [200; 30]);
        assert_eq!(http::get(self.monolith, "/api/movies").json().as_array().unwrap().len(), 10);
    }
}

fn goes_and_comes_back(way: Way) {
    let mut behind = behind(Way::Open);
    behind.serves();
    for _ in 0..2 {
        behind.relay.set(way);
        behind.refuses();
        behind.relay.set(Way::Open);
        behind.serves();
    }
    behind.process.line("that it was away", |line| line["message"] == "the database is away");
}

#[test]
fn a_database_that_ends_is_503_and_found_again() {
    goes_and_comes_back(Way::Closed);
}

#[test]
fn a_database_that_says_nothing_is_503_and_found_again() {
    goes_and_comes_back(Way::Silent);
}

#[test]
fn a_service_that_starts_first_makes_the_tables_when_the_database_comes() {
    let behind = behind(Way::Closed);
    behind.refuses();
    behind.relay.set(Way::Open);
    behind.serves();
}

#[test]
fn once_it_is_known_to_be_away_nobody_waits() {
    let behind = behind(Way::Open);
    behind.relay.set(Way::Silent);
    behind.refuses();
    let began = Instant::now();
    let statuses: Vec<u16> = (0..100).map(|_| http::get(behind.monolith, "/api/movies").status).collect();
    assert_eq!(statuses, [503; 100]);
    assert!(began.elapsed() < SOON, "a hundred took {:?}", began.elapsed());
}

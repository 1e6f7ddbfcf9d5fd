//! `cinemaabyss`: everything in one process, as `make run` starts it.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use serde_json::json;
use tests::folder::Folder;
use tests::process::Process;
use tests::{http, until};

/// The address of a port that is free now; the gateway must know it before the service has it.
fn free() -> String {
    format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap())
}

#[test]
fn the_whole_system_runs_in_one_process_and_follows_the_file() {
    let folder = Folder::new();
    let shipped = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../routes.yaml")).unwrap();
    let routes = folder.path().join("routes.yaml");
    fs::write(&routes, &shipped).unwrap();
    let (monolith, movies, events) = (free(), free(), free());
    let mut system = Process::start(
        "cinemaabyss",
        folder.path(),
        &[
            ("PORT", "0"),
            ("ADMIN_LISTEN", "127.0.0.1:0"),
            ("MONOLITH_URL", &monolith),
            ("MOVIES_SERVICE_URL", &movies),
            ("EVENTS_SERVICE_URL", &events),
        ],
    );
    let line = system.line("that the gateway listens", |line| line["message"] == "gateway is listening");
    let port = line["address"].as_str().unwrap().rsplit_once(':').unwrap().1.parse().unwrap();
    let gateway = ([127, 0, 0, 1], port).into();
    let banner = until("the banner", || Some(system.text()).filter(|text| text.contains("curl -i localhost:")));
    for shown in [&monolith, &movies, &events, "data/cinemaabyss.db", "in memory only"] {
        assert!(banner.contains(shown), "no {shown} in\n{banner}");
    }

    // Half of ten go to either side, which share one store.
    let served = || -> Vec<String> {
        let served = (0..10).map(|_| http::get(gateway, "/api/movies"));
        served.map(|answer| format!("{} {}", answer.status, answer.header("x-served-by").unwrap())).collect()
    };
    assert_eq!(served().iter().filter(|by| *by == "200 movies").count(), 5);
    assert_eq!(http::get(gateway, "/api/users?id=1").json()["username"], "ada");
    assert_eq!(http::get(gateway, "/api/movies/health").json(), json!({"status": true}));
    let event = json!({"movie_id": 1, "title": "t", "action": "viewed"});
    assert_eq!(http::post(gateway, "/api/events/movie", &event).status, 201);
    system.line("that it was handled", |line| line["message"] == "event handled");

    // An edit moves all of it.
    assert!(shipped.contains("MOVIES_MIGRATION_PERCENT:-50"));
    fs::write(&routes, shipped.replace("MOVIES_MIGRATION_PERCENT:-50", "MOVIES_MIGRATION_PERCENT:-100")).unwrap();
    until("everything goes to movies", || served().iter().all(|by| by == "200 movies").then_some(()));

    system.terminate();
    assert!(system.ended().success());
    let said = |what: &str| system.lines().iter().position(|line| line["message"] == what).unwrap();
    assert!(said("drained") < said("stopped"), "the gateway first");
}

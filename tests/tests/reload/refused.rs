//! Bad edits: harmless and loud, and mended by the text that was there before.

use tests::gateway::Setup;
use tests::until;

use crate::Sides;

/// Files that must never come into force, and what is said of each.
fn bad(good: &str) -> Vec<(String, &'static str)> {
    vec![
        (String::new(), "empty"),
        ("\n# nothing\n".to_owned(), "empty"),
        (good.replace("routes:", "roots:"), "routes"),
        (good.replace("rest", "60"), "100"),
        (good.replace("monolith: rest", "archive: rest"), "archive"),
        (good.replace("path: /", "path: films"), "films"),
        (good.replace("name: all", "name: [all"), "routes.yaml"),
        (good.replace("workers: 2", "workers: 2\n  workers: 3"), "workers"),
        (good.replace("movies: 20", "movies: ${NOT_SET_ANYWHERE}"), "NOT_SET_ANYWHERE"),
        (good.replace("name: all", "name: \0"), "routes.yaml"),
    ]
}

#[test]
fn a_bad_edit_changes_nothing_and_is_in_the_log_the_metrics_and_the_table() {
    let sides = Sides::new();
    let good = sides.file(20);
    let mut gateway = Setup::of(good.as_str()).start();
    let mut client = gateway.connect();
    let hash = gateway.table()["hash"].clone();
    for (number, (text, said)) in bad(&good).into_iter().enumerate() {
        gateway.save(&text);
        let rejected = (number + 1) as f64;
        let scrape = gateway.counted("the edit is rejected", |scrape| {
            scrape.value("gateway_config_reloads_total", &[("result", "rejected")]) == rejected
        });
        assert_eq!(scrape.value("gateway_config_last_reload_successful", &[]), 0.0);
        assert_eq!(scrape.value("gateway_config_generation", &[]), 1.0);
        let table =
            until("it is in the table", || Some(gateway.table()).filter(|table| table["last_rejected"].is_object()));
        let problems = table["last_rejected"]["problems"].as_str().unwrap_or_default();
        assert!(problems.contains(said) && problems.contains("routes.yaml"), "{said}: {problems}");
        assert_eq!((&table["generation"], &table["hash"]), (&1.into(), &hash));
        let is_it = |line: &serde_json::Value| {
            line["level"] == "ERROR" && line["message"].as_str().is_some_and(|message| message.contains(problems))
        };
        gateway.process.line("the edit is rejected", is_it);
        let ten = (0..10).filter(|_| client.get("/").text() == "movies").count();
        assert_eq!((ten, gateway.governed_by(&mut client, "/")), (2, 1), "the old table serves on");
        // Back to a multiple of ten decisions.
        (0..9).for_each(|_| _ = client.get("/"));
    }
    gateway.edit(&sides.file(100));
    let table = gateway.table();
    assert_eq!((&table["generation"], table["last_rejected"].is_null()), (&2.into(), true));
    assert_eq!(gateway.scrape().value("gateway_config_last_reload_successful", &[]), 1.0);
    assert_eq!(client.get("/").text(), "movies");
}

#[test]
fn the_same_good_text_again_is_healthy_again() {
    let sides = Sides::new();
    let good = sides.file(20);
    let gateway = Setup::of(good.as_str()).start();
    let healthy = || gateway.scrape().value("gateway_config_last_reload_successful", &[]);
    for round in 1..=3 {
        gateway.save(&good.replace("rest", "90"));
        until("the edit is rejected", || (healthy() == 0.0).then_some(()));
        gateway.save(&good);
        until("healthy again", || (healthy() == 1.0).then_some(()));
        let (table, scrape) = (gateway.table(), gateway.scrape());
        assert_eq!((&table["generation"], table["last_rejected"].is_null()), (&1.into(), true));
        assert_eq!(scrape.value("gateway_config_reloads_total", &[("result", "rejected")]), f64::from(round));
        assert_eq!(scrape.value("gateway_config_reloads_total", &[("result", "applied")]), 0.0);
    }
}

#[test]
fn all_problems_are_reported_in_one_go() {
    let sides = Sides::new();
    let gateway = Setup::of(sides.file(20)).start();
    gateway.save(
        "upstreams: { movies: \"http://127.0.0.1:1\", films: 7 }
routes:
  - { name: a, path: /a, too: movies }
  - { name: b, path: b, to: movies }
  - { name: c, path: /c, to: nobody }
  - { name: c, path: /d, split: { movies: 50, movies2: 40 } }
",
    );
    let rejected =
        until("the edit is rejected", || gateway.table()["last_rejected"]["problems"].as_str().map(str::to_owned));
    for said in ["films", "too", "`b`", "nobody", "movies2", "name"] {
        assert!(rejected.contains(said), "nothing about {said}:\n{rejected}");
    }
    for line in [1, 3, 4, 5, 6] {
        assert!(rejected.contains(&format!("routes.yaml:{line}:")), "nothing of line {line}:\n{rejected}");
    }
}

#[test]
fn an_edit_of_server_is_reported_as_for_the_restart() {
    let sides = Sides::new();
    let mut gateway = Setup::of(sides.file(0)).start();
    let edited = sides.file(100).replace("workers: 2", "workers: 3\n  expose: false");
    gateway.edit(&edited);
    let restart = |line: &serde_json::Value| {
        line["level"] == "WARN"
            && line["message"].as_str().is_some_and(|message| message.contains("takes effect at restart"))
    };
    gateway.process.line("that it takes a restart", restart);
    let answer = gateway.get("/");
    assert_eq!(
        (answer.text().as_str(), answer.header("x-served-by")),
        ("movies", Some("movies")),
        "the rest is in force"
    );
    gateway.edit(&edited.replace("name: all", "name: everything"));
    let said = gateway.process.lines().into_iter().filter(restart).count();
    assert_eq!(said, 1, "an edit that leaves `server` alone is not blamed for it");
}

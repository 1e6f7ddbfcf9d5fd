//! The admin listener's pages, which the public port does not have.

use std::time::{SystemTime, UNIX_EPOCH};

use tests::gateway::{Gateway, Setup, file};
use tests::http;

use crate::{all_kinds, statuses};

#[test]
fn probes_answer_and_other_pages_are_404() {
    let gateway = Gateway::start("routes: [{ name: all, path: /all, respond: { text: public } }]\n");
    for (path, text) in [("/healthz", "ok\n"), ("/readyz", "ready\n")] {
        let answer = http::get(gateway.admin, path);
        assert_eq!((answer.status, answer.text().as_str()), (200, text));
    }
    for path in ["/", "/all", "/metrics/", "/admin"] {
        assert_eq!(http::get(gateway.admin, path).status, 404, "{path}");
    }
    for path in ["/metrics", "/healthz", "/readyz", "/table", "/reload"] {
        assert_eq!(gateway.get(path).header("x-gateway-error"), Some("no_route"), "{path} of the public port");
    }
}

#[test]
fn the_admin_listener_changes_nothing_but_by_post_reload() {
    let gateway = Gateway::start("routes: [{ name: all, path: /, respond: { text: public } }]\n");
    let before = gateway.table();
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"] {
        for path in ["/", "/metrics", "/healthz", "/readyz", "/table", "/table/routes", "/reload"] {
            let status = http::request(gateway.admin, method, path, &[], b"{}").status;
            let expected = match (method, path) {
                ("POST", "/reload") => 200,
                (_, "/" | "/table/routes") => 404,
                _ => 405,
            };
            assert_eq!(status, expected, "{method} {path}");
        }
    }
    assert_eq!(http::get(gateway.admin, "/reload").status, 405, "a link can't make it look");
    let after = gateway.table();
    assert_eq!((&after["generation"], &after["routes"]), (&before["generation"], &before["routes"]));
}

#[test]
fn table_shows_what_is_in_force() {
    let (movies, monolith) = (statuses(), statuses());
    let began = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let gateway = Setup::with(&["workers: 1"], &all_kinds(&movies, &monolith)).start();
    let table = gateway.table();
    assert_eq!((table["generation"].as_u64(), table["last_rejected"].is_null()), (Some(1), true));
    assert!(table["source"].as_str().is_some_and(|source| source.ends_with("routes.yaml")), "{table}");
    assert!(table["age_seconds"].as_u64().is_some() && table["compiled_at"].as_str().is_some(), "{table}");
    let names: Vec<_> =
        table["routes"].as_array().into_iter().flatten().filter_map(|route| route["name"].as_str()).collect();
    assert_eq!(names, ["films", "off", "all", "own", "away"]);
    let films = &table["routes"][0]["action"]["split"];
    assert_eq!((films[0]["upstream"].as_str(), films[0]["written"].as_f64()), (Some("movies"), Some(12.5)));
    assert_eq!((films[1]["rest"].as_bool(), films[1]["effective"].as_f64()), (Some(true), Some(87.5)));
    let off = &table["routes"][1]["action"];
    assert_eq!((off["enabled"].as_bool(), off["split"][0]["effective"].as_f64()), (Some(false), Some(0.0)));
    assert_eq!(table["upstreams"][0]["endpoints"][0], movies.address().to_string());

    let scrape = gateway.scrape();
    assert_eq!(scrape.find("gateway_config_info", &[])[0].labels["hash"], table["hash"]);
    let compiled = scrape.value("gateway_config_last_reload_success_timestamp_seconds", &[]);
    assert!(compiled >= began as f64 && compiled < began as f64 + 60.0, "{compiled}, began {began}");

    gateway.edit(&file(&["workers: 1"], "routes: [{ name: new, path: /, respond: { text: new } }]\n"));
    let edited = gateway.table();
    assert_eq!((edited["generation"].as_u64(), edited["routes"][0]["name"].as_str()), (Some(2), Some("new")));
    assert_ne!(edited["hash"], table["hash"]);
    let scrape = gateway.scrape();
    assert_eq!(scrape.value("gateway_config_generation", &[]), 2.0);
    assert_eq!(scrape.find("gateway_config_info", &[]).len(), 1, "one hash is in force");
    assert_eq!(scrape.find("gateway_config_info", &[])[0].labels["hash"], edited["hash"]);
}

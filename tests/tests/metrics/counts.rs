//! Counts: exact after a known number of requests, there from the start, gone with their routes.

use std::collections::BTreeSet;

use tests::gateway::{Gateway, Setup, file};
use tests::scrape::Scrape;
use tests::upstream::{Refusing, Upstream};

use crate::{all_kinds, statuses};

/// Requests of a route and an upstream by class, `1xx` first; none where there is no series.
fn by_class(scrape: &Scrape, route: &str, upstream: &str) -> Vec<f64> {
    let of = |code| scrape.find("gateway_requests_total", &[("route", route), ("upstream", upstream), ("code", code)]);
    ["1xx", "2xx", "3xx", "4xx", "5xx"].iter().flat_map(|code| of(code)).map(|sample| sample.value).collect()
}

/// Waits until so many requests have ended: an answer may be read before its request is counted.
fn after(gateway: &Gateway, requests: usize) -> Scrape {
    gateway.counted("all requests are counted", |scrape| {
        scrape.find("gateway_requests_total", &[]).iter().map(|sample| sample.value).sum::<f64>() == requests as f64
    })
}

#[test]
fn all_configured_pairs_are_there_at_zero_from_the_start() {
    let (movies, monolith) = (statuses(), statuses());
    let scrape = Gateway::start(&all_kinds(&movies, &monolith)).scrape();
    let pairs =
        [("films", "movies"), ("films", "monolith"), ("off", "movies"), ("off", "monolith"), ("all", "monolith")];
    for (route, upstream) in pairs {
        assert_eq!(by_class(&scrape, route, upstream), [0.0; 5], "{route} {upstream}");
        for name in ["gateway_request_duration_seconds_count", "gateway_upstream_first_byte_seconds_count"] {
            assert_eq!(scrape.value(name, &[("route", route), ("upstream", upstream)]), 0.0);
        }
    }
    for (route, upstream) in &pairs[..4] {
        for reason in ["weight", "sticky", "disabled"] {
            let labels = [("route", *route), ("upstream", *upstream), ("reason", reason)];
            assert_eq!(scrape.value("gateway_split_picks_total", &labels), 0.0);
        }
    }
    for upstream in ["movies", "monolith"] {
        for state in ["active", "idle"] {
            assert_eq!(scrape.value("gateway_upstream_connections", &[("upstream", upstream), ("state", state)]), 0.0);
        }
        for outcome in ["ok", "failed", "timeout"] {
            assert_eq!(
                scrape.value("gateway_upstream_connects_total", &[("upstream", upstream), ("outcome", outcome)]),
                0.0
            );
        }
        assert_eq!(scrape.value("gateway_upstream_retries_total", &[("upstream", upstream)]), 0.0);
    }
    for reason in
        ["no_route", "method_not_allowed", "bad_path", "bad_host", "upstream_connect", "upstream_timeout", "internal"]
    {
        assert_eq!(scrape.value("gateway_rejected_total", &[("reason", reason)]), 0.0, "{reason}");
    }
    for (name, value) in [
        ("gateway_requests_in_flight", 0.0),
        ("gateway_client_connections", 0.0),
        ("gateway_client_disconnects_total", 0.0),
        ("gateway_access_log_dropped_total", 0.0),
        ("gateway_config_reloads_total", 0.0),
        ("gateway_config_last_reload_successful", 1.0),
        ("gateway_config_generation", 1.0),
    ] {
        assert_eq!(scrape.value(name, &[]), value, "{name}");
    }
}

#[test]
fn requests_are_counted_by_route_upstream_and_class() {
    let (movies, monolith) = (statuses(), statuses());
    let gateway = Gateway::start(&all_kinds(&movies, &monolith));
    let mut client = gateway.connect();
    for (status, count) in [(200, 7), (204, 3), (301, 4), (404, 5), (500, 2), (503, 1)] {
        (0..count).for_each(|_| assert_eq!(client.get(&format!("/all/{status}")).status, status));
    }
    (0..6).for_each(|_| assert_eq!(client.get("/own").status, 418));
    (0..3).for_each(|_| assert_eq!(client.get("/away").status, 302));
    (0..2).for_each(|_| assert_eq!(client.get("/nowhere").status, 404));
    let scrape = after(&gateway, 33);
    assert_eq!(by_class(&scrape, "all", "monolith"), [0.0, 10.0, 4.0, 5.0, 3.0]);
    assert_eq!(by_class(&scrape, "own", "-"), [0.0, 0.0, 0.0, 6.0, 0.0]);
    assert_eq!(by_class(&scrape, "away", "-"), [0.0, 0.0, 3.0, 0.0, 0.0]);
    assert_eq!(by_class(&scrape, "-", "-"), [0.0, 0.0, 0.0, 2.0, 0.0]);
    assert_eq!(scrape.value("gateway_rejected_total", &[]), 2.0, "what an upstream or the file says is no rejection");
    assert_eq!(scrape.value("gateway_rejected_total", &[("reason", "no_route")]), 2.0);
    assert_eq!(scrape.value("gateway_requests_in_flight", &[]), 0.0);
    assert_eq!(scrape.value("gateway_client_connections", &[]), 1.0);
}

#[test]
fn histograms_count_each_request_once() {
    let (movies, monolith) = (statuses(), statuses());
    let gateway = Gateway::start(&all_kinds(&movies, &monolith));
    let mut client = gateway.connect();
    (0..40).for_each(|_| assert_eq!(client.get("/films/200").status, 200));
    (0..10).for_each(|_| assert_eq!(client.get("/own").status, 418));
    let scrape = after(&gateway, 50);
    for (upstream, count) in [("movies", 5.0), ("monolith", 35.0)] {
        let labels = [("route", "films"), ("upstream", upstream)];
        for family in ["gateway_request_duration_seconds", "gateway_upstream_first_byte_seconds"] {
            let buckets: Vec<_> =
                scrape.find(&format!("{family}_bucket"), &labels).iter().map(|sample| sample.value).collect();
            assert!(buckets.is_sorted() && buckets.len() > 5, "{family} {buckets:?}");
            assert_eq!((buckets.last(), scrape.value(&format!("{family}_count"), &labels)), (Some(&count), count));
            let sum = scrape.value(&format!("{family}_sum"), &labels);
            assert!(sum > 0.0 && sum < 60.0, "{family}: {sum} s");
        }
    }
    assert_eq!(scrape.value("gateway_request_duration_seconds_count", &[("route", "own"), ("upstream", "-")]), 10.0);
    assert_eq!(
        scrape.find("gateway_upstream_first_byte_seconds_count", &[("upstream", "-")]).len(),
        0,
        "nobody was asked"
    );
}

#[test]
fn picks_are_counted_by_reason_and_ratios_are_those_written_and_in_force() {
    let (movies, monolith) = (statuses(), statuses());
    let gateway = Gateway::start(&all_kinds(&movies, &monolith));
    let mut client = gateway.connect();
    (0..80).for_each(|_| assert_eq!(client.get("/films").status, 200));
    let mut keyed = 0;
    for user in 0..50 {
        let answer = client.request("GET", "/films", &[("user", &user.to_string())], b"");
        keyed += usize::from(answer.header("x-served-by") == Some("movies"));
    }
    (0..20).for_each(|_| assert_eq!(client.get("/off").status, 200));
    let scrape = after(&gateway, 150);
    let picks = |route, upstream| {
        let of = |reason| {
            scrape.value("gateway_split_picks_total", &[("route", route), ("upstream", upstream), ("reason", reason)])
        };
        ["weight", "sticky", "disabled"].map(of)
    };
    assert_eq!(picks("films", "movies"), [10.0, keyed as f64, 0.0]);
    assert_eq!(picks("films", "monolith"), [70.0, (50 - keyed) as f64, 0.0]);
    assert_eq!((picks("off", "movies"), picks("off", "monolith")), ([0.0; 3], [0.0, 0.0, 20.0]));
    let ratios = |name: &str, route| {
        ["movies", "monolith"].map(|upstream| scrape.value(name, &[("route", route), ("upstream", upstream)]))
    };
    for (route, written, effective) in [("films", [0.125, 0.875], [0.125, 0.875]), ("off", [0.4, 0.6], [0.0, 1.0])] {
        assert_eq!(ratios("gateway_split_weight_ratio", route), written);
        assert_eq!(ratios("gateway_split_effective_ratio", route), effective);
    }
    assert_eq!(scrape.find("gateway_split_weight_ratio", &[("route", "all")]).len(), 0, "`to` is no split");
}

#[test]
fn the_gateways_own_errors_are_counted_by_reason() {
    let (refusing, silent) =
        (Refusing::new(), Upstream::new(|exchange| exchange.body().map(|_| exchange.head.first.clear())));
    let closing = Upstream::new(|_| Err(std::io::ErrorKind::ConnectionAborted.into()));
    let rest = format!(
        "upstreams: {{ refusing: \"{}\", silent: \"{}\", closing: \"{}\" }}
routes:
  - {{ name: refusing, path: /refusing, to: refusing }}
  - {{ name: silent, path: /silent, to: silent, timeout: {{ first_byte: 100ms }} }}
  - {{ name: closing, path: /closing, to: closing, methods: [GET] }}
",
        refusing.url(),
        silent.url(),
        closing.url()
    );
    let gateway = Gateway::start(&rest);
    let mut asked = 0;
    for (reason, method, path, host, status, count) in [
        ("upstream_connect", "GET", "/refusing", "a.test", 502, 4),
        ("upstream_timeout", "GET", "/silent", "a.test", 504, 2),
        ("upstream_closed", "GET", "/closing", "a.test", 502, 3),
        ("method_not_allowed", "POST", "/closing", "a.test", 405, 5),
        ("no_route", "GET", "/nowhere", "a.test", 404, 6),
        ("bad_path", "GET", "/a/../b", "a.test", 400, 7),
        ("bad_host", "GET", "/", "a b", 400, 8),
        ("bad_method", "TRACE", "/", "a.test", 405, 9),
    ] {
        for _ in 0..count {
            let answer = gateway.connect().request(method, path, &[("host", host)], b"");
            assert_eq!((answer.status, answer.header("x-gateway-error")), (status, Some(reason)));
        }
        asked += count;
        let rejected = after(&gateway, asked).value("gateway_rejected_total", &[("reason", reason)]);
        assert_eq!(rejected, count as f64, "{reason}");
    }
    let scrape = gateway.scrape();
    assert_eq!(scrape.value("gateway_rejected_total", &[]), asked as f64);
    assert_eq!(by_class(&scrape, "refusing", "refusing"), [0.0, 0.0, 0.0, 0.0, 4.0]);
    assert_eq!(by_class(&scrape, "-", "-"), [0.0, 0.0, 0.0, 35.0, 0.0], "no route, no label from a request");
    assert_eq!(
        scrape.value("gateway_upstream_connects_total", &[("upstream", "refusing"), ("outcome", "failed")]),
        4.0
    );
}

#[test]
fn counts_go_on_across_an_edit_and_series_of_removed_routes_go_away_after_the_next_scrape() {
    let (movies, monolith) = (statuses(), statuses());
    let gateway = Gateway::start(&all_kinds(&movies, &monolith));
    let mut client = gateway.connect();
    (0..9).for_each(|_| assert_eq!(client.get("/all").status, 200));
    (0..8).for_each(|_| assert_eq!(client.get("/films").status, 200));
    after(&gateway, 17);
    let rest = format!(
        "upstreams: {{ monolith: \"{}\" }}\nroutes: [{{ name: all, path: /, to: monolith }}]\n",
        monolith.url()
    );
    gateway.edit(&file(&[], &rest));
    (0..5).for_each(|_| assert_eq!(client.get("/all").status, 200));
    // Each worker lets go of the old table when it loads the new one, with its next request or within a second.
    gateway.counted("nothing tells of the routes that are no more", |scrape| {
        let labels = |label: &str| -> BTreeSet<String> {
            scrape.samples.iter().filter_map(|sample| sample.labels.get(label).cloned()).collect()
        };
        labels("route").is_subset(&["all", "-"].map(str::to_owned).into())
            && labels("upstream").is_subset(&["monolith", "-"].map(str::to_owned).into())
    });
    let scrape = gateway.scrape();
    assert_eq!(by_class(&scrape, "all", "monolith"), [0.0, 14.0, 0.0, 0.0, 0.0], "a route that stays keeps its count");
    assert_eq!(scrape.find("gateway_split_weight_ratio", &[]).len(), 0);
    assert_eq!(scrape.value("gateway_config_reloads_total", &[("result", "applied")]), 1.0);
}

#[test]
fn counts_of_many_clients_on_several_workers_add_up() {
    let (movies, monolith) = (statuses(), statuses());
    let gateway = Setup::with(&["workers: 2"], &all_kinds(&movies, &monolith)).start();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut client = gateway.connect();
                (0..250).for_each(|_| assert_eq!(client.get("/films").status, 200));
            });
        }
    });
    let scrape = after(&gateway, 2000);
    let of = |upstream| {
        scrape.value("gateway_requests_total", &[("route", "films"), ("upstream", upstream), ("code", "2xx")])
    };
    assert_eq!((of("movies"), of("monolith")), (250.0, 1750.0));
    assert_eq!(scrape.value("gateway_requests_in_flight", &[]), 0.0);
    let idle = scrape.value("gateway_upstream_connections", &[("state", "idle")]);
    assert_eq!(idle, (movies.open() + monolith.open()) as f64);
    gateway.counted("the clients are gone", |scrape| scrape.value("gateway_client_connections", &[]) == 0.0);
}

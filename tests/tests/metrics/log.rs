//! The access log: a line a request, as JSON or to read, sampled or not at all.

use serde_json::{Value, json};
use tests::gateway::{Gateway, Setup};

use crate::{all_kinds, statuses};

/// The lines of the access log so far.
fn lines(gateway: &Gateway) -> Vec<Value> {
    gateway.process.lines().into_iter().filter(|line| line["method"].is_string()).collect()
}

#[test]
fn a_json_line_has_every_field_of_its_request() {
    let (movies, monolith) = (statuses(), statuses());
    let mut gateway = Setup::with(&["access_log: json"], &all_kinds(&movies, &monolith)).start();
    let mut client = gateway.connect();
    client.request("POST", "/films/404?token=secret", &[("user", "7"), ("x-request-id", "keyed")], b"eleven byte");
    client.request("GET", "/all", &[("x-request-id", "to")], b"");
    client.request("GET", "/own", &[("x-request-id", "own")], b"");
    client.request("GET", "/nowhere", &[("x-request-id", "none")], b"");
    client.request("GET", "/off", &[("x-request-id", "off")], b"");
    let mut line = |id: &str| gateway.process.line("the request", |line| line["request_id"] == id);
    let keyed = line("keyed");
    let bucket = xxhash_rust::xxh64::xxh64(b"7", xxhash_rust::xxh64::xxh64(b"films", 0)) % 10_000;
    let upstream = if bucket < 1250 { "movies" } else { "monolith" };
    let expected = json!({
        "client": "127.0.0.1", "method": "POST", "path": "/films/404", "status": 404, "route": "films", "upstream": upstream,
        "reason": "sticky", "bucket": bucket, "generation": 1, "request_id": "keyed", "bytes_in": 11, "bytes_out": 4,
    });
    for (field, value) in expected.as_object().expect("an object") {
        assert_eq!(keyed[field], *value, "{field} of {keyed}");
    }
    assert!(keyed["duration"].as_f64().is_some_and(|seconds| seconds > 0.0 && seconds < 60.0), "{keyed}");
    assert!(keyed["time"].as_str().is_some_and(|time| time.len() == 24 && time.ends_with('Z')), "{keyed}");
    assert!(!keyed.to_string().contains("secret"), "a query is where secrets are");
    let some =
        |line: Value| [line["route"].clone(), line["upstream"].clone(), line["reason"].clone(), line["status"].clone()];
    assert_eq!(some(line("to")), [json!("all"), json!("monolith"), json!("to"), json!(200)]);
    assert_eq!(some(line("own")), [json!("own"), json!("-"), Value::Null, json!(418)]);
    assert_eq!(some(line("none")), [json!("-"), json!("-"), Value::Null, json!(404)]);
    assert_eq!([line("none")["error"].clone(), line("own")["error"].clone()], [json!("no_route"), Value::Null]);
    assert_eq!(some(line("off")), [json!("off"), json!("monolith"), json!("disabled"), json!(200)]);
    assert_eq!(lines(&gateway).len(), 5, "one line a request");
}

#[test]
fn a_sample_logs_one_request_in_so_many() {
    let (movies, monolith) = (statuses(), statuses());
    let settings = ["workers: 1", "access_log: { format: json, sample: 10 }"];
    let mut gateway = Setup::with(&settings, &all_kinds(&movies, &monolith)).start();
    let mut client = gateway.connect();
    (0..100).for_each(|_| assert_eq!(client.get("/all").status, 200));
    // The end of the process is the end of its log.
    gateway.process.terminate();
    assert_eq!(gateway.process.ended().code(), Some(0));
    assert_eq!(lines(&gateway).len(), 10);
}

#[test]
fn the_log_is_off_by_default_and_text_is_for_people() {
    let (movies, monolith) = (statuses(), statuses());
    for (settings, logged) in [(&[][..], false), (&["access_log: off"], false), (&["access_log: text"], true)] {
        let mut gateway = Setup::with(settings, &all_kinds(&movies, &monolith)).start();
        let mut client = gateway.connect();
        assert_eq!(client.get("/all/200?token=secret").status, 200);
        gateway.process.terminate();
        assert_eq!(gateway.process.ended().code(), Some(0));
        let found: Vec<_> =
            gateway.process.text().lines().filter(|line| line.contains("/all/200")).map(str::to_owned).collect();
        assert_eq!(found.len(), usize::from(logged), "{settings:?}");
        for part in ["GET", "200", "monolith", "all"] {
            assert!(
                found.iter().all(|line| line.contains(part) && !line.contains('{') && !line.contains("secret")),
                "{found:?}"
            );
        }
    }
}

#[test]
fn every_request_of_a_load_is_in_the_log_or_counted_as_dropped() {
    let (movies, monolith) = (statuses(), statuses());
    let mut gateway = Setup::with(&["access_log: json"], &all_kinds(&movies, &monolith)).start();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = gateway.connect();
                (0..2500).for_each(|_| assert_eq!(client.get("/own").status, 418));
            });
        }
    });
    let scrape =
        gateway.counted("all requests are counted", |scrape| scrape.value("gateway_requests_total", &[]) == 10_000.0);
    let dropped = scrape.value("gateway_access_log_dropped_total", &[]);
    gateway.process.terminate();
    assert_eq!(gateway.process.ended().code(), Some(0));
    assert_eq!(lines(&gateway).len() as f64 + dropped, 10_000.0);
}

//! The events service with nothing set: its own broker, and every answer of the contract that needs no more.

use serde_json::json;
use tests::{http, until};

use crate::{Events, viewed};

#[test]
fn the_three_kinds_are_accepted_and_handled() {
    let mut events = Events::with(None);
    for (kind, body, id) in [
        (
            "movie",
            json!({"movie_id": 7, "title": "t", "action": "viewed", "user_id": 3, "rating": 8.5, "genres": ["a"], "description": "d"}),
            "movie-7-viewed",
        ),
        (
            "user",
            json!({"user_id": 7, "action": "logged in", "timestamp": "2026-01-31T12:00:00+03:00", "username": "u", "email": "e"}),
            "user-7-logged in",
        ),
        (
            "payment",
            json!({"payment_id": 7, "user_id": 3, "amount": 9.99, "status": "completed", "timestamp": "2026-01-31T12:00:00.5Z", "method_type": "card"}),
            "payment-7-completed",
        ),
    ] {
        let answer = events.accepted(&format!("/api/events/{kind}"), &body);
        assert_eq!(answer["status"], "success");
        assert!(answer["partition"].is_i64() && answer["offset"] == 0, "{answer}");
        let event = &answer["event"];
        assert_eq!((&event["id"], &event["type"], &event["payload"]), (&json!(id), &json!(kind), &body));
        let time = event["timestamp"].as_str().unwrap();
        assert!(body.get("timestamp").map_or(time.ends_with('Z'), |said| said == time), "{time}");
        let line = events.handled(kind, &answer);
        assert_eq!((&line["id"], &line["type"], &line["key"]), (&json!(id), &json!(kind), &json!("7")));
    }
    events.process.line("that it is in memory only", |line| {
        line["message"].as_str().is_some_and(|text| text.contains("in the memory of this process only"))
    });
}

#[test]
fn what_may_be_missing_may_be_null_and_what_is_unknown_is_ignored() {
    let events = Events::with(None);
    let mut body = viewed(1);
    body["user_id"] = json!(null);
    body["unknown"] = json!({"a": 1});
    assert_eq!(events.accepted("/api/events/movie", &body)["event"]["payload"], viewed(1));
    let large = json!({"movie_id": i64::MAX, "title": "", "action": ""});
    assert_eq!(events.accepted("/api/events/movie", &large)["event"]["id"], "movie-9223372036854775807-");
}

#[test]
fn a_body_that_cannot_be_read_is_400_and_names_the_field() {
    let events = Events::with(None);
    let user = json!({"user_id": 1, "action": "a", "timestamp": "2026-01-31T12:00:00Z"});
    let mut payment = user.clone();
    payment
        .as_object_mut()
        .unwrap()
        .extend(json!({"payment_id": 1, "amount": 1, "status": "s"}).as_object().unwrap().clone());
    payment.as_object_mut().unwrap().remove("action");
    for (path, good) in
        [("/api/events/movie", &viewed(1)), ("/api/events/user", &user), ("/api/events/payment", &payment)]
    {
        events.accepted(path, good);
        for (field, value) in good.as_object().unwrap() {
            let (mut lacking, mut wrong) = (good.clone(), good.clone());
            lacking.as_object_mut().unwrap().remove(field);
            wrong[field] = if value.is_string() { json!(1) } else { json!("1") };
            for body in [lacking, wrong] {
                let answer = events.post(path, &body);
                assert_eq!(answer.status, 400, "{path} {body}");
                assert!(answer.error().contains(field.as_str()), "{path} {body}: {}", answer.error());
            }
        }
        for text in ["", "null", "[]", "{", "{} {}", "x"] {
            assert_eq!(http::request(events.address, "POST", path, &[], text.as_bytes()).status, 400, "{path} {text}");
        }
    }
    for (field, value) in [
        ("genres", json!("a")),
        ("genres", json!([1])),
        ("rating", json!("5")),
        ("user_id", json!(1.5)),
        ("description", json!([])),
    ] {
        let mut body = viewed(1);
        body[field] = value;
        let answer = events.post("/api/events/movie", &body);
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.error().contains(field), "{}", answer.error());
    }
    let mut body = user.clone();
    body["timestamp"] = json!("yesterday");
    assert!(events.post("/api/events/user", &body).error().contains("timestamp"));
}

#[test]
fn paths_methods_and_sizes() {
    let events = Events::with(None);
    assert_eq!(http::get(events.address, "/api/events/health").json(), json!({"status": true}));
    assert_eq!(http::request(events.address, "HEAD", "/api/events/health", &[], b"").status, 200);
    for path in ["/api/events", "/api/events/", "/api/events/movie/", "/api/events/film", "/api/movies"] {
        assert_eq!(events.post(path, &viewed(1)).status, 404, "{path}");
    }
    for method in ["GET", "PUT", "HEAD"] {
        let answer = http::request(events.address, method, "/api/events/movie", &[], b"");
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")), "{method}");
    }
    let sized = |size: usize| json!({"movie_id": 1, "title": "t".repeat(size), "action": "a"});
    events.accepted("/api/events/movie", &sized(1024 * 1024 - 100));
    assert_eq!(events.post("/api/events/movie", &sized(1024 * 1024)).status, 413);
}

#[test]
fn every_metric_is_there_from_the_start() {
    let mut events = Events::with(None);
    for topic in ["movie-events", "user-events", "payment-events"] {
        for name in ["produced_total", "handled_total", "duplicates_total", "consumer_lag"] {
            assert_eq!(events.metric(&format!("cinema_events_{name}{{topic=\"{topic}\"}}")), 0.0);
        }
        for stage in ["produce", "handle"] {
            let series = format!("cinema_events_failed_total{{stage=\"{stage}\",topic=\"{topic}\"}}");
            assert_eq!(events.metric(&series), 0.0);
        }
    }
    let answer = events.accepted("/api/events/movie", &viewed(1));
    events.handled("movie", &answer);
    for name in ["produced_total", "handled_total"] {
        let series = format!("cinema_events_{name}{{topic=\"movie-events\"}}");
        until(&series, || (events.metric(&series) == 1.0).then_some(()));
    }
    until("Kafka is up", || (events.metric("cinema_kafka_up") == 1.0).then_some(()));
}

#[test]
fn it_ends_when_it_is_asked_to() {
    let mut events = Events::with(None);
    let answer = events.accepted("/api/events/movie", &viewed(1));
    events.handled("movie", &answer);
    events.process.terminate();
    assert!(events.process.ended().success());
}

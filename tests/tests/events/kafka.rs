//! The events service and a real Kafka: what is in the topics, and what is done with it.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::message::Message;
use serde_json::{Value, json};
use tests::until;

use crate::topic::{Kafka, fresh, header, kafka};
use crate::{Events, viewed};

#[test]
fn what_is_answered_is_in_kafka() {
    let kafka = kafka();
    let mut events = Events::with(Some(&kafka.brokers));
    let (id, time) = (fresh(), "2026-01-31T12:00:00Z");
    for (kind, body, said) in [
        ("movie", viewed(id), None),
        ("user", json!({"user_id": id, "action": "viewed", "timestamp": time}), Some(time)),
        (
            "payment",
            json!({"payment_id": id, "user_id": 1, "amount": 5, "status": "viewed", "timestamp": time}),
            Some(time),
        ),
    ] {
        let answer = events.post(&format!("/api/events/{kind}"), &body);
        assert_eq!(answer.status, 201, "{}", answer.text());
        let (text, answer) = (answer.text(), answer.json());
        let message = kafka.at(&format!("{kind}-events"), &answer);
        let value = String::from_utf8(message.payload().unwrap().to_vec()).unwrap();
        assert!(text.ends_with(&format!("\"event\":{value}}}")), "{text} is not exactly {value}");
        assert_eq!(message.key().unwrap(), id.to_string().as_bytes());
        assert_eq!(header(&message, "ce_specversion"), "1.0");
        assert_eq!(header(&message, "ce_type"), format!("cinemaabyss.{kind}"));
        assert_eq!(header(&message, "ce_subject"), format!("{kind}-{id}-viewed"));
        assert_eq!(header(&message, "content-type"), "application/json");
        let when = header(&message, "ce_time");
        assert_eq!(answer["event"]["timestamp"], when);
        assert!(said.is_none_or(|said| said == when));
        let ce_id = header(&message, "ce_id");
        assert!(ce_id.len() == 36 && ce_id.as_bytes()[14] == b'7', "{ce_id} is no UUIDv7");
        let line = events.handled(kind, &answer);
        assert_eq!((&line["ce_id"], &line["key"]), (&json!(ce_id), &json!(id.to_string())));
        assert_eq!((&line["id"], &line["type"]), (&answer["event"]["id"], &json!(kind)));
    }
}

#[test]
fn one_entitys_events_stay_in_order() {
    let kafka = kafka();
    let mut events = Events::with(Some(&kafka.brokers));
    let id = fresh();
    let answers: Vec<Value> = (0..30)
        .map(|step| json!({"movie_id": id, "title": "t", "action": step.to_string()}))
        .map(|body| events.accepted("/api/events/movie", &body))
        .collect();
    assert!(answers.iter().all(|answer| answer["partition"] == answers[0]["partition"]));
    assert!(answers.is_sorted_by_key(|answer| answer["offset"].as_i64()));
    events.handled("movie", &answers[29]);
    let key = json!(id.to_string());
    let lines = events.process.lines();
    let handled = lines.iter().filter(|line| line["message"] == "event handled" && line["key"] == key);
    let steps: Vec<&Value> = handled.map(|line| &line["id"]).collect();
    assert_eq!(
        steps,
        (0..30).map(|step| json!(format!("movie-{id}-{step}"))).collect::<Vec<_>>().iter().collect::<Vec<_>>()
    );
}

#[test]
fn an_event_that_comes_again_is_handled_once() {
    let kafka = kafka();
    let mut events = Events::with(Some(&kafka.brokers));
    until("the topics are there", || kafka.partitions("movie-events"));
    let (key, value) = (fresh().to_string(), r#"{"id": "movie-1-again", "type": "movie"}"#);
    for _ in 0..3 {
        kafka.write("movie-events", &key, value, Some(&format!("id-{key}")));
    }
    until("two came again", || {
        let series = "cinema_events_duplicates_total{topic=\"movie-events\"}";
        (events.metric(series) == 2.0).then_some(())
    });
    let mine = |line: &&Value| line["message"] == "event handled" && line["key"] == key;
    assert_eq!(events.process.lines().iter().filter(mine).count(), 1);
    // Without an id nothing can be known to come again.
    kafka.write("movie-events", &format!("{key}-x"), value, None);
    events.process.line("the one without an id", |line| line["key"] == format!("{key}-x"));
}

#[test]
fn what_is_no_event_is_passed_over() {
    let kafka = kafka();
    let mut events = Events::with(Some(&kafka.brokers));
    until("the topics are there", || kafka.partitions("user-events"));
    let key = fresh().to_string();
    for value in ["", "{", "[]", "\u{0}"] {
        kafka.write("user-events", &key, value, None);
    }
    // What is behind it in the same partition is handled.
    kafka.write("user-events", &key, r#"{"id": "user-1-behind", "type": "user"}"#, None);
    events.process.line("the one behind", |line| line["message"] == "event handled" && line["key"] == key);
    assert_eq!(events.metric(r#"cinema_events_failed_total{stage="handle",topic="user-events"}"#), 4.0);
    until("nothing is left to handle", || {
        (events.metric(r#"cinema_events_consumer_lag{topic="user-events"}"#) == 0.0).then_some(())
    });
}

#[test]
fn what_was_handled_is_not_handled_again_after_a_restart() {
    let kafka = kafka();
    let mut first = Events::with(Some(&kafka.brokers));
    let before = first.accepted("/api/events/movie", &viewed(fresh()));
    let ce_id = first.handled("movie", &before)["ce_id"].clone();
    first.process.terminate();
    assert!(first.process.ended().success());

    let mut second = Events::with(Some(&kafka.brokers));
    let after = second.accepted("/api/events/movie", &viewed(before["event"]["payload"]["movie_id"].as_i64().unwrap()));
    second.handled("movie", &after);
    assert!(second.process.lines().iter().all(|line| line["ce_id"] != ce_id));
}

#[test]
fn what_came_while_nobody_listened_is_handled_at_the_next_start() {
    let kafka = kafka();
    let mut first = Events::with(Some(&kafka.brokers));
    let answer = first.accepted(
        "/api/events/payment",
        &json!({
            "payment_id": fresh(), "user_id": 1, "amount": 1, "status": "s", "timestamp": "2026-01-31T12:00:00Z"
        }),
    );
    first.handled("payment", &answer);
    drop(first);
    let key = fresh().to_string();
    kafka.write("payment-events", &key, r#"{"id": "payment-1-missed", "type": "payment"}"#, None);
    let mut second = Events::with(Some(&kafka.brokers));
    second.process.line("the one that was missed", |line| line["message"] == "event handled" && line["key"] == key);
}

#[test]
fn missing_topics_are_made_as_the_file_says() {
    let kafka = kafka();
    let topics = ["movie-events", "user-events", "payment-events"];
    delete(&kafka, &topics);
    until("they are gone", || topics.iter().all(|topic| kafka.partitions(topic).is_none()).then_some(()));
    let mut events = Events::with(Some(&kafka.brokers));
    until("they are back", || topics.iter().all(|topic| kafka.partitions(topic) == Some(3)).then_some(()));
    let answer = until("an event is accepted", || {
        let answer = events.post("/api/events/movie", &viewed(fresh()));
        (answer.status == 201).then(|| answer.json())
    });
    events.handled("movie", &answer);
}

fn delete(kafka: &Kafka, topics: &[&str]) {
    let admin: AdminClient<DefaultClientContext> = kafka.config().create().unwrap();
    let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(20)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(admin.delete_topics(topics, &options)).unwrap();
}

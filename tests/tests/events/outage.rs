//! Kafka goes away and comes back: refusals within four seconds, and nothing that was accepted is lost.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::message::Message;
use serde_json::Value;
use tests::relay::{Relay, Way};
use tests::{http, until};

use crate::topic::{fresh, kafka};
use crate::{Events, viewed};

/// The contract allows 4 s, and the service waits for 3. A machine that does other things may add some of its own.
const SOON: Duration = Duration::from_secs(15);

fn is_refused(events: &Events) {
    let began = Instant::now();
    let answer = events.post("/api/events/movie", &viewed(fresh()));
    assert!(began.elapsed() < SOON, "refused after {:?} only", began.elapsed());
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok()));
    assert!(answer.error().contains("Kafka"));
    assert_eq!(http::get(events.address, "/api/events/health").status, 200, "health is of the process");
    assert_eq!(events.post("/api/events/movie", &Value::Null).status, 400, "what is wrong is wrong all the same");
}

fn is_accepted(events: &mut Events) {
    let answer = until("Kafka is back", || {
        let answer = events.post("/api/events/movie", &viewed(fresh()));
        (answer.status == 201).then(|| answer.json())
    });
    events.handled("movie", &answer);
}

fn goes_and_comes_back(way: Way) {
    let kafka = kafka();
    let relay = Relay::of_kafka(&kafka.advertised());
    let mut events = Events::with(Some(&relay.address().to_string()));
    is_accepted(&mut events);
    for _ in 0..2 {
        relay.set(way);
        is_refused(&events);
        is_refused(&events);
        relay.set(Way::Open);
        is_accepted(&mut events);
    }
    assert!(events.metric(r#"cinema_events_failed_total{stage="produce",topic="movie-events"}"#) >= 4.0);
}

#[test]
fn a_kafka_that_ends_is_503_and_found_again() {
    goes_and_comes_back(Way::Closed);
}

#[test]
fn a_kafka_that_says_nothing_is_503_and_found_again() {
    goes_and_comes_back(Way::Silent);
}

#[test]
fn a_service_that_starts_first_serves_when_kafka_comes() {
    let kafka = kafka();
    let relay = Relay::of_kafka(&kafka.advertised());
    relay.set(Way::Closed);
    let mut events = Events::with(Some(&relay.address().to_string()));
    is_refused(&events);
    events
        .process
        .line("that Kafka is away", |line| line["message"].as_str().is_some_and(|text| text.contains("Kafka is away")));
    relay.set(Way::Open);
    is_accepted(&mut events);
}

#[test]
fn it_ends_in_time_while_kafka_is_away() {
    let kafka = kafka();
    let relay = Relay::of_kafka(&kafka.advertised());
    let mut events = Events::with(Some(&relay.address().to_string()));
    is_accepted(&mut events);
    relay.set(Way::Silent);
    let began = Instant::now();
    events.process.terminate();
    assert!(events.process.ended().success());
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[test]
fn everything_that_was_accepted_is_in_kafka() {
    let kafka = kafka();
    let relay = Relay::of_kafka(&kafka.advertised());
    let mut events = Events::with(Some(&relay.address().to_string()));
    is_accepted(&mut events);
    let (accepted, refused) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
    let done = Arc::new(AtomicBool::new(false));
    let posting: Vec<_> = (0..4)
        .map(|_| {
            let (accepted, refused, done, address) = (accepted.clone(), refused.clone(), done.clone(), events.address);
            thread::spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    let id = fresh();
                    match http::post(address, "/api/events/movie", &viewed(id)) {
                        answer if answer.status == 201 => accepted.lock().unwrap().push((id, answer.json())),
                        _ => refused.store(true, Ordering::Relaxed),
                    }
                }
            })
        })
        .collect();
    let count = || accepted.lock().unwrap().len();
    for way in [Way::Closed, Way::Silent, Way::Closed] {
        let before = count();
        until("some are accepted", || (count() > before + 50).then_some(()));
        refused.store(false, Ordering::Relaxed);
        relay.set(way);
        until("some are refused", || refused.load(Ordering::Relaxed).then_some(()));
        relay.set(Way::Open);
    }
    let before = count();
    until("some are accepted again", || (count() > before + 50).then_some(()));
    done.store(true, Ordering::Relaxed);
    posting.into_iter().for_each(|one| one.join().unwrap());

    let accepted = accepted.lock().unwrap();
    let found = kafka.all("movie-events");
    for (id, answer) in accepted.iter() {
        let place = (answer["partition"].as_i64(), answer["offset"].as_i64());
        let message = found.get(&(place.0.unwrap(), place.1.unwrap())).unwrap_or_else(|| panic!("{answer} is lost"));
        assert_eq!(message.key().unwrap(), id.to_string().as_bytes(), "{answer}");
    }
}

//! Out of Kafka: one group over the three topics; an event's offset is committed after it was handled.
//!
//! So an event comes at least once, and by its `ce_id` is handled once as long as the process lives. Handling is, so far,
//! a line in the log.

use std::time::Duration;

use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use serde_json::Value;
use tokio::sync::watch;

use super::TOPICS;
use super::kafka::{Client, Context};
use super::seen::Seen;
use crate::metrics::EventMetrics;

/// The group of all instances of the service.
const GROUP: &str = "cinemaabyss-events";

/// After an error of the client.
const AGAIN: Duration = Duration::from_millis(250);

/// Consumes until it is time to stop, with a new consumer after an error that ends one.
pub(super) async fn run(client: &Client, mut stopped: watch::Receiver<bool>) {
    let mut seen = Seen::default();
    while !*stopped.borrow() {
        match make(client) {
            Ok(consumer) => {
                tokio::select! {
                    problem = consume(&consumer, &client.metrics, &mut seen) => {
                        tracing::error!(%problem, "the consumer met its end and is replaced");
                    }
                    _ = stopped.wait_for(|stop| *stop) => {}
                }
                // Its end commits what is handled and waits for Kafka.
                let _gone = tokio::task::spawn_blocking(move || drop(consumer)).await;
            }
            Err(problem) => {
                tracing::error!(%problem, "no consumer");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

fn make(client: &Client) -> Result<StreamConsumer<Context>, KafkaError> {
    let consumer: StreamConsumer<Context> = client.make(&[
        ("group.id", GROUP),
        ("auto.offset.reset", "earliest"),
        // Only what is stored is committed, and stored is what was handled.
        ("enable.auto.offset.store", "false"),
        ("enable.auto.commit", "true"),
        ("auto.commit.interval.ms", "200"),
        // An instance that died is missed after ten seconds, not 45.
        ("session.timeout.ms", "10000"),
        ("heartbeat.interval.ms", "3000"),
        ("statistics.interval.ms", "1000"),
    ])?;
    consumer.subscribe(&TOPICS)?;
    Ok(consumer)
}

/// Handles event after event; returns the error that ends the consumer.
async fn consume(consumer: &StreamConsumer<Context>, metrics: &EventMetrics, seen: &mut Seen) -> KafkaError {
    loop {
        match consumer.recv().await {
            Ok(message) => {
                take(&message, metrics, seen);
                if let Err(problem) = consumer.store_offset_from_message(&message) {
                    // The partition went to another instance, which gets the event too.
                    tracing::debug!(%problem, "the offset is not ours to store");
                }
            }
            Err(problem @ KafkaError::MessageConsumptionFatal(_)) => return problem,
            Err(problem) => {
                tracing::debug!(%problem, "nothing to consume");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

fn take(message: &BorrowedMessage<'_>, metrics: &EventMetrics, seen: &mut Seen) {
    let (topic, partition, offset) = (message.topic(), message.partition(), message.offset());
    let key = String::from_utf8_lossy(message.key().unwrap_or_default());
    let ce_id = header(message, "ce_id");
    if ce_id.is_some_and(|id| seen.contains(id)) {
        metrics.duplicates.with_label_values(&[topic]).inc();
        tracing::info!(topic, partition, offset, ce_id, "event came again");
        return;
    }
    match serde_json::from_slice::<Value>(message.payload().unwrap_or_default()) {
        Ok(Value::Object(event)) => {
            let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
            let (kind, id) = (text("type"), text("id"));
            tracing::info!(r#type = kind, id, topic, partition, offset, %key, ce_id, "event handled");
            metrics.handled.with_label_values(&[topic]).inc();
        }
        // It would never be readable: it is passed over, or nothing behind it would be handled.
        _ => {
            tracing::warn!(topic, partition, offset, %key, ce_id, "not an event: passed over");
            metrics.failed.with_label_values(&[topic, "handle"]).inc();
        }
    }
    seen.extend(ce_id);
}

fn header<'m>(message: &'m BorrowedMessage<'_>, name: &str) -> Option<&'m str> {
    let found = message.headers()?.iter().find(|header| header.key == name)?;
    std::str::from_utf8(found.value?).ok()
}

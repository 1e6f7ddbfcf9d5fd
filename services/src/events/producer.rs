//! Into Kafka: an event is answered for when every replica in sync has it, or refused within four seconds.
//!
//! Refused means not known: the event may be in the topic all the same, when only its acknowledgement was lost.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use uuid::Uuid;

use super::Event;
use super::kafka::{Client, Context};
use crate::error::Error;

/// What is unreachable, in the words of an answer.
const NAME: &str = "Kafka";

/// The client gives an event up before we do: it looks at its queues once a second only.
const GIVE_UP_MILLISECONDS: &str = "2000";

/// How long a request waits for Kafka's word.
const PATIENCE: Duration = Duration::from_millis(3000);

/// The producer of a process.
pub struct Producer {
    client: Client,
    /// Replaced after an error that ends it, which the idempotent producer has. Locked for a clone.
    inner: RwLock<FutureProducer<Context>>,
}

/// Where an event is.
pub(super) struct Delivery {
    pub(super) partition: i32,
    pub(super) offset: i64,
}

impl Producer {
    pub(super) fn new(client: Client) -> Result<Self, KafkaError> {
        let inner = RwLock::new(make(&client)?);
        Ok(Self { client, inner })
    }

    /// Returns when Kafka has the event.
    ///
    /// # Errors
    /// [`Error::Unavailable`] within four seconds; [`Error::TooLarge`] where the topic takes no event of that size.
    pub(super) async fn produce(&self, event: &Event) -> Result<Delivery, Error> {
        let topic = event.kind.topic;
        let value = serde_json::to_string(&event.content).map_err(|_| Error::Internal)?;
        let record = FutureRecord::to(topic).key(&event.key).payload(&value).headers(attributes(event));
        let producer = self.inner.read().unwrap_or_else(PoisonError::into_inner).clone();
        let sent = tokio::time::timeout(PATIENCE, producer.send(record, Duration::ZERO)).await;
        let problem = match sent {
            Ok(Ok(delivery)) => {
                self.client.metrics.produced.with_label_values(&[topic]).inc();
                return Ok(Delivery { partition: delivery.partition, offset: delivery.offset });
            }
            Ok(Err((problem, _))) => problem,
            Err(_) => KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut),
        };
        self.client.metrics.failed.with_label_values(&[topic, "produce"]).inc();
        tracing::warn!(%problem, topic, key = event.key, "the event was not produced");
        if producer.client().fatal_error().is_some() {
            self.replace();
        }
        Err(match problem.rdkafka_error_code() {
            Some(RDKafkaErrorCode::MessageSizeTooLarge) => Error::TooLarge,
            _ => Error::Unavailable(NAME),
        })
    }

    fn replace(&self) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        // Others may have met the same end and been here before.
        if inner.client().fatal_error().is_none() {
            return;
        }
        match make(&self.client) {
            Ok(fresh) => {
                tracing::warn!("the producer met its end and is replaced");
                let old = std::mem::replace(&mut *inner, fresh);
                tokio::task::spawn_blocking(move || drop(old));
            }
            Err(problem) => tracing::error!(%problem, "no producer"),
        }
    }
}

fn make(client: &Client) -> Result<FutureProducer<Context>, KafkaError> {
    client.make(&[
        ("acks", "all"),
        ("enable.idempotence", "true"),
        ("message.timeout.ms", GIVE_UP_MILLISECONDS),
        ("request.timeout.ms", GIVE_UP_MILLISECONDS),
        // A body of 1 MiB has room in it; the topics are made with as much.
        ("message.max.bytes", "2097152"),
        // A request waits for this one event: nothing is gained by collecting more.
        ("linger.ms", "0"),
    ])
}

/// The CloudEvents attributes of one event, as headers of Kafka's binary mode.
fn attributes(event: &Event) -> OwnedHeaders {
    let id = Uuid::now_v7().to_string();
    let kind = format!("cinemaabyss.{}", event.kind.name);
    let attributes = [
        ("ce_specversion", "1.0"),
        ("ce_id", &id),
        ("ce_source", "/api/events"),
        ("ce_type", &kind),
        ("ce_time", &event.content.timestamp),
        ("ce_subject", &event.content.id),
        ("content-type", "application/json"),
    ];
    attributes.into_iter().fold(OwnedHeaders::new_with_capacity(attributes.len()), |headers, (key, value)| {
        headers.insert(Header { key, value: Some(value) })
    })
}

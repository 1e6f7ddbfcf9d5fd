//! Events: what happened to movies, users and payments goes through Kafka; this service puts it in and takes it out.
//!
//! A POST becomes an event, is produced (`producer`) and answered when Kafka has it. The same process consumes the topics
//! (`consumer`), each event once (`seen`). `kafka` has what both clients share, `topics` what must be there, `mock` the
//! broker of a process that was given none. The domain's own store is the topic; it has no database.

mod consumer;
mod kafka;
mod mock;
mod producer;
mod seen;
mod topics;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use serde::Serialize;
use serde_json::{Map, Value};

pub use kafka::Events;
pub use producer::Producer;
pub use topics::TOPICS;

use crate::error::Error;
use crate::http::Shape::{self, Integer, Number, Text, Texts, Time};
use crate::http::{Api, Fields, health};
use crate::service::Domain;
use crate::time::Timestamp;
use producer::Delivery;

/// The domain itself.
pub const DOMAIN: Domain = Domain::Streamed(routes);

/// A kind of event: what its body holds and where it goes.
struct Kind {
    /// `type` in the answer, and the start of the id.
    name: &'static str,
    topic: &'static str,
    /// The field with the id of what it happened to, by which the topic is partitioned.
    entity: &'static str,
    /// The field that says what happened.
    outcome: &'static str,
    required: &'static [(&'static str, Shape)],
    optional: &'static [(&'static str, Shape)],
}

static MOVIE: Kind = Kind {
    name: "movie",
    topic: TOPICS[0],
    entity: "movie_id",
    outcome: "action",
    required: &[("movie_id", Integer), ("title", Text), ("action", Text)],
    optional: &[("user_id", Integer), ("rating", Number), ("genres", Texts), ("description", Text)],
};

static USER: Kind = Kind {
    name: "user",
    topic: TOPICS[1],
    entity: "user_id",
    outcome: "action",
    required: &[("user_id", Integer), ("action", Text), ("timestamp", Time)],
    optional: &[("username", Text), ("email", Text)],
};

static PAYMENT: Kind = Kind {
    name: "payment",
    topic: TOPICS[2],
    entity: "payment_id",
    outcome: "status",
    required: &[
        ("payment_id", Integer),
        ("user_id", Integer),
        ("amount", Number),
        ("status", Text),
        ("timestamp", Time),
    ],
    optional: &[("method_type", Text)],
};

/// An event on its way into a topic.
struct Event {
    kind: &'static Kind,
    /// The entity's id.
    key: String,
    content: Content,
}

/// What is in Kafka, and in the answer.
#[derive(Serialize)]
struct Content {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: String,
    payload: Map<String, Value>,
}

/// What a POST is answered with: where the event is, and what it is.
#[derive(Serialize)]
struct Accepted {
    status: &'static str,
    partition: i32,
    offset: i64,
    event: Content,
}

fn routes(producer: &Arc<Producer>) -> Api {
    let accepting = |kind: &'static Kind| {
        let accept = async move |State(producer), fields| accept(kind, producer, fields).await;
        post(accept).with_state(Arc::clone(producer))
    };
    Api::default()
        .route("/api/events/health", get(health))
        .route("/api/events/movie", accepting(&MOVIE))
        .route("/api/events/user", accepting(&USER))
        .route("/api/events/payment", accepting(&PAYMENT))
}

async fn accept(kind: &'static Kind, producer: Arc<Producer>, fields: Fields) -> Result<impl IntoResponse, Error> {
    let event = read(kind, fields)?;
    let Delivery { partition, offset } = producer.produce(&event).await?;
    Ok((StatusCode::CREATED, Json(Accepted { status: "success", partition, offset, event: event.content })))
}

/// The event that a body describes. It happened when the body says, or else now.
fn read(kind: &'static Kind, mut fields: Fields) -> Result<Event, Error> {
    let mut payload = Map::new();
    for &(name, shape) in kind.required {
        payload.insert(name.to_owned(), fields.value(name, shape)?);
    }
    for &(name, shape) in kind.optional {
        payload.extend(fields.value_if_there(name, shape)?.map(|value| (name.to_owned(), value)));
    }
    let key = payload[kind.entity].to_string();
    let id = format!("{}-{key}-{}", kind.name, payload[kind.outcome].as_str().unwrap_or_default());
    let said = payload.get("timestamp").and_then(Value::as_str).map(str::to_owned);
    let timestamp = said.unwrap_or_else(|| Timestamp::now().to_string());
    Ok(Event { kind, key, content: Content { id, kind: kind.name, timestamp, payload } })
}

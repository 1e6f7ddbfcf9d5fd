//! What every service's HTTP side shares: exact routes with JSON refusals, and the listener that drains.
//!
//! `body` and `query` read a request into values that can't be wrong, `record` counts and logs it. A domain's own routes
//! are in its module; which domains a process serves is in `service`.

mod body;
mod query;
mod record;

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get};
use axum::serve::ListenerExt;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

pub use body::{BODY_LIMIT, Fields, Shape, bounded};
pub use query::Ids;

use crate::error::Error;
use crate::metrics::Metrics;

/// How long requests in flight may take after the signal to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// Routes by their exact paths, which are also the labels of the metrics.
#[derive(Default)]
pub struct Api {
    router: Router,
    paths: Vec<&'static str>,
}

impl Api {
    /// Adds a path with its methods.
    pub fn route(mut self, path: &'static str, methods: MethodRouter) -> Self {
        self.paths.push(path);
        self.router = self.router.route(path, methods);
        self
    }

    /// Adds all of another's routes. Two with the same path are a fault of whoever composes them.
    pub fn merge(mut self, other: Self) -> Self {
        self.paths.extend(other.paths);
        self.router = self.router.merge(other.router);
        self
    }

    /// The paths, in the order in which they were added.
    pub fn paths(&self) -> &[&'static str] {
        &self.paths
    }

    /// The whole application: `/metrics` and the refusals added, everything counted and logged.
    pub fn into_app(self, service: &'static str, metrics: Arc<Metrics>) -> Router {
        let recorder = record::Recorder { service, metrics: Arc::clone(&metrics) };
        self.router
            .route("/metrics", get(scrape).with_state(metrics))
            .fallback(async || Error::NoSuchPath)
            .method_not_allowed_fallback(async || Error::Method)
            .layer(tower_http::catch_panic::CatchPanicLayer::custom(record::panicked))
            .layer(axum::middleware::from_fn_with_state(recorder, record::record))
    }
}

/// A GET's answer: one entity or a list, as the query asked.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Found<T> {
    /// By `?id=`.
    One(T),
    /// Everything, or by `?user_id=`; empty is `[]`.
    Many(Vec<T>),
}

impl<T: Serialize> IntoResponse for Found<T> {
    fn into_response(self) -> axum::response::Response {
        Json(self).into_response()
    }
}

/// `{"status": true}`: the process serves. Says nothing about the database or Kafka, which heal without a restart.
pub async fn health() -> Json<Value> {
    Json(json!({ "status": true }))
}

async fn scrape(State(metrics): State<Arc<Metrics>>) -> Result<impl IntoResponse, Error> {
    let text = metrics.text().map_err(|problem| {
        tracing::error!(%problem, "the metrics can't be written");
        Error::Internal
    })?;
    Ok(([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text))
}

/// Serves until `stop` is true or has no sender any more, then takes no more connections and gives the requests in flight ten seconds.
///
/// # Errors
/// The listener can't be used any more.
pub async fn serve(listener: TcpListener, app: Router, stop: watch::Receiver<bool>) -> std::io::Result<()> {
    let listener = listener.tap_io(|stream| {
        // An answer is written whole: waiting for more to send only makes it late.
        let _best_effort = stream.set_nodelay(true);
    });
    let served = axum::serve(listener, app).with_graceful_shutdown(told(stop.clone()));
    let overdue = async {
        told(stop).await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        ended = served => ended,
        () = overdue => {
            tracing::warn!("some requests were not done in ten seconds and are cut off");
            Ok(())
        }
    }
}

async fn told(mut stop: watch::Receiver<bool>) {
    let _or_gone = stop.wait_for(|stop| *stop).await;
}

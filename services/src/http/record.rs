//! The outermost layer: each request's line in the log and its place in the metrics, and a panic's 500.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument;

use crate::error::Error;
use crate::metrics::{Metrics, NO_ROUTE};

/// What the layer needs to know of its service.
#[derive(Clone)]
pub(super) struct Recorder {
    pub(super) service: &'static str,
    pub(super) metrics: Arc<Metrics>,
}

/// Runs the request in a span that carries its id, so that every line below it does too.
pub(super) async fn record(State(recorder): State<Recorder>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request.headers().get("x-request-id").and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let span = tracing::info_span!("request", request_id = id, service = recorder.service);

    let response = next.run(request).instrument(span).await;

    let (route, status) = (route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str), response.status().as_u16());
    let duration = started.elapsed().as_secs_f64();
    // What only machines ask for, all the time, isn't logged; and a scrape does not count itself.
    let probe = route == "/metrics" || route.ends_with("/health");
    if route != "/metrics" {
        recorder.metrics.answered(route, status, duration);
    }
    let milliseconds = (duration * 1e6).round() / 1e3;
    let service = recorder.service;
    if probe {
        tracing::debug!(service, request_id = id, %method, path, route, status, milliseconds, "request");
    } else {
        tracing::info!(service, request_id = id, %method, path, route, status, milliseconds, "request");
    }
    response
}

/// A panic is that request's 500 and nobody else's.
#[expect(clippy::needless_pass_by_value, reason = "the signature that the layer asks for")]
pub(super) fn panicked(cause: Box<dyn Any + Send>) -> Response {
    let text = cause.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| cause.downcast_ref::<&str>().copied()).unwrap_or("no message");
    tracing::error!(panic = text, "a request panicked");
    Error::Internal.into_response()
}

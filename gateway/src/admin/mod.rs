//! The admin listener: `/metrics`, `/healthz`, `/readyz`, `/table` and `POST /reload`, on an address of its own.
//!
//! It shows and never changes: `/reload` only makes the gateway look at the file, as SIGHUP does.

mod table;

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use tokio::sync::{mpsc, oneshot};

use crate::table::reload::{InForce, Look, Looked};

/// What the pages read.
#[derive(Clone, Debug)]
pub(crate) struct Admin {
    pub(crate) in_force: Arc<InForce>,
    pub(crate) ready: Arc<AtomicBool>,
    pub(crate) looks: mpsc::Sender<Look>,
}

/// Serves until the runtime ends.
pub(crate) async fn serve(listener: TcpListener, admin: Admin) -> std::io::Result<()> {
    listener.set_nonblocking(true)?;
    let pages = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/table", get(table))
        .route("/reload", post(reload))
        .fallback(|| async { (StatusCode::NOT_FOUND, "try /metrics, /healthz, /readyz, /table or POST /reload\n") })
        .with_state(admin);
    axum::serve(tokio::net::TcpListener::from_std(listener)?, pages).await
}

async fn metrics(State(admin): State<Admin>) -> Response {
    match admin.in_force.metrics.scrape(&admin.in_force.tables.load()) {
        Ok(text) => ([(CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn readyz(State(admin): State<Admin>) -> (StatusCode, &'static str) {
    if admin.ready.load(Relaxed) {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "draining\n")
    }
}

async fn table(State(admin): State<Admin>) -> Json<serde_json::Value> {
    Json(table::describe(&admin.in_force))
}

async fn reload(State(admin): State<Admin>) -> Response {
    let (look, looked) = oneshot::channel();
    let asked = admin.looks.send(look).await.is_ok();
    let generation = || admin.in_force.tables.load().generation;
    match looked.await {
        Ok(Looked::Applied) => {
            Json(serde_json::json!({ "result": "applied", "generation": generation() })).into_response()
        }
        Ok(Looked::Unchanged) => {
            Json(serde_json::json!({ "result": "unchanged", "generation": generation() })).into_response()
        }
        Ok(Looked::Refused(report)) => {
            let body = serde_json::json!({ "result": "rejected", "generation": generation(), "problems": report });
            (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response()
        }
        Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            if asked { "the gateway is stopping\n" } else { "nobody follows the file\n" },
        )
            .into_response(),
    }
}

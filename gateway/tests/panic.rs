//! A panic in a request's code is that request's 500: counted, and nobody else's.

#![expect(clippy::unwrap_used, reason = "what a test can't do ends it")]

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use gateway::clock;
use gateway::metrics::Metrics;
use gateway::names::Names;
use gateway::request::body::Body;
use gateway::request::client::Client;
use gateway::request::error::Error;
use gateway::request::id::Namer;
use gateway::request::worker::Worker;
use gateway::request::{Arrived, Begun, record};
use gateway::table::compile::plan;
use gateway::upstream::Snapshots;
use http::Response;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::runtime::{Builder, LocalOptions};
use tower::{Layer as _, Service as _};

const FILE: &str = "routes: [{ name: all, path: /, respond: { text: fine } }]\n";

fn worker() -> Rc<Worker> {
    let metrics = Arc::new(Metrics::new(1, Error::REASONS, &[]));
    let table =
        plan(FILE, Path::new("routes.yaml"), &|_| None).unwrap().into_table(None, &metrics, &Names::new(None).0);
    let server = table.server.clone();
    let snapshots = Snapshots::new(Arc::new(ArcSwap::from_pointee(table)), 0);
    Rc::new(Worker {
        index: 0,
        metrics,
        server,
        namer: Namer::default(),
        snapshots,
        log: None,
        scratch: RefCell::default(),
    })
}

/// What the layers inside of the record do, where they have a bug.
async fn inner(path: String) -> Result<Response<Body>, Error> {
    assert_ne!(path, "/later", "a bug, later");
    Ok(Response::new(Body::from(Bytes::from_static(b"fine"))))
}

async fn serve(stream: DuplexStream, worker: Rc<Worker>) {
    let layers = record::layer(worker).layer(tower::service_fn(|begun: Begun| {
        let path = begun.request.uri().path().to_owned();
        assert_ne!(path, "/at-once", "a bug, at once");
        Box::pin(inner(path))
    }));
    let client = Rc::new(Client::new([127, 0, 0, 1].into(), &[], false));
    let service = service_fn(|request| {
        layers.clone().call(Arrived { request: Box::new(request), client: client.clone(), clock: client.clock.clone() })
    });
    http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.unwrap();
}

/// Asks for each path on one connection; everything that is said.
async fn ask(mut stream: DuplexStream, paths: &[&str]) -> String {
    for (at, path) in paths.iter().enumerate() {
        let last = if at + 1 == paths.len() { "connection: close\r\n" } else { "" };
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: a.test\r\n{last}\r\n").as_bytes()).await.unwrap();
    }
    let mut said = String::new();
    stream.read_to_string(&mut said).await.unwrap();
    said
}

#[test]
fn a_panic_in_one_request_is_that_requests_500_counted_and_nobody_elses() {
    let worker = worker();
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default()).unwrap();
    let (near, far) = duplex(64 * 1024);
    let paths = ["/fine", "/at-once", "/fine", "/later", "/fine"];
    let (said, ()) = runtime.block_on(async {
        clock::start().unwrap();
        tokio::join!(ask(near, &paths), serve(far, worker.clone()))
    });
    let statuses: Vec<_> = said.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
    assert_eq!(statuses, ["200", "500", "200", "500", "200"], "{said}");
    assert_eq!(said.matches("x-gateway-error: internal").count(), 2);
    assert!(!said.contains("a bug"), "a panic's text is the log's");
    let page = worker.metrics.scrape(&worker.snapshots.load().table).unwrap();
    for line in [
        "gateway_rejected_total{reason=\"internal\"} 2",
        "gateway_requests_in_flight 0",
        "gateway_client_disconnects_total 0",
    ] {
        assert!(page.contains(line), "{line}\n{page}");
    }
}

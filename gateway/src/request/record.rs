//! The outermost layer: begins a request's record, turns every refusal into its answer, and counts the request once.
//!
//! The record is shared by the request's future, its answer's body and, after an upgrade, its tunnel. When the last of them is
//! dropped the request has ended, however it ended: answered, refused, broken off by the upstream, or left by the client (499).

use std::any::Any;
use std::cell::{Cell, OnceCell};
use std::convert::Infallible;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::header::CONNECTION;
use http::{HeaderName, HeaderValue, Method, Response, Version};
use http_body::Body as _;
use tokio::time::Instant;
use tower::Service;
use tower::layer::{LayerFn, layer_fn};

use super::body::{Body, Counted};
use super::client::Client;
use super::error::Error;
use super::id::{Names, X_REQUEST_ID};
use super::log::Line;
use super::stage::Outcome;
use super::worker::Worker;
use super::{Arrived, Begun};
use crate::clock::{Clock, after};
use crate::metrics::Series;
use crate::table::{Action, Reason, RouteId};
use crate::upstream::{Snapshot, Transfer};

/// The generation of the table that governed a request.
static X_TABLE_GENERATION: HeaderName = HeaderName::from_static("x-table-generation");

/// What nginx calls it when the client left before its answer was complete.
const CLIENT_LEFT: u16 = 499;

/// How long a client may take over an answer of no route.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a split chose.
#[derive(Clone, Copy, Debug)]
pub struct Pick {
    /// The entry's position in the split.
    pub entry: usize,
    /// Why this one.
    pub reason: Reason,
    /// Where the key fell, if there was a key.
    pub bucket: Option<u16>,
}

/// What is known of a request so far; its `Drop` counts it.
#[derive(Debug)]
pub struct Record {
    /// The worker that the request belongs to.
    pub worker: Rc<Worker>,
    /// The connection that it came on.
    pub client: Rc<Client>,
    /// The timer of the task that serves it.
    pub clock: Rc<Clock>,
    /// The table that governs it, loaded once.
    pub snapshot: Rc<Snapshot>,
    /// When its head had been read.
    pub started: Instant,
    /// Its `x-request-id`.
    pub request_id: HeaderValue,
    /// The `traceparent` to add on the way up, where the client sent none.
    pub traceparent: Option<HeaderValue>,
    /// Where it really comes from.
    pub address: IpAddr,
    /// Its route, once known.
    pub route: Cell<Option<RouteId>>,
    /// Its upstream, once chosen.
    pub pick: Cell<Option<Pick>>,
    /// Its upload, if it has a body.
    pub upload: OnceCell<Rc<Transfer>>,
    line: Option<Box<Line>>,
    head_only: bool,
    http2: bool,
    /// Its body ends where its last chunk says, and not after a number of bytes.
    chunked: bool,
    status: Cell<u16>,
    /// Why the gateway answered in an upstream's place.
    pub error: Cell<Option<&'static str>>,
    complete: Cell<bool>,
    left: Cell<bool>,
    sent: Cell<u64>,
}

impl Record {
    fn begin(worker: Rc<Worker>, Arrived { request, client, clock }: Arrived) -> Begun {
        worker.cells().began();
        client.begun.set(client.begun.get() + 1);
        client.in_flight.set(client.in_flight.get() + 1);
        let Names { request_id, traceparent } = worker.namer.name(request.headers());
        let record = Self {
            snapshot: worker.snapshots.load(),
            started: Instant::now(),
            request_id,
            traceparent,
            address: client.address(request.headers(), &worker.server.trusted_proxies),
            route: Cell::new(None),
            pick: Cell::new(None),
            upload: OnceCell::new(),
            line: worker.log.as_ref().and_then(|log| log.begin(&request)),
            head_only: request.method() == Method::HEAD,
            chunked: request.version() == Version::HTTP_11 && request.body().size_hint().exact().is_none(),
            status: Cell::new(0),
            error: Cell::new(None),
            complete: Cell::new(false),
            left: Cell::new(false),
            sent: Cell::new(0),
            worker,
            client,
            clock,
            http2: request.version() == Version::HTTP_2,
        };
        Begun { request, record: Rc::new(record) }
    }

    /// The series of the route and the upstream, as far as they are known.
    fn series(&self) -> &Arc<Series> {
        let table = &self.snapshot.table;
        let Some(route) = self.route.get().map(|id| table.route(id)) else { return &table.unrouted };
        match (&route.action, self.pick.get()) {
            (Action::Split(split), Some(pick)) => &split.entries[pick.entry].series,
            _ => &route.local,
        }
    }

    /// Its id as text: an id is visible ASCII, whoever made it.
    #[must_use]
    pub fn id(&self) -> &str {
        self.request_id.to_str().unwrap_or_default()
    }

    /// Counts the head of an upstream's answer.
    pub fn first_byte(&self) {
        self.series().first_byte(self.worker.index, self.started.elapsed());
    }

    /// Counts bytes of the answer's body.
    pub fn sent(&self, bytes: usize) {
        self.sent.set(self.sent.get() + bytes as u64);
    }

    /// The next piece of the answer is asked for: the client keeps up.
    pub fn asked(&self) {
        self.clock.stand(None);
    }

    /// A piece of the answer was handed over, and perhaps it was the last. The client has `timeout.idle` to take it.
    pub fn handed(&self, last: bool) {
        // In HTTP/1.1 the last piece is the connection's, and its time limit counts for it; a stream goes on to hold it.
        if !last || self.http2 {
            let table = &self.snapshot.table;
            let idle = self.route.get().map_or(Some(PATIENCE), |id| table.route(id).timeouts.idle);
            self.clock.stand(after(Instant::now(), idle));
        }
    }

    /// The answer has been handed to the connection to its last byte.
    pub fn complete(&self) {
        self.complete.set(true);
        self.client.answered();
    }

    /// The upstream failed in the middle of its answer: the client sees a broken body, and it is not the client that left.
    pub fn broke_off(&self, error: &(dyn std::error::Error + Send + Sync + 'static)) {
        tracing::warn!(request_id = self.id(), error = %error, "an answer broke off");
        self.complete();
    }

    /// Turns an outcome into the answer that goes out, the gateway's own or the upstream's.
    fn answer(self: Rc<Self>, outcome: Outcome) -> Response<Counted> {
        let mut response = outcome.unwrap_or_else(|error| self.refuse(&error));
        self.status.set(response.status().as_u16());
        let headers = response.headers_mut();
        headers.insert(&X_REQUEST_ID, self.request_id.clone());
        if self.worker.server.expose {
            headers.insert(&X_TABLE_GENERATION, self.snapshot.generation.clone());
        }
        if self.head_only {
            self.complete();
        }
        if self.chunked && !self.is_read_to_its_end() {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
            self.client.linger.set(true);
        }
        response.map(|body| Counted::new(body, self))
    }

    /// Whether it is certain where a chunked body ended. What hyper can't read as trailers it passes over without a word, up to an empty
    /// line that may be the end of somebody's next head: a body with trailers is its connection's last, and so is one that nobody looked at.
    fn is_read_to_its_end(&self) -> bool {
        self.upload.get().is_some_and(|upload| upload.ended.get() && !upload.trailers.get())
    }

    fn refuse(&self, error: &Error) -> Response<Body> {
        if error.is_departure() {
            self.left.set(true);
            return error.answer(&self.request_id);
        }
        let (status, reason) = error.status();
        self.worker.cells().rejected(reason);
        self.error.set(Some(error.reason()));
        self.client.linger.set(error.ends_connection());
        if status.is_server_error() {
            tracing::warn!(request_id = self.id(), reason = error.reason(), error = %error, "a request failed");
        }
        error.answer(&self.request_id)
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let now = Instant::now();
        let took = now.duration_since(self.started);
        let left = self.left.get() || !self.complete.get();
        let status = if left { CLIENT_LEFT } else { self.status.get() };
        self.client.in_flight.set(self.client.in_flight.get() - 1);
        self.client.idle_since.set(now);
        self.clock.stand(None);
        let cells = self.worker.cells();
        cells.ended();
        if left {
            cells.disconnected();
        }
        self.series().ended(self.worker.index, status, took);
        if let (Some(line), Some(log)) = (self.line.take(), &self.worker.log) {
            let received = self.upload.get().map_or(0, |upload| upload.bytes.get());
            let line = line.finish(self, self.series(), status, took, (received, self.sent.get()));
            if !log.write(line) {
                cells.log_dropped();
            }
        }
    }
}

/// The service of this layer.
#[derive(Clone, Debug)]
pub struct Recording<S> {
    inner: S,
    worker: Rc<Worker>,
}

/// The layer. It comes first: what is outside of it is not counted.
pub fn layer<S>(worker: Rc<Worker>) -> LayerFn<impl Fn(S) -> Recording<S> + Clone> {
    layer_fn(move |inner| Recording { inner, worker: worker.clone() })
}

impl<S> Service<Arrived> for Recording<S>
where
    S: Service<Begun, Response = Response<Body>, Error = Error, Future: Unpin>,
{
    type Response = Response<Counted>;
    type Error = Infallible;
    type Future = Answering<S::Future>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, arrived: Arrived) -> Self::Future {
        let begun = Record::begin(self.worker.clone(), arrived);
        let record = begun.record.clone();
        let called = catch_unwind(AssertUnwindSafe(|| self.inner.call(begun)));
        Answering { outcome: called.inspect_err(|panic| log_panic(&**panic)).ok(), record: Some(record) }
    }
}

/// Waits for the outcome and answers with it. A panic in one request is that request's 500.
#[derive(Debug)]
pub struct Answering<F> {
    outcome: Option<F>,
    record: Option<Rc<Record>>,
}

impl<F: Future<Output = Outcome> + Unpin> Future for Answering<F> {
    type Output = Result<Response<Counted>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = match &mut self.outcome {
            Some(outcome) => match catch_unwind(AssertUnwindSafe(|| Pin::new(outcome).poll(cx))) {
                Ok(polled) => ready!(polled),
                Err(panic) => {
                    log_panic(&*panic);
                    Err(Error::Internal)
                }
            },
            None => Err(Error::Internal),
        };
        // What the request held is let go of before its answer goes out.
        self.outcome = None;
        match self.record.take() {
            Some(record) => Poll::Ready(Ok(record.answer(outcome))),
            None => Poll::Pending,
        }
    }
}

fn log_panic(panic: &(dyn Any + Send)) {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(panic = text.unwrap_or("of unknown type"), "a request's code panicked");
}

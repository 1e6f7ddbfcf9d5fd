//! HTTP/2 to an upstream: a few connections an address, each shared by many requests as streams.
//!
//! A connection is a task of its own on the worker, because it serves many requests at once; a request that is given up resets its
//! stream. WebSockets don't come here: they go over a connection of HTTP/1.1.

use std::cell::{Cell, RefCell};
use std::error::Error as _;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::HOST;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, Uri, Version};
use http_body::Body as _;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper::rt::Executor;
use hyper_util::rt::TokioIo;
use tokio::sync::Mutex;
use tokio::task::spawn_local;
use tokio::time::Instant;

use super::body::{Streamed, Upload, UploadError};
use super::dial::{Attempt, ConnectError, dial};
use super::failure::{ExchangeError, Failed};
use super::head;
use super::pings::Pings;
use super::slot::Slot;
use crate::clock::within;
use crate::socket::Socket;
use crate::table::{Endpoint, Protocol, Upstream};

/// What an upstream may send ahead on one stream, and on all together.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;

/// A connection that says nothing is asked whether it lives after that long, and has as long to answer.
const PING: Duration = Duration::from_secs(20);

/// Connections of a worker to one address; beyond that its streams wait for their turn.
const CONNECTIONS: usize = 32;

/// The connections to one address.
#[derive(Debug, Default)]
pub(super) struct Shared {
    open: RefCell<Vec<Rc<Multiplexed>>>,
    /// Held while a connection is made, so that a burst of requests makes one and not one each.
    dialling: Mutex<()>,
}

/// One connection.
#[derive(Debug)]
struct Multiplexed {
    sender: SendRequest<Upload>,
    streams: Cell<usize>,
    /// As many as the upstream lets us have; its word comes after the first request may have gone out.
    limit: Rc<Cell<usize>>,
    idle_since: Cell<Instant>,
    used: Cell<bool>,
}

impl Multiplexed {
    fn has_room(&self) -> bool {
        !self.sender.is_closed() && self.streams.get() < self.limit.get()
    }
}

impl Shared {
    /// A stream on a new connection, or on one that another request has made meanwhile.
    ///
    /// # Errors
    /// [`ConnectError`], where one had to be made.
    pub(super) async fn stream(
        &self,
        slot: &Slot,
        deadline: Option<Instant>,
        attempt: &Attempt,
    ) -> Result<Stream, ConnectError> {
        // The turn is waited for no longer than a connection would be.
        let turn = within(deadline, self.dialling.lock()).await;
        if let Some(stream) = self.with_room() {
            return Ok(stream);
        }
        if turn.is_none() {
            return Err(ConnectError::Timeout(slot.origin.upstream.name.clone()));
        }
        let connection = Rc::new(open(slot, deadline, attempt).await?);
        self.open.borrow_mut().push(connection.clone());
        Ok(Stream::on(connection))
    }

    /// A stream on a connection that has room, if there is one.
    pub(super) fn with_room(&self) -> Option<Stream> {
        let mut open = self.open.borrow_mut();
        open.retain(|connection| !connection.sender.is_closed());
        let roomy = open.iter().find(|connection| connection.has_room());
        let least = || open.iter().min_by_key(|connection| connection.streams.get());
        let found = roomy.or_else(|| if open.len() < CONNECTIONS { None } else { least() });
        found.map(|connection| Stream::on(connection.clone()))
    }

    /// Closes what has had no stream for longer than `keepalive`.
    pub(super) fn sweep(&self, now: Instant, keepalive: Option<Duration>) {
        self.open.borrow_mut().retain(|connection| {
            let young = keepalive.is_none_or(|limit| now.duration_since(connection.idle_since.get()) < limit);
            !connection.sender.is_closed() && (connection.streams.get() > 0 || young)
        });
    }

    /// Whether there is a connection.
    pub(super) fn is_open(&self) -> bool {
        self.open.borrow().iter().any(|connection| !connection.sender.is_closed())
    }

    /// No further stream: each connection ends with its last one.
    pub(super) fn forget(&self) {
        self.open.borrow_mut().clear();
    }

    /// Connections without a stream.
    pub(super) fn idle(&self) -> usize {
        self.open.borrow().iter().filter(|connection| connection.streams.get() == 0).count()
    }
}

async fn open(slot: &Slot, deadline: Option<Instant>, attempt: &Attempt) -> Result<Multiplexed, ConnectError> {
    let shake = |wire| async move {
        let mut builder = Builder::new(Local);
        builder
            .timer(Pings)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING);
        builder.handshake(TokioIo::new(Socket::over(wire))).await
    };
    let ((sender, mut connection), open) = dial(slot, deadline, Protocol::Http2, attempt, shake).await?;
    let limit = Rc::new(Cell::new(connection.current_max_send_streams()));
    let told = limit.clone();
    spawn_local(async move {
        // How it ends is told by its streams.
        let _ended = poll_fn(|cx| {
            let polled = Pin::new(&mut connection).poll(cx);
            told.set(connection.current_max_send_streams());
            polled
        })
        .await;
        drop(open);
    });
    let idle_since = Cell::new(Instant::now());
    Ok(Multiplexed { sender, streams: Cell::new(0), limit, idle_since, used: Cell::new(false) })
}

/// Runs what hyper makes of a connection on the worker.
#[derive(Clone, Copy, Debug)]
struct Local;

impl<F: Future<Output = ()> + 'static> Executor<F> for Local {
    fn execute(&self, future: F) {
        spawn_local(future);
    }
}

/// The right to one stream; it counts until it is dropped.
#[derive(Debug)]
pub(super) struct Stream {
    connection: Rc<Multiplexed>,
    pub(super) reused: bool,
}

impl Stream {
    fn on(connection: Rc<Multiplexed>) -> Self {
        connection.streams.set(connection.streams.get() + 1);
        let reused = connection.used.replace(true);
        Self { connection, reused }
    }

    /// Sends a request and waits for the head of the answer, polling `limit` beside it.
    ///
    /// # Errors
    /// [`Failed`], or what `limit` returns when it is ready first.
    pub(super) async fn exchange<E: From<Failed>>(
        &mut self,
        request: Request<Upload>,
        upstream: &Upstream,
        endpoint: &Endpoint,
        mut limit: impl FnMut(&mut Context<'_>) -> Poll<E>,
    ) -> Result<Response<Streamed>, E> {
        let (mut head, upload) = request.into_parts();
        let text = (self.reused && upload.is_end_stream()).then(|| {
            let mut text = Vec::new();
            head::write(&mut head, false, &mut text);
            text
        });
        let mut request = Request::from_parts(head, upload);
        address(&mut request, upstream, endpoint);
        let mut sender = self.connection.sender.clone();
        let mut answer = pin!(sender.try_send_request(request));
        poll_fn(|cx| match answer.as_mut().poll(cx) {
            Poll::Ready(Ok(answer)) => Poll::Ready(Ok(answer.map(Some))),
            Poll::Ready(Err(failed)) => Poll::Ready(Err(explain(failed, text.as_deref()).into())),
            Poll::Pending => limit(cx).map(Err),
        })
        .await
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let connection = &self.connection;
        connection.streams.set(connection.streams.get() - 1);
        connection.idle_since.set(Instant::now());
    }
}

/// Tells a body that is too large from one that can't be read.
fn broken_upload(error: hyper::Error) -> ExchangeError {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<UploadError>());
    if matches!(cause, Some(UploadError::TooLarge)) {
        ExchangeError::TooLarge
    } else {
        ExchangeError::Upload(error.into())
    }
}

/// Why an answer broke off, in our words.
pub(super) fn broken_body(error: hyper::Error) -> ExchangeError {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    match cause.map(io::Error::kind) {
        Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => ExchangeError::invalid(error),
        _ => ExchangeError::BrokenOff,
    }
}

/// HTTP/2 has no `Host`: the target names it (RFC 9113, 8.3.1).
fn address(request: &mut Request<Upload>, upstream: &Upstream, endpoint: &Endpoint) {
    let host = request.headers_mut().remove(HOST);
    let authority = |host: &HeaderValue| Authority::try_from(host.as_bytes()).ok();
    let named = host.as_ref().and_then(authority).or_else(|| request.uri().authority().cloned());
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(if upstream.tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP });
    parts.authority = named.or_else(|| authority(&endpoint.authority));
    parts.path_and_query =
        Some(request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/")));
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
    *request.version_mut() = Version::HTTP_2;
}

/// Why there was no answer, in our words.
fn explain(mut failed: TrySendError<Request<Upload>>, text: Option<&[u8]>) -> Failed {
    let unsent = failed.take_message().map(Box::new);
    let error = failed.into_error();
    let reason = error.source().and_then(|source| source.downcast_ref::<h2::Error>()).and_then(h2::Error::reason);
    let error = match reason {
        _ if error.is_user() => broken_upload(error),
        // It has not begun with this one, or can't take any more.
        Some(h2::Reason::REFUSED_STREAM | h2::Reason::NO_ERROR) | None => ExchangeError::Closed,
        Some(h2::Reason::PROTOCOL_ERROR | h2::Reason::FRAME_SIZE_ERROR | h2::Reason::COMPRESSION_ERROR) => {
            ExchangeError::invalid(error)
        }
        Some(_) => ExchangeError::BrokenOff,
    };
    let written = unsent.is_none();
    let again = || text.and_then(head::parse).map(|head| Box::new(Request::from_parts(head, Upload::Empty)));
    Failed { error, request: unsent.or_else(again), written }
}

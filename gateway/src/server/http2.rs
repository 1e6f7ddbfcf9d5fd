//! HTTP/2 on a client's connection: each stream is a task of its own on the worker, and the connection another.
//!
//! What a stream waits for is timed by a clock of its own; the connection's clock ends it when no stream is in flight. Every bound of
//! the protocol that a client could use up is set here.

use std::cell::RefCell;
use std::error::Error as _;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::Executor;
use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::spawn_local;
use tokio::time::Instant;
use tower::Service;

use super::connection::Link;
use super::entrance::position;
use super::frames::Metered;
use super::gather::Gathered;
use crate::clock::{Clock, after};
use crate::request::Arrived;
use crate::stack::stack;

/// Streams that a client may have open at once: what browsers and gRPC clients expect at least.
const STREAMS: u32 = 128;

/// What a client may send ahead on one stream, and on all together: an upload that nobody reads holds no more memory than that.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// What of an answer may wait for a stream's window.
const SEND_BUFFER: usize = 64 * 1024;

/// Streams that a client may have reset before we came to them, and those that we reset for its mistakes: past these the connection ends.
const RESETS: usize = 20;
const MISTAKES: usize = 256;

/// How long a connection that was told to end may take to say that it has heard.
const FAREWELL: Duration = Duration::from_secs(1);

/// Serves HTTP/2 until one side ends it, nobody has used it for `timeout.keepalive`, or the worker drains.
pub(super) async fn serve(io: impl AsyncRead + AsyncWrite + Unpin + 'static, link: Link) {
    let Link { client, worker, seat } = &link;
    let streams = Streams::default();
    let (stack, timed, of) = (stack(worker.clone()), streams.clone(), client.clone());
    let service = service_fn(move |request| {
        let clock = timed.next(Rc::new(Clock::new()));
        stack.clone().call(Arrived { request: Box::new(request), client: of.clone(), clock })
    });
    let io = Gathered::new(Metered::new(io, worker.clone()));
    let mut connection =
        pin!(settings(streams, worker.server.limits.head).serve_connection(TokioIo::new(io.clone()), service));
    let mut closing = None;
    poll_fn(|cx| {
        if closing.is_none() && seat.told_to_close(cx) {
            connection.as_mut().graceful_shutdown();
            closing = Some(Instant::now());
        }
        loop {
            let polled = connection.as_mut().poll(cx);
            let sent = io.poll_send(cx);
            if let Poll::Ready(ended) = polled {
                // How else it ended is told by its streams.
                if ended.is_err_and(|error| is_flood(&error)) {
                    worker.cells().refused(position("http2_flood"));
                }
                return Poll::Ready(());
            }
            if let Poll::Ready(Err(_)) = sent {
                return Poll::Ready(());
            }
            // A stream may end without a word to the connection: while one is in flight, the clock goes on too.
            let idle_since = if client.in_flight.get() > 0 { Instant::now() } else { client.idle_since.get() };
            let deadline = match closing {
                Some(since) => Some(idle_since.max(since) + FAREWELL),
                None => after(idle_since, worker.server.keepalive),
            };
            ready!(client.clock.poll(cx, deadline));
            if closing.is_some() {
                return Poll::Ready(());
            }
            connection.as_mut().graceful_shutdown();
            closing = Some(Instant::now());
        }
    })
    .await;
}

/// A head may hold `head` bytes, as in HTTP/1.1. A larger one gets 431, one four times as large ends the connection.
fn settings(streams: Streams, head: usize) -> Builder<Streams> {
    let mut builder = Builder::new(streams);
    builder
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(head).unwrap_or(u32::MAX))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(MISTAKES);
    builder
}

/// Whether a client used up what the library lets it.
fn is_flood(error: &hyper::Error) -> bool {
    let Some(error) = error.source().and_then(|source| source.downcast_ref::<h2::Error>()) else { return false };
    error.is_library() && error.reason() == Some(h2::Reason::ENHANCE_YOUR_CALM)
}

/// Makes a task of each stream. hyper calls the service and then hands over the stream, one after the other: what is between is the
/// clock of the stream that comes next.
#[derive(Clone, Debug, Default)]
struct Streams(Rc<RefCell<Option<Rc<Clock>>>>);

impl Streams {
    /// Gives the next stream its clock.
    fn next(&self, clock: Rc<Clock>) -> Rc<Clock> {
        self.0.replace(Some(clock.clone()));
        clock
    }
}

impl<F: Future<Output = ()> + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        // Boxed, because a task is moved several times on its way to the runtime.
        drop(spawn_local(Box::pin(Timed { stream, clock: self.0.take() })));
    }
}

pin_project! {
    /// A stream with its clock.
    struct Timed<F> {
        #[pin]
        stream: F,
        clock: Option<Rc<Clock>>,
    }
}

impl<F: Future<Output = ()>> Future for Timed<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        match (this.stream.poll(cx), this.clock) {
            // Dropped, the stream is reset: a client that does not take its answer must not keep it for ever.
            (Poll::Pending, Some(clock)) => clock.poll_standing(cx),
            (polled, _) => polled,
        }
    }
}

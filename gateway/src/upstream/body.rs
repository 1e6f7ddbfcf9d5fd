//! The two bodies that pass through: what goes up to the upstream and what comes down from it. Frames are handed on as they come.

use std::cell::{Cell, OnceCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use thiserror::Error;
use tokio::time::Instant;

use super::expect::Expectation;
use super::failure::ExchangeError;
use super::lease::Lease;
use super::shared::broken_body;
use crate::clock::{Clock, after, earlier};

/// How far an upload has come: read by the waiting request, to know whose turn it is.
#[derive(Debug)]
pub struct Transfer {
    /// Bytes that the client has sent.
    pub bytes: Cell<u64>,
    /// When the last piece came, and, if the body has ended, when that was.
    pub last: Cell<Instant>,
    /// Whether the body has ended.
    pub ended: Cell<bool>,
    /// Whether it ended in trailers.
    pub trailers: Cell<bool>,
    /// Whether the next piece is asked for and has not come: it is the client that keeps everyone waiting.
    pub starved: Cell<bool>,
    /// What holds it back, if its client waits to be asked for it.
    pub expectation: OnceCell<Expectation>,
    /// Whether it comes on an HTTP/2 stream, which tells its end apart from having been given up.
    stream: bool,
}

impl Transfer {
    /// Holds the body back until the upstream asks for it. A client of HTTP/2 can't be told when that is, and is not waited for.
    pub fn expect(&self) {
        if !self.stream {
            // Set once: a request has one expectation.
            let _first = self.expectation.set(Expectation::begin());
        }
    }

    /// Whether it is held back.
    #[must_use]
    pub fn is_held_back(&self) -> bool {
        self.expectation.get().is_some_and(Expectation::waits)
    }
}

/// A request's body on its way up.
#[derive(Debug)]
pub enum Upload {
    /// The request has none.
    Empty,
    /// Streams the client's, up to so many bytes.
    Client(Incoming, Rc<Transfer>, u64),
}

/// Why a request's body broke off.
#[derive(Debug, Error)]
pub enum UploadError {
    /// The connection ended, or what came is no body.
    #[error(transparent)]
    Broken(hyper::Error),
    /// An HTTP/2 stream was reset, or its connection ended: there is nobody left to answer.
    #[error("the client gave up its request")]
    GivenUp,
    /// What came after the last chunk are no trailers. hyper reads no further than it understands there, and tells nobody.
    #[error("the body's trailers can't be read")]
    Trailers,
    /// It is longer than the route takes.
    #[error("the body is larger than the route takes")]
    TooLarge,
}

impl Upload {
    /// Wraps a client's body of at most `limit` bytes; a request without one needs no bookkeeping.
    #[must_use]
    pub fn new(body: Incoming, version: Version, limit: u64) -> (Self, Option<Rc<Transfer>>) {
        if body.is_end_stream() {
            return (Self::Empty, None);
        }
        let last = Cell::new(Instant::now());
        let stream = version == Version::HTTP_2;
        let transfer = Transfer {
            bytes: Cell::new(0),
            last,
            ended: Cell::new(false),
            trailers: Cell::new(false),
            starved: Cell::new(false),
            expectation: OnceCell::new(),
            stream,
        };
        let transfer = Rc::new(transfer);
        (Self::Client(body, transfer.clone(), limit), Some(transfer))
    }

    /// The upstream asks for it.
    pub(super) fn ask(&self) {
        if let Self::Client(_, transfer, _) = self
            && let Some(expectation) = transfer.expectation.get()
        {
            expectation.end();
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        let Self::Client(body, transfer, limit) = &mut *self else { return Poll::Ready(None) };
        if transfer.expectation.get().is_some_and(|expectation| expectation.holds(cx)) {
            return Poll::Pending;
        }
        let polled = match Pin::new(&mut *body).poll_frame(cx) {
            // hyper says that a body ended where its stream was reset without an error; it must not look whole.
            Poll::Ready(None) if transfer.stream && !body.is_end_stream() => {
                Poll::Ready(Some(Err(UploadError::GivenUp)))
            }
            Poll::Ready(Some(Err(_))) if transfer.stream => Poll::Ready(Some(Err(UploadError::GivenUp))),
            polled => polled.map_err(UploadError::Broken),
        };
        transfer.starved.set(polled.is_pending());
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
                transfer.bytes.set(transfer.bytes.get() + bytes);
                if transfer.bytes.get() > *limit {
                    return Poll::Ready(Some(Err(UploadError::TooLarge)));
                }
                if !transfer.stream && frame.trailers_ref().is_some_and(HeaderMap::is_empty) {
                    return Poll::Ready(Some(Err(UploadError::Trailers)));
                }
                transfer.last.set(Instant::now());
                transfer.trailers.set(frame.is_trailers());
                // Whoever writes them asks for nothing after trailers.
                transfer.ended.set(frame.is_trailers() || body.is_end_stream());
            }
            Poll::Ready(None) => transfer.ended.set(true),
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Client(body, ..) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Client(body, ..) => body.size_hint(),
        }
    }
}

/// Why an answer's body broke off. The client sees a broken body, not a short one that looks whole.
#[derive(Debug, Error)]
pub enum DownloadError {
    /// The upstream closed or reset the connection, or framed the body wrongly.
    #[error(transparent)]
    Broken(#[from] ExchangeError),
    /// Nothing came for as long as `timeout.idle`, or the whole took longer than `timeout.total`.
    #[error("the upstream's answer did not go on in time")]
    Stalled,
}

/// Of so many pieces of a body one is held against the clock.
const PIECES: u32 = 8;

/// An answer's body that comes on an HTTP/2 stream; of HTTP/1.1 the leased connection has it.
pub type Streamed = Option<Incoming>;

/// An answer's body on its way down. It drives its connection, and gives it back at the end.
#[derive(Debug)]
pub struct Download {
    stream: Streamed,
    lease: Lease,
    clock: Rc<Clock>,
    idle: Option<Duration>,
    total: Option<Instant>,
    /// Since when the client has been waiting for the upstream; a client that does not read waits for nobody.
    waiting: Option<Instant>,
    pieces: u32,
    /// The first piece, where it was looked at before the head went on. Boxed, because few answers have one.
    ahead: Option<Box<Frame<Bytes>>>,
    /// Why it broke off: told once what came before it is on its way.
    broken: Option<DownloadError>,
}

impl Download {
    /// Takes over a lease at the head of an answer. The body may pause for `idle` and has to end by `total`.
    #[must_use]
    pub fn new(
        stream: Streamed,
        lease: Lease,
        clock: Rc<Clock>,
        idle: Option<Duration>,
        total: Option<Instant>,
    ) -> Self {
        let mut download =
            Self { stream, lease, clock, idle, total, waiting: None, pieces: 0, ahead: None, broken: None };
        download.give_back_at_end();
        download
    }

    /// Looks at the first piece of a body of unknown length, if it is there already: where its framing is wrong from the start, the head
    /// need not go on.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn look_ahead(&mut self) -> Result<(), ExchangeError> {
        if self.is_end_stream() || self.size_hint().exact().is_some() {
            return Ok(());
        }
        // Nobody is to be woken: whoever gets the head asks for the body next.
        match self.poll_piece(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(Ok(first))) => self.ahead = Some(Box::new(first)),
            Poll::Ready(Some(Err(error))) => return Err(error),
            Poll::Ready(None) => self.lease.give_back(),
            Poll::Pending => {}
        }
        Ok(())
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ExchangeError>>> {
        match &mut self.stream {
            Some(stream) => Pin::new(stream).poll_frame(cx).map_err(broken_body),
            None => self.lease.poll_body(cx),
        }
    }

    /// Lets what came before an error go out: a client that saw not a byte would take its connection for a stale one, and ask again.
    fn break_off(
        &mut self,
        cx: &mut Context<'_>,
        error: DownloadError,
    ) -> Poll<Option<Result<Frame<Bytes>, DownloadError>>> {
        self.broken = Some(error);
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Whether the whole takes too long. A stream that never pauses is never asked by the timer; a clock is read for few of its pieces.
    fn is_overdue(&mut self) -> bool {
        self.pieces = self.pieces.wrapping_add(1);
        self.pieces.is_multiple_of(PIECES) && self.total.is_some_and(|total| Instant::now() >= total)
    }

    fn has_ended(&self) -> bool {
        match &self.stream {
            Some(stream) => stream.is_end_stream(),
            None => self.lease.body_left() == Some(0),
        }
    }

    fn give_back_at_end(&mut self) {
        if self.has_ended() {
            self.lease.give_back();
        }
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = DownloadError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, DownloadError>>> {
        let this = &mut *self;
        if let Some(error) = this.broken.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let polled = match this.ahead.take() {
            Some(first) => Poll::Ready(Some(Ok(*first))),
            None => this.poll_piece(cx),
        };
        match polled {
            Poll::Ready(Some(Ok(_))) if this.is_overdue() => this.break_off(cx, DownloadError::Stalled),
            Poll::Ready(Some(Ok(frame))) => {
                this.waiting = None;
                this.give_back_at_end();
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => this.break_off(cx, error.into()),
            Poll::Ready(None) => {
                this.lease.give_back();
                Poll::Ready(None)
            }
            Poll::Pending => {
                let waiting = *this.waiting.get_or_insert_with(Instant::now);
                let deadline = earlier(after(waiting, this.idle), this.total);
                this.clock.poll(cx, deadline).map(|()| Some(Err(DownloadError::Stalled)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ahead.is_none() && self.has_ended()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.stream {
            // What was looked at had no length, and gets none now that its end is known.
            _ if self.ahead.is_some() => SizeHint::default(),
            Some(stream) => stream.size_hint(),
            None => self.lease.body_left().map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}

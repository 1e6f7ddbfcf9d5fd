//! One HTTP/1.1 connection to an upstream: a hyper client connection that is driven by whoever uses it.
//!
//! Usually a client connection runs as a task of its own, and each request crosses to it and back. Here the request's own
//! future drives it, which saves both hand-overs; a client that leaves drops the request's future and with it the
//! connection, so that the upstream knows at once. Nobody drives an idle connection: it is looked at when it is taken
//! from the pool, and swept once a second.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::{Body, Frame};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use pin_project_lite::pin_project;
use thiserror::Error;
use tokio::time::Instant;

use super::body::{Upload, UploadError};
use super::dial::{Attempt, ConnectError, Open, dial};
use super::doorbell::Doorbell;
use super::slot::Slot;
use super::wire::Wire;
use crate::socket::{Bytes, Socket};
use crate::table::Protocol;

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum ExchangeError {
    /// The connection ended before a byte of an answer came.
    #[error("the upstream closed the connection before it answered")]
    Closed,
    /// The connection ended in the middle of the answer's head, or right after it.
    #[error("the upstream broke off its answer")]
    BrokenOff,
    /// It switched to another protocol, which nobody had asked for.
    #[error("the upstream switched protocols unasked")]
    Unasked,
    /// The client's body broke off on the way up.
    #[error("the request's body broke off: {0}")]
    Upload(hyper::Error),
    /// The client's body is larger than its route takes.
    #[error("the request's body is too large")]
    TooLarge,
    /// What came can be read in more than one way.
    #[error("the upstream's answer is framed ambiguously")]
    Ambiguous,
    /// What came is no HTTP.
    #[error("the upstream's answer is not valid HTTP: {0}")]
    Invalid(hyper::Error),
}

impl ExchangeError {
    /// Tells an answer that breaks off from one that is framed wrongly.
    pub(super) fn in_body(error: hyper::Error) -> Self {
        let cause = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<io::Error>());
        match cause.map(io::Error::kind) {
            Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => Self::Invalid(error),
            _ => Self::BrokenOff,
        }
    }
}

/// An exchange that brought no answer.
#[derive(Debug)]
pub struct Failed {
    /// Why.
    pub error: ExchangeError,
    /// The request, where not a byte of it was written.
    pub unsent: Option<Box<Request<Upload>>>,
}

/// Tells a body that is too large from one that can't be read.
pub(super) fn broken_upload(error: hyper::Error) -> ExchangeError {
    let cause = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<UploadError>());
    if matches!(cause, Some(UploadError::TooLarge)) { ExchangeError::TooLarge } else { ExchangeError::Upload(error) }
}

type Driver = http1::Connection<TokioIo<Socket<Wire>>, Upload>;

/// An open connection.
#[derive(Debug)]
pub(super) struct Connection {
    // Boxed, because connections move between pool, lease and download, and hyper's state is large.
    driver: Box<Driver>,
    doorbell: Doorbell,
    sender: SendRequest<Upload>,
    over: bool,
    read: Bytes,
    open: Open,
    pub(super) idle_since: Instant,
    pub(super) reused: bool,
}

impl Connection {
    /// Opens one.
    ///
    /// # Errors
    /// [`ConnectError`], counted.
    pub(super) async fn open(slot: &Slot, deadline: Option<Instant>, attempt: &Attempt) -> Result<Self, ConnectError> {
        let shake = |socket, read| async move {
            let (sender, driver) = http1::handshake(TokioIo::new(socket)).await?;
            Ok((sender, Box::new(driver), read))
        };
        let ((sender, driver, read), open) = dial(slot, deadline, Protocol::Http1, attempt, shake).await?;
        let (doorbell, idle_since) = (Doorbell::default(), Instant::now());
        Ok(Self { driver, doorbell, sender, over: false, read, open, idle_since, reused: false })
    }

    /// Moves bytes both ways; ready when the connection is over.
    pub(super) fn drive(&mut self, cx: &Context<'_>) -> Poll<()> {
        let Self { doorbell, driver, over, .. } = self;
        doorbell.answer(cx, |cx| drive(driver, over, cx))
    }

    /// The next piece of a body that this connection brings, moving bytes where there is none yet.
    pub(super) fn poll_body(
        &mut self,
        cx: &Context<'_>,
        body: &mut Incoming,
    ) -> Poll<Option<hyper::Result<Frame<bytes::Bytes>>>> {
        let Self { doorbell, driver, over, .. } = self;
        doorbell.answer(cx, |cx| {
            if let Poll::Ready(piece) = Pin::new(&mut *body).poll_frame(cx) {
                return Poll::Ready(piece);
            }
            // Whether it is over shows in the body.
            let _over = drive(driver, over, cx);
            Pin::new(&mut *body).poll_frame(cx)
        })
    }

    /// Whether a request can be sent: neither has the upstream closed the idle connection nor said something unasked.
    pub(super) fn is_usable(&mut self, cx: &Context<'_>) -> bool {
        self.drive(cx).is_pending() && self.sender.is_ready()
    }

    /// The same for the next request. Where the last exchange was seen to its end, and the runtime has not called since, there is nothing
    /// to look at.
    pub(super) fn is_still_usable(&mut self, cx: &Context<'_>) -> bool {
        let is_quiet = !self.over && self.read.is_quiet() && self.sender.is_ready();
        is_quiet || self.is_usable(cx)
    }

    /// Sends a request; the future waits for the head of the answer, polling `limit` beside it.
    ///
    /// # Errors
    /// [`Failed`], or what `limit` returns when it is ready first.
    pub(super) fn exchange<E: From<Failed>>(
        &mut self,
        request: Request<Upload>,
        mut limit: impl FnMut(&mut Context<'_>) -> Poll<E>,
    ) -> impl Future<Output = Result<Response<Incoming>, E>> {
        let Self { doorbell, driver, sender, over, read, .. } = self;
        let said_before = read.count();
        // Sent here and not in a future, which would carry the request on to its end.
        let answer = doorbell.hush(|| sender.try_send_request(request));
        beside(answer, move |mut answer, cx| {
            let answered = doorbell.answer(cx, |cx| {
                let _over = drive(driver, over, cx);
                answer.as_mut().poll(cx)
            });
            match answered {
                Poll::Ready(answered) => {
                    Poll::Ready(answered.map_err(|failed| explain(failed, read.count() > said_before).into()))
                }
                Poll::Pending => limit(cx).map(Err),
            }
        })
    }

    /// The socket of an upgraded connection, and what of the new protocol has been read already.
    pub(super) fn into_socket(self) -> (Socket<Wire>, bytes::Bytes, Open) {
        let parts = self.driver.into_parts();
        (parts.io.into_inner(), parts.read_buf, self.open)
    }

    /// Lets the connection run as a task of its own until it ends: for an upload that outlives its answer's head.
    pub(super) fn detach(self) {
        let Self { driver, open, sender, .. } = self;
        // Nothing more will be sent on it: it ends with what it is doing.
        drop(sender);
        tokio::task::spawn_local(async move {
            // How such a connection ends is told by its bodies; there is nobody else to tell.
            let _ended = driver.await;
            drop(open);
        });
    }
}

pin_project! {
    /// A future that is polled by a function of it. An async block would hold it twice: as it was given, and where it was pinned.
    struct Beside<A, P> {
        #[pin]
        inner: A,
        poll: P,
    }
}

fn beside<A, T, P: FnMut(Pin<&mut A>, &mut Context<'_>) -> Poll<T>>(inner: A, poll: P) -> impl Future<Output = T> {
    Beside { inner, poll }
}

impl<A, T, P: FnMut(Pin<&mut A>, &mut Context<'_>) -> Poll<T>> Future for Beside<A, P> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = self.project();
        (this.poll)(this.inner, cx)
    }
}

fn drive(driver: &mut Driver, over: &mut bool, cx: &mut Context<'_>) -> Poll<()> {
    *over = *over || Pin::new(driver).poll(cx).is_ready();
    if *over { Poll::Ready(()) } else { Poll::Pending }
}

/// Why an exchange failed, in our words; `spoken` is whether the upstream had begun to answer.
fn explain(mut failed: TrySendError<Request<Upload>>, spoken: bool) -> Failed {
    let unsent = failed.take_message().map(Box::new);
    let error = match failed.into_error() {
        error if error.is_parse() => ExchangeError::Invalid(error),
        error if error.is_user() => broken_upload(error),
        _ if spoken => ExchangeError::BrokenOff,
        _ => ExchangeError::Closed,
    };
    Failed { error, unsent }
}

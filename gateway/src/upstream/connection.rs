//! One HTTP/1.1 connection to an upstream, driven by whoever uses it.
//!
//! A client of HTTP usually is a task of its own, and each request crosses to it and back over channels. Here the request's own future
//! writes and reads, and its answer's body reads on: nothing is handed over, nobody is woken, and what an exchange touches lies
//! together. A client that leaves drops the request's future and with it the connection, so that the upstream knows at once. Nobody
//! drives an idle connection: it is looked at when it is taken from the pool, and swept once a second.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body::Frame;
use tokio::time::Instant;

use super::body::{Streamed, Upload};
use super::dial::{Attempt, ConnectError, Open, dial};
use super::failure::{ExchangeError, Failed};
use super::receiving::Receiving;
use super::sending::Sending;
use super::slot::Slot;
use super::wire::Wire;
use crate::table::Protocol;

/// An open connection.
#[derive(Debug)]
pub(super) struct Connection {
    wire: Wire,
    sending: Sending,
    receiving: Receiving,
    /// The upload goes on in a task of its own.
    detached: bool,
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
        let (wire, open) = dial(slot, deadline, Protocol::Http1, attempt, async |wire| Ok(wire)).await?;
        let (sending, receiving) = (Sending::default(), Receiving::default());
        Ok(Self { wire, sending, receiving, detached: false, open, idle_since: Instant::now(), reused: false })
    }

    /// Whether a request can be sent: neither has the upstream closed the idle connection nor said something unasked, as far as the runtime
    /// has heard.
    pub(super) fn is_usable(&mut self) -> bool {
        self.is_done() && self.wire.is_silent()
    }

    /// Whether the last exchange was seen to its end on both sides, and another may follow it.
    pub(super) fn is_done(&self) -> bool {
        self.sending.is_done() && self.receiving.is_done()
    }

    /// Keeps no more than the next exchange needs.
    pub(super) fn rest(&mut self) {
        self.receiving.rest();
    }

    /// Sends a request; the future waits for the head of the answer, polling `limit` beside it.
    ///
    /// # Errors
    /// [`Failed`], or what `limit` returns when it is ready first.
    pub(super) fn exchange<E: From<Failed>>(
        &mut self,
        request: Request<Upload>,
        mut limit: impl FnMut(&mut Context<'_>) -> Poll<E>,
    ) -> impl Future<Output = Result<Response<Streamed>, E>> {
        // Sent here and not in a future, which would carry the request on to its end.
        let mut failed = self.send(request).err();
        std::future::poll_fn(move |cx| {
            if let Some(failed) = failed.take() {
                return Poll::Ready(Err(failed.into()));
            }
            match self.poll_answer(cx) {
                Poll::Ready(Ok(answer)) => Poll::Ready(Ok(answer)),
                Poll::Ready(Err(error)) => Poll::Ready(Err(self.sending.fail(error).into())),
                Poll::Pending => limit(cx).map(Err),
            }
        })
    }

    /// Begins to send a request.
    fn send(&mut self, request: Request<Upload>) -> Result<(), Failed> {
        let Self { sending, wire, .. } = self;
        let (mut head, upload) = request.into_parts();
        sending.begin(&mut head, upload);
        // Nobody is to be woken: whoever waits for the answer asks next.
        if let Poll::Ready(Err(error)) = sending.poll(wire, &mut Context::from_waker(Waker::noop())) {
            return Err(error.into());
        }
        if sending.is_refused() {
            return Err(sending.fail(ExchangeError::Closed));
        }
        self.receiving.begin(head.method == Method::HEAD, head.headers);
        Ok(())
    }

    /// Sends the request and reads the head of its answer.
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<Response<Streamed>, ExchangeError>> {
        loop {
            let _sent = self.sending.poll(&mut self.wire, cx)?;
            let answer = ready!(self.receiving.poll_head(&mut self.wire, cx))?.response;
            match answer.status() {
                StatusCode::CONTINUE => self.sending.ask(),
                // Others than the last one go no further: hyper can't send them on.
                status if status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS => {}
                _ => return Poll::Ready(Ok(answer)),
            }
        }
    }

    /// The next piece of the answer's body; none at its end. What was read of the upload is sent meanwhile.
    ///
    /// # Errors
    /// It broke off, or is none.
    pub(super) fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ExchangeError>>> {
        let Self { sending, receiving, wire, .. } = self;
        if !self.detached && sending.is_read() && !sending.is_done() {
            let _sent = sending.poll(wire, cx)?;
        }
        receiving.poll_body(wire, cx)
    }

    /// How many bytes the answer's body still lacks, where that is known.
    pub(super) fn body_left(&self) -> Option<u64> {
        self.receiving.body_left()
    }

    /// The socket of an upgraded connection, and what of the new protocol has been read already.
    pub(super) fn into_parts(self) -> (Wire, Bytes, Open) {
        (self.wire, self.receiving.into_early(), self.open)
    }

    /// Lets the upload go on in a task of its own until it ends, for one that outlives its answer's head. The connection ends with both.
    pub(super) fn detach(mut self: Box<Self>) -> Rc<RefCell<Self>> {
        self.detached = true;
        let shared = Rc::new(RefCell::new(*self));
        let connection = shared.clone();
        tokio::task::spawn_local(async move {
            let sent = std::future::poll_fn(|cx| {
                let Self { sending, wire, .. } = &mut *connection.borrow_mut();
                sending.poll(wire, cx)
            });
            if sent.await.is_err() {
                // Whoever reads the answer is told by its end; and the upstream that no more will come.
                connection.borrow().wire.end();
            }
        });
        shared
    }
}

//! The right to use a connection: what a request holds from its choice of an address to the end of its answer.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::{Either, ready};
use http::{Request, Response};
use http_body::Frame;
use tokio::time::Instant;

use super::body::{Streamed, Upload};
use super::connection::Connection;
use super::dial::{Attempt, ConnectError, Open};
use super::failure::{ExchangeError, Failed};
use super::shared::Stream;
use super::slot::{Fields, Slot};
use super::wire::Wire;
use crate::socket::Socket;

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Whatever there is.
    Any,
    /// No connection of HTTP/1.1 that may have been closed meanwhile.
    Fresh,
    /// A connection of HTTP/1.1 that becomes something else.
    Upgrade,
}

/// What a lease holds.
#[derive(Debug)]
enum Held {
    /// Not yet, or not any more.
    Nothing,
    Connection(Box<Connection>),
    /// One whose upload goes on in a task of its own.
    Detached(Rc<RefCell<Connection>>),
    Stream(Stream),
}

/// The right to use a connection; it counts as in flight on its address until it is dropped.
#[derive(Debug)]
pub struct Lease {
    slot: Rc<Slot>,
    held: Held,
}

impl Lease {
    /// A request that will be on this address.
    pub(super) fn on(slot: Rc<Slot>) -> Self {
        slot.active.set(slot.active.get() + 1);
        Self { slot, held: Held::Nothing }
    }

    pub(super) fn slot(&self) -> &Rc<Slot> {
        &self.slot
    }

    pub(super) fn is_on(&self, slot: &Rc<Slot>) -> bool {
        Rc::ptr_eq(&self.slot, slot)
    }

    /// Takes what is open already, if there is anything.
    pub(super) fn take_ready(&mut self, want: Want) -> bool {
        let taken = if self.slot.origin.shares(want) {
            self.slot.shared.with_room().map(Held::Stream)
        } else if want == Want::Any {
            self.slot.take_idle().map(Held::Connection)
        } else {
            None
        };
        taken.is_some_and(|taken| {
            self.held = taken;
            true
        })
    }

    /// Takes what is open already, or opens a connection by the deadline.
    ///
    /// # Errors
    /// [`ConnectError`], counted.
    pub(super) async fn connect(
        &mut self,
        want: Want,
        deadline: Option<Instant>,
        attempt: &Attempt,
    ) -> Result<(), ConnectError> {
        if self.take_ready(want) {
            return Ok(());
        }
        let slot = &self.slot;
        self.held = if slot.origin.shares(want) {
            Held::Stream(slot.shared.stream(slot, deadline, attempt).await?)
        } else {
            Held::Connection(Box::new(Connection::open(slot, deadline, attempt).await?))
        };
        Ok(())
    }

    /// The next piece of the body that comes on a connection of HTTP/1.1.
    pub(super) fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ExchangeError>>> {
        match &mut self.held {
            Held::Connection(connection) => connection.poll_body(cx),
            Held::Detached(connection) => connection.borrow_mut().poll_body(cx),
            Held::Stream(_) | Held::Nothing => Poll::Ready(None),
        }
    }

    /// How many bytes of that body are still to come, where that is known.
    pub(super) fn body_left(&self) -> Option<u64> {
        match &self.held {
            Held::Connection(connection) => connection.body_left(),
            Held::Detached(connection) => connection.borrow().body_left(),
            Held::Stream(_) | Held::Nothing => Some(0),
        }
    }

    /// Whether others have used the connection before, so that the upstream may have closed it just now.
    #[must_use]
    pub fn is_reused(&self) -> bool {
        match &self.held {
            Held::Connection(connection) => connection.reused,
            Held::Stream(stream) => stream.reused,
            Held::Detached(_) | Held::Nothing => false,
        }
    }

    /// Sends a request; the future waits for the head of the answer, polling `limit` beside it.
    ///
    /// # Errors
    /// [`Failed`], or what `limit` returns when it is ready first.
    pub fn exchange<E: From<Failed>>(
        &mut self,
        request: Request<Upload>,
        limit: impl FnMut(&mut Context<'_>) -> Poll<E>,
    ) -> impl Future<Output = Result<Response<Streamed>, E>> {
        match &mut self.held {
            Held::Connection(connection) => Either::Left(connection.exchange(request, limit)),
            Held::Stream(stream) => {
                // Boxed, so that HTTP/1.1 does not carry its state.
                let (upstream, endpoint) = (&self.slot.origin.upstream, self.slot.named());
                Either::Right(Either::Left(Box::pin(stream.exchange(request, upstream, endpoint, limit))))
            }
            Held::Detached(_) | Held::Nothing => {
                let failed = Failed { error: ExchangeError::Closed, request: Some(Box::new(request)), written: false };
                Either::Right(Either::Right(ready(Err(failed.into()))))
            }
        }
    }

    fn take_connection(&mut self) -> Option<Box<Connection>> {
        match std::mem::replace(&mut self.held, Held::Nothing) {
            Held::Connection(connection) => Some(connection),
            Held::Detached(_) | Held::Stream(_) | Held::Nothing => None,
        }
    }

    /// After an upgrade: the socket, and what of the new protocol came with the answer's head.
    pub fn upgraded(&mut self) -> Option<(Socket<Wire>, Bytes, Open)> {
        let (wire, early, open) = self.take_connection()?.into_parts();
        Some((Socket::over(wire), early, open))
    }

    /// The fields that requests and answers get here.
    #[must_use]
    pub fn fields(&self) -> &Fields {
        &self.slot.fields
    }

    /// Puts the connection back into the pool: the answer has been read to its end and the request was sent whole.
    pub fn give_back(&mut self) {
        if let Some(connection) = self.take_connection() {
            self.slot.give_back(connection);
        }
    }

    /// Closes the connection: what comes next on it is not to be trusted.
    pub fn discard(&mut self) {
        self.held = Held::Nothing;
    }

    /// The request's body outlives its answer: its connection lives on as a task of its own. A stream does so anyway.
    pub fn detach(&mut self) {
        if let Held::Connection(_) = self.held
            && let Some(connection) = self.take_connection()
        {
            self.held = Held::Detached(connection.detach());
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let active = &self.slot.active;
        active.set(active.get() - 1);
    }
}

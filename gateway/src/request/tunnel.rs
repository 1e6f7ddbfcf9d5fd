//! WebSocket pass-through: after the upstream's 101 the two sockets are joined, and the request lives until one of them ends.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Version};
use hyper::upgrade::OnUpgrade;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::body::Body;
use super::error::Error;
use super::forward::served_by;
use super::headers;
use super::record::Record;
use super::stage::Outcome;
use crate::clock::{Clock, after};
use crate::socket::Socket;
use crate::upstream::{ExchangeError, Lease, Open, Streamed, Wire, tokens};

/// Whether a request asks for a WebSocket. No other upgrade is passed on: their headers end here.
pub fn is_websocket<B>(request: &Request<B>) -> bool {
    let lists = |name, token: &str| {
        request.headers().get_all(name).iter().flat_map(tokens).any(|given| given.eq_ignore_ascii_case(token))
    };
    // hyper has seen whether the connection can be taken over; that costs no look-up.
    request.extensions().get::<OnUpgrade>().is_some()
        && request.version() == Version::HTTP_11
        && request.method() == Method::GET
        && lists(UPGRADE, "websocket")
        && lists(CONNECTION, "upgrade")
}

/// Puts back what asks for the upgrade, after the headers of the client's hop were taken out.
pub fn ask(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
}

/// Answers 101. The tunnel waits at the client's connection, whose task joins the sockets once that is written.
pub fn open(response: Response<Streamed>, mut lease: Lease, idle: Option<Duration>, record: Rc<Record>) -> Outcome {
    let (mut head, _) = response.into_parts();
    head.version = Version::HTTP_11;
    headers::strip_hop_by_hop(&mut head.headers);
    ask(&mut head.headers);
    served_by(&mut head.headers, lease.fields(), &record);
    let Some((upstream, early, open)) = lease.upgraded() else {
        return Err(Error::Exchange(ExchangeError::Closed));
    };
    let client = record.client.clone();
    client.tunnel.replace(Some(Box::new(Tunnel { upstream, early, idle, record, _counted: (lease, open) })));
    Ok(Response::from_parts(head, Body::from(Bytes::new())))
}

/// A WebSocket's way to its upstream. The request lives as long.
#[derive(Debug)]
pub struct Tunnel {
    upstream: Socket<Wire>,
    /// What the upstream said after its 101.
    early: Bytes,
    idle: Option<Duration>,
    record: Rc<Record>,
    _counted: (Lease, Open),
}

impl Tunnel {
    /// Passes on what each side says, `said` by the client already, until both have ended, one fails, or neither has said anything
    /// for as long as `timeout.idle`.
    pub async fn join(self: Box<Self>, mut client: impl AsyncRead + AsyncWrite + Unpin, said: Bytes) {
        let Self { mut upstream, early, idle, record, _counted } = *self;
        let (mut up, mut down) = (Way { kept: said, ..Way::default() }, Way { kept: early, ..Way::default() });
        let (moved, mut quiet) = (Cell::new(false), 0);
        let next = || after(Instant::now(), idle.map(|idle| idle / LOOKS));
        let mut look = next();
        let clock = Clock::new();
        let ended = poll_fn(|cx| {
            let mut scratch = record.worker.scratch.borrow_mut();
            let up = up.poll(cx, &mut client, &mut upstream, &mut scratch, &moved)?;
            let down = down.poll(cx, &mut upstream, &mut client, &mut scratch, &moved)?;
            if up.is_ready() && down.is_ready() {
                return Poll::Ready(io::Result::Ok(()));
            }
            while clock.poll(cx, look).is_ready() {
                quiet = if moved.take() { 0 } else { quiet + 1 };
                if quiet == LOOKS {
                    return Poll::Ready(Ok(()));
                }
                look = next();
            }
            Poll::Pending
        })
        .await;
        // A tunnel ends when either side has had enough: a reset is as good an end as any.
        tracing::debug!(request_id = record.id(), ?ended, "a tunnel ended");
    }
}

/// How many times a tunnel is looked at before it has been idle for too long: it may be kept for an eighth more. To read the clock at each
/// message would be a hundredth of its cost.
const LOOKS: u32 = 8;

/// The bytes from one side to the other, and at last their end.
#[derive(Default)]
struct Way {
    /// What was read and the other side has not taken.
    kept: Bytes,
    state: State,
}

#[derive(Clone, Copy, Default)]
enum State {
    #[default]
    Open,
    /// There is nothing more to read.
    Ending,
    Ended,
}

impl Way {
    /// Passes on what there is, and notes that something `moved`; ready once the end was passed on too.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
        scratch: &mut Scratch,
        moved: &Cell<bool>,
    ) -> Poll<io::Result<()>> {
        let (mut from, mut to) = (Pin::new(from), Pin::new(to));
        loop {
            while !self.kept.is_empty() {
                match ready!(to.as_mut().poll_write(cx, &self.kept))? {
                    0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    written => self.kept.advance(written),
                }
            }
            match self.state {
                State::Open => {}
                State::Ending => {
                    ready!(to.as_mut().poll_shutdown(cx))?;
                    self.state = State::Ended;
                    return Poll::Ready(Ok(()));
                }
                State::Ended => return Poll::Ready(Ok(())),
            }
            let mut buffer = ReadBuf::new(scratch.room());
            if from.as_mut().poll_read(cx, &mut buffer)?.is_pending() {
                ready!(to.as_mut().poll_flush(cx))?;
                return Poll::Pending;
            }
            let read = buffer.filled();
            if read.is_empty() {
                self.state = State::Ending;
                continue;
            }
            moved.set(true);
            let written = match to.as_mut().poll_write(cx, read)? {
                Poll::Ready(written) => written,
                Poll::Pending => 0,
            };
            if written < read.len() {
                self.kept = Bytes::copy_from_slice(&read[written..]);
            }
        }
    }
}

/// What tunnels read into: one buffer a worker, because what was read is written before anyone else reads.
#[derive(Debug, Default)]
pub struct Scratch(Vec<u8>);

impl Scratch {
    const LENGTH: usize = 16 * 1024;

    /// Made when it is first needed.
    fn room(&mut self) -> &mut [u8] {
        self.0.resize(Self::LENGTH, 0);
        &mut self.0
    }
}

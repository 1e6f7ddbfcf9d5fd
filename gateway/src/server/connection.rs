//! One client connection: hyper's HTTP/1.1 over a stream, with one deadline for whatever it waits for, and a way to end it kindly.
//!
//! A client that begins with HTTP/2's preface is handed on to `http2`.

use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::spawn_local;
use tokio::time::Instant;
use tower::Service;

use super::drain::Seat;
use super::entrance::Entrance;
use super::http2;
use super::opening::Opening;
use super::rest::rest;
use crate::clock::{after, earlier, within};
use crate::request::Arrived;
use crate::request::client::Client;
use crate::request::error::Error;
use crate::request::tunnel::Tunnel;
use crate::request::worker::Worker;
use crate::socket::{Socket, Stream};
use crate::stack::stack;
use crate::table::Limits;

/// How far a connection's buffer may outgrow the largest head: hyper looks at the size of a head before anything else of it, and its
/// refusal says nothing of why. What does not fit in here is all that it refuses.
const HEAD_BUFFER: usize = 2;

/// A buffer must hold a target, and some of a body.
const MIN_BUFFER: usize = 64 * 1024;

/// Fields that hyper reads without being told how many; more cost an allocation for each request.
const FIELDS: usize = 100;

/// What a connection is to those who serve it.
pub(super) struct Link {
    pub(super) client: Rc<Client>,
    pub(super) worker: Rc<Worker>,
    pub(super) seat: Seat,
}

impl Link {
    pub(super) fn new(peer: IpAddr, is_tls: bool, seat: Seat) -> Self {
        let worker = seat.worker().clone();
        let client = Client::new(peer, &worker.server.trusted_proxies, is_tls);
        Self { client: Rc::new(client), worker, seat }
    }
}

/// Serves a connection until one side closes it, a deadline passes or the worker drains.
pub(super) async fn serve(stream: TcpStream, peer: SocketAddr, seat: Seat, entrance: Arc<Entrance>) {
    if !entrance.is_open() {
        // Boxed, so that what a handshake needs is no part of each connection.
        return Box::pin(entrance.enter(stream, peer, seat)).await;
    }
    go_on(Opening::new(Socket::over(stream)), Link::new(peer.ip(), false, seat)).await;
}

/// Speaks what the client speaks, until one side is done or it is idle.
///
/// Not async as a whole, because the future would carry the stream on to its end: hyper has it, boxed, before the future is made.
pub(super) fn go_on<S: Stream + 'static>(io: Opening<Socket<S>>, link: Link) -> impl Future<Output = ()> {
    let socket = link.client.socket.get_or_init(|| io.inner().handle().clone()).clone();
    let mut phase = Phase { begun: 0, read_before: socket.read() - io.held(), head_since: None };
    let stack = stack(link.worker.clone());
    let of = link.client.clone();
    let service = service_fn(move |request| {
        stack.clone().call(Arrived { request: Box::new(request), client: of.clone(), clock: of.clock.clone() })
    });
    let protocol = protocol(&link.worker.server.limits);
    let mut connection = Box::new(protocol.serve_connection(TokioIo::new(io), service));
    async move {
        let Link { client, worker, seat } = &link;
        let mut closing = false;
        let ended = poll_fn(|cx| {
            socket.goes_on();
            let told = !closing && seat.told_to_close(cx);
            if told {
                socket.ask_system();
            }
            if let Poll::Ready(ended) = Pin::new(&mut *connection).poll(cx) {
                let Err(error) = ended else { return Poll::Ready(Ended::Done) };
                if error.is_parse() {
                    worker.cells().rejected(Error::BadHead.status().1);
                }
                return Poll::Ready(Ended::Closed);
            }
            let in_head = phase.in_head(client, socket.read());
            if told && !in_head {
                // hyper would wait for the first request of a connection that never had one.
                if client.begun.get() == 0 {
                    return Poll::Ready(Ended::Closed);
                }
                closing = true;
                Pin::new(&mut *connection).graceful_shutdown();
                cx.waker().wake_by_ref();
            }
            phase.poll(cx, client, in_head, socket.is_blocked(), worker)
        })
        .await;
        let http1::Parts { io, read_buf: read, .. } = connection.into_parts();
        if let Some(left) = after_http1(ended, io.into_inner(), read, link) {
            left.await;
        }
    }
}

/// HTTP/1.1 as far as hyper keeps its limits.
fn protocol(limits: &Limits) -> http1::Builder {
    let mut protocol = http1::Builder::new();
    protocol.half_close(false).max_buf_size(HEAD_BUFFER * limits.head.max(MIN_BUFFER));
    if limits.fields > FIELDS {
        protocol.max_headers(limits.fields);
    }
    protocol
}

/// What is still to be done with a connection that does not simply end.
fn after_http1<S: Stream + 'static>(
    ended: Ended,
    io: Opening<Socket<S>>,
    read: Bytes,
    link: Link,
) -> Option<Pin<Box<dyn Future<Output = ()>>>> {
    let tunnel = link.client.tunnel.take();
    match ended {
        Ended::Done if let Some(tunnel) = tunnel => drop(spawn_local(tunnelled(tunnel, io, read, link.seat))),
        Ended::Closed | Ended::Done if io.is_http2() => return Some(Box::pin(http2::serve(io, link))),
        Ended::Closed | Ended::Done if link.client.linger.get() => return Some(Box::pin(linger(io, link.seat))),
        Ended::Closed | Ended::Done => {}
        Ended::HeadTimeout => return Some(Box::pin(refuse_head(io, link))),
        Ended::Idle => rest(io, link),
    }
    None
}

/// A connection that goes on as a WebSocket, and keeps its seat: a task of its own, without what was hyper's.
async fn tunnelled<S: Stream>(tunnel: Box<Tunnel>, io: Opening<Socket<S>>, read: Bytes, _seat: Seat) {
    tunnel.join(io, read).await;
}

/// How long, and how much, is read of a client that was refused in the middle of its sending.
const LINGER: (Duration, usize) = (Duration::from_secs(2), 16 << 20);

/// Reads what a refused client still sends, and drops it: closed with unread bytes, a socket is reset, and the client may lose the answer.
async fn linger(mut io: impl AsyncRead + Unpin, _seat: Seat) {
    let mut scratch = vec![0; 16 * 1024];
    let rest = async {
        let mut left = LINGER.1;
        while left > 0 {
            match io.read(&mut scratch).await {
                Ok(0) | Err(_) => return,
                Ok(read) => left = left.saturating_sub(read),
            }
        }
    };
    // It is let go either way.
    let _ended = within(Some(Instant::now() + LINGER.0), rest).await;
}

/// A connection that nobody has used for that long is put to rest.
const REST: Duration = Duration::from_secs(2);

#[derive(Clone, Copy)]
enum Ended {
    /// HTTP/1.1 came to its end.
    Done,
    Closed,
    Idle,
    HeadTimeout,
}

/// What the connection waits for while no request is in flight.
struct Phase {
    begun: u64,
    read_before: u64,
    head_since: Option<Instant>,
}

impl Phase {
    /// Whether the client has begun a head and not ended it.
    fn in_head(&mut self, client: &Client, read: u64) -> bool {
        if client.begun.get() != self.begun || client.in_flight.get() > 0 {
            (self.begun, self.read_before, self.head_since) = (client.begun.get(), read, None);
        }
        read != self.read_before
    }

    /// Ready when the client has been idle for a while or for too long, or takes too long over a head.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        client: &Client,
        in_head: bool,
        blocked: bool,
        worker: &Worker,
    ) -> Poll<Ended> {
        if client.in_flight.get() > 0 {
            // A client that does not take its answer.
            return client.clock.poll_standing(cx).map(|()| Ended::Closed);
        }
        if !in_head {
            let keepalive = after(client.idle_since.get(), worker.server.keepalive);
            // The end of an answer that its client does not take is still with hyper.
            let rest = Some(client.idle_since.get() + REST).filter(|_| !blocked);
            let ended = if earlier(keepalive, rest) == keepalive { Ended::Closed } else { Ended::Idle };
            return client.clock.poll(cx, earlier(keepalive, rest)).map(|()| ended);
        }
        let since = *self.head_since.get_or_insert_with(Instant::now);
        client.clock.poll(cx, after(since, worker.server.head_timeout)).map(|()| Ended::HeadTimeout)
    }
}

/// Tells a client why it is let go, as far as the stream takes it at once.
async fn refuse_head(mut io: impl AsyncWrite + Unpin, Link { worker, .. }: Link) {
    let error = Error::HeadTimeout;
    worker.cells().rejected(error.status().1);
    let (reason, body) = (error.reason(), error.text(""));
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-type: application/json\r\nx-gateway-error: {reason}\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    poll_fn(|cx| {
        // It is let go either way.
        let _sent = Pin::new(&mut io).poll_write(cx, answer.as_bytes()).map(|_| ());
        let _flushed = Pin::new(&mut io).poll_flush(cx).map(|_| ());
        Poll::Ready(())
    })
    .await;
}

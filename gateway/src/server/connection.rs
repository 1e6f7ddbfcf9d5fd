//! One client connection: hyper's HTTP/1.1 over a socket, with one deadline for whatever it waits for, and a way to end it kindly.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tower::Service;

use super::drain::Connections;
use crate::clock::after;
use crate::request::Arrived;
use crate::request::client::Client;
use crate::request::error::Error;
use crate::request::worker::Worker;
use crate::socket::Socket;
use crate::stack::stack;

/// How far a connection's buffer may outgrow the largest head: hyper looks at the size of a head before anything else of it, and its
/// refusal says nothing of why. What does not fit in here is all that it refuses.
const HEAD_BUFFER: usize = 2;

/// A buffer must hold a target, and some of a body.
const MIN_BUFFER: usize = 64 * 1024;

/// Fields that hyper reads without being told how many; more cost an allocation for each request.
const FIELDS: usize = 100;

/// Serves a connection until one side closes it, a deadline passes or the worker drains.
pub(super) async fn serve(stream: TcpStream, peer: SocketAddr, worker: Rc<Worker>, connections: Rc<Connections>) {
    let keepalive = after(Instant::now(), worker.server.keepalive);
    let first = keepalive.unwrap_or_else(|| Instant::now() + IDLE_LOOK);
    let client = Rc::new(Client::new(peer, &worker.server.trusted_proxies, first));
    let (socket, read) = Socket::new(stream);
    let stack = stack(worker.clone());
    let service = service_fn(|request| stack.clone().call(Arrived { request, client: client.clone() }));
    let mut protocol = http1::Builder::new();
    let limits = &worker.server.limits;
    protocol.half_close(false).max_buf_size(HEAD_BUFFER * limits.head.max(MIN_BUFFER));
    if limits.fields > FIELDS {
        protocol.max_headers(limits.fields);
    }
    let mut connection = protocol.serve_connection(TokioIo::new(socket), service).with_upgrades();
    let (seat, mut closing) = (connections.seat(), false);
    let mut phase = Phase { begun: 0, read_before: 0, head_since: None };
    let ended = poll_fn(|cx| {
        let told = !closing && seat.told_to_close(cx);
        if told {
            read.ask_system();
        }
        if Pin::new(&mut connection).poll(cx).is_ready() {
            return Poll::Ready(Ended::Closed);
        }
        let in_head = phase.in_head(&client, read.count());
        if told && !in_head {
            // hyper would wait for the first request of a connection that never had one.
            if client.begun.get() == 0 {
                return Poll::Ready(Ended::Closed);
            }
            closing = true;
            Pin::new(&mut connection).graceful_shutdown();
            cx.waker().wake_by_ref();
        }
        phase.poll(cx, &client, in_head, &worker)
    })
    .await;
    if let (Ended::HeadTimeout, Some(parts)) = (ended, connection.into_parts()) {
        refuse_head(parts.io.inner().stream(), &worker);
    }
}

/// How long the timer of a connection without a keep-alive limit sleeps before it is first looked at.
const IDLE_LOOK: std::time::Duration = std::time::Duration::from_secs(3600);

enum Ended {
    Closed,
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

    /// Ready when the client has been idle for too long, or takes too long over a head.
    fn poll(&mut self, cx: &mut Context<'_>, client: &Client, in_head: bool, worker: &Worker) -> Poll<Ended> {
        if client.in_flight.get() > 0 {
            return Poll::Pending;
        }
        if !in_head {
            let deadline = after(client.idle_since.get(), worker.server.keepalive);
            return client.clock.poll(cx, deadline).map(|()| Ended::Closed);
        }
        let since = *self.head_since.get_or_insert_with(Instant::now);
        client.clock.poll(cx, after(since, worker.server.head_timeout)).map(|()| Ended::HeadTimeout)
    }
}

/// Tells a client why it is let go, as far as the socket takes it at once.
fn refuse_head(stream: &TcpStream, worker: &Worker) {
    let error = Error::HeadTimeout;
    worker.cells().rejected(error.status().1);
    let (reason, body) = (error.reason(), error.text(""));
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-type: application/json\r\nx-gateway-error: {reason}\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    // It is let go either way.
    let _sent = stream.try_write(answer.as_bytes());
}

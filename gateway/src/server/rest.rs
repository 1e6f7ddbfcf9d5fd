//! A connection that nobody has used for a while: a task as small as can be, without hyper, its buffers and all that a request needs.
//!
//! `connection` puts it here after an idle moment, and is called again when the client has more to say. Ten thousand browsers that
//! keep a connection open are this, and little else.

use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::task::spawn_local;

use super::connection::{Link, go_on};
use super::drain::Seat;
use super::opening::Opening;
use crate::clock::after;
use crate::socket::{Socket, Stream};

/// Puts a connection to rest, in a task of its own.
pub(super) fn rest<S: Stream + 'static>(io: Opening<Socket<S>>, Link { client, worker, seat }: Link) {
    tracing::trace!(client = %client.peer, "a connection rests");
    seat.change_hands(after(client.idle_since.get(), worker.server.keepalive));
    let resting = Resting { io, seat, peer: client.peer, is_tls: client.is_tls };
    drop(spawn_local(Rest(Some(resting))));
}

/// Waits until the client has more to say, has been idle for too long, or the worker drains. None when that has been waited for.
struct Rest<S>(Option<Resting<S>>);

struct Resting<S> {
    io: Opening<Socket<S>>,
    seat: Seat,
    peer: IpAddr,
    is_tls: bool,
}

impl<S: Stream + 'static> Future for Rest<S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(resting) = &mut self.0 else { return Poll::Ready(()) };
        let more = ready!(resting.poll_more(cx));
        if let Some(Resting { io, seat, peer, is_tls }) = self.0.take().filter(|_| more) {
            seat.change_hands(None);
            spawn_local(go_on(io, Link::new(peer, is_tls, seat)));
        }
        Poll::Ready(())
    }
}

impl<S: Stream> Resting<S> {
    /// Ready when it is over: whether there is more to read.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let told = self.seat.told_to_close(cx);
        if told {
            self.io.inner().handle().ask_system();
        }
        match self.io.poll_more(cx) {
            Poll::Pending if told || self.seat.is_overdue() => Poll::Ready(false),
            polled => polled,
        }
    }
}

//! WebSocket pass-through: after the upstream's 101 the two sockets are joined, and the request lives until one of them ends.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::{CONNECTION, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Version};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf, copy_bidirectional};
use tokio::time::Instant;

use super::body::Body;
use super::error::Error;
use super::forward::served_by;
use super::headers;
use super::record::Record;
use super::stage::Outcome;
use crate::clock::{Clock, after};
use crate::upstream::{ExchangeError, Lease, Streamed, tokens};

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

/// Answers 101 and joins the sockets as soon as the client has it.
pub async fn open(
    response: Response<Streamed>,
    mut lease: Lease,
    client_side: OnUpgrade,
    idle: Option<Duration>,
    record: Rc<Record>,
) -> Outcome {
    let (mut head, _) = response.into_parts();
    head.version = Version::HTTP_11;
    headers::strip_hop_by_hop(&mut head.headers);
    ask(&mut head.headers);
    served_by(&mut head.headers, lease.fields(), &record);
    let Some((socket, early, open)) = lease.upgraded() else {
        return Err(Error::Exchange(ExchangeError::Closed));
    };
    tokio::task::spawn_local(async move {
        let joined = async {
            let client = client_side.await.map_err(io::Error::other)?;
            let last = Rc::new(Cell::new(Instant::now()));
            let mut client = Watched { io: TokioIo::new(client), last: last.clone() };
            let mut upstream = Watched { io: socket, last: last.clone() };
            client.write_all(&early).await?;
            let mut copying = pin!(copy_bidirectional(&mut client, &mut upstream));
            let clock = Clock::new(last.get());
            poll_fn(|cx| match copying.as_mut().poll(cx) {
                Poll::Ready(copied) => Poll::Ready(copied.map(|_| ())),
                Poll::Pending => clock.poll(cx, after(last.get(), idle)).map(Ok),
            })
            .await
        };
        // A tunnel ends when either side has had enough: a reset is as good an end as any.
        let ended = joined.await;
        tracing::debug!(request_id = record.id(), ?ended, "a tunnel ended");
        drop((lease, open, record));
    });
    Ok(Response::from_parts(head, Body::from(bytes::Bytes::new())))
}

pin_project! {
    /// A socket that notes when something passed.
    struct Watched<T> {
        #[pin]
        io: T,
        last: Rc<Cell<Instant>>,
    }
}

impl<T: AsyncRead> AsyncRead for Watched<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        let polled = this.io.poll_read(cx, buffer);
        if polled.is_ready() {
            this.last.set(Instant::now());
        }
        polled
    }
}

impl<T: AsyncWrite> AsyncWrite for Watched<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.project().io.poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().io.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().io.poll_shutdown(cx)
    }
}

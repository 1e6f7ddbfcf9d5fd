//! What comes before HTTP: the PROXY header and the TLS handshake, each where the file asks for it, both within a time limit.
//!
//! A connection that fails here is closed and counted by a word of [`REASONS`]; no request ever began on it.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::{Error as TlsError, HandshakeKind, ProtocolVersion};
use tokio::io::{AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::certificates::Certificates;
use super::connection::{Link, go_on};
use super::drain::Seat;
use super::opening::Opening;
use super::{http2, proxy};
use crate::clock::{after, within};
use crate::request::client::trusts;
use crate::request::worker::Worker;
use crate::socket::{Socket, Stream};

/// The closed set of reasons for which a connection ends before its first request, or because of what it is.
pub(crate) const REASONS: &[&str] = &[
    "full",
    "client_full",
    "tls_timeout",
    "tls_closed",
    "tls_plain",
    "tls_incompatible",
    "tls_certificate",
    "tls_refused",
    "tls_invalid",
    "proxy_timeout",
    "proxy_closed",
    "proxy_invalid",
    "http2_flood",
];

/// What connections have to pass.
#[derive(Debug)]
pub(crate) struct Entrance {
    /// Trusted peers begin with a PROXY header.
    pub(crate) proxy_protocol: bool,
    /// TLS, with these certificates.
    pub(crate) certificates: Option<Arc<Certificates>>,
}

impl Entrance {
    /// Nothing is asked for.
    pub(super) fn is_open(&self) -> bool {
        !self.proxy_protocol && self.certificates.is_none()
    }

    /// Takes a connection in and serves it, or counts why not.
    pub(super) async fn enter(&self, stream: TcpStream, peer: SocketAddr, seat: Seat) {
        let worker = seat.worker().clone();
        if let Err(reason) = self.admit(stream, peer, seat).await {
            tracing::debug!(%peer, reason, "a connection was not taken in");
            worker.cells().refused(position(reason));
        }
    }

    async fn admit(&self, mut stream: TcpStream, peer: SocketAddr, seat: Seat) -> Result<(), &'static str> {
        let worker = seat.worker().clone();
        let spoken_for = self.proxy_protocol && trusts(&worker.server.trusted_proxies, peer.ip().to_canonical());
        let peer = if spoken_for {
            client_behind(&mut stream, worker.server.head_timeout).await?.unwrap_or(peer)
        } else {
            peer
        };
        let socket = Socket::over(stream);
        let Some(certificates) = &self.certificates else {
            go_on(Opening::new(socket), Link::new(peer.ip(), false, seat)).await;
            return Ok(());
        };
        let (stream, agreed_http2) = greeted(shake_hands(socket, certificates).await?, &worker);
        let (socket, link) = (Socket::over(stream), Link::new(peer.ip(), true, seat));
        if agreed_http2 {
            Box::pin(http2::serve(socket, link)).await; // boxed, so that HTTP/1.1 does not carry its state
        } else {
            go_on(Opening::new(socket), link).await;
        }
        Ok(())
    }
}

/// Counts a handshake; true where HTTP/2 was agreed on.
fn greeted(stream: TlsStream<Socket>, worker: &Worker) -> (TlsStream<Socket>, bool) {
    let (_, session) = stream.get_ref();
    let resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
    worker.cells().shook_hands(session.protocol_version() == Some(ProtocolVersion::TLSv1_3), resumed);
    let agreed_http2 = session.alpn_protocol() == Some(b"h2");
    (stream, agreed_http2)
}

/// Whom a proxy speaks for, if not for itself.
async fn client_behind(stream: &mut TcpStream, limit: Option<Duration>) -> Result<Option<SocketAddr>, &'static str> {
    let read = within(after(Instant::now(), limit), proxy::read(stream)).await.ok_or("proxy_timeout")?;
    read.map_err(|failed| match failed {
        proxy::Failed::Closed => "proxy_closed",
        proxy::Failed::Invalid => "proxy_invalid",
    })
}

async fn shake_hands(socket: Socket, certificates: &Certificates) -> Result<TlsStream<Socket>, &'static str> {
    let accepting = TlsAcceptor::from(certificates.config()).accept(socket);
    let accepted = within(after(Instant::now(), certificates.limit()), accepting).await.ok_or("tls_timeout")?;
    accepted.map_err(|error| reason(&error))
}

/// A reason's place in [`REASONS`].
pub(super) fn position(reason: &str) -> usize {
    REASONS.iter().position(|known| *known == reason).unwrap_or_default()
}

/// Why a handshake failed.
fn reason(error: &io::Error) -> &'static str {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) {
        None => "tls_closed",
        Some(TlsError::InvalidMessage(rustls::InvalidMessage::InvalidContentType)) => "tls_plain",
        Some(TlsError::PeerIncompatible(_) | TlsError::NoApplicationProtocol) => "tls_incompatible",
        Some(TlsError::NoCertificatesPresented | TlsError::InvalidCertificate(_)) => "tls_certificate",
        Some(TlsError::AlertReceived(_)) => "tls_refused",
        Some(_) => "tls_invalid",
    }
}

impl Stream for TlsStream<Socket> {
    fn read_at_once(&mut self, _: &mut ReadBuf<'_>) -> bool {
        // What the system has is not yet what is read: the socket below gets it, and the next reading decrypts it.
        self.get_ref().0.handle().ask_system();
        false
    }

    fn poll_write_last(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.get_ref().0.handle().ends();
        Pin::new(self).poll_write_vectored(cx, slices)
    }

    fn send_held(&self) {
        self.get_ref().0.handle().goes_on();
    }
}

//! From an address to an open socket, with TLS where the file says `https`, within `timeout.connect`.

use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::slot::Slot;
use super::wire::Wire;
use crate::clock::within;
use crate::table::{Endpoint, Protocol, Upstream, UpstreamTls};

/// Why there is no connection.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// Not within `timeout.connect`. The text, which clients read too, names the upstream and not where it is.
    #[error("upstream {0} did not accept a connection in time")]
    Timeout(String),
    /// Refused or unreachable.
    #[error("upstream {0} can't be reached")]
    Failed(String, #[source] io::Error),
    /// There is nowhere to connect to: every name of it was looked up in vain, for this reason.
    #[error("upstream {0} has no address")]
    NoAddress(String, String),
}

/// Counts a connection for as long as it lives.
#[derive(Debug)]
pub struct Open(Arc<Upstream>, usize);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.series.closed(self.1);
    }
}

/// How far an attempt to connect has come, for whoever waits for it.
#[derive(Debug, Default)]
pub(super) struct Attempt {
    /// Since when the address is being connected to; not while another request's connection is waited for.
    began: Cell<Option<Instant>>,
    reached: Cell<bool>,
}

impl Attempt {
    /// Whether the socket is open.
    pub(super) fn has_reached(&self) -> bool {
        self.reached.get()
    }

    /// Whether the socket was not open within that time.
    pub(super) fn is_slower_than(&self, time: Duration) -> bool {
        !self.reached.get() && self.began.get().is_some_and(|began| began.elapsed() >= time)
    }
}

/// Connects to an address by the deadline and counts how that went. What is spoken over the socket is made by `shake` within the
/// same limit.
///
/// # Errors
/// [`ConnectError`], counted.
pub(super) async fn dial<T, F: Future<Output = hyper::Result<T>>>(
    slot: &Slot,
    deadline: Option<Instant>,
    protocol: Protocol,
    attempt: &Attempt,
    shake: impl FnOnce(Wire) -> F,
) -> Result<(T, Open), ConnectError> {
    let (upstream, worker, endpoint) = (&slot.origin.upstream, slot.origin.worker, slot.named());
    let dial = async {
        attempt.began.set(Some(Instant::now()));
        let stream = TcpStream::connect(slot.address).await?;
        attempt.reached.set(true);
        // Small writes are sent at once: without that, answers wait for acknowledgements. Where it can't be set nothing is lost.
        let _slower = stream.set_nodelay(true);
        let wire = match &upstream.tls {
            None => Wire::Plain(stream),
            Some(tls) => Wire::Tls(Box::new(secure(stream, tls, endpoint, protocol).await?)),
        };
        shake(wire).await.map_err(io::Error::other)
    };
    let name = || upstream.name.clone();
    let dialled = within(deadline, dial).await.ok_or_else(|| ConnectError::Timeout(name()));
    let opened = dialled.and_then(|done| done.map_err(|error| ConnectError::Failed(name(), error)));
    match opened {
        Ok(made) => {
            upstream.series.opened(worker);
            Ok((made, Open(upstream.clone(), worker)))
        }
        Err(error) => {
            let (host, address) = (&endpoint.host, slot.address);
            if slot.avoided_until.get().is_none() {
                tracing::warn!(upstream = upstream.name, host, %address, ?error, "cannot connect");
            }
            upstream.series.failed(worker, matches!(error, ConnectError::Timeout(_)));
            Err(error)
        }
    }
}

async fn secure(
    stream: TcpStream,
    tls: &UpstreamTls,
    endpoint: &Endpoint,
    protocol: Protocol,
) -> io::Result<TlsStream<TcpStream>> {
    let (config, spoken): (_, &[u8]) = match protocol {
        Protocol::Http1 => (&tls.http1, b"http/1.1"),
        Protocol::Http2 => (&tls.http2, b"h2"),
    };
    let name = match &tls.name {
        Some(name) => name.clone(),
        None => ServerName::try_from(endpoint.host.trim_end_matches('.').to_owned()).map_err(io::Error::other)?,
    };
    let stream = TlsConnector::from(config.clone()).connect(name, stream).await?;
    let agreed = stream.get_ref().1.alpn_protocol();
    // A server without ALPN speaks HTTP/1.1.
    if agreed != Some(spoken) && (agreed.is_some() || protocol == Protocol::Http2) {
        return Err(io::Error::other(format!("it does not agree to speak {}", String::from_utf8_lossy(spoken))));
    }
    Ok(stream)
}

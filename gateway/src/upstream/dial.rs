//! From an endpoint to an open socket, within `timeout.connect`.

use std::io;
use std::sync::Arc;

use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::socket::{Bytes, Socket};
use crate::table::{Endpoint, Upstream};

/// Why there is no connection.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// Not within `timeout.connect`. The text, which clients read too, names the upstream and not where it is.
    #[error("upstream {0} did not accept a connection in time")]
    Timeout(String),
    /// Refused, unreachable, or the name is unknown.
    #[error("upstream {0} can't be reached")]
    Failed(String, #[source] io::Error),
}

/// Counts a connection for as long as it lives.
#[derive(Debug)]
pub struct Open(Arc<Upstream>, usize);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.series.closed(self.1);
    }
}

/// Connects to an endpoint, trying each of its addresses, and counts how that went. What is spoken over the socket is made by `shake`
/// within the same limit.
///
/// # Errors
/// [`ConnectError`], counted.
pub(super) async fn dial<T, F: Future<Output = hyper::Result<T>>>(
    upstream: &Arc<Upstream>,
    endpoint: &Endpoint,
    worker: usize,
    shake: impl FnOnce(Socket, Bytes) -> F,
) -> Result<(T, Open), ConnectError> {
    let dial = async {
        let stream = TcpStream::connect((endpoint.host.as_str(), endpoint.port)).await?;
        let (socket, read) = Socket::new(stream);
        shake(socket, read).await.map_err(io::Error::other)
    };
    let name = || upstream.name.clone();
    let dialled = match upstream.timeouts.connect {
        Some(limit) => timeout(limit, dial).await.map_err(|_| ConnectError::Timeout(name())),
        None => Ok(dial.await),
    };
    let opened = dialled.and_then(|done| done.map_err(|error| ConnectError::Failed(name(), error)));
    match opened {
        Ok(made) => {
            upstream.series.opened(worker);
            Ok((made, Open(upstream.clone(), worker)))
        }
        Err(error) => {
            let Endpoint { host, port, .. } = endpoint;
            tracing::warn!(upstream = upstream.name, host, port, ?error, "cannot connect");
            upstream.series.failed(worker, matches!(error, ConnectError::Timeout(_)));
            Err(error)
        }
    }
}

//! `server.tls`: which files the listener's TLS is made of. What is in them is `crate::tls`'s business.

use std::path::PathBuf;
use std::time::Duration;

use super::problem::Span;

/// The `tls` section of `server`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// At least one; the first is shown to who asks for a name that none has.
    pub certificates: Vec<Pair>,
    /// Whose clients' certificates are believed, and whether they need one.
    pub clients: Option<Clients>,
    /// TLS 1.2 is not spoken.
    pub only_13: bool,
    /// How long a handshake may take; `None`: as long as the client likes.
    pub handshake: Option<Duration>,
}

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The PEM file of the chain, the server's own first.
    pub cert: Source,
    /// The PEM file of its private key.
    pub key: Source,
}

/// What is asked of clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clients {
    /// The PEM file of the authorities.
    pub authorities: Source,
    /// Without a certificate there is no connection.
    pub required: bool,
}

/// A file, and where the routes file names it.
#[derive(Clone, Debug)]
pub struct Source {
    /// As it can be opened.
    pub path: PathBuf,
    /// For messages.
    pub span: Span,
}

impl PartialEq for Source {
    // A line added above it is no change.
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl Eq for Source {}

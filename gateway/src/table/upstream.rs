//! A compiled upstream: its name, where it is and how to talk to it. The connections themselves live in `upstream/`, one pool a worker.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use crate::metrics::UpstreamSeries;
use crate::names::Addresses;

/// One entry of `upstreams`. Two tables share it when no setting of it changed: that is what keeps pools warm over an edit.
#[derive(Debug)]
pub struct Upstream {
    /// As written; a metric label and the value of `x-served-by`.
    pub name: String,
    /// `name` as a header value.
    pub served_by: HeaderValue,
    /// At least one, in the file's order.
    pub endpoints: Vec<Endpoint>,
    /// Where they are now, across edits.
    pub addresses: Arc<Addresses>,
    /// What `Host` the upstream sees.
    pub host: HostHeader,
    /// What it speaks.
    pub protocol: Protocol,
    /// TLS, where its URL is `https`.
    pub tls: Option<UpstreamTls>,
    /// How long an idle pooled connection is kept; `None`: until the upstream closes it.
    pub keepalive: Option<Duration>,
    /// Where a route says nothing else.
    pub timeouts: Timeouts,
    /// Connections and connects, by name, across edits.
    pub series: Arc<UpstreamSeries>,
}

impl Upstream {
    /// Whether both stand for the same settings, so that one's connections serve the other.
    #[must_use]
    pub fn same_settings(&self, other: &Self) -> bool {
        self.name == other.name
            && self.endpoints == other.endpoints
            && self.host == other.host
            && self.protocol == other.protocol
            && self.tls == other.tls
            && self.keepalive == other.keepalive
            && self.timeouts == other.timeouts
    }
}

/// One entry of `endpoints`, or the `url`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// A name, an IPv4 address, or an IPv6 address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// `host[:port]` as it goes into `Host` where `host: upstream` is set.
    pub authority: HeaderValue,
}

/// `protocol` of an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, but for WebSockets.
    Http2,
}

/// `tls` of an upstream, with what its files held when they were read.
#[derive(Clone, Debug)]
pub struct UpstreamTls {
    /// For HTTP/1.1, which is all that is offered.
    pub http1: Arc<ClientConfig>,
    /// For HTTP/2, likewise.
    pub http2: Arc<ClientConfig>,
    /// The name to ask for in place of the endpoint's.
    pub name: Option<ServerName<'static>>,
    /// A hash of the settings and of the files' contents.
    pub identity: u64,
}

impl PartialEq for UpstreamTls {
    fn eq(&self, other: &Self) -> bool {
        self.identity == other.identity
    }
}

/// `host` of an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostHeader {
    /// The client's.
    Preserve,
    /// The endpoint's own.
    Upstream,
    /// A fixed one.
    Literal(HeaderValue),
}

/// `timeout`: each `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// To an open connection.
    pub connect: Option<Duration>,
    /// From the request sent to the first byte of the answer.
    pub first_byte: Option<Duration>,
    /// Between two pieces of a body, and on a tunnel.
    pub idle: Option<Duration>,
    /// From the request's head to the end of the answer.
    pub total: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Some(Duration::from_secs(2)),
            first_byte: Some(Duration::from_secs(15)),
            idle: Some(Duration::from_secs(60)),
            total: None,
        }
    }
}

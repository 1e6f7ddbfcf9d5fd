//! `server`: the settings read at start. An edit to them is reported as "takes effect at restart".

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;

use super::tls::Tls;

/// The `server` section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The public listener.
    pub listen: SocketAddr,
    /// The admin listener: `/metrics`, `/table` and the probes.
    pub admin: SocketAddr,
    /// Worker threads, at least 1.
    pub workers: usize,
    /// Peers whose `X-Forwarded-*` are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Where a line a request goes.
    pub access_log: AccessLog,
    /// Whether answers carry `x-served-by` and `x-table-generation`.
    pub expose: bool,
    /// From the first byte of a request's head to its last; `None`: no limit.
    pub head_timeout: Option<Duration>,
    /// How long an idle client connection stays open; `None`: as long as the client likes.
    pub keepalive: Option<Duration>,
    /// What clients may send, and how many may come.
    pub limits: Limits,
    /// Whether separators in disguise are refused in paths.
    pub strict_paths: bool,
    /// `trusted_proxies` begin each connection with a PROXY header.
    pub proxy_protocol: bool,
    /// TLS on the public listener.
    pub tls: Option<Tls>,
    /// The name servers to ask for upstreams' names; `None`: those of the system.
    pub resolver: Option<Vec<SocketAddr>>,
    /// How the gateway stops.
    pub drain: Drain,
}

/// `limits`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a head, at most.
    pub head: usize,
    /// Fields of a head, at most.
    pub fields: usize,
    /// Bytes of a target, at most.
    pub target: usize,
    /// Client connections at a time; `None`: as many as the system gives.
    pub connections: Option<u64>,
    /// The same for each address outside of `trusted_proxies`; `None`: no limit.
    pub connections_per_client: Option<u64>,
}

/// `drain`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drain {
    /// From SIGTERM until everything that is left is cut.
    pub timeout: Duration,
    /// How long readiness fails before the listener closes.
    pub delay: Duration,
}

/// `access_log`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessLog {
    /// How a line looks.
    pub format: LogFormat,
    /// One request in so many is logged, at least 1.
    pub sample: u32,
}

/// The look of the access log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// No access log.
    Off,
    /// One JSON object a line.
    Json,
    /// Aligned columns for people.
    Text,
}

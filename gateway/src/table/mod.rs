//! The table: what one good version of `routes.yaml` means, compiled and immutable.
//!
//! The cold path makes it (`file` → `compile` → swap by `reload`), the hot path loads it once a request and only reads.
//! Nothing here does I/O but `reload`. Positions in the table are its ids: [`RouteId`] and [`UpstreamId`] hold within one
//! generation only; what must outlive an edit (pools, series, counters) hangs on an `Arc` that `compile` carries over.

pub mod compile;
pub mod environment;
pub mod file;
pub mod matcher;
pub mod problem;
pub mod reload;
mod route;
mod server;
pub mod split;
pub mod tls;
mod upstream;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

pub use route::{Action, HostMatch, Matches, PathChange, PathMatch, Redirect, Reply, Route, ValueMatch};
pub use server::{AccessLog, Drain, Limits, LogFormat, Server};
pub use split::{Entry, Reason, Split, StickyKey};
pub use upstream::{Endpoint, HostHeader, Protocol, Timeouts, Upstream, UpstreamTls};

use crate::metrics::Series;
use matcher::Matcher;

/// A route's position in [`Table::routes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RouteId(pub usize);

/// An upstream's position in [`Table::upstreams`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UpstreamId(pub usize);

/// The compiled file. Made by `compile` alone.
#[derive(Debug)]
pub struct Table {
    /// 1 for the table of the start, one more for each edit that took effect.
    pub generation: u64,
    /// XXH3-64 of the file's text, 16 hexadecimal digits.
    pub hash: String,
    /// The file as it was named.
    pub source: PathBuf,
    /// When this table was compiled.
    pub compiled_at: SystemTime,
    /// How long that took, from the text on.
    pub compiled_in: Duration,
    /// Settings that only a restart changes.
    pub server: Server,
    /// In the file's order.
    pub upstreams: Vec<Arc<Upstream>>,
    /// In the file's order.
    pub routes: Vec<Route>,
    /// What the environment pins and what `check` would warn of, a sentence each.
    pub notes: Vec<String>,
    /// Requests that no route took.
    pub unrouted: Arc<Series>,
    matcher: Matcher,
}

impl Table {
    /// The route behind an id of this table.
    #[must_use]
    pub fn route(&self, id: RouteId) -> &Route {
        &self.routes[id.0]
    }

    /// The upstream behind an id of this table.
    #[must_use]
    pub fn upstream(&self, id: UpstreamId) -> &Arc<Upstream> {
        &self.upstreams[id.0]
    }

    /// Finds the route of a request by the precedence that [`matcher`] describes.
    ///
    /// # Errors
    /// [`matcher::NoRoute`] tells a path that nobody serves from a method that its routes don't take.
    pub fn find<B>(&self, request: &http::Request<B>) -> Result<RouteId, matcher::NoRoute> {
        self.matcher.find(&self.routes, request)
    }
}

//! A compiled route: what it matches and what it does. Pure data; `matcher` reads the first half, `request/` the second.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, StatusCode};
use regex::Regex;

use super::split::Split;
use super::upstream::Timeouts;
use crate::metrics::Series;

/// One entry of `routes`.
#[derive(Debug)]
pub struct Route {
    /// As written; a metric label.
    pub name: String,
    /// All of them must hold.
    pub matches: Matches,
    /// What happens to a request that matches.
    pub action: Action,
    /// The route's own, over the upstream's, over the defaults.
    pub timeouts: Timeouts,
    /// Bytes that a request's body may have; `u64::MAX`: as many as it likes.
    pub max_body: u64,
    /// Counts what the gateway answers itself on this route, before an upstream is chosen.
    pub local: Arc<Series>,
}

/// The matchers of a route. An empty list asks for nothing.
#[derive(Debug)]
pub struct Matches {
    /// `host`
    pub host: HostMatch,
    /// `path` or `exact`
    pub path: PathMatch,
    /// `methods`
    pub methods: Vec<Method>,
    /// `headers`: a request that carries the header more than once matches if any of its values does.
    pub headers: Vec<(HeaderName, ValueMatch)>,
    /// `query`: names and values are compared after percent-decoding.
    pub query: Vec<(String, ValueMatch)>,
}

/// `host`, compared without its port and without regard to case.
#[derive(Debug)]
pub enum HostMatch {
    /// No `host` was given.
    Any,
    /// `films.example.com`, in lower case.
    Exact(String),
    /// `*.example.com`, kept as `.example.com` in lower case: any number of labels in place of the star, at least one.
    Suffix(String),
    /// `~pattern`, unanchored as written, matched against the lower-case host.
    Regex(Regex),
}

/// `path` or `exact`, compared byte for byte with what will be forwarded.
#[derive(Debug, PartialEq, Eq)]
pub enum PathMatch {
    /// Whole segments, kept without a trailing slash: `/api/movies` takes `/api/movies` and `/api/movies/7`; `/` is kept as the empty string.
    Prefix(String),
    /// This path and no other.
    Exact(String),
}

/// The value side of a header or query matcher.
#[derive(Debug)]
pub enum ValueMatch {
    /// Equal, byte for byte.
    Exact(String),
    /// `~pattern`, unanchored as written.
    Regex(Regex),
}

impl ValueMatch {
    /// Whether a value satisfies the matcher.
    #[must_use]
    pub fn holds(&self, value: &[u8]) -> bool {
        match self {
            Self::Exact(wanted) => wanted.as_bytes() == value,
            Self::Regex(pattern) => std::str::from_utf8(value).is_ok_and(|text| pattern.is_match(text)),
        }
    }
}

/// What a route does with a request.
#[derive(Debug)]
pub enum Action {
    /// `split`, or `to` as a split of one.
    Split(Split),
    /// `respond`
    Respond(Reply),
    /// `redirect`
    Redirect(Redirect),
}

impl Action {
    /// The split, where it is one.
    #[must_use]
    pub fn split(&self) -> Option<&Split> {
        match self {
            Self::Split(split) => Some(split),
            Self::Respond(_) | Self::Redirect(_) => None,
        }
    }
}

/// A fixed answer.
#[derive(Debug)]
pub struct Reply {
    /// `status`
    pub status: StatusCode,
    /// `headers`, with the content type of `text` or `json` where none was given.
    pub headers: HeaderMap,
    /// `text` or `json`
    pub body: Bytes,
}

/// Where a redirect points: each part that is `None` stays as the client asked.
#[derive(Debug)]
pub struct Redirect {
    /// `scheme`
    pub scheme: Option<String>,
    /// `host`
    pub host: Option<String>,
    /// `port`
    pub port: Option<u16>,
    /// `path` or `prefix`
    pub path: Option<PathChange>,
    /// `status`
    pub status: StatusCode,
}

/// A path to put in place of the request's.
#[derive(Debug, PartialEq, Eq)]
pub enum PathChange {
    /// The whole path.
    Full(String),
    /// The part that the route's `path` matched.
    Prefix(String),
}

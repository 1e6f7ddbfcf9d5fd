//! Finds the route of a request. Built once per table; a lookup costs the same among ten routes and ten thousand.
//!
//! A route is a candidate only if all its matchers hold. Among candidates these decide, in this order (the Gateway API's precedence):
//! host (exact, then the longest `*.suffix`, then patterns in the file's order, then none), `exact`, the longest `path`, a `methods` list,
//! the number of `headers`, the number of `query` entries, the file's order.
//!
//! Paths are compared as they will be forwarded: `%2f` and `//` are data, nothing is decoded or folded.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashMap;

use http::Method;
use http::header::HOST;
use http::request::Request;
use regex::Regex;
use smallvec::SmallVec;

use super::RouteId;
use super::route::{HostMatch, Matches, PathMatch, Route};

type Paths = HashMap<Box<str>, SmallVec<[RouteId; 1]>, foldhash::fast::RandomState>;

/// Why a request has no route.
#[derive(Debug, PartialEq, Eq)]
pub enum NoRoute {
    /// Nothing serves this host and path with these headers and query.
    NotFound,
    /// Routes do, but not with this method; these they take, sorted, each once.
    Method(Vec<Method>),
}

/// The index over a table's routes.
#[derive(Debug, Default)]
pub struct Matcher {
    exact: HashMap<String, PathIndex, foldhash::fast::RandomState>,
    suffixes: Vec<(String, PathIndex)>,
    patterns: Vec<(Regex, PathIndex)>,
    any: PathIndex,
}

/// The routes of one host.
#[derive(Debug, Default)]
struct PathIndex {
    exact: Paths,
    prefix: Paths,
    longest: usize,
}

impl Matcher {
    /// Indexes routes by host and path.
    #[must_use]
    pub fn new(routes: &[Route]) -> Self {
        let mut matcher = Self::default();
        for (position, route) in routes.iter().enumerate() {
            matcher.index_of(&route.matches.host).add(&route.matches.path, RouteId(position));
        }
        matcher.suffixes.sort_by_key(|(suffix, _)| Reverse(suffix.len()));
        let Self { exact, suffixes, patterns, any } = &mut matcher;
        let all = exact
            .values_mut()
            .chain(suffixes.iter_mut().map(|(_, index)| index))
            .chain(patterns.iter_mut().map(|(_, index)| index));
        for index in all.chain([any]) {
            index.sort(routes);
        }
        matcher
    }

    fn index_of(&mut self, host: &HostMatch) -> &mut PathIndex {
        match host {
            HostMatch::Any => &mut self.any,
            HostMatch::Exact(name) => self.exact.entry(name.clone()).or_default(),
            HostMatch::Suffix(suffix) => {
                let known = self.suffixes.iter().position(|(known, _)| known == suffix);
                let at = known.unwrap_or(self.suffixes.len());
                if known.is_none() {
                    self.suffixes.push((suffix.clone(), PathIndex::default()));
                }
                &mut self.suffixes[at].1
            }
            HostMatch::Regex(pattern) => {
                let known = self.patterns.iter().position(|(known, _)| known.as_str() == pattern.as_str());
                let at = known.unwrap_or(self.patterns.len());
                if known.is_none() {
                    self.patterns.push((pattern.clone(), PathIndex::default()));
                }
                &mut self.patterns[at].1
            }
        }
    }

    /// The winning route, by the precedence above.
    pub(super) fn find<B>(&self, routes: &[Route], request: &Request<B>) -> Result<RouteId, NoRoute> {
        let mut allowed = Vec::new();
        let found =
            self.by_host(routes, request, &mut allowed).or_else(|| self.any.find(routes, request, &mut allowed));
        found.ok_or_else(|| {
            if allowed.is_empty() {
                return NoRoute::NotFound;
            }
            allowed.sort_by(|a, b| a.as_str().cmp(b.as_str()));
            allowed.dedup();
            NoRoute::Method(allowed)
        })
    }

    fn by_host<B>(&self, routes: &[Route], request: &Request<B>, allowed: &mut Vec<Method>) -> Option<RouteId> {
        if self.exact.is_empty() && self.suffixes.is_empty() && self.patterns.is_empty() {
            return None;
        }
        let host = host_of(request)?;
        let exact = self.exact.get(host.as_ref()).into_iter();
        let suffixes = self
            .suffixes
            .iter()
            .filter(|(suffix, _)| host.len() > suffix.len() && host.ends_with(suffix.as_str()))
            .map(|(_, index)| index);
        let patterns = self.patterns.iter().filter(|(pattern, _)| pattern.is_match(&host)).map(|(_, index)| index);
        exact.chain(suffixes).chain(patterns).find_map(|index| index.find(routes, request, allowed))
    }
}

impl PathIndex {
    fn add(&mut self, path: &PathMatch, id: RouteId) {
        match path {
            PathMatch::Exact(path) => self.exact.entry(path.as_str().into()).or_default().push(id),
            PathMatch::Prefix(path) => {
                self.longest = self.longest.max(path.len());
                self.prefix.entry(path.as_str().into()).or_default().push(id);
            }
        }
    }

    /// Puts the routes of each path in the order in which they are tried. The sort is stable, so the file's order decides last.
    fn sort(&mut self, routes: &[Route]) {
        for ids in self.exact.values_mut().chain(self.prefix.values_mut()) {
            ids.sort_by_key(|id| {
                let matches = &routes[id.0].matches;
                (matches.methods.is_empty(), Reverse(matches.headers.len()), Reverse(matches.query.len()))
            });
        }
    }

    fn find<B>(&self, routes: &[Route], request: &Request<B>, allowed: &mut Vec<Method>) -> Option<RouteId> {
        let path = request.uri().path();
        let mut first = |ids: &SmallVec<[RouteId; 1]>| {
            ids.iter().copied().find(|id| holds(&routes[id.0].matches, request, allowed))
        };
        if let Some(found) = self.exact.get(path).and_then(&mut first) {
            return Some(found);
        }
        prefixes(path, self.longest).find_map(|prefix| self.prefix.get(prefix).and_then(&mut first))
    }
}

/// The whole-segment prefixes of a path, longest first, none longer than the longest that any route asks for.
fn prefixes(path: &str, longest: usize) -> impl Iterator<Item = &str> {
    let mut ends =
        path.as_bytes().iter().enumerate().take(longest + 1).filter(|(_, byte)| **byte == b'/').map(|(at, _)| at).rev();
    let mut whole = (path.len() <= longest && !path.ends_with('/')).then_some(path.len());
    std::iter::from_fn(move || whole.take().or_else(|| ends.next()).map(|end| &path[..end]))
}

/// Whether a route's own matchers hold; the methods of one that only its method rules out are noted.
fn holds<B>(matches: &Matches, request: &Request<B>, allowed: &mut Vec<Method>) -> bool {
    let headers = matches
        .headers
        .iter()
        .all(|(name, wanted)| request.headers().get_all(name).iter().any(|value| wanted.holds(value.as_bytes())));
    if !headers || !query_holds(matches, request.uri().query()) {
        return false;
    }
    let method = matches.methods.is_empty() || matches.methods.contains(request.method());
    if !method {
        allowed.extend_from_slice(&matches.methods);
    }
    method
}

fn query_holds(matches: &Matches, query: Option<&str>) -> bool {
    matches.query.iter().all(|(name, wanted)| {
        form_urlencoded::parse(query.unwrap_or_default().as_bytes())
            .any(|(key, value)| key == name.as_str() && wanted.holds(value.as_bytes()))
    })
}

/// The host that a request asks for, in lower case, without a port. An absolute-form target's authority wins over `Host`.
fn host_of<B>(request: &Request<B>) -> Option<Cow<'_, str>> {
    let authority = match request.uri().authority() {
        Some(authority) => authority.as_str(),
        None => request.headers().get(HOST)?.to_str().ok()?,
    };
    let end = authority.rfind(':').filter(|colon| !authority[*colon..].contains(']')).unwrap_or(authority.len());
    let host = &authority[..end];
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Some(Cow::Owned(host.to_ascii_lowercase()))
    } else {
        Some(Cow::Borrowed(host))
    }
}

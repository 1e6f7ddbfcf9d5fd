//! The routes that requests for one host may take, first match first: the table's precedence as an order, which a mesh keeps to.

use std::cmp::Reverse;

use super::Losses;
use crate::table::{HostMatch, PathMatch, Route, Table};

/// The hosts of one resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Host {
    /// A name.
    Exact(String),
    /// All names below it, with its leading dot.
    Below(String),
    /// All that no other resource names.
    Any,
}

/// What requests for a host may take.
#[derive(Debug)]
pub(super) struct Group<'t> {
    pub(super) host: Host,
    /// Those of wider hosts too, behind its own: a mesh looks no further once a host has matched.
    pub(super) routes: Vec<&'t Route>,
}

impl Host {
    fn of(host: &HostMatch) -> Option<Self> {
        match host {
            HostMatch::Any => Some(Self::Any),
            HostMatch::Exact(name) => Some(Self::Exact(name.clone())),
            HostMatch::Suffix(suffix) => Some(Self::Below(suffix.clone())),
            HostMatch::Regex(_) => None,
        }
    }

    /// As resources write it; none for all.
    pub(super) fn written(&self) -> Option<String> {
        match self {
            Self::Exact(name) => Some(name.clone()),
            Self::Below(suffix) => Some(format!("*{suffix}")),
            Self::Any => None,
        }
    }

    /// Whether each request for `other` is one for this host too.
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (Self::Exact(name), Self::Exact(other)) => name == other,
            (Self::Below(suffix), Self::Exact(other) | Self::Below(other)) => {
                self == &Self::Below(other.clone()) || (other.len() > suffix.len() && other.ends_with(suffix.as_str()))
            }
            (Self::Exact(_) | Self::Below(_), _) => false,
        }
    }

    /// How exact it is: more wins.
    fn exactness(&self) -> (bool, usize) {
        match self {
            Self::Exact(name) => (true, name.len()),
            Self::Below(suffix) => (false, suffix.len()),
            Self::Any => (false, 0),
        }
    }
}

/// A group for each host that a route names, and for all others where a route names none.
pub(super) fn by_host<'t>(table: &'t Table, losses: &mut Losses) -> Vec<Group<'t>> {
    let mut routes: Vec<(Host, &Route)> = Vec::new();
    for route in &table.routes {
        match (Host::of(&route.matches.host), &route.matches.host) {
            (Some(host), _) => routes.push((host, route)),
            (None, HostMatch::Regex(pattern)) => {
                losses.say(format!("route `{}`, all of it: its host is the pattern `~{pattern}`", route.name));
            }
            (None, _) => {}
        }
    }
    routes.sort_by_key(|(host, route)| (Reverse(host.exactness()), precedence(route)));
    let mut hosts: Vec<&Host> = routes.iter().map(|(host, _)| host).collect();
    hosts.sort();
    hosts.dedup();
    let group = |host: &Host| {
        let mut some: Vec<&Route> = Vec::new();
        for (_, route) in routes.iter().filter(|(wider, _)| wider.covers(host)) {
            // What a wider host's route would do is done by this host's own.
            if !some.iter().any(|earlier| hides(earlier, route)) {
                some.push(route);
            }
        }
        Group { host: host.clone(), routes: some }
    };
    hosts.into_iter().map(group).collect()
}

/// Whether the earlier route takes all that the later one would.
fn hides(earlier: &Route, later: &Route) -> bool {
    let (own, others) = (&earlier.matches, &later.matches);
    let methods = own.methods.is_empty()
        || (!others.methods.is_empty() && others.methods.iter().all(|method| own.methods.contains(method)));
    methods
        && below(&own.path, &others.path)
        && among(&own.headers, &others.headers)
        && among(&own.query, &others.query)
}

/// Whether all of the first are among the second: patterns are the same where they are written the same.
fn among<T: std::fmt::Debug>(first: &[T], second: &[T]) -> bool {
    let second: Vec<String> = second.iter().map(|pair| format!("{pair:?}")).collect();
    first.iter().all(|pair| second.contains(&format!("{pair:?}")))
}

/// Whether each path that the second takes is one of the first's.
fn below(first: &PathMatch, second: &PathMatch) -> bool {
    let (PathMatch::Exact(path) | PathMatch::Prefix(path)) = second;
    match first {
        PathMatch::Exact(_) => first == second,
        PathMatch::Prefix(prefix) => {
            path.strip_prefix(prefix.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        }
    }
}

/// Whether the later route would go before the earlier one where no host decides, and both may take the same request.
pub(super) fn overtakes(later: &Route, earlier: &Route) -> bool {
    let (own, others) = (&later.matches.path, &earlier.matches.path);
    precedence(later) < precedence(earlier) && (below(own, others) || below(others, own))
}

/// Less comes first; where it is equal, the file's order decides.
fn precedence(route: &Route) -> impl Ord + use<> {
    let matches = &route.matches;
    let (prefix, length) = match &matches.path {
        PathMatch::Exact(path) => (false, path.len()),
        PathMatch::Prefix(path) => (true, path.len()),
    };
    let (headers, query) = (matches.headers.len(), matches.query.len());
    (prefix, Reverse(length), matches.methods.is_empty(), Reverse(headers), Reverse(query))
}

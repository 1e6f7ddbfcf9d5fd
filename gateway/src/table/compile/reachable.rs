//! Routes that no request can reach, because an earlier one takes everything that they would.
//!
//! Follows the matcher's precedence: a more exact host or path, a `methods` list, more headers or query entries win wherever
//! they stand. So one route hides another only if it stands earlier and both ask for the same host, path, headers and query,
//! and the earlier one's methods hold all of the later one's.

use std::fmt::Write as _;

use foldhash::{HashMap, HashMapExt as _};
use http::Method;
use smallvec::SmallVec;

use crate::table::file::matching::{HostPattern, Pattern};
use crate::table::file::name::Named;
use crate::table::file::read::At;
use crate::table::file::route::Route;
use crate::table::problem::Problems;

/// Reports every route that an earlier one hides.
pub(super) fn check(routes: &[Route], problems: &mut Problems) {
    let mut groups: HashMap<String, SmallVec<[&Route; 1]>> = HashMap::with_capacity(routes.len());
    for route in routes {
        let Some(key) = key(route) else { continue };
        let earlier = groups.entry(key).or_default();
        let Some(hides) = earlier.iter().find(|other| covers(other, route)) else {
            earlier.push(route);
            continue;
        };
        let (name, other) = (route.name.as_str(), hides.name.as_str());
        problems
            .error(route.name.span, format!("no request can reach route `{name}`: route `{other}` takes them all"))
            .also(hides.name.span, "matches the same, and stands earlier")
            .help(format!("remove one of them, or tell `{name}` apart by `methods`, `headers`, `query` or `host`"));
    }
}

/// What a route asks of a request, methods aside; none where a matcher could not be read.
fn key(route: &Route) -> Option<String> {
    let broken = |key: &str, read: bool| route.wrote(key) && !read;
    if broken("host", route.host.is_some())
        || broken("methods", route.methods.is_some())
        || broken("headers", route.headers.is_some())
        || broken("query", route.query.is_some())
    {
        return None;
    }
    let mut key = match (&route.path, &route.exact) {
        (Some(path), None) => ["p", path.0.trim_end_matches('/'), "\n"].concat(),
        (None, Some(path)) => ["e", &path.0, "\n"].concat(),
        _ => return None,
    };
    match route.host.as_deref().map(|at| &at.value) {
        None => {}
        Some(HostPattern::Exact(name)) => key.push_str(name),
        Some(HostPattern::Below(name)) => _ = write!(key, "*.{name}"),
        Some(HostPattern::Regex(regex)) => _ = write!(key, "~{regex}"),
    }
    pairs(&mut key, route.headers.as_ref().map(|Named(entries)| entries.as_slice()), ToString::to_string);
    pairs(&mut key, route.query.as_ref().map(|Named(entries)| entries.as_slice()), String::clone);
    Some(key)
}

/// Adds matchers to a key, in an order that doesn't depend on the file's.
fn pairs<K>(key: &mut String, entries: Option<&[(At<K>, At<Pattern>)]>, name: impl Fn(&K) -> String) {
    let line = |(key, pattern): &(At<K>, At<Pattern>)| format!("{:?}={:?}", name(&key.value), pattern.written());
    let mut lines: Vec<String> = entries.unwrap_or_default().iter().map(line).collect();
    lines.sort_unstable();
    key.push('\n');
    key.push_str(&lines.join(","));
}

/// Whether every method of `later` is also one of `earlier`'s, at the same rank: a list outranks none.
fn covers(earlier: &Route, later: &Route) -> bool {
    match (&earlier.methods, &later.methods) {
        (None, None) => true,
        (Some(all), Some(some)) => {
            let has = |method: &Method| all.iter().any(|at| at.value == *method);
            some.iter().all(|at| has(&at.value))
        }
        (None, Some(_)) | (Some(_), None) => false,
    }
}

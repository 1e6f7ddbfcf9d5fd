//! `routes`: each by itself (what it matches, that it does exactly one thing), then together (names, reachability).

use std::sync::Arc;

use foldhash::{HashMap, HashMapExt as _};

use super::splits::PlannedSplit;
use super::timeouts::Layer;
use super::{RoutesByName, actions, reachable, splits, timeouts, upstreams};
use crate::metrics::Metrics;
use crate::table::file::File;
use crate::table::file::limit::Limit;
use crate::table::file::matching::{HostPattern, Pattern};
use crate::table::file::name::Named;
use crate::table::file::read::At;
use crate::table::file::route::Route as Written;
use crate::table::file::upstream::Upstream as WrittenUpstream;
use crate::table::problem::{Problems, Span, nearest};
use crate::table::{
    Action, HostMatch, Matches, PathMatch, Redirect, Reply, Route, Timeouts, Upstream, UpstreamId, ValueMatch,
};

/// A route without its series.
#[derive(Debug)]
pub(super) struct PlannedRoute {
    name: String,
    /// Where the name stands.
    pub(super) span: Span,
    matches: Matches,
    action: PlannedAction,
    timeouts: Timeouts,
    max_body: u64,
}

#[derive(Debug)]
pub(super) enum PlannedAction {
    Split(PlannedSplit),
    Respond(Reply),
    Redirect(Redirect),
}

/// What a route may refer to.
pub(super) struct Names<'a> {
    file: &'a File,
    upstreams: HashMap<&'a str, UpstreamId>,
    /// In the file's order; none for an upstream that could not be read.
    timeouts: Vec<Option<Timeouts>>,
}

impl<'a> Names<'a> {
    fn new(file: &'a File) -> Self {
        let written = || file.upstreams.iter().flat_map(|Named(entries)| entries);
        let upstreams = written().enumerate().map(|(at, (name, _))| (name.as_str(), UpstreamId(at))).collect();
        let timeouts = written()
            .map(|(_, upstream)| upstream.as_ref().map(|WrittenUpstream(settings)| upstreams::timeouts(file, settings)))
            .collect();
        Self { file, upstreams, timeouts }
    }

    /// `defaults`, if there are any.
    pub(super) fn defaults(&self) -> Option<&'a crate::table::file::route::Defaults> {
        self.file.defaults.as_ref()
    }

    /// The upstream of this name, or a problem that says which was meant.
    pub(super) fn upstream(&self, name: &str, span: Span, problems: &mut Problems) -> Option<UpstreamId> {
        if let Some(id) = self.upstreams.get(name) {
            return Some(*id);
        }
        let mut known: Vec<&str> = self.upstreams.keys().copied().collect();
        known.sort_unstable();
        let help = match nearest(name, known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if known.is_empty() => format!("name it: `upstreams: {{ {name}: http://host:port }}`"),
            None => format!("`upstreams` has {}", known.join(", ")),
        };
        problems.error(span, format!("there is no upstream `{name}`")).help(help);
        None
    }
}

/// Every route that could be read, in the file's order. Each is let go of as soon as it is planned, and leaves its memory to the next.
pub(super) fn plan(
    file: &File,
    written: Vec<Written>,
    problems: &mut Problems,
    pins: &mut Vec<String>,
) -> Vec<PlannedRoute> {
    let names = Names::new(file);
    unique_names(&written, problems);
    reachable::check(&written, problems);
    written.into_iter().filter_map(|route| one(&route, &names, problems, pins)).collect()
}

fn unique_names(routes: &[Written], problems: &mut Problems) {
    let mut seen: HashMap<&str, Span> = HashMap::with_capacity(routes.len());
    for route in routes {
        let name = route.name.as_str();
        if let Some(first) = seen.insert(name, route.name.span) {
            problems
                .error(route.name.span, format!("a second route is named `{name}`"))
                .also(first, "the first")
                .help("each route has its own name: metrics and logs are kept by it");
            seen.insert(name, first);
        }
    }
}

fn one(written: &Written, names: &Names<'_>, problems: &mut Problems, pins: &mut Vec<String>) -> Option<PlannedRoute> {
    let path = path(written, problems);
    let action = match actions::which(written, problems)? {
        "to" => PlannedAction::Split(splits::to(written.to.as_ref()?, written, names, problems)?),
        "split" => PlannedAction::Split(splits::split(written.split.as_ref()?, written, names, problems, pins)?),
        "respond" => PlannedAction::Respond(actions::respond(written.respond.as_deref()?, problems)?),
        _ => PlannedAction::Redirect(actions::redirect(written.redirect.as_deref()?, problems)?),
    };
    let below = match &action {
        PlannedAction::Split(split) => split.upstreams().filter_map(|id| names.timeouts[id.0]).reduce(timeouts::longer),
        PlannedAction::Respond(_) | PlannedAction::Redirect(_) => None,
    };
    let timeouts = Layer::from(written.timeout.as_deref()).over(below.unwrap_or_default());
    let name = written.name.as_str().to_owned();
    let (span, matches, max_body) = (written.name.span, matches(written, path?), max_body(written, names));
    Some(PlannedRoute { name, span, matches, action, timeouts, max_body })
}

/// The route's own limit, or that of `defaults`.
fn max_body(written: &Written, names: &Names<'_>) -> u64 {
    let said = |limit: Option<&Limit>| limit.and_then(|limit| limit.body.as_ref()).map(|at| at.value.0);
    let default = || said(names.defaults().and_then(|defaults| defaults.limit.as_ref()));
    said(written.limit.as_deref()).or_else(default).unwrap_or(u64::MAX)
}

fn path(written: &Written, problems: &mut Problems) -> Option<PathMatch> {
    let name = written.name.as_str();
    match (written.wrote("path"), written.wrote("exact")) {
        (true, false) => written.path.as_ref().map(|at| PathMatch::Prefix(at.0.trim_end_matches('/').to_owned())),
        (false, true) => written.exact.as_ref().map(|at| PathMatch::Exact(at.0.to_string())),
        (true, true) => {
            let span = written.exact.as_ref().map_or(written.span, |at| at.span);
            problems
                .error(span, format!("route `{name}` has a `path` and an `exact`"))
                .help("keep one: `path` takes everything below it, `exact` this path alone");
            None
        }
        (false, false) if written.slipped() => None,
        (false, false) => {
            problems
                .error(written.name.span, format!("route `{name}` has no path"))
                .help("write `path: /` for everything, `path: /api/movies` or `exact: /health`");
            None
        }
    }
}

fn matches(written: &Written, path: PathMatch) -> Matches {
    Matches {
        host: match written.host.as_deref().map(|at| &at.value) {
            None => HostMatch::Any,
            Some(HostPattern::Exact(name)) => HostMatch::Exact(name.to_string()),
            Some(HostPattern::Below(name)) => HostMatch::Suffix(format!(".{name}")),
            Some(HostPattern::Regex(regex)) => HostMatch::Regex(regex.clone()),
        },
        path,
        methods: written.methods.iter().flatten().map(|at| at.value.clone()).collect(),
        headers: pairs(written.headers.as_ref()),
        query: pairs(written.query.as_ref()),
    }
}

fn pairs<K: Clone>(written: Option<&Named<K, At<Pattern>>>) -> Vec<(K, ValueMatch)> {
    let value = |pattern: &Pattern| match pattern {
        Pattern::Exact(text) => ValueMatch::Exact(text.to_string()),
        Pattern::Regex(regex) => ValueMatch::Regex(regex.clone()),
    };
    let entries = written.iter().flat_map(|Named(entries)| entries);
    entries.map(|(key, pattern)| (key.value.clone(), value(&pattern.value))).collect()
}

impl PlannedRoute {
    /// The upstreams that it may go to.
    pub(super) fn upstreams(&self) -> impl Iterator<Item = UpstreamId> {
        let split = match &self.action {
            PlannedAction::Split(split) => Some(split),
            PlannedAction::Respond(_) | PlannedAction::Redirect(_) => None,
        };
        split.into_iter().flat_map(PlannedSplit::upstreams)
    }

    /// The route, with its series: those of the route of its name before the edit, as far as it had them.
    pub(super) fn make(self, upstreams: &[Arc<Upstream>], before: &RoutesByName<'_>, metrics: &Metrics) -> Route {
        let before = before.get(self.name.as_str());
        Route {
            matches: self.matches,
            timeouts: self.timeouts,
            max_body: self.max_body,
            local: before.map_or_else(|| metrics.series(&self.name, "-"), |route| route.local.clone()),
            action: match self.action {
                PlannedAction::Split(split) => {
                    let before = before.and_then(|route| route.action.split());
                    Action::Split(split.make(&self.name, upstreams, before, metrics))
                }
                PlannedAction::Respond(reply) => Action::Respond(reply),
                PlannedAction::Redirect(redirect) => Action::Redirect(redirect),
            },
            name: self.name,
        }
    }
}

//! A table's routes as Gateway API's HTTPRoutes.

use super::gateway_api::{
    API, Backend, Filter, HttpRoute, Match, NewPath, Parent, PathOf, RequestRedirect, Rule, RuleTimeouts, Spec,
    UrlRewrite, Value, exact, prefix, root,
};
use super::order::{Group, overtakes};
use super::service::{self, Service};
use super::{Losses, Metadata, Place, anchored, shares, slug, whole};
use crate::table::{
    Action, Endpoint, HostHeader, PathChange, PathMatch, Redirect, Route, Split, Table, Upstream, ValueMatch,
};

/// Rules of one resource, and matches of one rule: what its schema takes.
const RULES: usize = 16;
const MATCHES: usize = 64;
/// The methods that a match may name.
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

/// A resource for each host, or several where it has more rules than one takes.
pub(super) fn resources(table: &Table, groups: &[Group<'_>], place: &Place, losses: &mut Losses) -> Vec<HttpRoute> {
    let mut out = Vec::new();
    for group in groups {
        let host = group.host.written();
        let base = host.as_ref().map_or_else(|| place.name.clone(), |host| slug(&format!("{}-{host}", place.name)));
        let hostnames: Vec<String> = host.map_or_else(|| place.hosts.clone(), |host| vec![host]);
        if hostnames.iter().any(|host| host.parse::<std::net::IpAddr>().is_ok()) {
            losses.say(format!("the host {}: a hostname there is no address", hostnames.join(", ")));
            continue;
        }
        overtaken(group, losses);
        let rules: Vec<Rule> = group.routes.iter().flat_map(|route| rules(table, route, losses)).collect();
        let mut rules = rules.into_iter().peekable();
        for part in 1.. {
            let some: Vec<Rule> = rules.by_ref().take(RULES).collect();
            let name = if part == 1 { base.clone() } else { format!("{base}-{part}") };
            out.push(HttpRoute {
                api_version: API.to_owned(),
                kind: "HTTPRoute".to_owned(),
                metadata: Metadata { name, namespace: place.namespace.clone() },
                spec: Spec {
                    parent_refs: vec![Parent { name: place.gateway.clone() }],
                    hostnames: hostnames.clone(),
                    rules: some,
                },
            });
            if rules.peek().is_none() {
                break;
            }
        }
    }
    out
}

/// Within one resource the more exact match wins; here, the more exact host.
fn overtaken(group: &Group<'_>, losses: &mut Losses) {
    for (at, earlier) in group.routes.iter().enumerate() {
        for later in group.routes[at..].iter().filter(|later| overtakes(later, earlier)) {
            losses.say(format!(
                "route `{}`: where its host and a match of `{}` hold both, the latter takes the request there",
                earlier.name, later.name
            ));
        }
    }
}

/// One rule, or none where all its methods are beyond a match.
fn rules(table: &Table, route: &Route, losses: &mut Losses) -> Option<Rule> {
    let matches = matches(route, losses);
    if matches.is_empty() {
        losses.say(format!("route `{}`, all of it: none of its methods can be named there", route.name));
        return None;
    }
    let mut rule = Rule { name: Some(slug(&route.name)), matches, ..Rule::default() };
    match &route.action {
        Action::Split(split) => {
            rule.backend_refs = backends(table, split, losses);
            let request = route.timeouts.total.map(whole);
            rule.timeouts = request.map(|request| RuleTimeouts { request: Some(request) });
        }
        Action::Respond(reply) => losses.say(format!(
            "route `{}`: its answer with status {}; a rule without backends stands for it, which answers 500",
            route.name, reply.status
        )),
        Action::Redirect(redirect) => rule.filters.push(request_redirect(redirect)),
    }
    Some(rule)
}

/// One for each method: a match has one at most.
fn matches(route: &Route, losses: &mut Losses) -> Vec<Match> {
    let (kind, value) = match &route.matches.path {
        PathMatch::Exact(path) => (exact(), path.clone()),
        PathMatch::Prefix(path) if path.is_empty() => (prefix(), root()),
        PathMatch::Prefix(path) => (prefix(), path.clone()),
    };
    let any = Match {
        path: Some(PathOf { kind, value }),
        method: None,
        headers: route.matches.headers.iter().map(|(name, value)| of(name.as_str(), value)).collect(),
        query_params: route.matches.query.iter().map(|(name, value)| of(name, value)).collect(),
    };
    if route.matches.methods.is_empty() {
        return vec![any];
    }
    let (known, odd): (Vec<_>, Vec<_>) =
        route.matches.methods.iter().partition(|method| METHODS.contains(&method.as_str()));
    odd.iter().for_each(|method| losses.say(format!("route `{}`: its method {method}", route.name)));
    known.iter().take(MATCHES).map(|method| Match { method: Some(method.to_string()), ..any.clone() }).collect()
}

fn of(name: &str, value: &ValueMatch) -> Value {
    let (kind, value) = match value {
        ValueMatch::Exact(text) => (exact(), text.clone()),
        ValueMatch::Regex(pattern) => ("RegularExpression".to_owned(), anchored(pattern)),
    };
    Value { kind, name: name.to_owned(), value }
}

fn backends(table: &Table, split: &Split, losses: &mut Losses) -> Vec<Backend> {
    let backend = |(upstream, endpoint, weight): (&Upstream, &Endpoint, _)| {
        let Service { name, namespace, port } = service::of(upstream, endpoint, losses);
        let filters = rewrite(upstream, &endpoint.host).into_iter().collect();
        Backend { group: None, kind: None, name, namespace, port: Some(port), weight, filters }
    };
    shares(table, split).into_iter().map(backend).collect()
}

/// The `Host` that the upstream sees, where it is not the client's.
fn rewrite(upstream: &Upstream, own: &str) -> Option<Filter> {
    let hostname = match &upstream.host {
        HostHeader::Preserve => return None,
        HostHeader::Upstream => own.to_owned(),
        HostHeader::Literal(name) => name.to_str().unwrap_or(own).to_owned(),
    };
    let url_rewrite = Some(UrlRewrite { hostname: Some(hostname), path: None });
    Some(Filter { kind: "URLRewrite".to_owned(), url_rewrite, ..Filter::default() })
}

fn request_redirect(redirect: &Redirect) -> Filter {
    let path = redirect.path.as_ref().map(|path| match path {
        PathChange::Full(path) => NewPath {
            kind: "ReplaceFullPath".to_owned(),
            replace_full_path: Some(path.clone()),
            replace_prefix_match: None,
        },
        PathChange::Prefix(prefix) => NewPath {
            kind: "ReplacePrefixMatch".to_owned(),
            replace_full_path: None,
            replace_prefix_match: Some(prefix.clone()),
        },
    });
    let request_redirect = RequestRedirect {
        scheme: redirect.scheme.clone(),
        hostname: redirect.host.clone(),
        path,
        port: redirect.port,
        status_code: Some(redirect.status.as_u16()),
    };
    Filter { kind: "RequestRedirect".to_owned(), request_redirect: Some(request_redirect), ..Filter::default() }
}

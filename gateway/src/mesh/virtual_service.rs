//! A table's routes as Istio's VirtualServices.

use std::collections::BTreeMap;

use serde::Serialize;

use super::order::Group;
use super::service::is_address;
use super::{Losses, Metadata, Place, anchored, shares, slug};
use crate::table::{
    Action, Endpoint, HostHeader, PathChange, PathMatch, Redirect, Reply, Route, Split, Table, Upstream, ValueMatch,
};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VirtualService {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata,
    spec: Spec,
}

#[derive(Debug, Serialize)]
struct Spec {
    hosts: Vec<String>,
    gateways: Vec<String>,
    http: Vec<Http>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Http {
    name: String,
    r#match: Vec<Match>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    route: Vec<Weighted>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect: Option<HttpRedirect>,
    #[serde(skip_serializing_if = "Option::is_none")]
    direct_response: Option<DirectResponse>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rewrite: Option<Rewrite>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<Headers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Match {
    uri: StringMatch,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<StringMatch>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, StringMatch>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    query_params: BTreeMap<String, StringMatch>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
enum StringMatch {
    Exact(String),
    Prefix(String),
    Regex(String),
}

#[derive(Debug, Serialize)]
struct Weighted {
    destination: Destination,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<u32>,
}

#[derive(Debug, Serialize)]
struct Destination {
    host: String,
    port: Port,
}

#[derive(Debug, Serialize)]
struct Port {
    number: u16,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct HttpRedirect {
    #[serde(skip_serializing_if = "Option::is_none")]
    scheme: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authority: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix_rewrite: Option<String>,
    redirect_code: u16,
}

#[derive(Debug, Serialize)]
struct DirectResponse {
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Body>,
}

#[derive(Debug, Serialize)]
struct Body {
    string: String,
}

#[derive(Debug, Serialize)]
struct Rewrite {
    authority: String,
}

#[derive(Debug, Serialize)]
struct Headers {
    response: Changes,
}

#[derive(Debug, Serialize)]
struct Changes {
    set: BTreeMap<String, String>,
}

/// One for each host.
pub(super) fn resources(
    table: &Table,
    groups: &[Group<'_>],
    place: &Place,
    losses: &mut Losses,
) -> Vec<VirtualService> {
    let mut out = Vec::with_capacity(groups.len());
    for group in groups {
        let host = group.host.written();
        let name = host.as_ref().map_or_else(|| place.name.clone(), |host| slug(&format!("{}-{host}", place.name)));
        let others = if place.hosts.is_empty() { vec!["*".to_owned()] } else { place.hosts.clone() };
        out.push(VirtualService {
            api_version: "networking.istio.io/v1",
            kind: "VirtualService",
            metadata: Metadata { name, namespace: place.namespace.clone() },
            spec: Spec {
                hosts: host.map_or(others, |host| vec![host]),
                gateways: vec![place.gateway.clone()],
                http: group.routes.iter().map(|route| http(table, route, losses)).collect(),
            },
        });
    }
    out
}

fn http(table: &Table, route: &Route, losses: &mut Losses) -> Http {
    let mut http = Http { name: route.name.clone(), r#match: matches(route), ..Http::default() };
    match &route.action {
        Action::Split(split) => {
            http.route = destinations(table, split, losses);
            http.rewrite = rewrite(table, route, split, losses);
            http.timeout = route.timeouts.total.map(|total| format!("{}s", total.as_secs_f64()));
        }
        Action::Respond(reply) => {
            http.direct_response = Some(direct(reply));
            let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
            let set: BTreeMap<_, _> =
                reply.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
            http.headers = (!set.is_empty()).then_some(Headers { response: Changes { set } });
        }
        Action::Redirect(to) => http.redirect = Some(redirect(to)),
    }
    http
}

/// A prefix there is one of bytes: whole segments are the path itself, and all that begins with it and a slash.
fn matches(route: &Route) -> Vec<Match> {
    let methods: Vec<&str> = route.matches.methods.iter().map(http::Method::as_str).collect();
    let method = match methods[..] {
        [] => None,
        [method] => Some(StringMatch::Exact(method.to_owned())),
        _ => Some(StringMatch::Regex(methods.join("|"))),
    };
    let value = |value: &ValueMatch| match value {
        ValueMatch::Exact(text) => StringMatch::Exact(text.clone()),
        ValueMatch::Regex(pattern) => StringMatch::Regex(anchored(pattern)),
    };
    let with = |uri: StringMatch| Match {
        uri,
        method: method.clone(),
        headers: route.matches.headers.iter().map(|(name, wanted)| (name.to_string(), value(wanted))).collect(),
        query_params: route.matches.query.iter().map(|(name, wanted)| (name.clone(), value(wanted))).collect(),
    };
    match &route.matches.path {
        PathMatch::Exact(path) => vec![with(StringMatch::Exact(path.clone()))],
        PathMatch::Prefix(path) if path.is_empty() => vec![with(StringMatch::Prefix("/".to_owned()))],
        PathMatch::Prefix(path) => {
            vec![with(StringMatch::Exact(path.clone())), with(StringMatch::Prefix(format!("{path}/")))]
        }
    }
}

fn destinations(table: &Table, split: &Split, losses: &mut Losses) -> Vec<Weighted> {
    let destination = |(upstream, endpoint, weight): (&Upstream, &Endpoint, _)| {
        if is_address(&endpoint.host) {
            losses.say(format!(
                "upstream `{}`: {} is an address; the mesh knows it by a ServiceEntry only",
                upstream.name, endpoint.host
            ));
        }
        Weighted {
            destination: Destination { host: endpoint.host.clone(), port: Port { number: endpoint.port } },
            weight,
        }
    };
    shares(table, split).into_iter().map(destination).collect()
}

/// The `Host` that all sides see, where it is not the client's.
fn rewrite(table: &Table, route: &Route, split: &Split, losses: &mut Losses) -> Option<Rewrite> {
    let mut seen = Vec::new();
    for entry in &split.entries {
        let upstream = table.upstream(entry.upstream);
        match &upstream.host {
            HostHeader::Preserve => seen.push(None),
            HostHeader::Literal(name) => seen.push(Some(name.clone())),
            HostHeader::Upstream => seen.extend(upstream.endpoints.iter().map(|at| Some(at.authority.clone()))),
        }
    }
    let first = seen.first()?;
    if seen.iter().any(|other| other != first) {
        losses.say(format!("route `{}`: its upstreams see a `Host` each; there, a route has one", route.name));
        return None;
    }
    Some(Rewrite { authority: first.as_ref()?.to_str().ok()?.to_owned() })
}

fn direct(reply: &Reply) -> DirectResponse {
    let body = (!reply.body.is_empty()).then(|| Body { string: String::from_utf8_lossy(&reply.body).into_owned() });
    DirectResponse { status: reply.status.as_u16(), body }
}

fn redirect(to: &Redirect) -> HttpRedirect {
    let (uri, prefix_rewrite) = match &to.path {
        None => (None, None),
        Some(PathChange::Full(path)) => (Some(path.clone()), None),
        Some(PathChange::Prefix(prefix)) => (None, Some(prefix.clone())),
    };
    let (scheme, authority, port) = (to.scheme.clone(), to.host.clone(), to.port);
    HttpRedirect { scheme, authority, port, uri, prefix_rewrite, redirect_code: to.status.as_u16() }
}

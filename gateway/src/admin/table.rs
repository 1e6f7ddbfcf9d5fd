//! `/table`: the table in force, and what stands against it, as JSON.

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::table::reload::InForce;
use crate::table::{Action, HostMatch, PathMatch, Route, Split, Table, Upstream};

/// Shares are per cent, as in the file; times are RFC 3339.
pub(super) fn describe(in_force: &InForce) -> Value {
    let table = in_force.tables.load();
    let refused = in_force.refused();
    json!({
        "generation": table.generation,
        "hash": table.hash,
        "source": table.source.display().to_string(),
        "compiled_at": time(table.compiled_at),
        "age_seconds": table.compiled_at.elapsed().unwrap_or_default().as_secs(),
        "notes": table.notes,
        "last_rejected": refused.map(|refused| json!({ "at": time(refused.at), "problems": refused.report })),
        "upstreams": table.upstreams.iter().map(|upstream| describe_upstream(upstream)).collect::<Vec<_>>(),
        "routes": table.routes.iter().map(|route| describe_route(&table, route)).collect::<Vec<_>>(),
    })
}

fn time(at: SystemTime) -> String {
    humantime::format_rfc3339_seconds(at.max(UNIX_EPOCH)).to_string()
}

fn describe_upstream(upstream: &Upstream) -> Value {
    let known = upstream.addresses.known();
    let each = || upstream.endpoints.iter().zip(known.iter());
    let addresses = each().flat_map(|(endpoint, known)| {
        known.addresses.iter().map(|address| SocketAddr::new(*address, endpoint.port).to_string())
    });
    let failed = each().filter_map(|(endpoint, known)| Some((endpoint.host.clone(), json!(known.failure.as_ref()?))));
    json!({
        "name": upstream.name,
        "endpoints": upstream.endpoints.iter().map(|endpoint| format!("{}:{}", endpoint.host, endpoint.port)).collect::<Vec<_>>(),
        "addresses": addresses.collect::<Vec<_>>(),
        "failed_lookups": failed.collect::<serde_json::Map<_, _>>(),
    })
}

fn describe_route(table: &Table, route: &Route) -> Value {
    let matches = &route.matches;
    let (kind, path) = match &matches.path {
        PathMatch::Prefix(path) if path.is_empty() => ("path", "/"),
        PathMatch::Prefix(path) => ("path", path.as_str()),
        PathMatch::Exact(path) => ("exact", path.as_str()),
    };
    let host = match &matches.host {
        HostMatch::Any => None,
        HostMatch::Exact(host) => Some(host.clone()),
        HostMatch::Suffix(suffix) => Some(format!("*{suffix}")),
        HostMatch::Regex(pattern) => Some(format!("~{pattern}")),
    };
    let methods: Vec<_> = matches.methods.iter().map(http::Method::as_str).collect();
    let headers: Vec<_> = matches.headers.iter().map(|(name, _)| name.as_str()).collect();
    let query: Vec<_> = matches.query.iter().map(|(name, _)| name).collect();
    json!({
        "name": route.name, kind: path, "host": host, "methods": methods, "headers": headers, "query": query,
        "action": describe_action(table, &route.action),
    })
}

fn describe_action(table: &Table, action: &Action) -> Value {
    match action {
        Action::Split(split) if split.single => json!({ "to": table.upstream(split.entries[0].upstream).name }),
        Action::Split(split) => json!({ "split": describe_split(table, split), "enabled": split.enabled }),
        Action::Respond(reply) => json!({ "respond": reply.status.as_u16() }),
        Action::Redirect(redirect) => json!({ "redirect": redirect.status.as_u16() }),
    }
}

fn describe_split(table: &Table, split: &Split) -> Vec<Value> {
    let percent = |hundredths: u16| f64::from(hundredths) / 100.0;
    let describe = |(at, entry): (usize, &crate::table::Entry)| {
        json!({
            "upstream": table.upstream(entry.upstream).name,
            "written": percent(entry.weight),
            "effective": percent(split.effective(at)),
            "rest": split.shares.rest == Some(at),
            "pinned_by": entry.pinned_by,
        })
    };
    split.entries.iter().enumerate().map(describe).collect()
}

//! HTTPRoutes as a routes file. What it has no words for is said; nothing is left out in silence.

use std::collections::HashSet;

use super::gateway_api::{API, Backend, HttpRoute, Match, RequestRedirect, Rule, Value};
use super::written::{Action, File, Redirect, Route, Upstream, Weight};
use super::{CLOSE, Converted, Losses, OPEN};
use crate::table::split::BUCKETS;

/// Why there is no routes file.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It is no YAML.
    #[error("not YAML: {0}")]
    Yaml(String),
    /// An HTTPRoute that is not shaped like one.
    #[error("HTTPRoute `{name}`: {problem}")]
    Shape {
        /// Its name.
        name: String,
        /// What is wrong, and where.
        problem: String,
    },
    /// There is none, or none with a rule that can be written.
    #[error("no HTTPRoute with a rule in it; `kubectl get httproutes -o yaml` prints them")]
    Nothing,
    /// The file could not be written as YAML.
    #[error("it can't be written as YAML: {0}")]
    Write(#[from] serde_saphyr::ser::Error),
}

/// Writes the HTTPRoutes of `text` (documents, lists of them, other resources between them) as one routes file.
///
/// # Errors
/// [`ImportError`], where there is nothing to write.
pub fn import(text: &str) -> Result<Converted, ImportError> {
    let documents: Vec<serde_json::Value> =
        serde_saphyr::from_multiple(text).map_err(|error| ImportError::Yaml(error.to_string()))?;
    let mut making = Making::default();
    for document in documents {
        making.resource(document)?;
    }
    if making.file.routes.is_empty() {
        return Err(ImportError::Nothing);
    }
    making.drop_hidden();
    let text = serde_saphyr::to_string(&making.file)?;
    Ok(making.losses.over(
        "Written from HTTPRoutes. Before it serves: `gateway check`, and where a split takes writes, `writes`.",
        &text,
    ))
}

/// The file so far.
#[derive(Debug, Default)]
struct Making {
    file: File,
    losses: Losses,
    names: HashSet<String>,
}

impl Making {
    fn resource(&mut self, document: serde_json::Value) -> Result<(), ImportError> {
        if let Some(items) = document.get("items").and_then(|items| items.as_array()) {
            return items.iter().try_for_each(|item| self.resource(item.clone()));
        }
        let said = |key: &str| document.get(key).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
        let name = document.pointer("/metadata/name").and_then(|name| name.as_str()).unwrap_or("-").to_owned();
        let (kind, api) = (said("kind"), said("apiVersion"));
        if document.is_null() {
            return Ok(());
        }
        if kind != "HTTPRoute" || !api.starts_with("gateway.networking.k8s.io/") {
            self.losses.say(format!("{api} {kind} `{name}`: only HTTPRoutes ({API}) are read"));
            return Ok(());
        }
        let mut unknown = Vec::new();
        let route: HttpRoute = serde_ignored::deserialize(document, |path| unknown.push(path.to_string())).map_err(
            |error: serde_json::Error| ImportError::Shape { name: name.clone(), problem: error.to_string() },
        )?;
        // Whose it is and how it fares is the cluster's business; filters are said by their kind.
        let others = ["metadata.", "status", "spec.parentRefs."];
        let meant = |path: &String| !others.iter().any(|own| path.starts_with(own)) && !path.contains(".filters.");
        for path in unknown.iter().filter(|path| meant(path)) {
            self.losses.say(format!("HTTPRoute `{name}`: `{}`", path.replace(".?", "")));
        }
        let namespace = route.metadata.namespace.clone();
        for (at, rule) in route.spec.rules.iter().enumerate() {
            let own = rule.name.clone().unwrap_or_else(|| format!("{name}-{}", at + 1));
            self.rule(&own, namespace.as_deref(), &route.spec.hostnames, rule);
        }
        Ok(())
    }

    /// A route for each of its hosts and matches; matches that differ in their method alone are one.
    fn rule(&mut self, name: &str, namespace: Option<&str>, hosts: &[String], rule: &Rule) {
        let action = self.action(name, namespace, rule);
        let timeout = rule.timeouts.as_ref().and_then(|timeouts| timeouts.request.as_deref());
        let timeout = timeout.and_then(|text| self.duration(name, text));
        let any = [Match::default()];
        let matches = by_method(if rule.matches.is_empty() { &any } else { &rule.matches });
        let hosts: Vec<Option<&String>> = if hosts.is_empty() { vec![None] } else { hosts.iter().map(Some).collect() };
        for host in hosts {
            for (wanted, methods) in &matches {
                let Some((path, exact)) = self.path(name, wanted) else { continue };
                let route = Route {
                    name: self.unused(name),
                    path,
                    exact,
                    host: host.cloned(),
                    methods: methods.clone(),
                    headers: wanted.headers.iter().map(pattern).collect(),
                    query: wanted.query_params.iter().map(pattern).collect(),
                    action: action.clone(),
                    timeout: timeout.clone(),
                };
                self.file.routes.push(route);
            }
        }
    }

    /// What a rule does. One that can't be said is refused here, not left to a wider route.
    fn action(&mut self, name: &str, namespace: Option<&str>, rule: &Rule) -> Action {
        let mut rewritten = None;
        for filter in &rule.filters {
            let rewrite = filter.url_rewrite.as_ref().filter(|rewrite| rewrite.path.is_none());
            match (&filter.request_redirect, rewrite) {
                (Some(redirect), _) => return Action::Redirect(self.redirect(name, redirect)),
                (None, Some(rewrite)) => rewritten.clone_from(&rewrite.hostname),
                (None, None) => {
                    self.losses.say(format!("rule `{name}`: its filter {}; the rule is here without it", filter.kind));
                }
            }
        }
        let mut sides: Vec<(String, u64)> = Vec::new();
        for backend in &rule.backend_refs {
            let Some(upstream) = self.upstream(name, namespace, rewritten.as_deref(), backend) else {
                return Action::default();
            };
            let weight = u64::from(backend.weight.unwrap_or(1));
            match sides.iter_mut().find(|(known, _)| *known == upstream) {
                Some((_, known)) => *known += weight,
                None => sides.push((upstream, weight)),
            }
        }
        self.shares(name, &sides)
    }

    /// Weights as parts of a hundred, the largest as `rest`.
    fn shares(&mut self, name: &str, sides: &[(String, u64)]) -> Action {
        let sum: u64 = sides.iter().map(|(_, weight)| weight).sum();
        let Some(largest) = (0..sides.len()).max_by_key(|at| sides[*at].1).filter(|_| sum > 0) else {
            // What Gateway API asks of a rule that has nowhere to go.
            return Action::Respond { status: 500 };
        };
        if let [(only, _)] = sides {
            return Action::To(only.clone());
        }
        let whole = u64::from(BUCKETS);
        if sides.iter().any(|(_, weight)| weight * whole % sum != 0) {
            self.losses.say(format!("rule `{name}`: its weights are rounded to hundredths of a per cent"));
        }
        let weight = |at: usize, weight: u64| {
            if at == largest {
                Weight::Rest
            } else {
                Weight::Hundredths(((weight * whole * 2 + sum) / (sum * 2)) as u16)
            }
        };
        Action::Split(sides.iter().enumerate().map(|(at, (side, of))| (side.clone(), weight(at, *of))).collect())
    }

    /// The name of a backend's upstream, which is made where it is new.
    fn upstream(
        &mut self,
        rule: &str,
        namespace: Option<&str>,
        host: Option<&str>,
        backend: &Backend,
    ) -> Option<String> {
        let service = backend.kind.as_deref().is_none_or(|kind| kind == "Service");
        let Some(port) = backend.port.filter(|_| service) else {
            let what = backend.kind.as_deref().unwrap_or("a Service without a port");
            self.losses.say(format!("rule `{rule}`: its backend `{}` is {what}; it answers 500", backend.name));
            return None;
        };
        let own = backend.filters.iter().find_map(|filter| filter.url_rewrite.as_ref()?.hostname.as_deref()).or(host);
        if backend.filters.iter().any(|filter| filter.url_rewrite.as_ref().is_none_or(|rewrite| rewrite.path.is_some()))
        {
            self.losses.say(format!("rule `{rule}`: filters of its backend `{}`", backend.name));
        }
        let namespace = backend.namespace.as_deref().or(namespace);
        let place = namespace.map_or_else(|| backend.name.clone(), |namespace| format!("{}.{namespace}", backend.name));
        let url = format!("http://{place}:{port}");
        let made = match own {
            None => Upstream::Url(url),
            Some(host) => Upstream::Long { url, host: host.to_owned() },
        };
        let upstreams = &mut self.file.upstreams;
        if let Some((known, _)) = upstreams.iter().find(|(_, known)| *known == made) {
            return Some(known.clone());
        }
        let taken = |name: &str| upstreams.iter().any(|(known, _)| known == name);
        let candidates = [backend.name.clone(), place.clone(), format!("{place}-{port}")].into_iter();
        let numbered = (2..).map(|number| format!("{}-{number}", backend.name));
        let name = candidates.chain(numbered).find(|name| !taken(name))?;
        upstreams.push((name.clone(), made));
        Some(name)
    }

    fn redirect(&mut self, name: &str, to: &RequestRedirect) -> Redirect {
        let path = to.path.as_ref();
        if to.hostname.is_none() && to.scheme.is_none() && to.port.is_none() && path.is_none() {
            self.losses.say(format!("rule `{name}`: its redirect leads to where it came from"));
        }
        Redirect {
            scheme: to.scheme.clone(),
            host: to.hostname.clone(),
            port: to.port,
            path: path.and_then(|path| path.replace_full_path.clone()),
            prefix: path.and_then(|path| path.replace_prefix_match.clone()),
            status: to.status_code.unwrap_or(302),
        }
    }

    /// The `path` or the `exact` of a match.
    fn path(&mut self, rule: &str, wanted: &Match) -> Option<(Option<String>, Option<String>)> {
        match wanted.path.as_ref().map(|path| (path.kind.as_str(), path.value.clone())) {
            None => Some((Some("/".to_owned()), None)),
            Some(("PathPrefix", value)) => Some((Some(value), None)),
            Some(("Exact", value)) => Some((None, Some(value))),
            Some((kind, value)) => {
                self.losses.say(format!("rule `{rule}`, its match by the path `{value}`: {kind}"));
                None
            }
        }
    }

    /// Gateway API's durations may have several units.
    fn duration(&mut self, rule: &str, text: &str) -> Option<String> {
        match humantime::parse_duration(text) {
            Ok(duration) if duration.is_zero() => None,
            Ok(duration) => Some(super::whole(duration)),
            Err(_) => {
                self.losses.say(format!("rule `{rule}`: its timeout `{text}`"));
                None
            }
        }
    }

    /// Leaves out what no request can reach, because an earlier rule of the same match takes it all.
    fn drop_hidden(&mut self) {
        let mut kept: Vec<Route> = Vec::new();
        for route in std::mem::take(&mut self.file.routes) {
            match kept.iter().find(|earlier| earlier.hides(&route)) {
                None => kept.push(route),
                Some(by) => {
                    self.losses
                        .say(format!("rule `{}`: no request can reach it, `{}` takes them all", route.name, by.name));
                }
            }
        }
        self.file.routes = kept;
    }

    /// A route's name that no other has.
    fn unused(&mut self, name: &str) -> String {
        let mut name: String =
            name.chars().filter(|letter| letter.is_ascii_alphanumeric() || ".-_ ".contains(*letter)).collect();
        name.truncate(56);
        let numbered = (2..).map(|number| format!("{name} {number}"));
        let free = std::iter::once(name.clone()).chain(numbered).find(|name| !self.names.contains(name));
        let free = free.unwrap_or(name);
        self.names.insert(free.clone());
        free
    }
}

/// Matches with the methods that they have in common.
fn by_method(matches: &[Match]) -> Vec<(Match, Vec<String>)> {
    let mut out: Vec<(Match, Vec<String>)> = Vec::new();
    for wanted in matches {
        let without = Match { method: None, ..wanted.clone() };
        let same = out.iter_mut().find(|(known, methods)| *known == without && !methods.is_empty());
        match (same, &wanted.method) {
            (Some((_, methods)), Some(method)) => methods.push(method.clone()),
            (_, method) => out.push((without, method.iter().cloned().collect())),
        }
    }
    out
}

/// A pattern of the file's own: meshes match the whole value, the file any part of it.
fn pattern(wanted: &Value) -> (String, String) {
    let text = &wanted.value;
    let value = match wanted.kind.as_str() {
        "RegularExpression" => match text.strip_prefix(OPEN).and_then(|text| text.strip_suffix(CLOSE)) {
            Some(inner) => format!("~{inner}"),
            None => format!("~^(?:{text})$"),
        },
        // What begins like a pattern, or holds what is filled from the environment, is said as one, or escaped.
        _ if text.starts_with('~') => format!("~^{}$", regex::escape(text)),
        _ => text.clone(),
    };
    (wanted.name.clone(), value.replace("${", "$${"))
}

//! Today's routes as resources of a service mesh, and back: for teams that graduate to one, or come from one.
//!
//! [`export`] reads a compiled table, so what it writes is what is in force: variables filled, `rest` worked out, precedence spelled
//! out as order. [`import`] writes a routes file, which the caller compiles before anybody sees it. Neither guesses: what one side
//! has no words for is said, a sentence each, and what would let a request through that is refused today is written as a refusal.

mod gateway_api;
mod http_route;
mod import;
mod order;
mod service;
mod virtual_service;
mod written;

use std::fmt::Write as _;
use std::time::Duration;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::table::{Action, Endpoint, Protocol, Route, Split, StickyKey, Table, Timeouts, Upstream};
pub use import::{ImportError, import};

/// What a table can be written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// Istio's, `networking.istio.io/v1`
    #[value(name = "virtualservice")]
    VirtualService,
    /// Gateway API's, `gateway.networking.k8s.io/v1`
    #[value(name = "httproute")]
    HttpRoute,
}

/// Where the resources belong.
#[derive(Clone, Debug)]
pub struct Place {
    /// The first one's name; further ones add their host or a number.
    pub name: String,
    /// Their namespace; none: that of whoever applies them.
    pub namespace: Option<String>,
    /// The Gateway that they hang on.
    pub gateway: String,
    /// The hosts of routes that name none.
    pub hosts: Vec<String>,
}

/// Resources, or a routes file, and what they do not say.
#[derive(Debug)]
pub struct Converted {
    /// YAML, with the losses as comments at its head.
    pub text: String,
    /// A sentence each.
    pub losses: Vec<String>,
}

/// What every resource has.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Metadata {
    #[serde(default)]
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
}

/// Writes a table's routes as `target`'s resources.
///
/// # Errors
/// Where they can't be written as YAML, which no table is known to bring about.
pub fn export(table: &Table, target: Target, place: &Place) -> Result<Converted, serde_saphyr::ser::Error> {
    let mut losses = Losses::default();
    table.routes.iter().for_each(|route| of_route(route, &mut losses));
    table.upstreams.iter().for_each(|upstream| of_upstream(upstream, &mut losses));
    let groups = order::by_host(table, &mut losses);
    let resources = match target {
        Target::VirtualService => {
            serde_saphyr::to_string_multiple(&virtual_service::resources(table, &groups, place, &mut losses))
        }
        Target::HttpRoute => {
            serde_saphyr::to_string_multiple(&http_route::resources(table, &groups, place, &mut losses))
        }
    }?;
    let head = format!("The routes of {}, hash {}, as they are in force.", table.source.display(), table.hash);
    Ok(losses.over(&head, &resources))
}

/// What gets lost, each once.
#[derive(Debug, Default)]
struct Losses(Vec<String>);

impl Losses {
    fn say(&mut self, mut loss: String) {
        // One line of a comment each, whatever a pattern holds.
        loss.retain(|letter| !letter.is_control());
        if !self.0.contains(&loss) {
            self.0.push(loss);
        }
    }

    /// The text under a comment that tells where it is from and what it does not say.
    fn over(self, head: &str, text: &str) -> Converted {
        let mut out = format!("# {head}\n");
        if !self.0.is_empty() {
            out.push_str("#\n# Not in here:\n");
        }
        for loss in &self.0 {
            let _ = writeln!(out, "# - {loss}");
        }
        Converted { text: out + text, losses: self.0 }
    }
}

/// Policies of a route that neither kind of resource has words for.
fn of_route(route: &Route, losses: &mut Losses) {
    let name = &route.name;
    if route.max_body != u64::MAX {
        losses.say(format!("route `{name}`: its body limit of {} bytes", route.max_body));
    }
    let Timeouts { connect, first_byte, idle, total: _ } = Timeouts::default();
    let Timeouts { connect: own_connect, first_byte: own_first_byte, idle: own_idle, total: _ } = route.timeouts;
    for (what, usual, own) in
        [("connect", connect, own_connect), ("first_byte", first_byte, own_first_byte), ("idle", idle, own_idle)]
    {
        if usual != own {
            losses.say(format!("route `{name}`: its timeout `{what}`; only `total` has a counterpart"));
        }
    }
    if let Action::Split(Split { sticky, .. }) = &route.action
        && !sticky.is_empty()
    {
        let keys: Vec<String> = sticky.iter().map(key).collect();
        losses.say(format!(
            "route `{name}`: `sticky` by {}; each request is drawn anew there, so a user may change sides",
            keys.join(", ")
        ));
    }
}

fn key(key: &StickyKey) -> String {
    match key {
        StickyKey::Header(name) => format!("header {name}"),
        StickyKey::Cookie(name) => format!("cookie {name}"),
        StickyKey::Client => "client".to_owned(),
    }
}

/// Settings of an upstream that belong to other resources there.
fn of_upstream(upstream: &Upstream, losses: &mut Losses) {
    let name = &upstream.name;
    if upstream.tls.is_some() {
        losses.say(format!(
            "upstream `{name}`: TLS to it; that is a DestinationRule's (Istio) or a BackendTLSPolicy's (Gateway API)"
        ));
    }
    if upstream.protocol == Protocol::Http2 {
        losses
            .say(format!("upstream `{name}`: HTTP/2; its Service's port says so by `appProtocol: kubernetes.io/h2c`"));
    }
    if upstream.endpoints.len() > 1 {
        losses.say(format!("upstream `{name}`: its endpoints take turns by weight, not by who has less to do"));
    }
}

/// Where a split's requests go: every endpoint with its weight, in per cent where all are whole ones; none for one that takes all.
fn shares<'t>(table: &'t Table, split: &Split) -> Vec<(&'t Upstream, &'t Endpoint, Option<u32>)> {
    let sides = split.entries.iter().enumerate();
    let sides: Vec<(u16, &Upstream)> =
        sides.map(|(at, entry)| (split.effective(at), &**table.upstream(entry.upstream))).collect();
    let scale = if sides.iter().any(|(_, upstream)| upstream.endpoints.len() > 1) { 100 } else { 1 };
    let mut all = Vec::new();
    for (share, upstream) in sides {
        let (whole, parts) = (u32::from(share) * scale, upstream.endpoints.len() as u32);
        all.extend(upstream.endpoints.iter().zip(0..).map(|(at, part)| (upstream, at, (whole + part) / parts)));
    }
    while all.iter().map(|(_, _, weight)| weight).sum::<u32>() > 100
        && all.iter().all(|(_, _, weight)| weight % 10 == 0)
    {
        all.iter_mut().for_each(|(_, _, weight)| *weight /= 10);
    }
    let several = all.len() > 1;
    all.into_iter().map(|(upstream, endpoint, weight)| (upstream, endpoint, several.then_some(weight))).collect()
}

/// A name as resources take it: small letters, digits and dashes, at most 63.
fn slug(name: &str) -> String {
    let plain = name.to_ascii_lowercase().replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
    let words: Vec<&str> = plain.split('-').filter(|word| !word.is_empty()).collect();
    let mut slug = words.join("-");
    slug.truncate(63);
    slug.trim_end_matches('-').to_owned()
}

/// A pattern as meshes match it: against the whole value.
fn anchored(pattern: &regex::Regex) -> String {
    format!("{OPEN}{}{CLOSE}", pattern.as_str())
}

/// What [`anchored`] puts around a pattern.
const OPEN: &str = ".*(?:";
const CLOSE: &str = ").*";

/// Whole milliseconds as a whole number with a unit.
fn whole(duration: Duration) -> String {
    let millis = duration.as_millis();
    match millis {
        0 => "0s".to_owned(),
        _ if !millis.is_multiple_of(1_000) => format!("{millis}ms"),
        _ if !millis.is_multiple_of(3_600_000) => format!("{}s", millis / 1_000),
        _ => format!("{}h", millis / 3_600_000),
    }
}

//! `upstreams`: where each is, and whether anybody goes there.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;

use super::Known;
use super::routes::PlannedRoute;
use super::timeouts::Layer;
use super::upstream_tls::{self, PlannedTls};
use crate::metrics::Metrics;
use crate::names::Names;
use crate::table::file::File;
use crate::table::file::address::Url;
use crate::table::file::name::{Name, Named};
use crate::table::file::read::At;
use crate::table::file::upstream::{Host, Upstream as Written, UpstreamSettings};
use crate::table::problem::{Problem, Problems};
use crate::table::{Endpoint, HostHeader, Protocol, Timeouts, Upstream};

/// Shorter than the 60 s after which common servers close, so that a pooled connection is rarely a dead one.
const KEEPALIVE: Duration = Duration::from_secs(55);

/// An upstream without its connections.
#[derive(Debug)]
pub(super) struct PlannedUpstream {
    name: String,
    served_by: HeaderValue,
    endpoints: Vec<Endpoint>,
    host: HostHeader,
    protocol: Protocol,
    tls: Option<PlannedTls>,
    keepalive: Option<Duration>,
    timeouts: Timeouts,
}

/// The timeouts of an upstream, over `defaults`, over the gateway's.
pub(super) fn timeouts(file: &File, settings: &UpstreamSettings) -> Timeouts {
    let defaults = file.defaults.as_ref().and_then(|defaults| defaults.timeout.as_ref());
    Layer::from(settings.timeout.as_ref()).over(Layer::from(defaults).over(Timeouts::default()))
}

/// Every upstream that could be read, in the file's order.
pub(super) fn plan(file: &File, folder: &Path, problems: &mut Problems) -> Vec<PlannedUpstream> {
    let Some(Named(written)) = &file.upstreams else { return Vec::new() };
    written
        .iter()
        .filter_map(|(name, upstream)| {
            let Written(settings) = upstream.as_ref()?;
            let endpoints = endpoints(name, settings, problems)?;
            let protocol = upstream_tls::protocol(settings, problems);
            Some(PlannedUpstream {
                name: name.as_str().to_owned(),
                // A name has only visible ASCII and spaces.
                served_by: HeaderValue::from_str(name.as_str()).ok()?,
                endpoints,
                host: match settings.host.as_ref().map(|at| &at.value) {
                    None | Some(Host::Preserve) => HostHeader::Preserve,
                    Some(Host::Upstream) => HostHeader::Upstream,
                    Some(Host::Literal(value)) => HostHeader::Literal(value.clone()),
                },
                protocol,
                tls: upstream_tls::plan(name, settings, folder, problems),
                keepalive: Some(settings.keepalive.as_ref().map_or(KEEPALIVE, |at| at.value)).filter(|d| !d.is_zero()),
                timeouts: timeouts(file, settings),
            })
        })
        .collect()
}

fn endpoints(name: &At<Name>, settings: &UpstreamSettings, problems: &mut Problems) -> Option<Vec<Endpoint>> {
    let shown = name.as_str();
    match (settings.wrote("url"), settings.wrote("endpoints")) {
        (true, true) => {
            problems
                .error(name.span, format!("upstream `{shown}` has a `url` and `endpoints`"))
                .help("keep one of them");
            return None;
        }
        (false, false) if settings.slipped() => return None,
        (false, false) => {
            problems
                .error(name.span, format!("upstream `{shown}` has no address"))
                .help("write `url: http://host:port`, or `endpoints` with a list of them");
            return None;
        }
        _ => {}
    }
    let urls = settings.url.iter().chain(settings.endpoints.iter().flatten());
    let mut seen: HashSet<(&str, u16)> = HashSet::new();
    let mut endpoints = Vec::new();
    for at in urls {
        let Url { host, port, authority, secure: _ } = &at.value;
        if !seen.insert((host, *port)) {
            problems
                .error(at.span, format!("the endpoint `{authority}` of upstream `{shown}` is here twice"))
                .help("keep one of them");
        }
        // A parsed authority has only visible ASCII.
        let authority = HeaderValue::from_str(authority).ok()?;
        endpoints.push(Endpoint { host: host.to_string(), port: *port, authority });
    }
    Some(endpoints)
}

/// Warns of upstreams that no route names.
pub(super) fn warn_unused(file: &File, routes: &[PlannedRoute], problems: &mut Problems) {
    let Some(Named(written)) = &file.upstreams else { return };
    let used: HashSet<usize> = routes.iter().flat_map(PlannedRoute::upstreams).map(|id| id.0).collect();
    for (at, (name, _)) in written.iter().enumerate() {
        if !used.contains(&at) {
            problems
                .warning(name.span, format!("no route goes to upstream `{}`", name.as_str()))
                .help("remove it, or name it in a route's `to` or `split`");
        }
    }
}

impl PlannedUpstream {
    /// Reads the files that it names.
    pub(super) fn read_files(&mut self, problems: &mut Vec<Problem>) {
        if let Some(tls) = &mut self.tls {
            tls.read_files(problems);
        }
    }

    /// The one of this name that is known, where nothing about it changed, else a new one.
    pub(super) fn make(self, known: &Known<'_>, metrics: &Metrics, names: &Names) -> Arc<Upstream> {
        let series = metrics.upstream(&self.name);
        let made = Upstream {
            addresses: names.addresses(&series, self.endpoints.iter().map(|endpoint| endpoint.host.as_str())),
            series,
            name: self.name,
            served_by: self.served_by,
            endpoints: self.endpoints,
            host: self.host,
            protocol: self.protocol,
            tls: self.tls.map(PlannedTls::into_loaded),
            keepalive: self.keepalive,
            timeouts: self.timeouts,
        };
        match known.get(made.name.as_str()) {
            Some(known) if known.same_settings(&made) => Arc::clone(known),
            _ => Arc::new(made),
        }
    }
}

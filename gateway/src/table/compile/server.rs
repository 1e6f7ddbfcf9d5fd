//! `server`: the defaults filled in, and the two listeners kept apart.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use super::routes::PlannedRoute;
use super::tls;
use crate::table::environment::Lookup;
use crate::table::file::File;
use crate::table::file::limit::{Limits as WrittenLimits, Size};
use crate::table::file::read::At;
use crate::table::file::server::{AccessLog as Log, ClientTimeout, Format, Paths, Server as Written};
use crate::table::problem::{Problems, Span};
use crate::table::{AccessLog, Drain, Limits, LogFormat, Server};

const HEAD: Duration = Duration::from_secs(10);
const KEEPALIVE: Duration = Duration::from_secs(75);
const DRAIN: Duration = Duration::from_secs(10);
/// The least, the usual and the most bytes of a head.
const HEAD_SIZE: (u64, u64, u64) = (1 << 10, 64 << 10, 1 << 20);
/// The same of a target; hyper takes none of more than 65,534 bytes.
const TARGET_SIZE: (u64, u64, u64) = (64, 8 << 10, 65_534);
const FIELDS: usize = 100;
const SERIES: usize = 50_000;
const PORT: u16 = 8000;
const ADMIN_PORT: u16 = 9901;

/// The settings that are read at start.
/// Relative paths begin at `folder`.
pub(super) fn plan(
    written: Option<&Written>,
    folder: &Path,
    environment: Lookup<'_>,
    problems: &mut Problems,
) -> Server {
    let listen = match written {
        Some(server) if server.wrote("listen") => server.listen.as_ref().map(|at| at.value),
        _ => default_listen(environment, problems),
    };
    let listen = listen.unwrap_or(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), PORT));
    let admin = written.and_then(|server| server.admin.as_ref()).map(|at| at.value);
    let admin = admin.unwrap_or(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), ADMIN_PORT));
    if listen.port() == admin.port() && listen.port() != 0 {
        let span = written.map_or(Span::start(), |server| server.admin.as_ref().map_or(server.span, |at| at.span));
        problems.error(span, format!("`listen` and `admin` share port {}", listen.port())).help(format!(
            "the admin listener is never on the public port; write `admin: {}:{ADMIN_PORT}`",
            admin.ip()
        ));
    }
    let timeout = written.and_then(|server| server.timeout.as_ref());
    let workers = written.and_then(|server| server.workers.as_ref()).map(|at| at.value.0 as usize);
    let trusted = written.and_then(|server| server.trusted_proxies.as_ref());
    let proxy_protocol = written.and_then(|server| server.proxy_protocol.as_ref()).filter(|at| at.value);
    if let (Some(at), None) = (proxy_protocol, trusted) {
        problems
            .error(at.span, "`proxy_protocol` needs `trusted_proxies`")
            .help("name the proxies that are believed: `trusted_proxies: [10.0.0.0/8]`");
    }
    let drain = written.and_then(|server| server.drain.as_ref()).map(|drain| &drain.0);
    Server {
        listen,
        admin,
        workers: workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)),
        trusted_proxies: trusted.map(|list| list.iter().map(|at| at.value).collect()).unwrap_or_default(),
        proxy_protocol: proxy_protocol.is_some(),
        access_log: access_log(written.and_then(|server| server.access_log.as_ref())),
        expose: written.and_then(|server| server.expose.as_ref()).is_none_or(|at| at.value),
        head_timeout: limit(timeout, |timeout| timeout.head.as_ref().map(|at| at.value), HEAD),
        keepalive: limit(timeout, |timeout| timeout.keepalive.as_ref().map(|at| at.value), KEEPALIVE),
        limits: limits(written.and_then(|server| server.limits.as_ref()), problems),
        strict_paths: written.and_then(|server| server.paths.as_ref()).is_some_and(|at| at.value == Paths::Strict),
        tls: tls::plan(written.and_then(|server| server.tls.as_ref()), folder, problems),
        resolver: written
            .and_then(|server| server.resolver.as_ref())
            .map(|servers| servers.iter().map(|at| at.value.0).collect()),
        drain: Drain {
            timeout: drain.and_then(|drain| drain.timeout.as_ref()).map_or(DRAIN, |at| at.value),
            delay: drain.and_then(|drain| drain.delay.as_ref()).map_or(Duration::ZERO, |at| at.value),
        },
    }
}

/// `0.0.0.0:${PORT:-8000}` where the file says nothing.
fn default_listen(environment: Lookup<'_>, problems: &mut Problems) -> Option<SocketAddr> {
    let port = environment("PORT").filter(|port| !port.is_empty())?;
    match port.parse() {
        Ok(port) => Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port)),
        Err(_) => {
            problems
                .error(Span::start(), "the variable PORT is not a port, and the file has no `server.listen`")
                .help("set PORT to a number from 0 to 65535");
            None
        }
    }
}

fn limit(
    timeout: Option<&ClientTimeout>,
    phase: impl Fn(&ClientTimeout) -> Option<Duration>,
    default: Duration,
) -> Option<Duration> {
    Some(timeout.and_then(phase).unwrap_or(default)).filter(|limit| !limit.is_zero())
}

/// `limits`, with what is beyond reason refused.
fn limits(written: Option<&WrittenLimits>, problems: &mut Problems) -> Limits {
    let mut size = |written: Option<&At<Size>>, key: &str, (low, default, high): (u64, u64, u64)| {
        let bytes = written.map_or(default, |at| at.value.0);
        if let Some(at) = written
            && !(low..=high).contains(&bytes)
        {
            problems
                .error(at.span, format!("`{key}` is not from {low} to {high} bytes"))
                .help(format!("by default it is {default}"));
        }
        usize::try_from(bytes).unwrap_or(usize::MAX)
    };
    let count = |written: Option<u32>| written.map(u64::from);
    Limits {
        head: size(written.and_then(|limits| limits.head.as_ref()), "head", HEAD_SIZE),
        target: size(written.and_then(|limits| limits.target.as_ref()), "target", TARGET_SIZE),
        fields: written.and_then(|limits| limits.fields.as_ref()).map_or(FIELDS, |at| at.value.0 as usize),
        connections: count(written.and_then(|limits| limits.connections.as_ref()).map(|at| at.value.0)),
        connections_per_client: count(
            written.and_then(|limits| limits.connections_per_client.as_ref()).map(|at| at.value.0),
        ),
    }
}

/// Sees that no edit makes more series than the scrape is meant to have.
pub(super) fn count_series(file: &File, routes: &[PlannedRoute], problems: &mut Problems) {
    let limits = file.server.as_ref().and_then(|server| server.limits.as_ref());
    let limit = limits.and_then(|limits| limits.series.as_ref()).map_or(SERIES, |at| at.value.0 as usize);
    let mut counted = 0;
    // A route that could not be read has been reported, and there is no table to count for then.
    for route in routes {
        counted += 1 + route.upstreams().count();
        if counted > limit {
            problems
                .error(route.span, format!("with this route there are more than {limit} series of metrics"))
                .help("each route has one, and another for each of its upstreams; `server: { limits: { series: … } }` allows more");
            return;
        }
    }
}

fn access_log(written: Option<&Log>) -> AccessLog {
    let Some(Log(settings)) = written else { return AccessLog { format: LogFormat::Off, sample: 1 } };
    let format = match settings.format.as_ref().map(|at| at.value) {
        Some(Format::Off) => LogFormat::Off,
        Some(Format::Text) => LogFormat::Text,
        Some(Format::Json) | None => LogFormat::Json,
    };
    AccessLog { format, sample: settings.sample.as_ref().map_or(1, |at| at.value.0) }
}

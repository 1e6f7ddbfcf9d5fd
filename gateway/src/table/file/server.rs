//! `server`: what is read at start. An edit of it is reported as "takes effect at restart".

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;
use schemars::{Schema, json_schema};

use crate::table::file::address::NameServer;
use crate::table::file::keys::{keys, short_or_map};
use crate::table::file::limit::Limits;
use crate::table::file::read::{At, Word, Wrong, excerpt};
use crate::table::file::scalar::Number;
use crate::table::file::tls::Tls;
use crate::table::file::tree::Scalar;

keys! {
    what: "`server`", later: [],
    /// Listeners, workers and the client side's limits. Read at start: an edit takes effect at the next one.
    pub struct Server {
        /// Where clients connect: an IP address and a port.
        #[schemars(extend("default" = "0.0.0.0:${PORT:-8000}", "examples" = ["0.0.0.0:8000", "[::]:8000"]))]
        pub listen: Option<At<SocketAddr>>,
        /// Where metrics, probes and the table are served, never on the public port. `0.0.0.0:9901` in pods, where probes and
        /// Prometheus must reach it.
        #[schemars(extend("default" = "127.0.0.1:9901", "examples" = ["0.0.0.0:9901"]))]
        pub admin: Option<At<SocketAddr>>,
        /// Worker threads. By default one for each core that the process may use.
        #[schemars(extend("examples" = [2]))]
        pub workers: Option<At<Number<1, 1024>>>,
        /// Peers whose `X-Forwarded-*` and `Forwarded` headers are believed: address ranges or single addresses. By default nobody's.
        #[schemars(extend("examples" = [["10.0.0.0/8", "fd00::/8"]]))]
        pub trusted_proxies: Option<Vec<At<IpNet>>>,
        /// Whether the peers in `trusted_proxies` begin each connection with a header of the PROXY protocol (version 1 or 2), which says
        /// who their client is. One that doesn't is refused; other peers are taken as they are.
        #[schemars(extend("default" = false))]
        pub proxy_protocol: Option<At<bool>>,
        /// Where a line a request goes: `off`, `json`, `text`, or a map with a sample.
        #[schemars(extend("default" = "off", "examples" = ["json"]))]
        pub access_log: Option<AccessLog>,
        /// Whether answers carry `x-served-by` (the upstream) and `x-table-generation`.
        #[schemars(extend("default" = true))]
        pub expose: Option<At<bool>>,
        /// TLS on the listener: a certificate and its key, a list of them, or a map with more.
        #[schemars(extend("examples" = [{ "cert": "/etc/gateway/tls.crt", "key": "/etc/gateway/tls.key" }]))]
        pub tls: Option<Tls>,
        /// How long clients may take.
        pub timeout: Option<ClientTimeout>,
        /// What clients may send, and how many may come.
        pub limits: Option<Limits>,
        /// What a path may hold: with `strict`, no encoded separators (`%2f`, `%5c`), no backslashes and no empty segments (`//`), which
        /// some services fold into others after the gateway has looked. By default (`keep`) they are data.
        #[schemars(extend("default" = "keep", "examples" = ["strict"]))]
        pub paths: Option<At<Paths>>,
        /// The name servers that are asked for the names of upstreams, with a port where it is not 53. By default those of
        /// `/etc/resolv.conf`, with its search list. `/etc/hosts` counts in any case.
        #[schemars(extend("examples" = [["10.96.0.10"], ["127.0.0.1:5353"]]))]
        pub resolver: Option<Vec<At<NameServer>>>,
        /// How the gateway stops: a duration, or a map with a delay.
        #[schemars(extend("default" = "10s"))]
        pub drain: Option<Drain>,
    }
}

keys! {
    what: "`timeout`", later: [],
    /// How long clients may take. `0s`: without limit.
    pub struct ClientTimeout {
        /// From the first byte of a request's head to its last. 408 when it is over.
        #[schemars(extend("default" = "10s"))]
        pub head: Option<At<Duration>>,
        /// How long an idle client connection stays open.
        #[schemars(extend("default" = "75s"))]
        pub keepalive: Option<At<Duration>>,
    }
}

keys! {
    what: "`drain`", later: [],
    /// What happens at SIGTERM.
    pub struct DrainPhases {
        /// From SIGTERM until everything that is left is cut.
        #[schemars(extend("default" = "10s"))]
        pub timeout: Option<At<Duration>>,
        /// How long readiness fails before the listener closes. 5s in Kubernetes, where endpoints need time to go.
        #[schemars(extend("default" = "0s", "examples" = ["5s"]))]
        pub delay: Option<At<Duration>>,
    }
}

keys! {
    what: "`access_log`", later: [],
    /// The access log.
    pub struct LogSettings {
        /// `off`, `json` (one object a line) or `text` (columns for people).
        #[schemars(extend("default" = "json"))]
        pub format: Option<At<Format>>,
        /// One request in so many is logged.
        #[schemars(extend("default" = 1, "examples" = [100]))]
        pub sample: Option<At<Number<1, 1_000_000>>>,
    }
}

/// What a path may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paths {
    /// Separators in disguise are data.
    Keep,
    /// They are refused.
    Strict,
}

impl Word for Paths {
    const WHAT: &'static str = "`keep` or `strict`";

    fn parse(scalar: &Scalar) -> Result<Self, Wrong> {
        match scalar.text.as_str() {
            "keep" => Ok(Self::Keep),
            "strict" => Ok(Self::Strict),
            other => {
                Err(Wrong::new(format!("`{}` is no way to read paths", excerpt(other)), "write `keep` or `strict`"))
            }
        }
    }

    fn schema() -> Schema {
        let words = json_schema!({ "enum": ["keep", "strict"] });
        json_schema!({ "title": "keep or strict", "anyOf": [words, { "type": "string", "pattern": "\\$\\{" }] })
    }
}

/// How a line of the access log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// There is none.
    Off,
    /// A JSON object.
    Json,
    /// Columns.
    Text,
}

impl Word for Format {
    const WHAT: &'static str = "`off`, `json` or `text`";

    fn parse(scalar: &Scalar) -> Result<Self, Wrong> {
        match scalar.text.as_str() {
            "off" | "false" => Ok(Self::Off),
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            other => Err(Wrong::new(
                format!("`{}` is not a form of the access log", excerpt(other)),
                "write `off`, `json` or `text`",
            )),
        }
    }

    fn schema() -> Schema {
        let words = json_schema!({ "enum": ["off", "json", "text", false] });
        json_schema!({ "title": "off, json or text", "anyOf": [words, { "type": "string", "pattern": "\\$\\{" }] })
    }
}

short_or_map!(
    /// `access_log: json`, or a map.
    AccessLog, LogSettings, Format => format, rest: [sample]
);

short_or_map!(
    /// `drain: 10s`, or a map.
    Drain, DrainPhases, Duration => timeout, rest: [delay]
);

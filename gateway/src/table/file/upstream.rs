//! `upstreams`: named services, each a URL or a map.

use std::time::Duration;

use http::HeaderValue;
use schemars::{Schema, json_schema};

use crate::table::file::address::Url;
use crate::table::file::keys::{keys, short_or_map};
use crate::table::file::read::{At, Word, Wrong, excerpt};
use crate::table::file::scalar::or_variable;
use crate::table::file::timeout::Timeout;
use crate::table::file::tree::Scalar;

keys! {
    what: "an upstream",
    later: ["balance", "breaker", "health", "limits", "outlier", "tls"],
    /// A service: one `url`, or several `endpoints` that take turns. A URL alone is short for `{ url: … }`.
    pub struct UpstreamSettings {
        /// Where it is. A name is resolved again at each connect.
        #[schemars(extend("examples" = ["http://movies-service:8081"]))]
        pub url: Option<At<Url>>,
        /// Where it is, if it has more than one address.
        #[schemars(extend("examples" = [["http://10.0.0.1:8081", "http://10.0.0.2:8081"]]))]
        pub endpoints: Option<Vec<At<Url>>>,
        /// How long each phase of a request may take, where the route says nothing else.
        #[schemars(extend("examples" = ["5s"]))]
        pub timeout: Option<Timeout>,
        /// How long an idle connection is kept for the next request: shorter than the upstream keeps it. `0s`: until it closes.
        #[schemars(extend("default" = "55s"))]
        pub keepalive: Option<At<Duration>>,
        /// The `Host` that it sees: the client's (`preserve`), its own (`upstream`), or a name.
        #[schemars(extend("default" = "preserve", "examples" = ["upstream", "films.local"]))]
        pub host: Option<At<Host>>,
        /// What it speaks: `http1`, or `h2c` for HTTP/2 without TLS, which gRPC needs.
        #[schemars(extend("default" = "http1"))]
        pub protocol: Option<At<Protocol>>,
    }
}

short_or_map!(
    /// `movies: http://127.0.0.1:8081`, or a map.
    Upstream, UpstreamSettings, Url => url, rest: [endpoints, timeout, keepalive, host, protocol]
);

/// The `Host` that an upstream sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// The client's.
    Preserve,
    /// The upstream's own.
    Upstream,
    /// This one.
    Literal(HeaderValue),
}

impl Word for Host {
    const WHAT: &'static str = "`preserve`, `upstream` or a host name";

    fn parse(scalar: &Scalar) -> Result<Self, Wrong> {
        let text = scalar.text.as_str();
        let no = || {
            let message = format!("`{}` is not a host name", excerpt(text));
            Wrong::new(message, "write `preserve`, `upstream`, or a name like `films.local:8080`")
        };
        match text {
            "preserve" => Ok(Self::Preserve),
            "upstream" => Ok(Self::Upstream),
            _ if text.contains(['@', '/', ' ', '*']) => Err(no()),
            _ => match text.parse::<http::uri::Authority>() {
                Ok(_) => HeaderValue::from_str(text).map(Self::Literal).map_err(|_| no()),
                Err(_) => Err(no()),
            },
        }
    }

    fn schema() -> Schema {
        json_schema!({ "title": "preserve, upstream or a name", "type": "string" })
    }
}

/// What an upstream speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 without TLS, by prior knowledge.
    H2c,
}

impl Word for Protocol {
    const WHAT: &'static str = "`http1` or `h2c`";

    fn parse(scalar: &Scalar) -> Result<Self, Wrong> {
        match scalar.text.as_str() {
            "http1" => Ok(Self::Http1),
            "h2c" => Ok(Self::H2c),
            "h2" => Err(Wrong::not_yet("the protocol `h2`".to_owned())),
            other => Err(Wrong::new(format!("`{}` is not a protocol", excerpt(other)), "write `http1` or `h2c`")),
        }
    }

    fn schema() -> Schema {
        or_variable(json_schema!({ "title": "http1 or h2c", "enum": ["http1", "h2c"] }))
    }
}

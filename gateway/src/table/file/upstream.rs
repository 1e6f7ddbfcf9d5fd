//! `upstreams`: named services, each a URL or a map.

use std::path::PathBuf;
use std::time::Duration;

use http::HeaderValue;
use rustls::pki_types::ServerName;
use schemars::{Schema, json_schema};

use crate::table::file::address::Url;
use crate::table::file::keys::{keys, short_or_map};
use crate::table::file::read::{At, Word, Wrong, excerpt};
use crate::table::file::scalar::or_variable;
use crate::table::file::timeout::Timeout;
use crate::table::file::tree::Scalar;

keys! {
    what: "an upstream",
    later: ["balance", "breaker", "health", "limits", "outlier"],
    /// A service: one `url`, or several `endpoints` over which requests are balanced. A URL alone is short for `{ url: … }`.
    pub struct UpstreamSettings {
        /// Where it is. A name is looked up again when its answer is too old, and requests are balanced over all of its addresses.
        #[schemars(extend("examples" = ["http://movies-service:8081"]))]
        pub url: Option<At<Url>>,
        /// Where it is, if it has more than one place. Requests are balanced over all of their addresses.
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
        /// What it speaks: `http1`, or HTTP/2, which gRPC needs: `h2c` without TLS, `h2` with it. WebSockets go over HTTP/1.1 in any case.
        #[schemars(extend("default" = "http1"))]
        pub protocol: Option<At<Protocol>>,
        /// Whom to believe, and who we are, where the URL is `https`. The files are read with the routes file.
        #[schemars(extend("examples" = [{ "ca": "/etc/gateway/ca.pem" }]))]
        pub tls: Option<UpstreamTls>,
    }
}

keys! {
    what: "`tls`", later: [],
    /// TLS to an upstream.
    pub struct UpstreamTls {
        /// The authorities that may vouch for it, in a PEM file, in place of the system's. A relative path begins at the routes file's folder.
        #[schemars(extend("examples" = ["/etc/gateway/ca.pem"]))]
        pub ca: Option<At<PathBuf>>,
        /// The name that is asked for (SNI) and has to be in its certificate, in place of the URL's.
        #[schemars(extend("examples" = ["films.internal"]))]
        pub name: Option<At<TlsName>>,
        /// The certificate that the gateway shows: a PEM file, with those that lead to its authority.
        #[schemars(extend("examples" = ["/etc/gateway/client.crt"]))]
        pub cert: Option<At<PathBuf>>,
        /// Its private key, in a PEM file.
        #[schemars(extend("examples" = ["/etc/gateway/client.key"]))]
        pub key: Option<At<PathBuf>>,
    }
}

/// A name or an address that a certificate can be for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsName(pub ServerName<'static>);

impl Word for TlsName {
    const WHAT: &'static str = "a host name or an IP address";

    fn parse(scalar: &Scalar) -> Result<Self, Wrong> {
        let text = scalar.text.as_str();
        let no = |_| {
            Wrong::new(
                format!("`{}` is not a name for a certificate", excerpt(text)),
                "write `films.internal`, without a port",
            )
        };
        ServerName::try_from(text.to_owned()).map(Self).map_err(no)
    }

    fn schema() -> Schema {
        json_schema!({ "title": "name", "type": "string" })
    }
}

short_or_map!(
    /// `movies: http://127.0.0.1:8081`, or a map.
    Upstream, UpstreamSettings, Url => url, rest: [endpoints, timeout, keepalive, host, protocol, tls]
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
    /// HTTP/2 over TLS.
    H2,
}

impl Word for Protocol {
    const WHAT: &'static str = "`http1`, `h2c` or `h2`";

    fn parse(scalar: &Scalar) -> Result<Self, Wrong> {
        match scalar.text.as_str() {
            "http1" => Ok(Self::Http1),
            "h2c" => Ok(Self::H2c),
            "h2" => Ok(Self::H2),
            other => Err(Wrong::new(format!("`{}` is not a protocol", excerpt(other)), "write `http1`, `h2c` or `h2`")),
        }
    }

    fn schema() -> Schema {
        or_variable(json_schema!({ "title": "http1, h2c or h2", "enum": ["http1", "h2c", "h2"] }))
    }
}

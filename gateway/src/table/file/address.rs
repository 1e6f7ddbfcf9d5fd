//! Addresses: what the gateway listens on, where an upstream is, which peers are trusted.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::uri::{Authority, Scheme, Uri};
use ipnet::IpNet;
use schemars::{Schema, json_schema};

use crate::table::file::read::{Word, Wrong, excerpt};
use crate::table::file::tree::Scalar;

impl Word for SocketAddr {
    const WHAT: &'static str = "an address and a port like `0.0.0.0:8000`";

    fn parse(scalar: &Scalar) -> Result<Self, Wrong> {
        let text = scalar.text.as_str();
        let instead = match text.rsplit_once(':') {
            Some(("" | "*", port)) => {
                format!("write `0.0.0.0:{port}` for all interfaces, `127.0.0.1:{port}` for this machine")
            }
            Some(("localhost", port)) => format!("write `127.0.0.1:{port}`"),
            _ if text.parse::<u16>().is_ok() => format!("write `0.0.0.0:{text}`"),
            _ if text.parse::<IpAddr>().is_ok() => format!("write `{text}:8000`, with a port"),
            _ => "write an IP address and a port: `0.0.0.0:8000`, `[::]:8000`".to_owned(),
        };
        text.parse().map_err(|_| Wrong::new(format!("`{}` is not an address to listen on", excerpt(text)), instead))
    }

    fn schema() -> Schema {
        json_schema!({ "title": "address:port", "type": "string" })
    }
}

impl Word for IpNet {
    const WHAT: &'static str = "a range of addresses like `10.0.0.0/8`";

    fn parse(scalar: &Scalar) -> Result<Self, Wrong> {
        let text = scalar.text.as_str();
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::from(address));
        }
        text.parse::<Self>().map_err(|_| {
            Wrong::new(
                format!("`{}` is not a range of addresses", excerpt(text)),
                "write `10.0.0.0/8`, `fd00::/8`, or a single address",
            )
        })
    }

    fn schema() -> Schema {
        json_schema!({ "title": "address range", "type": "string" })
    }
}

/// A name server: an address, and a port where it is not 53.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameServer(pub SocketAddr);

impl Word for NameServer {
    const WHAT: &'static str = "the address of a name server like `10.96.0.10`";

    fn parse(scalar: &Scalar) -> Result<Self, Wrong> {
        let text = scalar.text.as_str();
        let address = text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53)).or_else(|_| text.parse());
        address.map(Self).map_err(|_| {
            let message = format!("`{}` is not the address of a name server", excerpt(text));
            Wrong::new(message, "write an IP address, with a port where it is not 53: `10.96.0.10`, `127.0.0.1:5353`")
        })
    }

    fn schema() -> Schema {
        json_schema!({ "title": "address[:port]", "type": "string" })
    }
}

/// Where an upstream is: `http://host:port` or `https://host:port`, nothing else. The port is 80 or 443 where none is written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Url {
    /// It is `https`.
    pub secure: bool,
    /// A name, an IPv4 address, or an IPv6 address without its brackets.
    pub host: Arc<str>,
    /// The TCP port.
    pub port: u16,
    /// `host` or `host:port` as written: what a `Host` header says.
    pub authority: Arc<str>,
}

impl Word for Url {
    const WHAT: &'static str = "a URL like `http://127.0.0.1:8080`";

    fn parse(scalar: &Scalar) -> Result<Self, Wrong> {
        let text = scalar.text.as_str();
        let shown = excerpt(text);
        if !text.contains("://") {
            return Err(Wrong::new(
                format!("`{shown}` is not a URL"),
                format!("write `http://{}`", excerpt(text.trim_start_matches('/'))),
            ));
        }
        let no = || Wrong::new(format!("`{shown}` is not a URL"), "write `http://host:port`");
        let uri: Uri = text.parse().map_err(|_| no())?;
        let authority = uri.authority().ok_or_else(no)?;
        if authority.as_str().contains('@') {
            // The value is not repeated: it may be a secret.
            return Err(Wrong::new(
                "the URL holds a user name or a password",
                "write `http://host:port`; requests carry their own credentials",
            ));
        }
        let secure = uri.scheme() == Some(&Scheme::HTTPS);
        if !secure && uri.scheme() != Some(&Scheme::HTTP) {
            let instead = "write `http://host:port` or `https://host:port`";
            return Err(Wrong::new(format!("`{shown}` has another scheme than http and https"), instead));
        }
        let plain = text.split_once("://").is_some_and(|(_, rest)| rest.trim_end_matches('/') == authority.as_str());
        if !plain {
            return Err(Wrong::new(
                format!("`{shown}` has a path or a query"),
                format!(
                    "write `{}://{authority}`; requests keep the path that they came with",
                    if secure { "https" } else { "http" }
                ),
            ));
        }
        Self::at(authority, secure).ok_or_else(no)
    }

    fn schema() -> Schema {
        json_schema!({ "title": "URL", "type": "string", "pattern": "^https?://|\\$\\{" })
    }
}

impl Url {
    fn at(authority: &Authority, secure: bool) -> Option<Self> {
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let after = authority.as_str().strip_prefix(authority.host())?;
        let port = match after.strip_prefix(':') {
            Some(port) => port.parse().ok().filter(|port| *port > 0)?,
            None => {
                if secure {
                    443
                } else {
                    80
                }
            }
        };
        let bracketed = authority.host().starts_with('[');
        let known = if bracketed { host.parse::<std::net::Ipv6Addr>().is_ok() } else { is_name(host) };
        known.then(|| Self { secure, host: host.into(), port, authority: authority.as_str().into() })
    }
}

/// Whether this can be a host name or an IPv4 address.
fn is_name(host: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    host.len() <= 253 && host.trim_end_matches('.').split('.').all(label)
}

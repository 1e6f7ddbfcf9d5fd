//! An upstream's address as a Kubernetes Service.

use std::net::IpAddr;

use super::{Losses, slug};
use crate::table::{Endpoint, Upstream};

/// A Service and its port.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) name: String,
    /// None: that of whoever names it.
    pub(super) namespace: Option<String>,
    pub(super) port: u16,
}

/// Whether a host is a machine's own address, of which no mesh knows.
pub(super) fn is_address(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok() || host == "localhost"
}

/// `name`, `name.namespace` and `name.namespace.svc…` are Services; anything else needs one, which is said and named after the upstream.
pub(super) fn of(upstream: &Upstream, endpoint: &Endpoint, losses: &mut Losses) -> Service {
    let labels: Vec<&str> = endpoint.host.trim_end_matches('.').split('.').collect();
    let port = endpoint.port;
    let outside = is_address(&endpoint.host);
    match labels[..] {
        [name] if !outside => Service { name: name.to_owned(), namespace: None, port },
        [name, namespace] | [name, namespace, "svc", ..] if !outside => {
            Service { name: name.to_owned(), namespace: Some(namespace.to_owned()), port }
        }
        _ => {
            let name = slug(&upstream.name);
            losses.say(format!(
                "upstream `{}`: its address {}:{port} is no Service's; make a Service `{name}` for it",
                upstream.name, endpoint.host
            ));
            Service { name, namespace: None, port }
        }
    }
}

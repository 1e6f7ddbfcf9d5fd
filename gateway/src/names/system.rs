//! What the machine says about names: its hosts file, and the servers and the search list of resolv.conf. Read anew at each look-up, as
//! the C library does, so that their edits count; taken apart anew only where they changed.

use std::fs;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::Name;
use hickory_resolver::system_conf::parse_resolv_conf;
use hickory_resolver::{Hosts, TokioResolver};

const HOSTS: &str = "/etc/hosts";
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// The files' texts; none for a file that is not there.
type Texts = (Option<String>, Option<String>);

/// The way to the settings of this moment.
#[derive(Debug)]
pub(super) struct System {
    servers: Option<Vec<SocketAddr>>,
    // Locked for a look-up's first step, on the control thread alone.
    last: Mutex<Option<(Texts, Arc<Settings>)>>,
}

/// How to look up a name.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) hosts: Hosts,
    /// Or why there is none.
    pub(super) resolver: Result<TokioResolver, String>,
    pub(super) search: Vec<Name>,
    pub(super) ndots: usize,
}

impl System {
    /// With these name servers in place of resolv.conf.
    pub(super) fn new(servers: Option<Vec<SocketAddr>>) -> Self {
        Self { servers, last: Mutex::default() }
    }

    pub(super) fn settings(&self) -> Arc<Settings> {
        let resolv_conf = if self.servers.is_none() { fs::read_to_string(RESOLV_CONF).ok() } else { None };
        let texts = (fs::read_to_string(HOSTS).ok(), resolv_conf);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((known, settings)) if *known == texts => settings.clone(),
            _ => {
                let settings = Arc::new(self.read(&texts));
                *last = Some((texts, settings.clone()));
                settings
            }
        }
    }

    pub(super) fn read(&self, (hosts_text, resolv_conf): &Texts) -> Settings {
        let mut hosts = Hosts::default();
        // Reading from memory does not fail; a line that means nothing is passed over.
        let _read = hosts.read_hosts_conf(hosts_text.as_deref().unwrap_or_default().as_bytes());
        let parsed = match &self.servers {
            Some(servers) => Ok((ask_these(servers), ResolverOpts::default())),
            None => parse_resolv_conf(resolv_conf.as_deref().unwrap_or_default()),
        };
        let (config, options) = match parsed {
            Ok(parsed) => parsed,
            Err(error) => {
                let resolver = Err(format!("{RESOLV_CONF}: {error}"));
                return Settings { hosts, resolver, search: Vec::new(), ndots: 1 };
            }
        };
        let search =
            if config.search.is_empty() { config.domain.iter().cloned().collect() } else { config.search.clone() };
        let ndots = options.ndots;
        Settings { hosts, resolver: make(config, options).map_err(|error| error.to_string()), search, ndots }
    }
}

fn ask_these(servers: &[SocketAddr]) -> ResolverConfig {
    let each = servers.iter().map(|address| {
        let mut server = NameServerConfig::udp_and_tcp(address.ip());
        for connection in &mut server.connections {
            connection.port = address.port();
        }
        server
    });
    ResolverConfig::from_name_servers(each.collect())
}

/// Asks the servers each time: how long an answer holds is decided where it is used, and a name that was missing may be there by now.
fn make(config: ResolverConfig, options: ResolverOpts) -> Result<TokioResolver, hickory_resolver::net::NetError> {
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    *builder.options_mut() = options;
    builder.options_mut().cache_size = 0;
    builder.options_mut().use_hosts_file = ResolveHosts::Never;
    builder.build()
}

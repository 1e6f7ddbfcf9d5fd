//! TLS to an upstream: whom the gateway believes, and who it says it is.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use xxhash_rust::xxh3::Xxh3;

use super::{Broken, Part, authorities, chain, content_of, private_key, provider};
use crate::table::UpstreamTls;
use crate::table::tls::{Pair, Source};

/// The settings.
#[derive(Debug)]
pub(crate) struct Client {
    /// Who vouches for upstreams; `None`: whom the system believes.
    pub(crate) authorities: Option<Source>,
    /// What the gateway shows.
    pub(crate) identity: Option<Pair>,
    /// The name that has to be in the upstream's certificate, if not the endpoint's.
    pub(crate) name: Option<ServerName<'static>>,
}

impl Client {
    /// Reads the files.
    ///
    /// # Errors
    /// The first one that can't be used.
    pub(crate) fn read(&self) -> Result<UpstreamTls, Broken> {
        let mut hash = Xxh3::new();
        let mut file = |part, path: &Path| {
            let read = content_of(part, path)?;
            // With its length: two files are not one with the same text.
            hash.update(&read.len().to_le_bytes());
            hash.update(&read);
            Ok(read)
        };
        let roots = match &self.authorities {
            Some(Source { path, .. }) => authorities(path, &file(Part::Authorities, path)?)?,
            None => of_system()?,
        };
        let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        // Only a provider without a single cipher of these versions fails here.
        let builder = builder.map_err(|error| Broken { part: Part::Authorities, why: error.to_string() })?;
        let builder = builder.with_root_certificates(roots);
        let config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(Pair { cert: Source { path: cert, .. }, key: Source { path: key, .. } }) => {
                let own = chain(Part::Cert(0), cert, &file(Part::Cert(0), cert)?)?;
                let secret = private_key(Part::Key(0), key, &file(Part::Key(0), key)?)?;
                let why = |error| format!("{} does not go with {}: {error}", key.display(), cert.display());
                let wrong = |error| Broken { part: Part::Key(0), why: why(error) };
                builder.with_client_auth_cert(own, secret).map_err(wrong)?
            }
        };
        hash.update(format!("{:?} {:?}", self.name, self.authorities.is_some()).as_bytes());
        Ok(UpstreamTls::new(&config, self.name.clone(), hash.digest()))
    }
}

impl UpstreamTls {
    fn new(config: &ClientConfig, name: Option<ServerName<'static>>, identity: u64) -> Self {
        let speaking = |protocol: &[u8]| {
            let mut config = config.clone();
            config.alpn_protocols = vec![protocol.to_vec()];
            Arc::new(config)
        };
        Self { http1: speaking(b"http/1.1"), http2: speaking(b"h2"), name, identity }
    }

    /// Every handshake fails.
    pub(crate) fn believing_nobody() -> Self {
        let config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map(|builder| builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth());
        // The provider has the ciphers of TLS 1.3.
        Self::new(&config.unwrap_or_else(|_| unreachable!("TLS 1.3 is there")), None, 0)
    }
}

/// Whom the system believes, read once.
fn of_system() -> Result<Arc<RootCertStore>, Broken> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let roots = ROOTS.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        // What can't be parsed vouches for nobody.
        let _counts = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(roots)
    });
    if roots.is_empty() {
        let why = "this system has no certificate authorities: install them (Debian: ca-certificates), or name a file in `tls.ca`";
        return Err(Broken { part: Part::Authorities, why: why.to_owned() });
    }
    Ok(roots.clone())
}

//! TLS to an upstream: whom the gateway believes, and who it says it is.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use xxhash_rust::xxh3::Xxh3;

use super::provider;
use crate::table::UpstreamTls;
use crate::table::tls::{Pair, Source};

/// What is wrong with which of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The authorities: of the file, or of the system.
    Authorities,
    /// The certificate that the gateway shows.
    Cert,
    /// Its key.
    Key,
}

type Wrong = (Part, String);

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
    pub(crate) fn read(&self) -> Result<UpstreamTls, Wrong> {
        let mut hash = Xxh3::new();
        let mut file = |part, path: &Path| {
            let read =
                std::fs::read(path).map_err(|error| (part, format!("{} can't be read: {error}", path.display())))?;
            // With its length: two files are not one with the same text.
            hash.update(&read.len().to_le_bytes());
            hash.update(&read);
            Ok(read)
        };
        let roots = match &self.authorities {
            Some(source) => Arc::new(authorities(&source.path, &file(Part::Authorities, &source.path)?)?),
            None => of_system()?,
        };
        let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        // Only a provider without a single cipher of these versions fails here.
        let builder = builder.map_err(|error| (Part::Authorities, error.to_string()))?.with_root_certificates(roots);
        let config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(Pair { cert, key }) => {
                let chain = certificates(Part::Cert, &cert.path, &file(Part::Cert, &cert.path)?)?;
                let path = key.path.display();
                // The library's words are not repeated: they might quote what they don't understand.
                let key = PrivateKeyDer::from_pem_slice(&file(Part::Key, &key.path)?)
                    .map_err(|_| (Part::Key, format!("{path}: there is no private key in it, or it is encrypted")))?;
                let wrong = |error| (Part::Key, format!("{path} does not go with {}: {error}", cert.path.display()));
                builder.with_client_auth_cert(chain, key).map_err(wrong)?
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

fn certificates(part: Part, path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Wrong> {
    let wrong = |why: &str| (part, format!("{}: {why}", path.display()));
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let chain = chain.map_err(|error| wrong(&format!("not PEM: {error}")))?;
    if chain.is_empty() { Err(wrong("there is no certificate in it")) } else { Ok(chain) }
}

fn authorities(path: &Path, pem: &[u8]) -> Result<RootCertStore, Wrong> {
    let mut roots = RootCertStore::empty();
    for authority in certificates(Part::Authorities, path, pem)? {
        roots.add(authority).map_err(|error| (Part::Authorities, format!("{}: {error}", path.display())))?;
    }
    Ok(roots)
}

/// Whom the system believes, read once.
fn of_system() -> Result<Arc<RootCertStore>, Wrong> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let roots = ROOTS.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        // What can't be parsed vouches for nobody.
        let _counts = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(roots)
    });
    if roots.is_empty() {
        let why = "this system has no certificate authorities: install them (Debian: ca-certificates), or name a file in `tls.ca`";
        return Err((Part::Authorities, why.to_owned()));
    }
    Ok(roots.clone())
}

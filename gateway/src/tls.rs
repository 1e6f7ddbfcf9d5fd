//! TLS from files: PEM in, what rustls serves by out. Nothing here watches, listens or counts.
//!
//! Keys are read here and go nowhere but into rustls: no message names more of them than their file.

pub(crate) mod client;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, NoServerSessionStorage, ProducesTickets, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};

use crate::table::tls::Tls;

/// Which of the files is meant, certificates by their position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A certificate.
    Cert(usize),
    /// Its key.
    Key(usize),
    /// The authorities of the other end.
    Authorities,
}

/// What is wrong with a file.
#[derive(Clone, Debug)]
pub struct Broken {
    /// The file.
    pub part: Part,
    /// Its path and what is wrong, without a full stop.
    pub why: String,
}

/// The content of all files of a [`Tls`].
#[derive(Clone, PartialEq, Eq)]
pub struct Content {
    pairs: Vec<(Vec<u8>, Vec<u8>)>,
    authorities: Option<Vec<u8>>,
}

impl fmt::Debug for Content {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Keys are in it.
        write!(out, "Content({} certificates)", self.pairs.len())
    }
}

impl Content {
    /// Whether other clients are believed.
    #[must_use]
    pub fn believes_others(&self, than: &Self) -> bool {
        self.authorities != than.authorities
    }
}

/// What seals and opens session tickets. It outlives the certificates, so that sessions do.
#[derive(Clone, Debug)]
pub struct Tickets(Option<Arc<dyn ProducesTickets>>);

impl Tickets {
    /// New keys; what was sealed by others can't be opened.
    #[must_use]
    pub fn new() -> Self {
        // Without randomness there is no resumption, and hardly a handshake.
        Self(rustls::crypto::aws_lc_rs::Ticketer::new().ok())
    }
}

impl Default for Tickets {
    fn default() -> Self {
        Self::new()
    }
}

/// Reads all files.
///
/// # Errors
/// Every one that can't be read.
pub fn read(tls: &Tls) -> Result<Content, Vec<Broken>> {
    let mut broken = Vec::new();
    let mut file = |part, path: &Path| {
        content_of(part, path).unwrap_or_else(|problem| {
            broken.push(problem);
            Vec::new()
        })
    };
    let pairs = tls.certificates.iter().enumerate();
    let pairs =
        pairs.map(|(at, pair)| (file(Part::Cert(at), &pair.cert.path), file(Part::Key(at), &pair.key.path))).collect();
    let authorities = tls.clients.as_ref().map(|clients| file(Part::Authorities, &clients.authorities.path));
    if broken.is_empty() { Ok(Content { pairs, authorities }) } else { Err(broken) }
}

fn content_of(part: Part, path: &Path) -> Result<Vec<u8>, Broken> {
    std::fs::read(path).map_err(|error| Broken { part, why: format!("{} can't be read: {error}", path.display()) })
}

/// What the listener serves by.
///
/// # Errors
/// Everything that is wrong with the files.
pub fn server(tls: &Tls, content: &Content, tickets: &Tickets) -> Result<Arc<ServerConfig>, Vec<Broken>> {
    let provider = provider();
    let mut broken = Vec::new();
    let mut certificates = Certificates::default();
    for (at, (cert, key)) in content.pairs.iter().enumerate() {
        match certified(tls, at, cert, key, &provider) {
            Ok(certified) => certificates.add(certified),
            Err(problem) => broken.push(problem),
        }
    }
    let verifier = clients(tls, content, &provider).map_err(|problem| broken.push(problem));
    let (true, Ok(verifier)) = (broken.is_empty(), verifier) else { return Err(broken) };
    let versions: &[_] =
        if tls.only_13 { &[&rustls::version::TLS13] } else { &[&rustls::version::TLS13, &rustls::version::TLS12] };
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(versions);
    // Only a provider without a single cipher of these versions fails here.
    let builder = builder.map_err(|error| vec![Broken { part: Part::Cert(0), why: error.to_string() }])?;
    let builder = match verifier {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(certificates));
    config.alpn_protocols = [&b"h2"[..], b"http/1.1", b"http/1.0"].map(<[u8]>::to_vec).to_vec();
    if let Some(tickets) = &tickets.0 {
        config.ticketer = tickets.clone();
    }
    // Tickets do without, and workers share no store.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(Arc::new(config))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn chain(part: Part, path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Broken> {
    let wrong = |why: &str| Broken { part, why: format!("{}: {why}", path.display()) };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let chain = chain.map_err(|error| wrong(&format!("not PEM: {error}")))?;
    if chain.is_empty() { Err(wrong("there is no certificate in it")) } else { Ok(chain) }
}

fn private_key(part: Part, path: &Path, pem: &[u8]) -> Result<PrivateKeyDer<'static>, Broken> {
    // The library's words are not repeated: they might quote what they don't understand.
    let wrong =
        |_| Broken { part, why: format!("{}: there is no private key in it, or it is encrypted", path.display()) };
    PrivateKeyDer::from_pem_slice(pem).map_err(wrong)
}

fn authorities(path: &Path, pem: &[u8]) -> Result<Arc<RootCertStore>, Broken> {
    let mut roots = RootCertStore::empty();
    for authority in chain(Part::Authorities, path, pem)? {
        let wrong = |error| Broken { part: Part::Authorities, why: format!("{}: {error}", path.display()) };
        roots.add(authority).map_err(wrong)?;
    }
    Ok(Arc::new(roots))
}

fn certified(tls: &Tls, at: usize, cert: &[u8], key: &[u8], provider: &CryptoProvider) -> Result<CertifiedKey, Broken> {
    let pair = &tls.certificates[at];
    let (cert_path, key_path) = (&pair.cert.path, &pair.key.path);
    let wrong = |part, why: String| Broken { part, why };
    let chain = chain(Part::Cert(at), cert_path, cert)?;
    let key = provider
        .key_provider
        .load_private_key(private_key(Part::Key(at), key_path, key)?)
        .map_err(|_| wrong(Part::Key(at), format!("{}: not a kind of key that is used here", key_path.display())))?;
    let certified = CertifiedKey::new(chain, key);
    certified.keys_match().map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            let why = format!("{} is not the key of {}", key_path.display(), cert_path.display());
            wrong(Part::Key(at), why)
        }
        other => wrong(Part::Cert(at), format!("{}: {other}", cert_path.display())),
    })?;
    Ok(certified)
}

type Verifier = Arc<dyn rustls::server::danger::ClientCertVerifier>;

fn clients(tls: &Tls, content: &Content, provider: &Arc<CryptoProvider>) -> Result<Option<Verifier>, Broken> {
    let (Some(clients), Some(pem)) = (&tls.clients, &content.authorities) else { return Ok(None) };
    let path = &clients.authorities.path;
    let builder = WebPkiClientVerifier::builder_with_provider(authorities(path, pem)?, provider.clone());
    let builder = if clients.required { builder } else { builder.allow_unauthenticated() };
    let wrong = |error| Broken { part: Part::Authorities, why: format!("{}: {error}", path.display()) };
    builder.build().map(Some).map_err(wrong)
}

/// The certificates by the names that they are for.
#[derive(Debug, Default)]
struct Certificates {
    first: Option<Arc<CertifiedKey>>,
    by_name: HashMap<String, Arc<CertifiedKey>>,
}

impl Certificates {
    fn add(&mut self, certified: CertifiedKey) {
        let certified = Arc::new(certified);
        if let Some(Ok(own)) = certified.cert.first().map(webpki::EndEntityCert::try_from) {
            for name in own.valid_dns_names() {
                self.by_name.entry(name.to_ascii_lowercase()).or_insert_with(|| certified.clone());
            }
        }
        self.first.get_or_insert(certified);
    }

    /// The certificate of a name, of the names at its level (`*.example.com`), or the first.
    fn of(&self, name: Option<&str>) -> Option<&Arc<CertifiedKey>> {
        let named = name.and_then(|name| {
            let name = name.to_ascii_lowercase();
            self.by_name.get(&name).or_else(|| self.by_name.get(&format!("*.{}", name.split_once('.')?.1)))
        });
        named.or(self.first.as_ref())
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.of(hello.server_name()).cloned()
    }
}

//! A certificate authority of a test's own, and a client that believes it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned, SupportedProtocolVersion};
use tests::folder::Folder;

/// It writes what it issues into a folder.
pub struct Authority {
    folder: Folder,
    own: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A new one; its certificate is `ca.pem`.
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "the tests' authority");
        let key = KeyPair::generate().expect("a key");
        let own = params.self_signed(&key).expect("a certificate");
        let authority = Self { folder: Folder::new(), own, issuer: Issuer::new(params, key) };
        std::fs::write(authority.path("ca.pem"), authority.own.pem()).expect("a file");
        authority
    }

    /// Where a file is.
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A certificate for names with commas between, and its key, both in PEM.
    pub fn issue(&self, names: &str) -> (String, String) {
        let names: Vec<String> = names.split(',').map(str::to_owned).collect();
        let mut params = CertificateParams::new(names.clone()).expect("names");
        params.distinguished_name.push(DnType::CommonName, names[0].clone());
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    }

    /// Issues one into `NAME.pem` and `NAME.key`; the setting that names both.
    pub fn write(&self, names: &str, name: &str) -> String {
        let (cert, key) = self.issue(names);
        let (cert_path, key_path) = (self.path(&format!("{name}.pem")), self.path(&format!("{name}.key")));
        std::fs::write(&cert_path, cert).and_then(|()| std::fs::write(&key_path, key)).expect("files");
        format!("{{ cert: {}, key: {} }}", cert_path.display(), key_path.display())
    }

    /// A client that believes it; with a certificate of its own where files are named.
    pub fn client(&self, versions: &[&'static SupportedProtocolVersion], own: Option<&str>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.own.der().clone()).expect("a certificate");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).expect("versions");
        let builder = builder.with_root_certificates(roots);
        let config = match own {
            None => builder.with_no_client_auth(),
            Some(name) => {
                let read = |end: &str| std::fs::read(self.path(&format!("{name}.{end}"))).expect("a file");
                use rustls::pki_types::pem::PemObject as _;
                let chain = vec![CertificateDer::from_pem_slice(&read("pem")).expect("a certificate")];
                let key = PrivateKeyDer::from_pem_slice(&read("key")).expect("a key");
                builder.with_client_auth_cert(chain, key).expect("they fit")
            }
        };
        Arc::new(config)
    }
}

/// A connection over TLS.
pub type Secure = StreamOwned<ClientConnection, TcpStream>;

/// Opens one and shakes hands.
///
/// # Errors
/// The handshake fails.
pub fn open(to: SocketAddr, config: &Arc<ClientConfig>, name: &str) -> std::io::Result<Secure> {
    let mut stream = TcpStream::connect(to)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let mut connection = ClientConnection::new(config.clone(), name).map_err(std::io::Error::other)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream)?;
    }
    Ok(StreamOwned::new(connection, stream))
}

/// Sends a request on a connection and reads what comes until its end.
///
/// # Errors
/// The connection breaks.
pub fn ask(stream: &mut Secure, path: &str) -> std::io::Result<String> {
    let head = format!("GET {path} HTTP/1.1\r\nhost: films.example\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// The certificate that the other end showed.
pub fn shown(stream: &Secure) -> CertificateDer<'static> {
    stream.conn.peer_certificates().expect("a handshake")[0].clone().into_owned()
}

/// Whether the session was resumed.
pub fn resumed(stream: &Secure) -> bool {
    stream.conn.handshake_kind() == Some(HandshakeKind::Resumed)
}

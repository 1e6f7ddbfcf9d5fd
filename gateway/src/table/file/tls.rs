//! `server.tls`: the files that the listener's TLS is made of, as they are written.

use std::path::PathBuf;
use std::time::Duration;

use schemars::{Schema, json_schema};

use crate::table::file::keys::keys;
use crate::table::file::read::{At, Read, Word, Wrong, excerpt};
use crate::table::file::scalar::or_variable;
use crate::table::file::tree::{Node, Scalar, Value};
use crate::table::problem::Problems;

keys! {
    what: "`tls`", later: [],
    /// TLS on the listener, which then takes nothing else. The files are followed: a new certificate is in force a few seconds after it
    /// was written, whole or not at all.
    pub struct TlsSettings {
        /// The certificate: a PEM file, the server's own first, then those that lead to its authority. A relative path begins at the
        /// routes file's folder.
        #[schemars(extend("examples" = ["/etc/gateway/tls.crt"]))]
        pub cert: Option<At<PathBuf>>,
        /// Its private key, in a PEM file.
        #[schemars(extend("examples" = ["/etc/gateway/tls.key"]))]
        pub key: Option<At<PathBuf>>,
        /// Several certificates in place of `cert` and `key`: the name that a client asks for (SNI) chooses, and the first takes the
        /// others. A list of them is short for `{ certificates: … }`.
        pub certificates: Option<Vec<Certificate>>,
        /// Clients show a certificate of one of the authorities in this PEM file.
        #[schemars(extend("examples" = ["/etc/gateway/clients.pem"]))]
        pub client_ca: Option<At<PathBuf>>,
        /// Whether a client may come without one. Where it shows one, that must be good.
        #[schemars(extend("default" = "required", "examples" = ["optional"]))]
        pub client_certificate: Option<At<Demand>>,
        /// The oldest version of TLS that is spoken; the newest is 1.3.
        #[schemars(extend("default" = "1.2", "examples" = ["1.3"]))]
        pub min_version: Option<At<Version>>,
        /// How long a client may take over the handshake.
        #[schemars(extend("default" = "10s"))]
        pub handshake: Option<At<Duration>>,
    }
}

keys! {
    what: "a certificate", later: [],
    /// A certificate and its key.
    pub struct Certificate {
        /// The certificate: a PEM file, the server's own first, then those that lead to its authority.
        #[schemars(extend("examples" = ["/etc/gateway/tls.crt"]))]
        pub cert: At<PathBuf>,
        /// Its private key, in a PEM file.
        #[schemars(extend("examples" = ["/etc/gateway/tls.key"]))]
        pub key: At<PathBuf>,
    }
}

/// `tls: { cert: …, key: … }`, or a list of certificates.
#[derive(Clone, Debug)]
pub struct Tls(pub TlsSettings);

impl Read for Tls {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        if !matches!(node.value, Value::List(_)) {
            return TlsSettings::read(node, problems).map(Self);
        }
        let certificates = Vec::read(node, problems)?;
        Some(Self(TlsSettings {
            span: node.span,
            written: TlsSettings::bit("certificates"),
            cert: None,
            key: None,
            certificates: Some(certificates),
            client_ca: None,
            client_certificate: None,
            min_version: None,
            handshake: None,
        }))
    }
}

impl schemars::JsonSchema for Tls {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Tls".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> Schema {
        let several = generator.subschema_for::<Vec<Certificate>>();
        json_schema!({ "anyOf": [several, generator.subschema_for::<TlsSettings>()] })
    }
}

impl Word for PathBuf {
    const WHAT: &'static str = "a file";

    fn parse(scalar: &Scalar) -> Result<Self, Wrong> {
        match scalar.text.as_str() {
            "" => Err(Wrong::new("the name of a file is empty", "write a path")),
            pem if pem.contains("-----BEGIN") => {
                Err(Wrong::new("this is the content of a file", "write its path: secrets don't belong here"))
            }
            path => Ok(Self::from(path)),
        }
    }

    fn schema() -> Schema {
        json_schema!({ "title": "file", "type": "string" })
    }
}

/// Whether clients need a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// All do.
    Required,
    /// It is looked at where there is one.
    Optional,
}

impl Word for Demand {
    const WHAT: &'static str = "`required` or `optional`";

    fn parse(scalar: &Scalar) -> Result<Self, Wrong> {
        match scalar.text.as_str() {
            "required" => Ok(Self::Required),
            "optional" => Ok(Self::Optional),
            other => Err(Wrong::new(
                format!("`{}` is neither required nor optional", excerpt(other)),
                "write `required` or `optional`",
            )),
        }
    }

    fn schema() -> Schema {
        or_variable(json_schema!({ "title": "required or optional", "enum": ["required", "optional"] }))
    }
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 1.2 (RFC 5246).
    Tls12,
    /// 1.3 (RFC 8446).
    Tls13,
}

impl Word for Version {
    const WHAT: &'static str = "`1.2` or `1.3`";

    fn parse(scalar: &Scalar) -> Result<Self, Wrong> {
        match scalar.text.as_str() {
            "1.2" => Ok(Self::Tls12),
            "1.3" => Ok(Self::Tls13),
            other => {
                let message = format!("`{}` is no version of TLS that is spoken here", excerpt(other));
                Err(Wrong::new(message, "write `1.2` or `1.3`"))
            }
        }
    }

    fn schema() -> Schema {
        or_variable(json_schema!({ "title": "1.2 or 1.3", "enum": ["1.2", "1.3", 1.2, 1.3] }))
    }
}

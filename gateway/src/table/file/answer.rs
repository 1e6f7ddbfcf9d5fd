//! `respond` and `redirect`: what the gateway answers itself.

use http::{HeaderName, HeaderValue, StatusCode};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::table::file::keys::keys;
use crate::table::file::matching::Path;
use crate::table::file::name::Named;
use crate::table::file::read::{At, Read, Word, Wrong, excerpt};
use crate::table::file::scalar::{Number, or_variable};
use crate::table::file::tree::{Node, Scalar, Value};
use crate::table::problem::{Problems, Span};

keys! {
    what: "`respond`", later: [],
    /// An answer of the gateway's own.
    pub struct Respond {
        /// Its status, from 200 to 599.
        #[schemars(extend("default" = 200))]
        pub status: Option<At<StatusCode>>,
        /// Its body, as `text/plain`.
        #[schemars(extend("examples" = ["closed for repairs"]))]
        pub text: Option<At<String>>,
        /// Its body, as `application/json`: any YAML, without `${…}` in keys.
        #[schemars(extend("examples" = [{"status": true}]))]
        pub json: Option<Json>,
        /// Further headers.
        #[schemars(extend("examples" = [{"retry-after": "60"}]))]
        pub headers: Option<Named<HeaderName, At<HeaderValue>>>,
    }
}

keys! {
    what: "`redirect`", later: [],
    /// Sends the client elsewhere. What is left out stays as the client asked.
    pub struct Redirect {
        /// `http` or `https`.
        #[schemars(extend("examples" = ["https"]))]
        pub scheme: Option<At<Scheme>>,
        /// The host.
        #[schemars(extend("examples" = ["example.com"]))]
        pub host: Option<At<HostName>>,
        /// The port. By default the client's, or none where `scheme` changes.
        #[schemars(extend("examples" = [443]))]
        pub port: Option<At<Number<1, 65_535>>>,
        /// The whole path.
        #[schemars(extend("examples" = ["/new"]))]
        pub path: Option<At<Path>>,
        /// What stands in place of the path that the route matched; the rest of the path stays.
        #[schemars(extend("examples" = ["/v2"]))]
        pub prefix: Option<At<Path>>,
        /// 301, 302, 303, 307 or 308.
        #[schemars(extend("default" = 302))]
        pub status: Option<At<StatusCode>>,
    }
}

impl Word for StatusCode {
    const WHAT: &'static str = "a status like `200`";

    fn parse(scalar: &Scalar) -> Result<Self, Wrong> {
        let code = scalar.text.parse().ok().filter(|code| scalar.plain && (200..=599).contains(code));
        let no =
            || Wrong::new(format!("`{}` is not a status", excerpt(&scalar.text)), "write a number from 200 to 599");
        Self::from_u16(code.ok_or_else(no)?).map_err(|_| no())
    }

    fn schema() -> Schema {
        or_variable(json_schema!({ "title": "status", "type": "integer", "minimum": 200, "maximum": 599 }))
    }
}

/// `http` or `https`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `http`
    Http,
    /// `https`
    Https,
}

impl Word for Scheme {
    const WHAT: &'static str = "`http` or `https`";

    fn parse(scalar: &Scalar) -> Result<Self, Wrong> {
        match scalar.text.as_str() {
            "http" => Ok(Self::Http),
            "https" => Ok(Self::Https),
            other => Err(Wrong::new(format!("`{}` is not a scheme", excerpt(other)), "write `http` or `https`")),
        }
    }

    fn schema() -> Schema {
        let words = json_schema!({ "enum": ["http", "https"] });
        json_schema!({ "title": "http or https", "anyOf": [words, { "type": "string", "pattern": "\\$\\{" }] })
    }
}

/// A host to send clients to, without a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName(pub String);

impl Word for HostName {
    const WHAT: &'static str = "a host like `example.com`";

    fn parse(scalar: &Scalar) -> Result<Self, Wrong> {
        let text = scalar.text.as_str();
        let no = |help: &str| Wrong::new(format!("`{}` is not a host", excerpt(text)), help);
        match text.parse::<http::uri::Authority>() {
            Ok(authority) if authority.port().is_some() => Err(no("write the name alone, and the port as `port`")),
            Ok(authority) if authority.host() == text && !text.contains('*') => Ok(Self(text.to_owned())),
            _ => Err(no("write a name like `example.com`")),
        }
    }

    fn schema() -> Schema {
        json_schema!({ "title": "host", "type": "string" })
    }
}

/// Any YAML, as JSON.
#[derive(Clone, Debug)]
pub struct Json {
    /// Where it stands.
    pub span: Span,
    /// What it is.
    pub value: serde_json::Value,
}

impl Read for Json {
    fn read(node: &Node, _: &mut Problems) -> Option<Self> {
        Some(Self { span: node.span, value: json(node)? })
    }
}

/// None where a part is broken.
fn json(node: &Node) -> Option<serde_json::Value> {
    Some(match &node.value {
        Value::Passed | Value::Broken => return None,
        Value::Scalar(scalar) if scalar.is_null() => serde_json::Value::Null,
        Value::Scalar(scalar) if scalar.plain => match scalar.text.as_str() {
            "true" => true.into(),
            "false" => false.into(),
            // JSON's and YAML's numbers are not written alike: what JSON would not read is a text.
            text => match serde_json::from_str(text) {
                Ok(number @ serde_json::Value::Number(_)) => number,
                _ => text.into(),
            },
        },
        Value::Scalar(scalar) => scalar.text.as_str().into(),
        Value::List(items) => items.iter().map(json).collect::<Option<_>>()?,
        Value::Map(entries) => {
            let pairs = entries.iter().map(|(key, value)| Some((key.text.clone(), json(value)?)));
            serde_json::Value::Object(pairs.collect::<Option<_>>()?)
        }
    })
}

impl JsonSchema for Json {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Json".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "title": "anything" })
    }
}

//! `sticky`: whose requests stay on one side of a split.

use http::HeaderName;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::table::file::keys::keys;
use crate::table::file::name::Name;
use crate::table::file::read::{At, Read, Word, Wrong, excerpt};
use crate::table::file::tree::{Node, Scalar, Value};
use crate::table::problem::Problems;

/// Where a sticky key is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// `header x-user-id`
    Header(HeaderName),
    /// `cookie session`
    Cookie(String),
    /// `client`: the client's address.
    Client,
}

const HELP: &str = "write `header x-user-id`, `cookie session` or `client`";

impl Word for Key {
    const WHAT: &'static str = "`header NAME`, `cookie NAME` or `client`";

    fn parse(scalar: &Scalar) -> Result<Self, Wrong> {
        let shown = excerpt(&scalar.text);
        let mut words = scalar.text.split_ascii_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some("client"), None, None) => Ok(Self::Client),
            (Some("header"), Some(name), None) => match name.parse() {
                Ok(name) => Ok(Self::Header(name)),
                Err(_) => Err(Wrong::new(format!("`{}` is not a header name", excerpt(name)), HELP)),
            },
            (Some("cookie"), Some(name), None) if HeaderName::try_from(name).is_ok() => {
                Ok(Self::Cookie(name.to_owned()))
            }
            (Some("cookie"), Some(name), None) => {
                Err(Wrong::new(format!("`{}` is not a cookie name", excerpt(name)), HELP))
            }
            (Some(kind @ ("header" | "cookie")), None, None) => {
                Err(Wrong::new(format!("`{kind}` needs a name"), format!("write `{kind} NAME`")))
            }
            _ => Err(Wrong::new(format!("`{shown}` is not a sticky key"), HELP)),
        }
    }

    fn schema() -> Schema {
        json_schema!({ "title": "sticky key", "type": "string", "pattern": "^(header|cookie) +[^ ]+$|^client$|\\$\\{" })
    }
}

/// One key, or a list that is tried in order.
#[derive(Clone, Debug)]
pub struct Keys(pub Vec<At<Key>>);

impl Read for Keys {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        match &node.value {
            Value::List(_) => Vec::read(node, problems).map(Self),
            _ => At::read(node, problems).map(|key| Self(vec![key])),
        }
    }
}

impl JsonSchema for Keys {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Keys".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let list = json_schema!({ "type": "array", "items": Key::schema(), "minItems": 1 });
        json_schema!({ "title": "sticky key, or a list", "anyOf": [Key::schema(), list] })
    }
}

keys! {
    what: "`sticky`", later: [],
    /// Whose requests stay on one side of a split. A key or a list of keys is short for `{ by: … }`.
    pub struct StickySettings {
        /// Where the key is read: `header NAME`, `cookie NAME` or `client` (the client's address). The first that a request has decides;
        /// a request without any is spread evenly.
        #[schemars(extend("examples" = [["header x-user-id", "cookie session"]]))]
        pub by: Keys,
        /// Routes of one group put the same key in the same bucket. By default each route is a group of its own.
        #[schemars(extend("examples" = ["films"]))]
        pub group: Option<At<Name>>,
    }
}

/// `sticky: none`, a key, a list of keys, or a map.
#[derive(Clone, Debug)]
pub enum Sticky {
    /// `none`: also where `defaults` say otherwise.
    None,
    /// By these keys.
    By(StickySettings),
}

impl Read for Sticky {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        match &node.value {
            Value::Map(_) => StickySettings::read(node, problems).map(Self::By),
            Value::Scalar(scalar) if scalar.text == "none" => Some(Self::None),
            _ => Keys::read(node, problems).map(|by| {
                Self::By(StickySettings { span: node.span, written: StickySettings::bit("by"), by, group: None })
            }),
        }
    }
}

impl JsonSchema for Sticky {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Sticky".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let settings = generator.subschema_for::<StickySettings>();
        json_schema!({ "anyOf": [Keys::json_schema(generator), { "const": "none" }, settings] })
    }
}

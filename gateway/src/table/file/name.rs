//! Names: of routes, upstreams and sticky groups. They are metric labels and stand in logs, so they are short and plain.

use std::borrow::Cow;
use std::hash::Hash;
use std::sync::Arc;

use foldhash::{HashSet, HashSetExt as _};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::table::file::read::{At, Read, Word, Wrong, excerpt};
use crate::table::file::tree::{Node, Scalar, Value};
use crate::table::problem::Problems;

/// The longest name, in characters.
const LONGEST: usize = 64;

/// A name: 1 to 64 letters, digits, spaces, `.`, `_` and `-`; not `-` alone, which metrics use for "none".
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(pub Arc<str>);

impl Name {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Word for Name {
    const WHAT: &'static str = "a name";

    fn parse(scalar: &Scalar) -> Result<Self, Wrong> {
        let text = scalar.text.as_str();
        let help = "a name is 1 to 64 letters, digits, spaces, `.`, `_` and `-`";
        if text == "-" {
            return Err(Wrong::new("the name `-` is taken: metrics use it for \"none\"", help));
        }
        if let Some(odd) = text.chars().find(|c| !(c.is_ascii_alphanumeric() || " ._-".contains(*c))) {
            return Err(Wrong::new(format!("a name can't hold `{odd}`: `{}`", excerpt(text)), help));
        }
        if text.is_empty() || text.trim() != text {
            return Err(Wrong::new(
                format!("a name can't be empty, or begin or end with a space: `{}`", excerpt(text)),
                help,
            ));
        }
        if text.len() > LONGEST {
            return Err(Wrong::new(format!("the name `{}` has {} characters", excerpt(text), text.len()), help));
        }
        Ok(Self(text.into()))
    }

    fn schema() -> Schema {
        json_schema!({ "title": "name", "type": ["string", "number"], "pattern": "^[A-Za-z0-9._-]([A-Za-z0-9 ._-]{0,62}[A-Za-z0-9._-])?$|\\$\\{" })
    }
}

/// A map from words to values, in the file's order: those that could be read.
#[derive(Clone, Debug)]
pub struct Named<K, T>(pub Vec<(At<K>, T)>);

impl<K: Word, T: JsonSchema> JsonSchema for Named<K, T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("map of {}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "minProperties": 1,
            "additionalProperties": generator.subschema_for::<T>(),
        })
    }
}

impl<K: Word + Clone + Eq + Hash, T: Read> Read for Named<K, T> {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            return node.misplaced(&format!("a map from {} to its value", K::WHAT), problems);
        };
        if entries.is_empty() {
            problems.error(node.span, "the map is empty").help("leave the key out, or write an entry");
            return None;
        }
        let mut read: Vec<(At<K>, T)> = Vec::with_capacity(entries.len());
        // Two texts are one name only where one has a capital letter: the same text twice has been refused.
        let cased = entries.iter().any(|(key, _)| key.text.bytes().any(|byte| byte.is_ascii_uppercase()));
        let mut seen = HashSet::new();
        for (key, value) in entries {
            let key = At::<K>::key(key, problems);
            let value = T::read(value, problems);
            if cased
                && let Some(key) = &key
                && !seen.insert(key.value.clone())
            {
                problems.error(key.span, "this name is here twice, in upper and lower case").help("keep one of them");
            }
            if let (Some(key), Some(value)) = (key, value) {
                read.push((key, value));
            }
        }
        Some(Self(read))
    }
}

//! The YAML text as a tree whose every key and value knows where it stands.
//!
//! First step of the cold path: text → [`Node`]. serde-saphyr parses (its budgets bound depth, aliases and size, and it
//! refuses duplicate keys); nothing here knows what a route is.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};

use crate::table::environment::Filled;
use crate::table::problem::{Problem, Span};

/// The largest text that is looked at, in bytes. 10,000 routes are about 1.5 MiB.
pub const MAX_BYTES: usize = 8 * 1024 * 1024;

/// How deep maps and lists may be nested; the deepest legal file needs 8.
const MAX_DEPTH: usize = 24;

/// Keys, values, maps and lists in one file.
const MAX_NODES: usize = 1_000_000;

/// Aliases and merge keys in one file.
const MAX_ALIASES: usize = 10_000;

/// What all of them may unfold to, in parser events.
const MAX_UNFOLDED: usize = 200_000;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where the value stands; for an alias or a merged key, where that does.
    pub span: Span,
    /// What stands there.
    pub value: Value,
}

/// What a YAML node is.
#[derive(Clone, Debug)]
pub enum Value {
    /// A word, number, text or nothing.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// A map, in the file's order.
    Map(Vec<(Key, Node)>),
    /// A value that has been reported already; readers pass over it in silence.
    Broken,
}

/// The text of a scalar, and whether it is a plain one (unquoted: it may be a number, a boolean or nothing).
#[derive(Clone, Debug, Default)]
pub struct Scalar {
    /// The text, without quotes.
    pub text: String,
    /// Whether it may be read as a number, a boolean or null.
    pub plain: bool,
    /// What the environment put into it.
    pub filled: Option<Box<Filled>>,
    /// Where its text stands: elsewhere than the node, if that is an alias.
    written: Span,
}

impl Scalar {
    /// A quoted scalar with this text.
    pub fn text(text: String) -> Self {
        Self { text, ..Self::default() }
    }

    /// A plain scalar with this text.
    pub fn word(text: String) -> Self {
        Self { text, plain: true, ..Self::default() }
    }
}

/// A map's key.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its text.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// Parses one YAML document.
///
/// # Errors
/// The first syntax error, duplicate key or exceeded limit.
pub fn parse(text: &str) -> Result<Node, Box<Problem>> {
    if text.len() > MAX_BYTES {
        let size = format!("the file has {} bytes; at most {MAX_BYTES} are read", text.len());
        return Err(Box::new(Problem::error(Span::start(), size)));
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_events: 2 * MAX_NODES,
            max_documents: 1,
            max_aliases: MAX_ALIASES,
            max_merge_keys: MAX_ALIASES,
            max_recorded_anchor_events: MAX_UNFOLDED,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_UNFOLDED },
        duplicate_keys: DuplicateKeyPolicy::Error,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        reject_unsupported_tags: true,
        strict_booleans: true,
        with_snippet: false,
    };
    let mut tree: Node = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| Box::new(super::syntax::problem(&error, text)))?;
    settle(&mut tree, text);
    Ok(tree)
}

/// Gives every scalar its text as written: the typed visit of a plain `20.50` or `0x10` has lost it.
fn settle(node: &mut Node, text: &str) {
    match &mut node.value {
        Value::Scalar(scalar) => {
            let written = scalar.written.slice(text);
            if scalar.plain {
                written.clone_into(&mut scalar.text);
            } else {
                scalar.plain = written == scalar.text;
            }
        }
        Value::List(items) => items.iter_mut().for_each(|item| settle(item, text)),
        Value::Map(entries) => {
            if let (0, Some((first, _))) = (node.span.len, entries.first()) {
                node.span = first.span;
            }
            entries.iter_mut().for_each(|(_, value)| settle(value, text));
        }
        Value::Broken => {}
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        let mut node = Self { span: Span::from(spanned.referenced), value: spanned.value };
        if let Value::Scalar(scalar) = &mut node.value {
            scalar.written = Span::from(spanned.defined);
        }
        Ok(node)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<String>::deserialize(deserializer)?;
        Ok(Self { span: Span::from(spanned.referenced), text: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl ValueVisitor {
    /// A scalar that YAML gave a type; [`settle`] fills in its text.
    fn typed() -> Value {
        Value::Scalar(Scalar { plain: true, ..Scalar::default() })
    }
}

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
        Ok(Self::typed())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Value, E> {
        Ok(Self::typed())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Value, E> {
        Ok(Self::typed())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Self::typed())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Self::typed())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Scalar(Scalar::text(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Scalar(Scalar::text(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Value::Map(entries))
    }
}

//! From the tree to typed keys, without stopping at the first mistake.
//!
//! [`Read`] is what a map, a list or a value of the file implements; [`Word`] what a single scalar does. serde's own
//! derive ends a map at its first error, and an engineer wants all of them; the `keys!` macro is the derive that goes on.

use std::borrow::Cow;
use std::ops::Deref;

use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::table::environment::Filled;
use crate::table::file::tree::{Key, Node, Scalar, Value};
use crate::table::problem::{Problems, Span};

/// What can be read from a node of the tree.
pub trait Read: Sized {
    /// The value; none where something was wrong, which has been reported then.
    fn read(node: &Node, problems: &mut Problems) -> Option<Self>;

    /// The value of a key that isn't there; none where it must be.
    fn absent() -> Option<Self> {
        None
    }
}

/// A key that may be left out. Where its value is wrong, which has been reported then, the map lives on without it.
impl<T: Read> Read for Option<T> {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        Some(T::read(node, problems))
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

/// A large value that few maps have.
impl<T: Read> Read for Box<T> {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        T::read(node, problems).map(Self::new)
    }

    fn absent() -> Option<Self> {
        T::absent().map(Self::new)
    }
}

/// A list of what could be read; of one whose entries were passed on, nothing. An empty one is refused: it is a slip wherever a routes file has a list.
impl<T: Read> Read for Vec<T> {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        if matches!(node.value, Value::Passed) {
            return Some(Self::new());
        }
        let before = problems.errors();
        let Some(items) = node.list("a list", problems) else {
            if let (Value::Scalar(scalar), true) = (&node.value, problems.errors() > before) {
                problems.help_last(format!("write `[{}]`", excerpt(&scalar.text)));
            }
            return None;
        };
        if items.is_empty() {
            problems.error(node.span, "the list is empty").help("write at least one entry");
            return None;
        }
        // Room for all at once: a file may have 10,000 routes, and each of these is large.
        let mut read = Self::with_capacity(items.len());
        read.extend(items.iter().filter_map(|item| T::read(item, problems)));
        Some(read)
    }
}

/// Why a scalar is not what belongs in its place.
#[derive(Debug)]
pub struct Wrong {
    /// What is wrong, without a full stop.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl Wrong {
    /// What is wrong, and what to write instead.
    pub fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: Some(help.into()) }
    }

    /// A key or value that another version will know.
    pub fn not_yet(what: impl Into<String>) -> Self {
        Self::new(format!("{} is not supported yet", what.into()), "leave it out")
    }
}

/// What can be read from a single scalar.
pub trait Word: Sized {
    /// What belongs in its place, with an article: "a duration like `5s`".
    const WHAT: &'static str;

    /// The value of a scalar that has one.
    ///
    /// # Errors
    /// What is wrong with it.
    fn parse(scalar: &Scalar) -> Result<Self, Wrong>;

    /// Its JSON schema, with its short name as `title`.
    fn schema() -> Schema;
}

/// A scalar's value and where it stands.
#[derive(Clone, Debug)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
    /// What the environment put into it.
    pub filled: Option<Box<Filled>>,
}

impl<T> Deref for At<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Word> Read for At<T> {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let scalar = node.scalar(T::WHAT, problems)?;
        match T::parse(scalar) {
            Ok(value) => Some(Self { value, span: node.span, filled: scalar.filled.clone() }),
            Err(wrong) => {
                let mut message = wrong.message;
                if let Some(variable) = scalar.filled.as_ref().and_then(|filled| filled.variables.first()) {
                    message.push_str(&format!(" (its text comes from the variable {})", variable.name));
                }
                problems.error(node.span, message).help = wrong.help;
                None
            }
        }
    }
}

impl<T: Word> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        T::WHAT.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        T::schema()
    }
}

impl<T: Word> At<T> {
    /// A map's key as a word.
    ///
    /// None without a problem for a key with `${…}`, which has been reported where the environment was filled in.
    pub fn key(key: &Key, problems: &mut Problems) -> Option<Self> {
        if key.text.contains("${") {
            return None;
        }
        let scalar = Scalar::word(key.text.clone());
        Self::read(&Node { span: key.span, value: Value::Scalar(scalar) }, problems)
    }
}

impl Scalar {
    /// Whether there is nothing here: `key:` with no value, or `~`.
    pub fn is_null(&self) -> bool {
        self.plain && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }
}

impl Node {
    /// The scalar here, or a problem that says what belongs here.
    pub fn scalar(&self, what: &str, problems: &mut Problems) -> Option<&Scalar> {
        match &self.value {
            Value::Scalar(scalar) if !scalar.is_null() => Some(scalar),
            _ => self.misplaced(what, problems),
        }
    }

    /// The list here, or a problem that says what belongs here.
    pub fn list(&self, what: &str, problems: &mut Problems) -> Option<&[Node]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => self.misplaced(what, problems),
        }
    }

    /// The map here, or a problem that says what belongs here.
    pub fn map(&self, what: &str, problems: &mut Problems) -> Option<&[(Key, Node)]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            _ => self.misplaced(what, problems),
        }
    }

    /// Reports that something else belongs here.
    pub fn misplaced<T>(&self, what: &str, problems: &mut Problems) -> Option<T> {
        let found = match &self.value {
            Value::Broken => return None,
            Value::Scalar(scalar) if scalar.is_null() => "nothing".to_owned(),
            Value::Scalar(scalar) => format!("`{}`", excerpt(&scalar.text)),
            Value::List(_) | Value::Passed => "a list".to_owned(),
            Value::Map(_) => "a map".to_owned(),
        };
        problems.error(self.span, format!("expected {what}, found {found}"));
        None
    }
}

/// The beginning of a text, for a message.
pub fn excerpt(text: &str) -> Cow<'_, str> {
    const LONGEST: usize = 48;
    // Asked of every value, while hardly any is shown: those that are short in bytes need not be counted in letters.
    if text.len() <= LONGEST {
        return text.into();
    }
    text.char_indices().nth(LONGEST).map_or(text.into(), |(end, _)| format!("{}…", &text[..end]).into())
}

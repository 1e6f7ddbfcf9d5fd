//! Maps with known keys: one struct gives the reader, the JSON schema and the reference page.
//!
//! A key's doc comment is its documentation everywhere; its type is its reader; its place in the struct is its place in
//! `docs/routes.md`.

use crate::table::file::read::{Read, excerpt};
use crate::table::file::tree::{Key, Node};
use crate::table::problem::{Problems, Span, nearest};

/// Declares a map of the file: the struct, its [`Read`] and its JSON schema.
///
/// `what` names the map in messages ("a route"); `later` lists keys that are planned, refused with "not supported yet".
macro_rules! keys {
    (
        what: $what:literal, later: [$($later:literal),* $(,)?],
        $(#[$meta:meta])*
        pub struct $name:ident { $($(#[$doc:meta])* pub $field:ident: $type:ty,)* }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, schemars::JsonSchema)]
        #[schemars(deny_unknown_fields)]
        pub struct $name {
            /// Where the map stands.
            #[schemars(skip)]
            pub span: $crate::table::problem::Span,
            /// Which keys are written, well or badly: see [`Self::wrote`].
            #[schemars(skip)]
            pub written: u32,
            $($(#[$doc])* pub $field: $type,)*
        }

        impl $name {
            /// The keys, in the order of the reference.
            pub const KNOWN: &'static [&'static str] = &[$(stringify!($field)),*];

            /// Whether a key is written, also where its value could not be read.
            pub fn wrote(&self, key: &str) -> bool {
                self.written & Self::bit(key) != 0
            }

            /// Whether there are keys that it doesn't have: one of them may be the slip of a key that seems to be missing.
            pub fn slipped(&self) -> bool {
                self.written & $crate::table::file::keys::SLIPPED != 0
            }

            /// The bit of a key in `written`.
            pub fn bit(key: &str) -> u32 {
                Self::KNOWN.iter().position(|known| *known == key).map_or(0, |at| 1 << at)
            }
        }

        impl $crate::table::file::read::Read for $name {
            fn read(
                node: &$crate::table::file::tree::Node,
                problems: &mut $crate::table::problem::Problems,
            ) -> Option<Self> {
                let map = $crate::table::file::keys::Map {
                    what: $what,
                    span: node.span,
                    entries: node.map(concat!("a map of keys for ", $what), problems)?,
                    known: Self::KNOWN,
                    later: &[$($later),*],
                };
                let ([$($field),*], written) = map.values(problems);
                // Every key is read before the first bad one ends it.
                $(let $field = map.read(stringify!($field), $field, problems);)*
                Some(Self { span: node.span, written, $($field: $field?,)* })
            }
        }
    };
}
pub(crate) use keys;

/// Declares a value that is a map, or short for one with a single key: `timeout: 5s` for `timeout: { total: 5s }`.
macro_rules! short_or_map {
    ($(#[$meta:meta])* $name:ident, $map:ident, $word:ty => $key:ident, rest: [$($other:ident),*]) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        pub struct $name(pub $map);

        impl $crate::table::file::read::Read for $name {
            fn read(
                node: &$crate::table::file::tree::Node,
                problems: &mut $crate::table::problem::Problems,
            ) -> Option<Self> {
                match &node.value {
                    $crate::table::file::tree::Value::Map(_) => $map::read(node, problems).map(Self),
                    $crate::table::file::tree::Value::List(_) => {
                        let what = <$word as $crate::table::file::read::Word>::WHAT;
                        node.misplaced(&format!("{what}, or a map"), problems)
                    }
                    _ => {
                        let word = $crate::table::file::read::At::<$word>::read(node, problems)?;
                        let written = $map::bit(stringify!($key));
                        Some(Self($map { span: node.span, written, $key: word.into(), $($other: None),* }))
                    }
                }
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let word = <$word as $crate::table::file::read::Word>::schema();
                schemars::json_schema!({ "anyOf": [word, generator.subschema_for::<$map>()] })
            }
        }
    };
}
pub(crate) use short_or_map;

/// The bit that says that a map has unknown keys.
pub const SLIPPED: u32 = 1 << 31;

/// A map of the tree under the eyes of the keys that it may have.
pub struct Map<'a> {
    /// "a route".
    pub what: &'static str,
    /// Where it stands.
    pub span: Span,
    /// Its entries.
    pub entries: &'a [(Key, Node)],
    /// The keys it may have.
    pub known: &'a [&'static str],
    /// The keys it may have one day.
    pub later: &'a [&'static str],
}

/// What people write who come from another gateway's file.
const ELSEWHERE: [(&str, &str); 14] = [
    ("backend", "to"),
    ("cluster", "to"),
    ("destination", "to"),
    ("proxy_pass", "to"),
    ("service", "to"),
    ("upstream", "to"),
    ("location", "path"),
    ("match", "path"),
    ("prefix", "path"),
    ("weighted", "split"),
    ("weights", "split"),
    ("method", "methods"),
    ("header", "headers"),
    ("percent", "weight"),
];

impl<'a> Map<'a> {
    /// The value of each key that it may have, in their order, and which of them are written. Every other key is reported.
    pub fn values<const N: usize>(&self, problems: &mut Problems) -> ([Option<&'a Node>; N], u32) {
        let (mut values, mut written) = ([None; N], 0);
        for (key, value) in self.entries {
            match self.known.iter().position(|known| *known == key.text) {
                Some(at) => {
                    values[at] = Some(value);
                    written |= 1 << at;
                }
                // Reported where the environment was filled in.
                None if key.text.contains("${") => {}
                None => written |= self.refuse(key, problems),
            }
        }
        (values, written)
    }

    /// Reads the value of a key. That it is missing is only said where no strange key stands in its place.
    pub fn read<T: Read>(&self, name: &str, value: Option<&Node>, problems: &mut Problems) -> Option<T> {
        if let Some(node) = value {
            return T::read(node, problems);
        }
        T::absent().or_else(|| {
            if self.entries.iter().all(|(key, _)| self.known.contains(&key.text.as_str())) {
                problems.error(self.span, format!("{} needs `{name}`", self.what));
            }
            None
        })
    }

    /// Reports a key that is none of the known ones; gives [`SLIPPED`] unless it will be one.
    fn refuse(&self, key: &Key, problems: &mut Problems) -> u32 {
        let text = key.text.as_str();
        if self.later.contains(&text) {
            problems.error(key.span, format!("`{text}` is not supported yet")).help("leave it out");
            return 0;
        }
        let name = excerpt(text);
        let problem = problems.error(key.span, format!("{} has no key `{name}`", self.what));
        let moved = ELSEWHERE.iter().find(|(theirs, ours)| *theirs == text && self.known.contains(ours));
        let near = nearest(text, self.known.iter().chain(self.later).copied());
        match moved.map(|(_, ours)| *ours).or(near) {
            Some(meant) => problem.help(format!("did you mean `{meant}`?")),
            None => problem.help(format!("its keys: {}", self.known.join(", "))),
        };
        SLIPPED
    }
}

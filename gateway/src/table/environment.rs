//! `${NAME}` and `${NAME:-default}`: the environment's part in a routes file.
//!
//! Runs over the parsed tree, scalar by scalar, so that a value can never add a key or a line to the file. What came from
//! the environment is remembered on the scalar: a weight that a variable pins must say so.

use crate::table::file::tree::{Node, Scalar, Value};
use crate::table::problem::{Problems, Span};

/// Where variables come from: the process environment, or a test's map.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What the environment put into one scalar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filled {
    /// The variables that had a value, in the order they stand in.
    pub variables: Vec<Variable>,
    /// The variables whose default was taken, because they are unset or empty.
    pub defaults: Vec<String>,
}

/// A variable and the value it had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Whether the file has a default beside it, which does nothing now.
    pub has_default: bool,
}

/// The process environment; a variable that is not UTF-8 counts as unset.
pub fn process(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Fills every scalar of `tree`. What could not be filled is reported and marked as broken.
pub fn fill(tree: &mut Node, lookup: Lookup<'_>, problems: &mut Problems) {
    let span = tree.span;
    match &mut tree.value {
        Value::Scalar(scalar) if refers(&scalar.text) => {
            if !fill_scalar(scalar, span, lookup, problems) {
                tree.value = Value::Broken;
            }
        }
        Value::Scalar(_) | Value::Passed | Value::Broken => {}
        Value::List(items) => items.iter_mut().for_each(|item| fill(item, lookup, problems)),
        Value::Map(entries) => {
            for (key, value) in entries {
                if refers(&key.text) {
                    problems
                        .error(key.span, "a key can't come from the environment")
                        .help("only values may hold `${NAME}`");
                }
                fill(value, lookup, problems);
            }
        }
    }
}

/// Whether there is anything to fill in. Nearly no text has a `$`, and to look for one byte is quick.
fn refers(text: &str) -> bool {
    text.as_bytes().contains(&b'$') && text.contains("${")
}

/// False where a part was wrong; the problem has been reported then.
fn fill_scalar(scalar: &mut Scalar, span: Span, lookup: Lookup<'_>, problems: &mut Problems) -> bool {
    let mut filled = Filled { variables: Vec::new(), defaults: Vec::new() };
    let mut out = String::new();
    let mut fine = true;
    let mut rest = scalar.text.as_str();
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            out.push_str(&rest[..at - 1]);
            out.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        out.push_str(&rest[..at]);
        let Some(length) = rest[at..].find('}') else {
            problems
                .error(span, "`${` without its `}`")
                .help("write `${NAME}`, or `$${` for the two characters themselves");
            return false;
        };
        match Reference::read(&rest[at + 2..at + length]) {
            Ok(reference) => fine &= reference.resolve(&mut out, &mut filled, span, lookup, problems),
            Err(instead) => {
                problems.error(span, format!("`{}` names no variable", &rest[at..=at + length])).help(instead);
                fine = false;
            }
        }
        rest = &rest[at + length + 1..];
    }
    out.push_str(rest);
    if !filled.variables.is_empty() || !filled.defaults.is_empty() {
        // Quotes around a reference are often only there for YAML's sake (a `}` ends a flow map), so what comes out may be
        // a number or a boolean either way.
        scalar.plain = true;
        out = out.trim().to_owned();
        scalar.filled = Some(Box::new(filled));
    }
    scalar.text = out;
    fine
}

/// What stands between `${` and `}`.
struct Reference<'a> {
    name: &'a str,
    default: Option<&'a str>,
}

impl<'a> Reference<'a> {
    /// # Errors
    /// What to write instead.
    fn read(inside: &'a str) -> Result<Self, String> {
        let length = inside.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(inside.len());
        let (name, tail) = inside.split_at(length);
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err("a name is letters, digits and `_`: `${NAME}` or `${NAME:-default}`; `$${` stands for the two characters themselves".into());
        }
        match tail.strip_prefix(":-") {
            Some(default) if default.contains("${") => Err("a default can't hold another `${…}`".into()),
            Some(default) => Ok(Self { name, default: Some(default) }),
            None if tail.is_empty() => Ok(Self { name, default: None }),
            None => Err(format!("write `${{{name}}}`, or `${{{name}:-default}}`")),
        }
    }

    fn resolve(
        &self,
        out: &mut String,
        filled: &mut Filled,
        span: Span,
        lookup: Lookup<'_>,
        problems: &mut Problems,
    ) -> bool {
        let name = self.name.to_owned();
        let value = lookup(self.name).filter(|value| !value.is_empty() || self.default.is_none());
        match (value, self.default) {
            (Some(value), default) => {
                out.push_str(&value);
                filled.variables.push(Variable { name, value, has_default: default.is_some() });
                true
            }
            (None, Some(default)) => {
                out.push_str(default);
                filled.defaults.push(name);
                true
            }
            (None, None) => {
                problems
                    .error(span, format!("the variable {name} is not set"))
                    .help(format!("set {name}, or write a default: `${{{name}:-…}}`"));
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> Result<(String, bool), String> {
        let lookup = |name: &str| match name {
            "A" => Some("1".to_owned()),
            "EMPTY" => Some(String::new()),
            "EVIL" => Some("x\n  key: value # }".to_owned()),
            _ => None,
        };
        let mut node = Node { span: Span::start(), value: Value::Scalar(Scalar::text(text.to_owned())) };
        let mut problems = Problems::default();
        fill(&mut node, &lookup, &mut problems);
        match node.value {
            Value::Scalar(scalar) => Ok((scalar.text, scalar.plain)),
            _ => Err(problems.into_sorted().remove(0).message),
        }
    }

    #[test]
    fn what_the_environment_has_is_put_in_and_may_be_a_number() {
        for (text, expected) in [
            ("${A}", "1"),
            ("${A:-2}", "1"),
            ("${B:-2}", "2"),
            ("${B:-}", ""),
            ("${EMPTY:-2}", "2"),
            ("${EMPTY}", ""),
            ("${B:-a:-b}", "a:-b"),
            ("x${A}y${B:-2}z", "x1y2z"),
            ("$${A} ${A}", "${A} 1"),
            ("${EVIL}", "x\n  key: value # }"),
        ] {
            assert_eq!(filled(text), Ok((expected.to_owned(), true)), "{text}");
        }
    }

    #[test]
    fn what_names_no_variable_stays_as_it_is() {
        for (text, expected) in [("plain", "plain"), ("$A ^a$ $$", "$A ^a$ $$"), ("$${A}", "${A}"), ("a}b", "a}b")] {
            assert_eq!(filled(text), Ok((expected.to_owned(), false)), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_filled_says_why() {
        for (text, expected) in [
            ("${B}", "the variable B is not set"),
            ("${A} ${B}", "the variable B is not set"),
            ("${", "`${` without its `}`"),
            ("${1A}", "`${1A}` names no variable"),
            ("${A:?no}", "`${A:?no}` names no variable"),
            ("${A b}", "`${A b}` names no variable"),
        ] {
            assert_eq!(filled(text), Err(expected.to_owned()), "{text}");
        }
    }
}

//! What serde-saphyr refused, as a problem of ours: same place, and a hint for the slips that people make most.

use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::{Error, MessageFormatter as _, UserMessageFormatter};

use crate::table::problem::{Problem, Span};

/// The first syntax error, duplicate key or exceeded limit.
pub(super) fn problem(error: &Error, text: &str) -> Problem {
    let error = error.without_snippet();
    let span = error.location().map_or(Span::start(), |location| place(location.into(), text));
    let mut problem = Problem::error(span, message(error));
    if let Some(help) = help(error, span, text) {
        problem.help(help);
    }
    problem
}

fn message(error: &Error) -> String {
    match error {
        Error::DuplicateMappingKey { key: Some(key), .. } => format!("the key `{key}` is here twice"),
        Error::DuplicateMappingKey { key: None, .. } => "a key is here twice".to_owned(),
        Error::Budget { breach: BudgetBreach::Documents { .. }, .. } => {
            "a routes file is one YAML document; here a second one begins".to_owned()
        }
        Error::Budget { breach, .. } => format!("the file is larger or deeper than a routes file may be ({breach:?})"),
        Error::UnknownAnchor { .. } => "`*` begins an alias, and there is no anchor of this name".to_owned(),
        Error::MultipleDocuments { .. } => "a routes file is one YAML document; here a second one begins".to_owned(),
        Error::NullIntoString { .. } => "a key must be a word".to_owned(),
        Error::Eof { .. } => "the file is empty".to_owned(),
        other => format!("not YAML: {}", UserMessageFormatter.format_message(other)),
    }
}

fn help(error: &Error, span: Span, text: &str) -> Option<String> {
    let line = text.lines().nth(span.line as usize - 1).unwrap_or_default();
    match error {
        Error::DuplicateMappingKey { .. } => Some("keep one of them".to_owned()),
        Error::UnknownAnchor { .. } => Some("a value that begins with `*` needs quotes: \"*.example.com\"".to_owned()),
        _ if line.contains('\t') => Some("indent with spaces; YAML refuses tabs".to_owned()),
        _ if line.contains('{') && line.contains("${") => {
            Some("inside `{…}` a value with `${…}` needs quotes: \"${NAME:-50}\"".to_owned())
        }
        _ if line.contains(": `") || line.contains(": @") || line.contains(": %") => {
            Some("put the value in quotes".to_owned())
        }
        _ => None,
    }
}

/// The parser's place, moved to where there is text, with its byte offset where the parser gave none.
fn place(span: Span, text: &str) -> Span {
    let lines = u32::try_from(text.lines().count().max(1)).unwrap_or(u32::MAX);
    let line = span.line.min(lines);
    let content = text.lines().nth(line as usize - 1).unwrap_or_default();
    let before = content.char_indices().nth(span.column as usize - 1).map_or(content.len(), |(at, _)| at);
    let column = if span.line > lines { content.chars().count() + 1 } else { span.column as usize };
    let start = (content.as_ptr() as usize).saturating_sub(text.as_ptr() as usize) + before;
    let narrow = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    let known = span.len > 0;
    Span {
        line,
        column: narrow(column.min(content.chars().count() + 1)),
        start: if known { span.start } else { narrow(start) },
        len: if known { span.len } else { 1 },
    }
}

//! What serde-saphyr refused, as a problem of ours: same place, and a hint for the slips that people make most.

use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::{Error, MessageFormatter as _, UserMessageFormatter};

use crate::table::problem::{Problem, Span, lines};

/// The first syntax error, duplicate key or exceeded limit.
pub(super) fn problem(error: &Error, text: &str) -> Problem {
    let span = error.location().map_or(Span::start(), |location| place(location.into(), text));
    let error = innermost(error);
    let mut problem = Problem::error(span, message(error));
    if let Some(help) = help(error, &problem.message, span, text) {
        problem.help(help);
    }
    problem
}

/// What went wrong, without the alias that it went wrong in.
fn innermost(error: &Error) -> &Error {
    match error.without_snippet() {
        Error::AliasError { error, .. } => innermost(error),
        other => other,
    }
}

fn message(error: &Error) -> String {
    match error {
        Error::DuplicateMappingKey { key: Some(key), .. } => format!("the key `{key}` is here twice"),
        Error::DuplicateMappingKey { key: None, .. } => "a key is here twice".to_owned(),
        Error::UnknownAnchor { .. } => "`*` begins an alias, and there is no anchor of this name".to_owned(),
        Error::MultipleDocuments { .. } | Error::Budget { breach: BudgetBreach::Documents { .. }, .. } => {
            "a routes file is one YAML document; here a second one begins".to_owned()
        }
        Error::Budget { breach: BudgetBreach::Depth { .. }, .. } => {
            "maps and lists are nested deeper here than in any routes file".to_owned()
        }
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::Budget { breach: BudgetBreach::RecordedAnchorEvents { .. } | BudgetBreach::Aliases { .. }, .. } => {
            "aliases unfold to more than a routes file may hold".to_owned()
        }
        Error::Budget { breach, .. } => format!("the file is larger than a routes file may be ({breach:?})"),
        Error::NullIntoString { .. } | Error::Unexpected { expected: "string scalar", .. } => {
            "a key must be a word".to_owned()
        }
        other => format!("not YAML: {}", UserMessageFormatter.format_message(other)),
    }
}

fn help(error: &Error, message: &str, span: Span, text: &str) -> Option<String> {
    let (_, line) = lines(text).nth(span.line as usize - 1).unwrap_or_default();
    let help = match error {
        Error::DuplicateMappingKey { .. } => "keep one of them",
        Error::UnknownAnchor { .. } => "a value that begins with `*` needs quotes: \"*.example.com\"",
        Error::Budget { .. } => return None,
        _ if line.contains('\t') => "indent with spaces; YAML refuses tabs",
        _ if line.contains('{') && line.contains("${") => {
            "inside `{…}` a value with `${…}` needs quotes: \"${NAME:-50}\""
        }
        _ if line.contains(": `") || line.contains(": @") || line.contains(": %") => "put the value in quotes",
        _ if message.contains("block") || message.contains("mapping values") => {
            "the keys of one map begin in the same column; a value with `: ` in it needs quotes"
        }
        _ => return None,
    };
    Some(help.to_owned())
}

/// The parser's place, moved to where there is text, with its byte offset where the parser gave none.
fn place(span: Span, text: &str) -> Span {
    let narrow = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    let last = narrow(lines(text).count().max(1));
    let line = span.line.min(last);
    let (before, content) = lines(text).nth(line as usize - 1).unwrap_or_default();
    let end = content.chars().count() + 1;
    let column = if span.line > last { end } else { end.min(span.column as usize) };
    if span.len > 0 {
        return Span { line, column: narrow(column), ..span };
    }
    let within: usize = content.chars().take(column - 1).map(char::len_utf8).sum();
    Span { line, column: narrow(column), start: narrow(before + within), len: 1 }
}

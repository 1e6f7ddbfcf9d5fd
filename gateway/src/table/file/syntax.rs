//! Why a text is not a tree: a message, a place, and a hint for the slips that people make most.

use granit_parser::{ErrorKind, ScanError};
use thiserror::Error;

use crate::table::problem::{Problem, Span, lines};

/// What a routes file may not be, whatever its keys mean.
#[derive(Debug, Error)]
pub(super) enum Refusal {
    #[error("{}", message(.0))]
    Syntax(ScanError),
    #[error("the key `{0}` is here twice")]
    Twice(String),
    #[error("a key must be a word")]
    Key,
    #[error("the tag `{0}` means nothing here")]
    Tag(String),
    #[error("expected a map to merge, or a list of maps")]
    Merge,
    #[error("an alias can't stand inside of what it names")]
    Itself,
    #[error("aliases unfold to more than a routes file may hold")]
    Unfolded,
    #[error("maps and lists are nested deeper here than in any routes file")]
    Deep,
    #[error("the file has more keys and values than the {0} that are read")]
    Large(usize),
    #[error("not YAML: the text ends inside of a value")]
    Ended,
    #[error("a routes file is one YAML document; here a second one begins")]
    Second,
}

/// A refusal and where the parser was.
#[derive(Debug)]
pub(super) struct Refused {
    what: Refusal,
    span: Span,
}

impl Refusal {
    /// Refuses what stands at this place.
    pub(super) fn at(self, span: Span) -> Box<Refused> {
        Box::new(Refused { what: self, span })
    }
}

impl From<ScanError> for Box<Refused> {
    fn from(error: ScanError) -> Self {
        let span = granit_parser::Span::empty(*error.marker()).into();
        Refusal::Syntax(error).at(span)
    }
}

/// What was refused of this text, and what to write instead.
pub(super) fn problem(Refused { what, span }: &Refused, text: &str) -> Problem {
    let mut problem = Problem::error(place(*span, text), what.to_string());
    let help = match what {
        Refusal::Syntax(error) => help(error, problem.span, text),
        Refusal::Twice(_) => Some("keep one of them"),
        Refusal::Itself => Some("write out what is meant"),
        Refusal::Tag(_) => Some("leave it out: a key says by itself what it holds"),
        _ => None,
    };
    problem.help = help.map(str::to_owned);
    problem
}

fn message(error: &ScanError) -> String {
    match error.kind() {
        ErrorKind::UnknownAnchor => "`*` begins an alias, and there is no anchor of this name".to_owned(),
        _ => format!("not YAML: {}", error.info()),
    }
}

fn help(error: &ScanError, span: Span, text: &str) -> Option<&'static str> {
    let (_, line) = lines(text).nth(span.line as usize - 1).unwrap_or_default();
    let message = error.info();
    Some(match error.kind() {
        ErrorKind::UnknownAnchor => "a value that begins with `*` needs quotes: \"*.example.com\"",
        _ if line.contains('\t') => "indent with spaces; YAML refuses tabs",
        _ if line.contains('{') && line.contains("${") => {
            "inside `{…}` a value with `${…}` needs quotes: \"${NAME:-50}\""
        }
        _ if line.contains(": `") || line.contains(": @") || line.contains(": %") => "put the value in quotes",
        _ if message.contains("block") || message.contains("mapping values") => {
            "the keys of one map begin in the same column; a value with `: ` in it needs quotes"
        }
        _ => return None,
    })
}

/// A place of the parser's, moved to where there is text, with one byte where it has none.
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

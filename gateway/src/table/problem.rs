//! What is wrong with a routes file: where, what, and what to write instead.
//!
//! Every step of the cold path collects into one [`Problems`]; nothing here stops at the first. How a problem looks on a
//! terminal is in `render`, what a reload does with one is not decided here.

mod render;
mod similar;

pub use render::Report;
pub use similar::nearest;

/// A place in the text. Lines and columns count from 1, columns in characters; `start` and `len` are bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// The first byte.
    pub start: u32,
    /// How many bytes.
    pub len: u32,
}

impl Span {
    /// The very beginning of the file: for what is wrong with all of it.
    pub const fn start() -> Self {
        Self { line: 1, column: 1, start: 0, len: 0 }
    }

    /// What stands at this place, or nothing where the text is another one.
    pub fn slice(self, text: &str) -> &str {
        let start = self.start as usize;
        text.get(start..start + self.len as usize).unwrap_or_default()
    }
}

impl From<granit_parser::Span> for Span {
    fn from(span: granit_parser::Span) -> Self {
        let narrow = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        let bytes = span.byte_range().unwrap_or_default();
        Self {
            line: narrow(span.start.line()).max(1),
            column: narrow(span.start.col() + 1),
            start: narrow(bytes.start),
            len: narrow(bytes.len()),
        }
    }
}

/// The lines of a text as YAML counts them, without their ends, and where each begins: LF, CR LF and CR alone end one.
pub fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = text.get(start..).filter(|rest| !rest.is_empty())?;
        let end = rest.find(['\n', '\r']).unwrap_or(rest.len());
        let line = (start, &rest[..end]);
        start += end + if rest[end..].starts_with("\r\n") { 2 } else { 1 };
        Some(line)
    })
}

/// Whether a problem refuses the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file is refused.
    Error,
    /// The file is taken, and this is worth reading.
    Warning,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Whether it refuses the file.
    pub severity: Severity,
    /// Where it is.
    pub span: Span,
    /// What it is, in one line, without a full stop.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// Another place that has to do with it, and what it is.
    pub also: Option<(Span, String)>,
}

impl Problem {
    /// A problem that refuses the file.
    pub fn error(span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, span, message: message.into(), help: None, also: None }
    }

    /// Says what to write instead.
    pub fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }

    /// Points at another place that has to do with it.
    pub fn also(&mut self, span: Span, what: impl Into<String>) -> &mut Self {
        self.also = Some((span, what.into()));
        self
    }
}

/// All that was found so far.
#[derive(Debug, Default)]
pub struct Problems {
    list: Vec<Problem>,
    errors: usize,
}

impl Problems {
    /// Adds an error; chain `.help(…)` and `.also(…)`.
    pub fn error(&mut self, span: Span, message: impl Into<String>) -> &mut Problem {
        self.add(Severity::Error, span, message.into())
    }

    /// Adds a warning; chain `.help(…)` and `.also(…)`.
    pub fn warning(&mut self, span: Span, message: impl Into<String>) -> &mut Problem {
        self.add(Severity::Warning, span, message.into())
    }

    fn add(&mut self, severity: Severity, span: Span, message: String) -> &mut Problem {
        let at = self.list.len();
        self.push(Problem { severity, span, message, help: None, also: None });
        &mut self.list[at]
    }

    /// Says what to write instead of the last one.
    pub fn help_last(&mut self, help: impl Into<String>) {
        if let Some(last) = self.list.last_mut() {
            last.help = Some(help.into());
        }
    }

    /// Takes over a problem made elsewhere.
    pub fn push(&mut self, problem: Problem) {
        self.errors += usize::from(problem.severity == Severity::Error);
        self.list.push(problem);
    }

    /// Takes over all that another has found.
    pub fn append(&mut self, mut other: Self) {
        self.errors += other.errors;
        self.list.append(&mut other.list);
    }

    /// How many refuse the file so far.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// All of them in the order of the file.
    pub fn into_sorted(mut self) -> Vec<Problem> {
        self.list.sort_by_key(|problem| (problem.span.start, problem.span.line, problem.severity));
        self.list
    }
}

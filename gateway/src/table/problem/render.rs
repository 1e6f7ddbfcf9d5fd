//! Problems on a terminal, in a log and in `/table`: the message, the place, the line itself, what to write instead.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use super::{Problem, Problems, Severity, Span, lines};

/// More problems than this are counted, not printed: nobody reads the rest.
const PRINTED: usize = 100;

/// A line of the file is shown up to so many characters.
const WIDTH: usize = 140;

/// Everything that was found in one file, in the file's order, with the text that it is shown from.
#[derive(Clone, Debug)]
pub struct Report {
    name: String,
    text: Arc<str>,
    problems: Vec<Problem>,
}

impl Report {
    /// `name` is what the places are printed with: the path as the user gave it.
    pub fn new(name: impl Into<String>, text: impl Into<Arc<str>>, problems: Problems) -> Self {
        Self { name: name.into(), text: text.into(), problems: problems.into_sorted() }
    }

    /// The same report with more problems.
    #[must_use]
    pub fn with(mut self, more: Vec<Problem>) -> Self {
        self.problems.extend(more);
        self.problems.sort_by_key(|problem| (problem.span.start, problem.span.line, problem.severity));
        self
    }

    /// All of them.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// How many refuse the file.
    pub fn errors(&self) -> usize {
        self.problems.iter().filter(|problem| problem.severity == Severity::Error).count()
    }

    /// One line: the first problem's place and message, and how many more there are. For a log and a metric's neighbour.
    pub fn summary(&self) -> String {
        let Some(first) = self.problems.first() else { return format!("{}: nothing to report", self.name) };
        let mut line = format!("{}:{}:{}: {}", self.name, first.span.line, first.span.column, visible(&first.message));
        match self.problems.len() - 1 {
            0 => {}
            1 => line.push_str(" (and 1 more problem)"),
            more => _ = write!(line, " (and {more} more problems)"),
        }
        line
    }

    /// All problems in full. `color` is for a terminal.
    pub fn render(&self, color: bool) -> String {
        let paint = Paint { color };
        let mut out = String::new();
        for problem in self.problems.iter().take(PRINTED) {
            self.one(&mut out, problem, &paint);
        }
        if let more @ 1.. = self.problems.len().saturating_sub(PRINTED) {
            _ = writeln!(out, "and {more} more problems in {}", self.name);
        }
        out
    }

    fn one(&self, out: &mut String, problem: &Problem, paint: &Paint) {
        let (word, hue) = match problem.severity {
            Severity::Error => ("error", Hue::Red),
            Severity::Warning => ("warning", Hue::Yellow),
        };
        let Span { line, column, .. } = problem.span;
        let last = problem.also.as_ref().map_or(line, |(span, _)| span.line.max(line));
        let margin = last.to_string().len();
        let message = visible(&problem.message);
        _ = writeln!(out, "{}: {}", paint.with(hue, word), paint.with(Hue::Bold, &message));
        _ = writeln!(out, "{:margin$}{} {}:{line}:{column}", "", paint.with(Hue::Blue, "-->"), self.name);
        self.snippet(out, problem.span, "", margin, '^', paint);
        if let Some((span, what)) = &problem.also {
            self.snippet(out, *span, &visible(what), margin, '-', paint);
        }
        if let Some(help) = &problem.help {
            _ = writeln!(
                out,
                "{:margin$} {} {}: {}",
                "",
                paint.with(Hue::Blue, "="),
                paint.with(Hue::Bold, "help"),
                visible(help)
            );
        }
        out.push('\n');
    }

    /// The line of `span` with a mark under it.
    fn snippet(&self, out: &mut String, span: Span, label: &str, margin: usize, mark: char, paint: &Paint) {
        let Some((_, line)) = lines(&self.text).nth(span.line as usize - 1) else { return };
        let bar = paint.with(Hue::Blue, "|");
        let number = paint.with(Hue::Blue, &format!("{:margin$}", span.line));
        let column = span.column as usize - 1;
        let skipped = column.saturating_sub(WIDTH / 2);
        let shown: String =
            line.chars().skip(skipped).take(WIDTH).map(|c| if c.is_control() { ' ' } else { c }).collect();
        let chars = lines(span.slice(&self.text)).next().map_or(1, |(_, first)| first.trim_end().chars().count());
        let end = shown.chars().count().saturating_sub(column - skipped).max(1);
        let marks = mark.to_string().repeat(chars.clamp(1, end));
        let indent = " ".repeat(column - skipped);
        _ = writeln!(out, "{:margin$} {bar}", "");
        _ = writeln!(out, "{number} {bar} {}", shown.trim_end());
        let hue = if mark == '^' { Hue::Red } else { Hue::Blue };
        _ = writeln!(out, "{:margin$} {bar} {indent}{}", "", paint.with(hue, format!("{marks} {label}").trim_end()));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Report {}

/// `text` with control characters made visible: a value from the environment must not steer a terminal.
fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

struct Paint {
    color: bool,
}

#[derive(Clone, Copy)]
enum Hue {
    Red,
    Yellow,
    Blue,
    Bold,
}

impl Paint {
    fn with(&self, hue: Hue, text: &str) -> String {
        if !self.color || text.is_empty() {
            return text.to_owned();
        }
        let code = match hue {
            Hue::Red => "1;31",
            Hue::Yellow => "1;33",
            Hue::Blue => "1;34",
            Hue::Bold => "1",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(line: u32, column: u32, start: u32, len: u32) -> Span {
        Span { line, column, start, len }
    }

    #[test]
    fn a_problem_shows_its_line_and_what_to_write() {
        let mut problems = Problems::default();
        problems.error(span(2, 9, 13, 2), "weights add up to 90").help("write 50").also(span(1, 1, 0, 4), "here");
        let report = Report::new("r.yaml", "abcd\n  movi: 40\n", problems);
        let expected = "error: weights add up to 90\n --> r.yaml:2:9\n  |\n2 |   movi: 40\n  |         ^^\n  |\n1 | abcd\n  | ---- here\n  = help: write 50\n\n";
        assert_eq!(report.to_string(), expected);
        assert_eq!(report.summary(), "r.yaml:2:9: weights add up to 90");
    }

    #[test]
    fn a_line_is_shown_whatever_ends_it() {
        for text in ["a\nbc\nd", "a\r\nbc\r\nd", "a\rbc\rd"] {
            let mut problems = Problems::default();
            problems.error(span(2, 1, text.find('b').unwrap_or_default() as u32, 2), "odd");
            let report = Report::new("r.yaml", text, problems).to_string();
            assert_eq!(report, "error: odd\n --> r.yaml:2:1\n  |\n2 | bc\n  | ^^\n\n");
        }
    }

    #[test]
    fn a_place_outside_the_text_and_control_characters_do_no_harm() {
        let mut problems = Problems::default();
        problems.error(span(9, 900, 5_000, 70), "bell \u{7}");
        problems.error(span(1, 300, 3, 70), "far right");
        let report = Report::new("r.yaml", "é\u{1b}[31m\n", problems);
        assert!(!report.to_string().contains(['\u{7}', '\u{1b}']));
    }
}

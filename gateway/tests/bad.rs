//! Every bad file of `tests/bad` is refused with exactly the problems that its head expects, each at its place.
//!
//! A head line is `#! LINE:COLUMN MESSAGE`, or `#! warning LINE:COLUMN MESSAGE`, where MESSAGE is how the message begins.
//! The environment has `TEXT=abc` and `FIFTY=50`, nothing else.

#![expect(clippy::unwrap_used, reason = "what a test can't read ends it")]

use std::fs;
use std::path::{Path, PathBuf};

use gateway::table::compile::plan;
use gateway::table::problem::{Report, Severity};

/// The cases that the folder is known to hold at least: an empty walk must not pass.
const CASES: usize = 150;

fn environment(name: &str) -> Option<String> {
    match name {
        "TEXT" => Some("abc".to_owned()),
        "FIFTY" => Some("50".to_owned()),
        _ => None,
    }
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn found(report: &Report) -> Vec<String> {
    let one = |severity, span: gateway::table::problem::Span, message: &str| {
        let word = if severity == Severity::Warning { "warning " } else { "" };
        format!("{word}{}:{} {message}", span.line, span.column)
    };
    report.problems().iter().map(|problem| one(problem.severity, problem.span, &problem.message)).collect()
}

#[test]
fn every_problem_is_found_at_its_place_and_all_of_them_at_once() {
    let mut cases = 0;
    for file in files() {
        let text = fs::read_to_string(&file).unwrap();
        let expected: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("#! ")).collect();
        let report = match plan(&text, &file, &environment) {
            Ok(plan) => plan.warnings,
            Err(report) => *report,
        };
        let found = found(&report);
        let agree = found.len() == expected.len()
            && found.iter().zip(&expected).all(|(found, expected)| found.starts_with(expected));
        assert!(agree, "{}\nexpected {expected:#?}\nfound {found:#?}", file.display());
        assert_eq!(report.errors() > 0, !expected.iter().all(|line| line.starts_with("warning")));
        cases += expected.len();
    }
    assert!(cases >= CASES, "only {cases} cases");
}

#[test]
fn every_problem_says_what_to_write_or_stands_where_that_is_plain() {
    for file in files() {
        let text = fs::read_to_string(&file).unwrap();
        let Err(report) = plan(&text, &file, &environment) else { continue };
        for problem in report.problems() {
            let message = problem.message.as_str();
            let plain =
                ["expected", "not YAML", " needs `", "maps and lists", "aliases unfold", "a routes file is one"];
            let known = problem.help.is_some() || plain.iter().any(|words| message.contains(words));
            assert!(known || message == "a key must be a word", "{}: {message}", file.display());
            assert!(!message.ends_with('.') && message.len() < 200, "{message}");
        }
    }
}

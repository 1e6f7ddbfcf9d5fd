//! Any text at all is a table or problems inside of it; and a text always means the same.

use std::path::Path;

use gateway::metrics::Metrics;
use gateway::names::Names;
use gateway::table::compile::{Plan, plan};
use gateway::table::problem::{Report, Severity};
use gateway::table::split::BUCKETS;
use gateway::table::{Action, Split, Table};

/// Whether the bytes are a good routes file.
pub fn run(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(take)
}

fn take(text: &str) -> bool {
    match judge(text) {
        Ok(plan) => {
            shown(&plan.warnings, text, Severity::Warning);
            compiled(plan, text);
            true
        }
        Err(report) => {
            assert!(report.errors() > 0, "refused without a reason");
            shown(&report, text, Severity::Error);
            false
        }
    }
}

/// What a text means where `TEXT`, `FIFTY` and `EMPTY` are all the environment there is.
fn judge(text: &str) -> Result<Plan, Box<Report>> {
    let environment = |name: &str| match name {
        "TEXT" => Some("abc".to_owned()),
        "FIFTY" => Some("50".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    };
    plan(text, Path::new("routes.yaml"), &environment)
}

/// Every problem is at a place of the text, says something, and can be printed.
fn shown(report: &Report, text: &str, worst: Severity) {
    // CR alone ends a line in YAML.
    let lf = text.replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<&str> = lf.lines().collect();
    for problem in report.problems() {
        assert!(problem.severity >= worst && !problem.message.trim().is_empty(), "{problem:?}");
        for span in [Some(problem.span), problem.also.as_ref().map(|(span, _)| *span)].into_iter().flatten() {
            let (line, column) = (span.line as usize, span.column as usize);
            assert!((1..=lines.len().max(1)).contains(&line), "line {line} of {}: {problem:?}", lines.len());
            let width = lines.get(line - 1).map_or(0, |line| line.chars().count());
            assert!((1..=width + 1).contains(&column), "column {column} of {width}: {problem:?}");
            assert!((span.start + span.len) as usize <= text.len() + 1, "{problem:?}");
        }
    }
    assert!(!report.summary().is_empty() && report.problems().is_empty() == report.render(true).is_empty());
    let controls = |text: &str| text.chars().any(|letter| letter.is_control() && letter != '\n');
    assert!(!controls(&report.render(false)), "what is printed steers a terminal");
}

/// The same text is the same table, and over its own it changes nothing but the generation.
fn compiled(plan: Plan, text: &str) {
    let again = judge(text).expect("it was good a moment ago");
    let (metrics, names) = (Metrics::new(1, &[], &[]), Names::new(None).0);
    let first = plan.into_table(None, &metrics, &names);
    let second = again.into_table(Some(&first), &metrics, &names);
    assert_eq!((first.generation, second.generation), (1, 2));
    assert_eq!((&first.hash, &first.notes), (&second.hash, &second.notes), "a text has two meanings");
    assert_eq!(format!("{:?}", first.server), format!("{:?}", second.server));
    assert_eq!(format!("{:?}", first.routes), format!("{:?}", second.routes));
    let mut pairs = first.upstreams.iter().zip(&second.upstreams);
    assert!(pairs.all(|(one, other)| std::sync::Arc::ptr_eq(one, other)), "an edit of nothing drops an upstream");
    splits(&first).for_each(whole);
}

fn splits(table: &Table) -> impl Iterator<Item = &Split> {
    table.routes.iter().filter_map(|route| match &route.action {
        Action::Split(split) => Some(split),
        Action::Respond(_) | Action::Redirect(_) => None,
    })
}

/// All buckets of a split are somebody's, so many as the weights say.
fn whole(split: &Split) {
    let mut owned = vec![0; split.entries.len()];
    (0..BUCKETS).for_each(|bucket| owned[split.shares.of_bucket(bucket)] += 1);
    let weights: Vec<u16> = split.entries.iter().map(|entry| entry.weight).collect();
    assert_eq!(owned, weights, "buckets and weights differ");
    assert_eq!(weights.iter().sum::<u16>(), BUCKETS);
    assert_eq!((0..weights.len()).map(|entry| split.effective(entry)).sum::<u16>(), BUCKETS);
}

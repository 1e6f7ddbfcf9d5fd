//! Property tests of the cold path: a file made from a plan means that plan, and no text whatever makes it panic.

#[path = "fuzz/targets/config.rs"]
mod config;

use std::fmt::Write as _;
use std::path::Path;

use gateway::metrics::Metrics;
use gateway::names::Names;
use gateway::table::compile::plan;
use gateway::table::problem::Report;
use gateway::table::{Action, Table};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// What one route of a made file is to do.
#[derive(Clone, Debug)]
enum Does {
    /// To the upstream at this position.
    To(Index),
    /// Cuts in 0..=10000: the pieces between them are the weights; whether the last is written `rest`; whether in long form.
    Split {
        cuts: Vec<u16>,
        rest: bool,
        long: bool,
        variable: bool,
    },
    Respond(u16),
}

fn does() -> impl Strategy<Value = Does> {
    let split = (vec(0..=10_000u16, 0..4), any::<bool>(), any::<bool>(), any::<bool>());
    prop_oneof![
        any::<Index>().prop_map(Does::To),
        split.prop_map(|(cuts, rest, long, variable)| Does::Split { cuts, rest, long, variable }),
        (200..600u16).prop_map(Does::Respond),
    ]
}

/// The pieces that sorted cuts leave of 10,000.
fn pieces(cuts: &[u16]) -> Vec<u16> {
    let mut ends = cuts.to_vec();
    ends.sort_unstable();
    ends.push(10_000);
    let mut before = 0;
    ends.into_iter().map(|end| end - std::mem::replace(&mut before, end)).collect()
}

fn percent(hundredths: u16) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// A routes file with five upstreams and these routes.
fn written(routes: &[Does]) -> String {
    let mut text = String::from("upstreams:\n");
    for upstream in 0..5 {
        _ = writeln!(text, "  u{upstream}: http://127.0.0.1:{}", 8000 + upstream);
    }
    text.push_str("routes:\n");
    for (at, does) in routes.iter().enumerate() {
        _ = writeln!(text, "  - name: route {at}\n    path: /p{at}");
        match does {
            Does::To(index) => _ = writeln!(text, "    to: u{}", index.index(5)),
            Does::Respond(status) => _ = writeln!(text, "    respond: {{ status: {status} }}"),
            Does::Split { cuts, rest, long, variable } => {
                text.push_str("    writes: split\n    split:\n");
                let pieces = pieces(cuts);
                for (side, piece) in pieces.iter().enumerate() {
                    let mut weight = percent(*piece);
                    if *variable {
                        weight = format!("${{UNSET_{side}:-{weight}}}");
                    }
                    if *rest && side + 1 == pieces.len() {
                        weight = "rest".to_owned();
                    }
                    let weight = if *long { format!("{{ weight: \"{weight}\" }}") } else { weight };
                    let weight = if *variable || weight.contains("rest") { weight } else { weight.replace('"', "") };
                    _ = writeln!(text, "      u{side}: {weight}");
                }
            }
        }
    }
    text
}

fn judge(text: &str) -> Result<Table, Box<Report>> {
    let unset = |_: &str| None;
    plan(text, Path::new("routes.yaml"), &unset)
        .map(|plan| plan.into_table(None, &Metrics::new(1, &[], &[]), &Names::new(None).0))
}

/// What a text may be spoiled with.
const SPOILS: [&str; 30] = [
    "",
    " ",
    "\n",
    "\t",
    ":",
    ": ",
    "-",
    "- ",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "#",
    "*",
    "&a ",
    "*a",
    "!",
    "|",
    ">",
    "%",
    "@",
    "${",
    "${X}",
    "\u{0}",
    "é",
    "\u{feff}",
    "<<: *a",
    "999999999999999999999",
];

/// Puts a spoil in place of `length` bytes at a place, or repeats a line.
fn spoil(text: &mut String, place: usize, length: usize, with: &str) {
    let floor = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let (start, end) = (floor(place), floor(place + length));
    text.replace_range(start..end, with);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_made_file_means_what_it_was_made_from(routes in vec(does(), 1..20)) {
        let text = written(&routes);
        let table = judge(&text).unwrap_or_else(|report| panic!("{text}\n{report}"));
        prop_assert_eq!(table.routes.len(), routes.len());
        for (route, does) in table.routes.iter().zip(&routes) {
            match (&route.action, does) {
                (Action::Split(split), Does::To(index)) => {
                    prop_assert!(split.single);
                    prop_assert_eq!(split.entries[0].upstream.0, index.index(5));
                }
                (Action::Split(split), Does::Split { cuts, rest, .. }) => {
                    let weights: Vec<u16> = split.entries.iter().map(|entry| entry.weight).collect();
                    prop_assert_eq!(weights, pieces(cuts));
                    prop_assert_eq!(split.shares.rest, rest.then_some(cuts.len()));
                }
                (Action::Respond(reply), Does::Respond(status)) => prop_assert_eq!(reply.status.as_u16(), *status),
                (action, does) => prop_assert!(false, "{action:?} for {does:?}"),
            }
        }
    }

    #[test]
    fn a_spoiled_file_is_a_table_or_problems_inside_it(
        routes in vec(does(), 1..6),
        spoils in vec((any::<Index>(), 0..12usize, select(&SPOILS[..])), 1..6),
        cut in any::<Option<Index>>(),
    ) {
        let mut text = written(&routes);
        for (place, length, with) in &spoils {
            let place = place.index(text.len() + 1);
            spoil(&mut text, place, *length, with);
        }
        if let Some(cut) = cut {
            let at = cut.index(text.len() + 1);
            let length = text.len();
            spoil(&mut text, at, length, "");
        }
        config::run(text.as_bytes());
    }

    #[test]
    fn any_text_at_all_is_a_table_or_problems_inside_it(text in "(\\PC|[\\n\\t :\\-{}\\[\\]\"'#&*!|>%@$,?~.0-9a-z]){0,300}") {
        config::run(text.as_bytes());
    }
}

/// As large as a file may sensibly be: every route has a split of its own.
fn large(routes: usize) -> String {
    let one = Does::Split { cuts: vec![2_000], rest: true, long: false, variable: true };
    written(&vec![one; routes])
}

#[test]
fn ten_thousand_routes_pass() {
    let table = judge(&large(10_000)).unwrap_or_else(|report| panic!("{}", report.summary()));
    assert_eq!(table.routes.len(), 10_000);
}

#[test]
fn ten_thousand_problems_are_all_counted_and_a_hundred_are_shown() {
    let text = large(10_000).replace("rest", "79");
    let report = judge(&text).unwrap_err();
    assert_eq!(report.errors(), 10_000);
    assert!(report.render(false).ends_with("and 9900 more problems in routes.yaml\n"));
}

//! Replays what fuzzing found worth keeping, then some bytes of chance that are the same each time. `make fuzz` looks for more.
//!
//! What libFuzzer keeps lies in `gateway/fuzz/corpus`, what it began with in `seeds`; a crash that was mended lies in `regressions`, by the
//! name of what it broke.

#![expect(clippy::unwrap_used, reason = "what a test can't read ends it")]

mod targets;

use std::fs;
use std::path::{Path, PathBuf};

use targets::{answers, config, framing, matcher, paths};

type Target = fn(&[u8]) -> bool;

/// None where there is no such folder: not every target has broken something.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// How many of the kept inputs come to something. There are at least `kept`: an empty walk must not pass.
fn replay(name: &str, target: Target, kept: usize) -> usize {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let inputs = ["corpus", "seeds", "regressions"].map(|kind| files(&fuzz.join(kind).join(name))).concat();
    assert!(inputs.len() >= kept, "only {} inputs for {name}", inputs.len());
    let good = inputs.iter().filter(|file| target(&fs::read(file).unwrap())).count();
    println!("{name}: {} inputs, {good} of them good", inputs.len());
    good
}

/// How many of so many inputs of chance come to something.
fn chance(name: &str, target: Target, times: u64, most: usize) -> usize {
    let one = |seed| {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut bytes = vec![0; random.usize(1..=most)];
        random.fill(&mut bytes);
        target(&bytes)
    };
    let good = (0..times).filter(|seed| one(*seed)).count();
    println!("{name}: {times} of chance, {good} of them good");
    good
}

#[test]
fn any_text_is_a_table_or_problems_inside_of_it() {
    assert!(replay("config", config::run, 100) >= 20);
}

#[test]
fn the_index_finds_what_a_look_at_every_route_finds() {
    assert!(replay("matcher", matcher::run, 100) >= 50);
    assert!(chance("matcher", matcher::run, 600, 700) >= 200);
}

#[test]
fn a_target_is_forwarded_byte_for_byte_on_the_route_of_its_bytes_or_refused() {
    assert!(replay("paths", paths::run, 100) >= 50);
}

#[test]
fn a_connection_is_the_requests_that_its_client_sent_and_an_ambiguous_one_is_one_at_most() {
    assert!(replay("framing", framing::run, 100) >= 50);
    assert!(chance("framing", framing::run, 500, 300) >= 100);
}

#[test]
fn whatever_an_upstream_says_is_its_answer_or_none_and_never_the_next_ones() {
    assert!(replay("answers", answers::run, 50) >= 20);
    assert!(chance("answers", answers::run, 500, 200) >= 100);
}

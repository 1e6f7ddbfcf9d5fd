//! `gateway check` and `gateway schema` as one runs them: what goes where, and the exit status.

#![expect(clippy::unwrap_used, reason = "what a test can't read ends it")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn gateway(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    Command::new(env!("CARGO_BIN_EXE_gateway"))
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .current_dir(root)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn a_good_file_is_ok_and_says_what_pins_it() {
    let output = gateway(&["check", "routes.yaml"], &[("MOVIES_MIGRATION_PERCENT", "80")]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stderr), "");
    let expected = "routes.yaml: ok, 6 routes, 3 upstreams\n  note: weight of movies in route movies is pinned by \
                    MOVIES_MIGRATION_PERCENT=80; editing its default does nothing\n";
    assert_eq!(text(&output.stdout), expected);
}

#[test]
fn all_files_are_looked_at_and_one_bad_one_is_status_2() {
    let bad = "gateway/tests/bad/sums.yaml";
    let output = gateway(&["check", bad, "routes.yaml", "gateway/tests/bad/missing.yaml"], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stdout), "routes.yaml: ok, 6 routes, 3 upstreams\n");
    let stderr = text(&output.stderr);
    let expected = "error: the weights of route `ninety` add up to 90, not 100\n  --> gateway/tests/bad/sums.yaml:21:17\n   |\n\
                    21 |       monolith: 40\n   |                 ^^\n   = help: write `monolith: 50`, or `monolith: rest`\n";
    assert!(stderr.starts_with(expected), "{stderr}");
    assert!(stderr.contains("gateway/tests/bad/sums.yaml: refused, 8 errors\n"), "{stderr}");
    assert!(
        stderr
            .ends_with("error: gateway/tests/bad/missing.yaml can't be read: No such file or directory (os error 2)\n")
    );
    assert!(!stderr.contains('\u{1b}'), "colours in a pipe");
}

#[test]
fn a_warning_is_no_refusal() {
    let output = gateway(&["check", "gateway/tests/bad/warnings.yaml"], &[]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("warning: no route goes to upstream `events`"));
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let file = std::env::temp_dir().join(format!("gateway-check-{}.yaml", std::process::id()));
    fs::write(&file, b"routes: \xff\n").unwrap();
    let output = gateway(&["check", file.to_str().unwrap()], &[]);
    fs::remove_file(&file).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("is not UTF-8 text (byte 8)"));
}

#[test]
fn schema_prints_both_references() {
    let json = gateway(&["schema"], &[]);
    assert!(serde_json::from_slice::<serde_json::Value>(&json.stdout).unwrap()["properties"]["routes"].is_object());
    let markdown = gateway(&["schema", "--markdown"], &[]);
    assert!(text(&markdown.stdout).starts_with("# routes.yaml\n"));
    assert_eq!((json.status.code(), markdown.status.code()), (Some(0), Some(0)));
}

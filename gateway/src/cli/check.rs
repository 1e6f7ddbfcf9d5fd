//! `gateway check`: is this file good, and what would it do?

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::REFUSED;
use crate::table::compile::{Plan, plan};
use crate::table::environment;
use crate::telemetry::colored;

/// Check routes files and say everything that is wrong with them.
///
/// Each problem comes with its line and column, the line itself, and what to write instead. What a gateway would only warn of
/// is printed as well, and so is every setting that a variable of this environment pins.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = "\
Examples:
  gateway check routes.yaml
  gateway check routes.yaml docs/examples/*.yaml
  MOVIES_MIGRATION_PERCENT=80 gateway check routes.yaml

Exit status:
  0  every file is good, with or without warnings
  2  a file has problems, or can't be read; all files are looked at

Variables (`${NAME}` in a file) are taken from this environment. Colours: on a terminal, unless NO_COLOR is set.")]
pub struct Check {
    /// The files to check.
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
}

impl Check {
    /// Prints what was found: good files to stdout, problems to stderr.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
        let (out_color, err_color) = (colored(&out), colored(&err));
        let mut good = true;
        for file in &self.files {
            // A reader that has gone away, as `head` does, is no problem of the file's.
            let _gone = match one(file, err_color) {
                Ok(plan) => out.write_all(praise(file, &plan, out_color).as_bytes()),
                Err(problems) => {
                    good = false;
                    err.write_all(problems.as_bytes())
                }
            };
        }
        if good { ExitCode::SUCCESS } else { ExitCode::from(REFUSED) }
    }
}

/// What a good file would do: its size, its warnings, its pins.
fn praise(file: &Path, plan: &Plan, color: bool) -> String {
    let count = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    let (routes, upstreams) = (count(plan.routes(), "route"), count(plan.upstreams(), "upstream"));
    let mut out = format!("{}: ok, {routes}, {upstreams}\n", file.display());
    for pin in &plan.pins {
        out.push_str(&format!("  note: {pin}\n"));
    }
    out + &plan.warnings.render(color)
}

/// The plan of a file, or what is wrong with it, as it is printed.
pub(super) fn one(file: &Path, color: bool) -> Result<Plan, String> {
    let name = file.display();
    let text = std::fs::read(file).map_err(|error| format!("error: {name} can't be read: {error}\n"))?;
    let text = String::from_utf8(text).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        format!("error: {name} is not UTF-8 text (byte {at})\n")
    })?;
    plan(&text, file, &environment::process).and_then(Plan::with_files).map_err(|report| {
        let summary = match report.errors() {
            1 => format!("{name}: refused, 1 error\n"),
            errors => format!("{name}: refused, {errors} errors\n"),
        };
        report.render(color) + &summary
    })
}

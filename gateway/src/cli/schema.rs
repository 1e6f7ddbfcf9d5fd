//! `gateway schema`: the reference of routes files, for editors and for people.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Args;

use crate::table::file::reference;

/// Print the JSON schema of routes files, or their reference page.
///
/// Both are made from the types that read the file, so they say what this version of the gateway takes, no more and no less.
#[derive(Args, Clone, Copy, Debug)]
#[command(after_long_help = "\
Examples:
  gateway schema > docs/routes.schema.json
  gateway schema --markdown > docs/routes.md

An editor with a YAML language server completes and explains keys where the file begins with
  # yaml-language-server: $schema=./docs/routes.schema.json

Exit status: 0")]
pub struct Schema {
    /// Print the reference page in Markdown.
    #[arg(long)]
    pub markdown: bool,
}

impl Schema {
    /// Prints to stdout.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let text = if self.markdown { reference::markdown() } else { reference::json() };
        match std::io::stdout().write_all(text.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        }
    }
}

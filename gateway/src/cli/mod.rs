//! The command line's parts that read a file and print: each a clap struct with a `run`.
//!
//! What they find out is `table`'s; how it looks on a terminal is decided here.

mod check;
mod export;
mod health;
mod import;
mod run;
mod schema;

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

pub use check::Check;
pub use export::Export;
pub use health::{Health, probe};
pub use import::Import;
pub use run::Run;
pub use schema::Schema;

use crate::mesh::Converted;

/// The exit status of a file with problems.
const REFUSED: u8 = 2;

/// Says why nothing was done.
fn refused(why: &str) -> ExitCode {
    let _gone = std::io::stderr().write_all(why.as_bytes());
    ExitCode::from(REFUSED)
}

/// What an export or an import wrote, to stdout; that something is lost to stderr as well, where somebody looks.
fn print(converted: &Converted, strict: bool) -> ExitCode {
    let Converted { text, losses } = converted;
    if strict && !losses.is_empty() {
        let losses: String = losses.iter().map(|loss| format!("error: lost: {loss}\n")).collect();
        return refused(&losses);
    }
    if !losses.is_empty() && !std::io::stdout().is_terminal() {
        eprintln!("note: {} of it could not be said; the comments at the head tell what", losses.len());
    }
    // A reader that has gone away, as `head` does, is no failure.
    let _gone = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

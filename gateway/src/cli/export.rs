//! `gateway export`: today's routes for a service mesh.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::check;
use crate::mesh::{self, Converted, Place, Target};
use crate::metrics::Metrics;
use crate::names::Names;

/// The exit status of a routes file with problems, and of losses where `--strict` forbids them.
const REFUSED: u8 = 2;

/// Write today's routes as resources of a service mesh.
///
/// The file is compiled as `gateway run` would compile it, so weights are those in force: variables filled, `rest` worked out, a
/// split that is not enabled all on its `rest`. What a mesh has no words for (sticky keys, body limits, ...) stands as comments at
/// the head; docs/mesh.md goes through it.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = "\
Examples:
  gateway export --to virtualservice --gateway cinemaabyss | kubectl apply -f -
  gateway export --to httproute --namespace cinemaabyss routes.yaml > httproute.yaml

Exit status:
  0  written; with losses, unless --strict
  2  the file has problems, or something of it is lost and --strict is given

Variables (`${NAME}` in the file) are taken from this environment.")]
pub struct Export {
    /// The routes file.
    #[arg(value_name = "FILE", default_value = "routes.yaml", env = "ROUTES_FILE")]
    pub file: PathBuf,
    /// What to write.
    #[arg(long, value_enum)]
    pub to: Target,
    /// The first resource's name; those for a host of their own add it.
    #[arg(long, default_value = "routes")]
    pub name: String,
    /// The resources' namespace; by default none is written.
    #[arg(long)]
    pub namespace: Option<String>,
    /// The Gateway that the resources hang on.
    #[arg(long, default_value = "gateway")]
    pub gateway: String,
    /// A host for the routes that name none; several times for several. By default all hosts.
    #[arg(long = "host", value_name = "HOST")]
    pub hosts: Vec<String>,
    /// Write nothing if anything is lost.
    #[arg(long)]
    pub strict: bool,
}

impl Export {
    /// Prints to stdout, problems and losses to stderr.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let color = std::io::stderr().is_terminal() && !plain;
        let plan = match check::one(&self.file, color) {
            Ok(plan) => plan,
            Err(problems) => return refused(&problems),
        };
        for pin in &plan.pins {
            eprintln!("note: {pin}");
        }
        let table = plan.into_table(None, &Metrics::new(1, &[], &[]), &Names::new(None).0);
        let place = Place { name: self.name, namespace: self.namespace, gateway: self.gateway, hosts: self.hosts };
        match mesh::export(&table, self.to, &place) {
            Ok(converted) => print(&converted, self.strict),
            Err(error) => refused(&format!("error: {error}\n")),
        }
    }
}

/// The text to stdout; what it does not say to stderr as well, where somebody looks.
pub(super) fn print(converted: &Converted, strict: bool) -> ExitCode {
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

pub(super) fn refused(why: &str) -> ExitCode {
    let _gone = std::io::stderr().write_all(why.as_bytes());
    ExitCode::from(REFUSED)
}

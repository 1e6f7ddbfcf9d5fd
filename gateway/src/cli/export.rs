//! `gateway export`: today's routes for a service mesh.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{check, print, refused};
use crate::mesh::{self, Place, Target};
use crate::metrics::Metrics;
use crate::names::Names;
use crate::telemetry::colored;

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
        let plan = match check::one(&self.file, colored(&std::io::stderr())) {
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

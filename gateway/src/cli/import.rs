//! `gateway import`: a mesh's routes as a routes file.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::{print, refused};
use crate::mesh;
use crate::table::compile::plan;

/// Write a mesh's routes as a routes file.
///
/// What is written compiles: it went through what `gateway check` does. Services become upstreams by their names, weights become
/// per cents, the largest of a split `rest`. What the file has no words for stands as comments at the head.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = "\
Examples:
  kubectl get httproutes -n cinemaabyss -o yaml | gateway import httproute > routes.yaml
  gateway import httproute httproute.yaml

Exit status:
  0  written; with losses, unless --strict
  2  nothing there to write, or what would be written is no good routes file, or something is lost and --strict is given")]
pub struct Import {
    /// What to read.
    #[arg(value_enum)]
    pub from: Source,
    /// The file; by default, or as `-`, stdin.
    #[arg(value_name = "FILE", default_value = "-")]
    pub file: PathBuf,
    /// Write nothing if anything is lost.
    #[arg(long)]
    pub strict: bool,
}

/// What can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Source {
    /// Gateway API's, `gateway.networking.k8s.io/v1`
    #[value(name = "httproute")]
    HttpRoute,
}

impl Import {
    /// Prints to stdout, problems and losses to stderr.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let Source::HttpRoute = self.from;
        let shown = self.file.display();
        let read = if self.file == Path::new("-") {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map(|_| text)
        } else {
            std::fs::read_to_string(&self.file)
        };
        let text = match read {
            Ok(text) => text,
            Err(error) => return refused(&format!("error: {shown} can't be read: {error}\n")),
        };
        let converted = match mesh::import(&text) {
            Ok(converted) => converted,
            Err(error) => return refused(&format!("error: {shown}: {error}\n")),
        };
        match plan(&converted.text, Path::new("routes.yaml"), &|_| None) {
            Ok(_) => print(&converted, self.strict),
            Err(report) => refused(&format!(
                "{}error: {shown} says what no routes file can; above, the problems of what it would be\n",
                report.render(false)
            )),
        }
    }
}

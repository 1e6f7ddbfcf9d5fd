//! The command line: run · check · health · export · import · schema · completions.

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;
use gateway::cli::{Check, Export, Health, Import, Run, Schema};
use mimalloc::MiMalloc;

/// hyper takes 8 KiB anew for each read while a head still holds the last; glibc serves such blocks the slow way.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// A declarative strangler-fig gateway: one file says which share of which traffic goes where.
///
/// Write `routes.yaml`, start `gateway run`, and shift traffic from the monolith to the services that replace it by editing a
/// number and saving. docs/routes.md describes the file; `gateway check` explains what is wrong with one.
#[derive(Parser)]
#[command(name = "gateway", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(Run),
    Check(Check),
    Health(Health),
    Export(Export),
    Import(Import),
    Schema(Schema),
    /// Print completions for a shell.
    #[command(after_long_help = "Example:\n  gateway completions bash > /etc/bash_completion.d/gateway")]
    Completions {
        /// Which shell.
        shell: Shell,
    },
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Run(run) => run.run(),
        Command::Check(check) => check.run(),
        Command::Health(health) => health.run(),
        Command::Export(export) => export.run(),
        Command::Import(import) => import.run(),
        Command::Schema(schema) => schema.run(),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "gateway", &mut std::io::stdout());
            ExitCode::SUCCESS
        }
    }
}

//! `gateway run`: serves until a signal ends it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::REFUSED;
use crate::{Gateway, Options, StartError, telemetry, wait_for_valid};

/// Serve traffic by a routes file, and follow its edits.
///
/// Saving the file moves the traffic: within a second the edit is in force, whole, or it is rejected, and then nothing changes.
/// Requests in flight, their connections and the pools of upstreams that the edit left alone are not disturbed.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = "\
Signals:
  SIGTERM, SIGINT  drain: readiness fails, requests in flight finish, then exit 0; a second one ends at once
  SIGHUP           look at the file now

Environment:
  ROUTES_FILE  the file, where --routes is not given
  LOG_FORMAT   text or json: the log on standard error; text on a terminal, else json
  RUST_LOG     what is logged, as info or gateway=debug
  and every ${NAME} in the file

Exit status:
  0  drained
  1  an address is taken, or the system has no thread left
  2  the file has problems; they are printed as `gateway check` prints them

Examples:
  gateway run
  gateway run --routes /etc/gateway/routes.yaml
  curl localhost:9901/table")]
pub struct Run {
    /// The routes file. In Kubernetes mount its folder: a ConfigMap mounted by `subPath` never changes.
    #[arg(long, value_name = "FILE", env = "ROUTES_FILE", default_value = "routes.yaml")]
    pub routes: PathBuf,
    /// If the file has problems at the start, wait until it has none instead of exiting.
    #[arg(long)]
    pub wait_for_valid: bool,
}

impl Run {
    /// Serves until SIGTERM or SIGINT.
    #[must_use]
    pub fn run(self) -> ExitCode {
        if let Err(error) = telemetry::init() {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
        let waiting = tokio::runtime::Builder::new_current_thread().enable_all().build();
        match waiting.map_err(StartError::System).and_then(|runtime| runtime.block_on(self.serve())) {
            Ok(()) => ExitCode::SUCCESS,
            Err(StartError::Routes(report)) => {
                eprintln!("{report}");
                ExitCode::from(REFUSED)
            }
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::FAILURE
            }
        }
    }

    /// Starts, waits for the first signal and drains; a second one ends the process where it stands.
    async fn serve(self) -> Result<(), StartError> {
        // Heard from before the first client is served: a signal right after the start must not cut anybody off.
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let mut told = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        if self.wait_for_valid {
            let path = self.routes.clone();
            tokio::select! {
                waited = tokio::task::spawn_blocking(move || wait_for_valid(&path)) => waited.map_err(std::io::Error::other)?,
                // Nobody is served yet.
                () = told() => std::process::exit(0),
            }
        }
        let options = Options { routes: self.routes };
        let gateway =
            tokio::task::spawn_blocking(move || Gateway::start(&options)).await.map_err(std::io::Error::other)??;
        told().await;
        tokio::select! {
            drained = tokio::task::spawn_blocking(|| gateway.drain()) => Ok(drained.map_err(std::io::Error::other)?),
            () = told() => std::process::exit(1),
        }
    }
}

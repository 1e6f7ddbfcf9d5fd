//! A process around a service: settings, log, runtime, and the signals that end it.

use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use gateway::cli::probe;

use crate::log;
use crate::service::{Service, StartError};
use crate::settings::Settings;

/// What is still running when everything has been told to stop gets this long.
const LEFTOVERS: Duration = Duration::from_secs(1);

/// The whole life of a process that serves one service, called with `run` as the gateway is or without a word; or, called
/// with `health`, a question to the one that runs here.
pub fn run(service: &Service) -> ExitCode {
    let mut words = std::env::args().skip(1);
    match (words.next().as_deref(), words.next()) {
        (None, _) | (Some("run"), None) => serve(service),
        (Some("health"), None) => match health(service) {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => {
                eprintln!("not well: {why}");
                ExitCode::FAILURE
            }
        },
        _ => {
            eprintln!(
                "{0}: `{0} run`, or {0} alone, serves; `{0} health` asks a running one whether it is well",
                service.name
            );
            ExitCode::from(2)
        }
    }
}

/// What a container's health check runs.
fn health(service: &Service) -> Result<(), String> {
    let settings = Settings::from_env().map_err(|problem| problem.to_string())?;
    probe((Ipv4Addr::LOCALHOST, settings.port.unwrap_or(service.port)).into(), "/health")
}

fn serve(service: &Service) -> ExitCode {
    let work = async |settings: Settings| {
        let end = Signals::new()?;
        // Every address of the machine: a service is reached from other machines and containers.
        let address = (Ipv4Addr::UNSPECIFIED, settings.port.unwrap_or(service.port)).into();
        let running = service.start(&settings, address, "PORT").await?;
        end.wait().await;
        running.stop().await;
        Ok(())
    };
    live(service.name, "", work)
}

/// The life of a process around `work`; `quiet` is what its log leaves out by default.
pub fn live(name: &str, quiet: &str, work: impl AsyncFnOnce(Settings) -> Result<(), StartError>) -> ExitCode {
    let lived = || {
        let settings = Settings::from_env()?;
        log::install(settings.log_format, settings.log_filter.as_deref(), quiet)?;
        let runtime = tokio::runtime::Runtime::new().map_err(StartError::Runtime)?;
        runtime.block_on(work(settings))?;
        runtime.shutdown_timeout(LEFTOVERS);
        Ok(())
    };
    ended(name, lived())
}

/// Says what kept a process from starting. Status 2, as of every command that is called wrongly.
fn ended(name: &str, result: Result<(), StartError>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{name}: {problem}");
            ExitCode::from(2)
        }
    }
}

/// SIGTERM and ctrl-c.
pub struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    /// From now on they are ours.
    ///
    /// # Errors
    /// The system does not give them.
    pub fn new() -> Result<Self, StartError> {
        let listen = |kind| signal(kind).map_err(StartError::Runtime);
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    /// Returns at the first; a second one, while everything stops, ends the process at once.
    pub async fn wait(mut self) {
        self.next().await;
        tracing::info!("stopping");
        tokio::spawn(async move {
            self.next().await;
            std::process::exit(1);
        });
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

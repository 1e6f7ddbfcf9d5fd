//! A process around a service: settings, log, runtime, and the signals that end it.

use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::log;
use crate::service::{EVERYWHERE, Service, StartError};
use crate::settings::Settings;

/// What is still running when everything has been told to stop gets this long.
const LEFTOVERS: Duration = Duration::from_secs(1);

/// The whole life of a process that serves one service.
pub fn run(service: &Service) -> ExitCode {
    ended(service.name, live(service))
}

fn live(service: &Service) -> Result<(), StartError> {
    let settings = Settings::from_env()?;
    log::install(settings.log_format, settings.log_filter.as_deref())?;
    let runtime = tokio::runtime::Runtime::new().map_err(StartError::Runtime)?;
    runtime.block_on(async {
        let end = Signals::new()?;
        let running = service.start(&settings, EVERYWHERE).await?;
        end.wait().await;
        running.stop().await;
        Ok::<(), StartError>(())
    })?;
    runtime.shutdown_timeout(LEFTOVERS);
    Ok(())
}

/// Says what kept a process from starting. Status 2, as of every command that is called wrongly.
pub fn ended(name: &str, result: Result<(), StartError>) -> ExitCode {
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

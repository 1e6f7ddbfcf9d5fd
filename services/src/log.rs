//! The log on standard output: one JSON object a line, or text where a person reads it.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::settings::{LogFormat, SettingsError};

/// What is logged when `RUST_LOG` says nothing: our own lines, and only what is wrong from the libraries.
const DEFAULT: &str = "info,sqlx=warn,librdkafka=error,rdkafka=error";

/// Installs the log of the process. Where the format isn't set, a terminal gets text and everything else JSON. `quiet` is
/// what the process leaves out by default, as of `RUST_LOG`.
///
/// # Errors
/// `RUST_LOG` can't be read.
pub fn install(format: Option<LogFormat>, filter: Option<&str>, quiet: &str) -> Result<(), SettingsError> {
    let filter = filter.map_or_else(|| format!("{DEFAULT},{quiet}"), str::to_owned);
    let filter = EnvFilter::try_new(filter.trim_end_matches(',')).map_err(|problem| SettingsError {
        variable: "RUST_LOG",
        problem: problem.to_string(),
        instead: "a level (error, warn, info, debug, trace), or target=level pairs separated by commas",
    })?;
    let terminal = std::io::stdout().is_terminal();
    let format = format.unwrap_or(if terminal { LogFormat::Text } else { LogFormat::Json });
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(terminal);
    // A second installation is refused: the first one, the program that embeds us, keeps its log.
    let _kept = match format {
        LogFormat::Json => log.json().flatten_event(true).with_span_list(false).try_init(),
        LogFormat::Text => log.with_target(false).try_init(),
    };
    Ok(())
}

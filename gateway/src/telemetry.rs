//! The gateway's own log, on standard error: text for people on a terminal, JSON for everything else.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Sets the process's log up. `LOG_FORMAT` is `text` or `json`; `RUST_LOG` filters, `info` without it.
///
/// # Errors
/// Where `LOG_FORMAT` or `RUST_LOG` can't be read, a sentence that says what to write.
pub fn init() -> Result<(), String> {
    let filter = match std::env::var("RUST_LOG") {
        Ok(text) => {
            EnvFilter::try_new(&text).map_err(|error| format!("RUST_LOG={text}: {error}; write a level, as info"))?
        }
        Err(_) => EnvFilter::new("info"),
    };
    let text = match std::env::var("LOG_FORMAT").as_deref() {
        Ok("text") => true,
        Ok("json") => false,
        Ok(other) => return Err(format!("LOG_FORMAT={other}: write text or json")),
        Err(_) => std::io::stderr().is_terminal(),
    };
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let set = if text {
        log.with_target(false).try_init()
    } else {
        log.json().flatten_event(true).with_target(false).try_init()
    };
    set.map_err(|error| error.to_string())
}

/// Whether what goes there is coloured: on a terminal, unless `NO_COLOR` is set.
#[must_use]
pub fn colored(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

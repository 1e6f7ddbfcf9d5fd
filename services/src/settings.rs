//! The environment of the contract, read once at start into values that can't be wrong.
//!
//! A variable that is set to nothing counts as not set, as compose files leave them. Everything that is wrong is an error
//! at start that names the variable and says what to write.

use std::path::{Path, PathBuf};

/// Where the embedded database is kept when nothing else is said.
const EMBEDDED: &str = "data/cinemaabyss.db";

/// What a process is started with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `PORT`; the service's own where it is not set, 0 for one that the system chooses.
    pub port: Option<u16>,
    /// Where the data is.
    pub database: Database,
    /// `KAFKA_BROKERS`: host:port,…; none for the broker in this process.
    pub brokers: Option<String>,
    /// `LOG_FORMAT`; none: text on a terminal, else JSON.
    pub log_format: Option<LogFormat>,
    /// `RUST_LOG`.
    pub log_filter: Option<String>,
}

/// Which database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// A PostgreSQL server.
    Postgres {
        /// `postgres://user:password@host:5432/name?sslmode=disable`
        url: String,
        /// The same without what is secret, for people.
        shown: String,
    },
    /// The embedded one, a file.
    Sqlite {
        /// The file; it and its folder are made where they are missing.
        path: PathBuf,
    },
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// A JSON object a line.
    Json,
    /// A line for people.
    Text,
}

/// A setting that can't be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{variable}: {problem}\n  write {instead}")]
pub struct SettingsError {
    /// The name of the variable.
    pub variable: &'static str,
    /// What is wrong with it.
    pub problem: String,
    /// What to write.
    pub instead: &'static str,
}

impl Settings {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// The first variable that can't be used.
    pub fn from_env() -> Result<Self, SettingsError> {
        Self::read(&|name| std::env::var(name).ok())
    }

    /// Reads an environment: `get` gives a variable's value.
    fn read(get: &dyn Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let get = |name: &str| get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        Ok(Self {
            port: port("PORT", get("PORT"))?,
            database: database(&get)?,
            brokers: get("KAFKA_BROKERS").map(brokers).transpose()?,
            log_format: get("LOG_FORMAT").map(|value| log_format(&value)).transpose()?,
            log_filter: get("RUST_LOG"),
        })
    }
}

fn port(variable: &'static str, value: Option<String>) -> Result<Option<u16>, SettingsError> {
    let wrong = |value: &str| SettingsError {
        variable,
        problem: format!("{value:?} is not a port"),
        instead: "a number from 0 to 65535 (0: any free port)",
    };
    value.map(|value| value.parse().map_err(|_| wrong(&value))).transpose()
}

fn brokers(value: String) -> Result<String, SettingsError> {
    let fits = |broker: &str| match broker.rsplit_once(':') {
        Some((host, port)) => !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0),
        None => !broker.is_empty() && !broker.contains(char::is_whitespace),
    };
    match value.split(',').map(str::trim).find(|broker| !fits(broker)) {
        None => Ok(value),
        Some(broker) => Err(SettingsError {
            variable: "KAFKA_BROKERS",
            problem: format!("{broker:?} is not a broker's address"),
            instead: "host:port, several separated by commas; leave it out for the broker in this process",
        }),
    }
}

fn log_format(value: &str) -> Result<LogFormat, SettingsError> {
    match value {
        "json" => Ok(LogFormat::Json),
        "text" => Ok(LogFormat::Text),
        _ => Err(SettingsError {
            variable: "LOG_FORMAT",
            problem: format!("{value:?} is not a format"),
            instead: "json or text; leave it out for text on a terminal and json elsewhere",
        }),
    }
}

fn database(get: &dyn Fn(&str) -> Option<String>) -> Result<Database, SettingsError> {
    if let Some(text) = get("DB_CONNECTION_STRING") {
        return connection_string(text);
    }
    if let Some(host) = get("DB_HOST") {
        return from_parts(&host, get);
    }
    match ["DB_PORT", "DB_NAME", "DB_USER", "DB_PASSWORD"].into_iter().find(|name| get(name).is_some()) {
        None => Ok(Database::Sqlite { path: EMBEDDED.into() }),
        Some(variable) => Err(SettingsError {
            variable,
            problem: "is set, but neither DB_HOST nor DB_CONNECTION_STRING is".to_owned(),
            instead: "DB_HOST too for PostgreSQL; leave all of them out for the embedded database",
        }),
    }
}

fn connection_string(text: String) -> Result<Database, SettingsError> {
    let wrong = |problem: String| SettingsError {
        variable: "DB_CONNECTION_STRING",
        problem,
        instead: "postgres://user:password@host:5432/cinemaabyss?sslmode=disable (or sqlite:FILE; leave it out for data/cinemaabyss.db)",
    };
    if let Some(path) = text.strip_prefix("sqlite:") {
        let path = Path::new(path.strip_prefix("//").unwrap_or(path));
        return if path.as_os_str().is_empty() {
            Err(wrong("it names no file".to_owned()))
        } else {
            Ok(Database::Sqlite { path: path.to_owned() })
        };
    }
    let Some(rest) = ["postgres://", "postgresql://"].into_iter().find_map(|scheme| text.strip_prefix(scheme)) else {
        // The text itself is not shown: it may hold a password.
        return Err(wrong("it is neither a postgres:// nor a sqlite: address".to_owned()));
    };
    let options: sqlx::postgres::PgConnectOptions = text.parse().map_err(|problem| wrong(format!("{problem}")))?;
    use sqlx::postgres::PgSslMode::{Require, VerifyCa, VerifyFull};
    if matches!(options.get_ssl_mode(), Require | VerifyCa | VerifyFull) {
        return Err(wrong("sslmode asks for TLS, which this build doesn't speak".to_owned()));
    }
    let shown = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
    let shown = shown.split_once('?').map_or(shown, |(place, _)| place).to_owned();
    Ok(Database::Postgres { shown, url: text })
}

fn from_parts(host: &str, get: &dyn Fn(&str) -> Option<String>) -> Result<Database, SettingsError> {
    let port = port("DB_PORT", get("DB_PORT"))?.unwrap_or(5432);
    let part = |name: &str, default: &str| get(name).unwrap_or_else(|| default.to_owned());
    let (name, user) = (part("DB_NAME", "cinemaabyss"), part("DB_USER", "postgres"));
    let password = get("DB_PASSWORD").map(|password| format!(":{}", encoded(&password))).unwrap_or_default();
    let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
    let url = format!("postgres://{}{password}@{host}:{port}/{}?sslmode=disable", encoded(&user), encoded(&name));
    url.parse::<sqlx::postgres::PgConnectOptions>().map_err(|problem| SettingsError {
        variable: "DB_HOST",
        problem: problem.to_string(),
        instead: "a host name or an address",
    })?;
    Ok(Database::Postgres { url, shown: format!("{host}:{port}/{name}") })
}

/// Percent-encodes everything that has a meaning in a URL.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::{Database, Settings, SettingsError};

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        Settings::read(&|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn nothing_set_is_the_embedded_default() {
        let settings = read(&[("KAFKA_BROKERS", ""), ("DB_CONNECTION_STRING", " ")]).unwrap();
        assert_eq!(settings.database, Database::Sqlite { path: "data/cinemaabyss.db".into() });
        assert_eq!((settings.port, settings.brokers), (None, None));
    }

    #[test]
    fn parts_make_an_address_whatever_the_password_holds() {
        let parts = [("DB_HOST", "db"), ("DB_USER", "a b"), ("DB_PASSWORD", "p@ss/w:rd#%"), ("DB_NAME", "films")];
        let Database::Postgres { url, shown } = read(&parts).unwrap().database else { panic!("not PostgreSQL") };
        assert_eq!(url, "postgres://a%20b:p%40ss%2Fw%3Ard%23%25@db:5432/films?sslmode=disable");
        assert_eq!(shown, "db:5432/films");
        let options: sqlx::postgres::PgConnectOptions = url.parse().unwrap();
        assert_eq!((options.get_username(), options.get_database()), ("a b", Some("films")));
    }

    #[test]
    fn a_password_is_never_shown() {
        let set = [("DB_CONNECTION_STRING", "postgres://u:s3cret@h:1/d?sslmode=disable&password=s3cret")];
        let Database::Postgres { shown, .. } = read(&set).unwrap().database else { panic!("not PostgreSQL") };
        assert_eq!(shown, "h:1/d");
        assert!(
            !read(&[("DB_CONNECTION_STRING", "host=h password=s3cret")]).unwrap_err().to_string().contains("s3cret")
        );
    }

    #[test]
    fn what_is_wrong_names_its_variable() {
        for (name, value) in [
            ("PORT", "80a"),
            ("PORT", "65536"),
            ("KAFKA_BROKERS", "kafka:"),
            ("KAFKA_BROKERS", "a:9092,,b:9092"),
            ("LOG_FORMAT", "xml"),
            ("DB_CONNECTION_STRING", "mysql://h/d"),
            ("DB_CONNECTION_STRING", "postgres://h:port/d"),
            ("DB_CONNECTION_STRING", "postgres://h/d?sslmode=require"),
            ("DB_CONNECTION_STRING", "sqlite:"),
            ("DB_PASSWORD", "alone"),
        ] {
            assert_eq!(read(&[(name, value)]).unwrap_err().variable, name, "{name}={value}");
        }
        assert_eq!(read(&[("DB_HOST", "h"), ("DB_PORT", "x")]).unwrap_err().variable, "DB_PORT");
    }
}

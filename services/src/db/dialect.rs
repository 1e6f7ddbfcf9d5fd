//! Everything in which the two databases differ: their SQL, their settings, their errors. Nothing else knows which it is.

use sqlx::AnyConnection;
use sqlx::migrate::Migrator;

use crate::settings::{Database, SettingsError};

/// Which SQL is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL.
    Postgres,
    /// SQLite.
    Sqlite,
}

/// The dialect, the address for the driver, and what is shown to people.
pub(super) fn address(database: &Database) -> Result<(Dialect, String, String), SettingsError> {
    match database {
        Database::Postgres { url, shown } => Ok((Dialect::Postgres, url.clone(), shown.clone())),
        Database::Sqlite { path } => {
            if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                std::fs::create_dir_all(folder).map_err(|problem| unusable(&problem))?;
            }
            let shown = path.display().to_string();
            // The driver decodes percents, and takes what follows `?` for options.
            let file = shown.replace('%', "%25").replace('?', "%3F").replace('#', "%23");
            Ok((Dialect::Sqlite, format!("sqlite:{file}?mode=rwc"), shown))
        }
    }
}

/// The database that is set can never be opened.
pub(super) fn unusable(problem: &dyn std::error::Error) -> SettingsError {
    SettingsError {
        variable: "DB_CONNECTION_STRING",
        problem: format!("the database can't be opened: {problem}"),
        instead: "an address of PostgreSQL, or start where the folder data/ can be written",
    }
}

impl Dialect {
    /// What begins a transaction that writes. SQLite takes its lock first: one that reads and then wants to write can be
    /// refused without waiting.
    pub fn begin(self) -> &'static str {
        match self {
            Self::Postgres => "begin",
            Self::Sqlite => "begin immediate",
        }
    }

    /// A time that is bound as text in RFC 3339.
    pub fn time_in(self, parameter: &str) -> String {
        match self {
            Self::Postgres => format!("cast({parameter} as timestamptz)"),
            Self::Sqlite => parameter.to_owned(),
        }
    }

    /// A column's time as text in RFC 3339.
    pub fn time_out(self, column: &str) -> String {
        match self {
            Self::Postgres => format!(r#"to_char({column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"#),
            Self::Sqlite => column.to_owned(),
        }
    }

    /// The texts of a JSON list as rows with a column `value`: any number of them in one statement.
    pub fn rows_of(self, parameter: &str) -> String {
        match self {
            Self::Postgres => format!("jsonb_array_elements_text(cast({parameter} as jsonb)) as listed(value)"),
            Self::Sqlite => format!("json_each({parameter})"),
        }
    }

    /// Makes the tables; every statement may find its own work done.
    pub(super) fn migrations(self) -> Migrator {
        let mut migrations = match self {
            Self::Postgres => sqlx::migrate!("migrations/postgres"),
            Self::Sqlite => sqlx::migrate!("migrations/sqlite"),
        };
        // The keeper holds a lock of its own over all of it; and a newer version's tables are no reason not to run.
        migrations.set_locking(false).set_ignore_missing(true);
        migrations
    }

    /// Held to the end of the transaction: services that start together make the tables one after the other.
    pub(super) fn lock(self) -> Option<&'static str> {
        match self {
            Self::Postgres => Some("select pg_advisory_xact_lock(7163492201)"),
            Self::Sqlite => None,
        }
    }

    /// How many of the tables that the sample data needs are there before anything is made.
    pub(super) fn tables(self) -> &'static str {
        match self {
            Self::Postgres => {
                "select count(*) from pg_tables where schemaname = any(current_schemas(false)) \
                 and tablename in ('users', 'movies', 'movie_genres', 'payments', 'subscriptions')"
            }
            Self::Sqlite => {
                "select count(*) from sqlite_master where type = 'table' \
                 and name in ('users', 'movies', 'movie_genres', 'payments', 'subscriptions')"
            }
        }
    }

    /// What is set once in a file and stays.
    pub(super) fn lasting(self) -> Option<&'static str> {
        match self {
            Self::Postgres => None,
            // Readers go on while one writes.
            Self::Sqlite => Some("pragma journal_mode = wal"),
        }
    }

    /// What is set on every connection.
    pub(super) async fn set_up(self, connection: &mut AnyConnection) -> sqlx::Result<()> {
        match self {
            Self::Postgres => Ok(()),
            // Less than a request's patience; and in WAL mode `normal` risks a power cut's last moments, not the file.
            Self::Sqlite => {
                let settings = "pragma busy_timeout = 2500; pragma foreign_keys = on; pragma synchronous = normal";
                sqlx::raw_sql(settings).execute(connection).await.map(drop)
            }
        }
    }

    /// Whether an error means that the database is away, or too busy, and not that the SQL is wrong.
    pub(super) fn away(self, problem: &sqlx::Error) -> bool {
        let sqlx::Error::Database(refusal) = problem else {
            use sqlx::Error::{Io, PoolClosed, PoolTimedOut, Protocol, Tls, WorkerCrashed};
            return matches!(problem, Io(_) | Tls(_) | Protocol(_) | PoolTimedOut | PoolClosed | WorkerCrashed);
        };
        let code = refusal.code().unwrap_or_default();
        match self {
            // Connections, access, no such database, serialisation, resources, an operator's stop.
            Self::Postgres => ["08", "28", "3D", "40", "53", "57"].iter().any(|class| code.starts_with(class)),
            // Busy, locked, read-only, I/O, full, can't open; a code's low byte is its class.
            Self::Sqlite => code.parse::<i32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 8 | 10 | 13 | 14)),
        }
    }

    /// Whether we are not allowed to make tables, which is no harm where they are there.
    pub(super) fn forbidden(self, problem: &sqlx::Error) -> bool {
        let refusal = problem.as_database_error();
        self == Self::Postgres && refusal.is_some_and(|refusal| refusal.code().as_deref() == Some("42501"))
    }
}

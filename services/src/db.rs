//! The database as the domains see it: one pool, one way to run SQL, one translation of what goes wrong.
//!
//! `dialect` holds everything in which PostgreSQL and SQLite differ; `keeper` is the task that makes the tables, notices
//! that the database is away and that it is back. While it is away every request is refused at once instead of waiting.

mod dialect;
mod keeper;

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use sqlx::AnyPool;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use tokio::sync::{Notify, watch};

pub use dialect::Dialect;

use crate::error::Error;
use crate::metrics::PoolState;
use crate::settings::{Database, SettingsError};

/// Connections in the pool, at most; PostgreSQL allows a hundred to all services together by default.
const CONNECTIONS: u32 = 10;

/// How long one request waits for a connection before it is refused.
const ACQUIRE: Duration = Duration::from_secs(2);

/// How long all the SQL of one request may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is unreachable, in the words of an answer.
const NAME: &str = "the database";

/// A handle on the database; clones share it.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    dialect: Dialect,
    address: AnyConnectOptions,
    /// Replaced when the database comes back, so that no connection of before is waited for. Locked for a clone.
    pool: RwLock<AnyPool>,
    up: watch::Sender<bool>,
    /// Something went wrong that may mean that the database is away.
    doubt: Notify,
    /// A statement did not come back: the pool's connections may be dead without knowing.
    stuck: AtomicBool,
    /// What people know the database by.
    shown: String,
}

/// Why SQL was not done.
#[derive(Debug)]
pub enum Failed {
    /// A unique constraint; the text names it or its column.
    Taken(String),
    /// A reference to a row that does not exist.
    Dangling,
    /// All the rest, as it is answered.
    Other(Error),
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Taken(_) => Self::Taken("this is there already".to_owned()),
            Failed::Dangling => Self::Invalid("this refers to something that does not exist".to_owned()),
            Failed::Other(error) => error,
        }
    }
}

impl Db {
    /// Opens the database and starts its keeper. The database itself may be away.
    ///
    /// # Errors
    /// The settings name something that can never be opened.
    pub fn open(database: &Database) -> Result<Self, SettingsError> {
        sqlx::any::install_default_drivers();
        let (dialect, url, shown) = dialect::address(database)?;
        let address: AnyConnectOptions = url.parse().map_err(|problem: sqlx::Error| dialect::unusable(&problem))?;
        let pool = RwLock::new(pool(dialect, address.clone()));
        let (up, _) = watch::channel(false);
        let inner = Inner { dialect, address, pool, up, doubt: Notify::new(), stuck: AtomicBool::new(false), shown };
        let db = Self(Arc::new(inner));
        tokio::spawn(keeper::keep(Arc::clone(&db.0)));
        Ok(db)
    }

    /// Which SQL it speaks.
    pub fn dialect(&self) -> Dialect {
        self.0.dialect
    }

    /// What people know it by: host, port and name, or a file. Nothing secret.
    pub fn shown(&self) -> &str {
        &self.0.shown
    }

    /// Returns as soon as the tables are there, or after `most`.
    pub async fn ready_within(&self, most: Duration) {
        let mut up = self.0.up.subscribe();
        let _late = tokio::time::timeout(most, up.wait_for(|up| *up)).await;
    }

    /// Runs SQL on the pool, within the time that one request has.
    ///
    /// # Errors
    /// [`Failed::Other`] with [`Error::Unavailable`] at once while the database is known to be away.
    pub async fn run<T, F>(&self, work: impl FnOnce(AnyPool) -> F) -> Result<T, Failed>
    where
        F: Future<Output = Result<T, sqlx::Error>>,
    {
        if !*self.0.up.borrow() {
            return Err(Failed::Other(Error::Unavailable(NAME)));
        }
        match tokio::time::timeout(PATIENCE, work(self.0.pool())).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(problem)) => Err(self.failed(&problem)),
            Err(_) => {
                tracing::warn!("the database did not answer in time");
                self.0.stuck.store(true, Ordering::Relaxed);
                self.0.doubt.notify_one();
                Err(Failed::Other(Error::Unavailable(NAME)))
            }
        }
    }

    fn failed(&self, problem: &sqlx::Error) -> Failed {
        if let Some(refusal) = problem.as_database_error() {
            if refusal.is_unique_violation() {
                return Failed::Taken(refusal.constraint().unwrap_or(refusal.message()).to_owned());
            }
            if refusal.is_foreign_key_violation() {
                return Failed::Dangling;
            }
        }
        if self.0.dialect.away(problem) {
            tracing::warn!(%problem, "the database can't be reached");
            self.0.doubt.notify_one();
            return Failed::Other(Error::Unavailable(NAME));
        }
        tracing::error!(%problem, "SQL failed");
        Failed::Other(Error::Internal)
    }

    /// The pool at this moment.
    pub fn state(&self) -> PoolState {
        let pool = self.0.pool();
        let (size, idle) = (pool.size() as usize, pool.num_idle());
        PoolState { up: *self.0.up.borrow(), idle, used: size.saturating_sub(idle), max: CONNECTIONS as usize }
    }

    /// Closes the connections, those that work after their work.
    pub async fn close(&self) {
        self.0.pool().close().await;
        self.0.doubt.notify_one();
    }
}

impl Inner {
    fn pool(&self) -> AnyPool {
        self.pool.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts a fresh pool in place of one whose connections can't be trusted.
    fn renew(&self) {
        let fresh = pool(self.dialect, self.address.clone());
        let old = std::mem::replace(&mut *self.pool.write().unwrap_or_else(PoisonError::into_inner), fresh);
        tokio::spawn(async move { old.close().await });
    }
}

fn pool(dialect: Dialect, address: AnyConnectOptions) -> AnyPool {
    AnyPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(ACQUIRE)
        .after_connect(move |connection, _| Box::pin(dialect.set_up(connection)))
        .connect_lazy_with(address)
}

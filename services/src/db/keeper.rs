//! The task beside a database: makes its tables and the sample data of a first start, and knows whether it is there.
//!
//! It asks on a connection of its own, so that a pool that is only busy isn't taken for a database that is away.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sqlx::{AnyConnection, Connection};

use super::{Dialect, Inner};

/// Between two questions to a database that is away.
const AGAIN: Duration = Duration::from_millis(250);

/// How long one question may take, tables included.
const PATIENCE: Duration = Duration::from_secs(5);

const SAMPLE: &str = include_str!("../../migrations/sample.sql");

/// Runs until the pool is closed.
pub(super) async fn keep(inner: Arc<Inner>) {
    // Whether the last answer was good; none before the first.
    let mut was: Option<bool> = None;
    while !inner.pool().is_closed() {
        let answer = tokio::time::timeout(PATIENCE, prepare(&inner)).await;
        let problem = match answer {
            Ok(Ok(())) => None,
            Ok(Err(problem)) => Some(problem.to_string()),
            Err(_) => Some("no answer in time".to_owned()),
        };
        let up = problem.is_none();
        if up && (inner.stuck.swap(false, Ordering::Relaxed) || was == Some(false)) {
            inner.renew();
        }
        inner.up.send_replace(up);
        if was != Some(up) {
            match problem {
                None => tracing::info!(database = inner.shown, "the database is ready"),
                Some(problem) => tracing::warn!(database = inner.shown, problem, "the database is away"),
            }
        }
        was = Some(up);
        if up { inner.doubt.notified().await } else { tokio::time::sleep(AGAIN).await }
    }
}

/// Connects, and makes what is missing, all of it or nothing.
async fn prepare(inner: &Inner) -> sqlx::Result<()> {
    let dialect = inner.dialect;
    let mut connection = AnyConnection::connect_with(&inner.address).await?;
    dialect.set_up(&mut connection).await?;
    if let Some(lasting) = dialect.lasting() {
        sqlx::raw_sql(lasting).execute(&mut connection).await?;
    }
    match make_tables(dialect, &mut connection).await {
        Err(problem) if dialect.forbidden(&problem) => {
            tracing::warn!(%problem, "no tables may be made here: those that are there are used");
        }
        made => made?,
    }
    connection.close().await
}

async fn make_tables(dialect: Dialect, connection: &mut AnyConnection) -> sqlx::Result<()> {
    let mut all = connection.begin_with(dialect.begin()).await?;
    if let Some(lock) = dialect.lock() {
        sqlx::raw_sql(lock).execute(&mut *all).await?;
    }
    let before: i64 = sqlx::query_scalar(dialect.tables()).fetch_one(&mut *all).await?;
    // Not `run`: its bound on any connection's lifetime can't be met inside of a task.
    dialect.migrations().run_direct(None, &mut *all, false).await.map_err(|problem| match problem {
        sqlx::migrate::MigrateError::Execute(problem) => problem,
        sqlx::migrate::MigrateError::ExecuteMigration(problem, _) => problem,
        other => other.into(),
    })?;
    // Tables that were there are somebody's: theirs stay as they are, empty or not.
    if before == 0 {
        sqlx::raw_sql(SAMPLE).execute(&mut *all).await?;
        tracing::info!("first start: the tables are made and hold sample data");
    }
    all.commit().await
}

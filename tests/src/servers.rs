//! The real servers that the tests use. `make test` starts them and says where they are.

use std::future::Future;

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::folder::unique;

fn named(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: run `make test`, which starts the servers that the tests need")
    })
}

/// `TEST_KAFKA_BROKERS`: host:port of a broker whose topics the tests may fill.
///
/// # Panics
/// It is not set.
pub fn kafka() -> String {
    named("TEST_KAFKA_BROKERS")
}

/// A database of a test's own on the server of `TEST_DATABASE_URL`; dropped with it.
pub struct Database {
    name: String,
    url: String,
}

impl Database {
    /// An empty one.
    ///
    /// # Panics
    /// The variable is not set, or its user may not make databases.
    pub fn new() -> Self {
        let name = unique("cinema_test").replace('-', "_");
        run(&server(), &[&format!("create database {name}")]);
        let url = on(&server(), &name);
        Self { name, url }
    }

    /// Its address, for `DB_CONNECTION_STRING`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs statements in it.
    ///
    /// # Panics
    /// One fails.
    pub fn run(&self, statements: &[&str]) {
        run(&self.url, statements);
    }
}

impl Default for Database {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        run(&server(), &[&format!("drop database if exists {} with (force)", self.name)]);
    }
}

/// Runs statements on the server, for what belongs to no database.
///
/// # Panics
/// One fails.
pub fn run_on_server(statements: &[&str]) {
    run(&server(), statements);
}

fn server() -> String {
    named("TEST_DATABASE_URL")
}

/// The host and port of a database's address.
///
/// # Panics
/// It is no address.
pub fn place(url: &str) -> String {
    let options: sqlx::postgres::PgConnectOptions = url.parse().unwrap_or_else(|problem| panic!("{url}: {problem}"));
    format!("{}:{}", options.get_host(), options.get_port())
}

/// The same address with another database.
fn on(url: &str, name: &str) -> String {
    let (start, options) = url.split_once('?').map_or((url, String::new()), |(url, rest)| (url, format!("?{rest}")));
    let end = start.find("://").map_or(0, |at| at + 3);
    let server = start[end..].find('/').map_or(start, |slash| &start[..end + slash]);
    format!("{server}/{name}{options}")
}

fn run(url: &str, statements: &[&str]) {
    waited(async {
        let mut connection = PgConnection::connect(url).await?;
        for statement in statements {
            sqlx::raw_sql(AssertSqlSafe(*statement)).execute(&mut connection).await?;
        }
        connection.close().await
    })
    .unwrap_or_else(|problem: sqlx::Error| panic!("{statements:?}: {problem}"));
}

fn waited<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap_or_else(|problem| panic!("no runtime: {problem}")).block_on(work)
}

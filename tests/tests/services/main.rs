//! The services as their clients know them, on both databases; and what they do when a database is away.
//!
//! `contract` and `errors` run on SQLite and on PostgreSQL, each test with a database and processes of its own; `outage` and
//! `schema` are of PostgreSQL, `life` is of any process, `system` of all in one.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod contract;
mod errors;
mod life;
mod outage;
mod schema;
mod system;

use std::net::SocketAddr;

use serde_json::Value;
use tests::folder::Folder;
use tests::http::{self, Answer};
use tests::process::Process;
use tests::servers::Database;

/// Where the data of a test is.
pub enum Store {
    /// The embedded default: nothing is set.
    Sqlite,
    /// A database of its own on the server.
    Postgres(Database),
}

/// The monolith, and a folder and a database for more processes.
pub struct System {
    /// Where it listens.
    pub monolith: SocketAddr,
    _process: Process,
    folder: Folder,
    store: Store,
}

impl System {
    /// A new monolith on that store.
    pub fn on(store: Store) -> Self {
        let folder = Folder::new();
        let mut process = start("monolith", &folder, &store, &[]);
        let monolith = process.address();
        Self { monolith, _process: process, folder, store }
    }

    /// Another service on the same database.
    pub fn service(&self, name: &str) -> (Process, SocketAddr) {
        let mut process = start(name, &self.folder, &self.store, &[]);
        let address = process.address();
        (process, address)
    }

    /// GET of the monolith.
    pub fn get(&self, path: &str) -> Answer {
        http::get(self.monolith, path)
    }

    /// POST to the monolith.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        http::post(self.monolith, path, body)
    }

    /// A POST that must be answered 201: its answer's body.
    pub fn created(&self, path: &str, body: &Value) -> Value {
        let answer = self.post(path, body);
        assert_eq!(answer.status, 201, "{path} {body}: {}", answer.text());
        answer.json()
    }

    /// A GET that must be answered 200: its body.
    pub fn found(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    /// How many a list has.
    pub fn count(&self, path: &str) -> usize {
        self.found(path).as_array().unwrap().len()
    }
}

/// Starts a service on any free port, on that store.
pub fn start(name: &str, folder: &Folder, store: &Store, more: &[(&str, &str)]) -> Process {
    let mut environment = vec![("PORT", "0")];
    if let Store::Postgres(database) = store {
        environment.push(("DB_CONNECTION_STRING", database.url()));
    }
    environment.extend(more);
    Process::start(name, folder.path(), &environment)
}

/// Each named test twice, once a database.
macro_rules! on_both_databases {
    ($($test:ident)*) => {
        mod sqlite {
            $(#[test] fn $test() { super::$test(&crate::System::on(crate::Store::Sqlite)); })*
        }
        mod postgres {
            $(#[test] fn $test() { super::$test(&crate::System::on(crate::Store::Postgres(Default::default()))); })*
        }
    };
}
pub(crate) use on_both_databases;

//! The gateway under test: `gateway run` on free ports, with a routes file that the test writes and edits.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::Value;

use crate::client::Client;
use crate::folder::Folder;
use crate::http::{self, Answer};
use crate::process::Process;
use crate::scrape::Scrape;
use crate::{until, until_ok};

/// What a gateway is started with.
#[derive(Debug)]
pub struct Setup {
    file: String,
    environment: Vec<(String, String)>,
    arguments: Vec<String>,
}

/// One that runs.
pub struct Gateway {
    /// Where clients connect.
    pub address: SocketAddr,
    /// Where operators look.
    pub admin: SocketAddr,
    /// The process.
    pub process: Process,
    /// Its routes file.
    pub routes: PathBuf,
    _folder: Folder,
}

/// A file's `server`, on free ports, two workers and more settings, each a line without indent; then the rest of the file.
#[must_use]
pub fn file(settings: &[&str], rest: &str) -> String {
    let mut text = "server:\n  listen: 127.0.0.1:0\n  admin: 127.0.0.1:0\n".to_owned();
    if !settings.iter().any(|setting| setting.starts_with("workers:")) {
        text.push_str("  workers: 2\n");
    }
    for setting in settings {
        let _written = writeln!(text, "  {setting}");
    }
    text + rest
}

impl Setup {
    /// With this whole file.
    #[must_use]
    pub fn of(file: impl Into<String>) -> Self {
        let environment = vec![("LOG_FORMAT".to_owned(), "json".to_owned())];
        Self { file: file.into(), environment, arguments: Vec::new() }
    }

    /// With these settings of the server, as [`file()`] has them, and this rest.
    #[must_use]
    pub fn with(settings: &[&str], rest: &str) -> Self {
        Self::of(file(settings, rest))
    }

    /// With a variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// With an argument after `gateway run`.
    #[must_use]
    pub fn arg(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Starts the process in a folder that holds the file as `routes.yaml`, and waits for nothing.
    ///
    /// # Panics
    /// It can't be started.
    pub fn spawn(self) -> (Process, Folder) {
        let folder = Folder::in_memory();
        std::fs::write(folder.path().join("routes.yaml"), &self.file).unwrap_or_else(|problem| panic!("{problem}"));
        (self.spawn_in(&folder), folder)
    }

    /// The same in a folder that holds what the test put there.
    ///
    /// # Panics
    /// It can't be started.
    pub fn spawn_in(&self, folder: &Folder) -> Process {
        let environment: Vec<_> =
            self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let arguments: Vec<_> = std::iter::once("run").chain(self.arguments.iter().map(String::as_str)).collect();
        Process::command("gateway", folder.path(), &environment, &arguments)
    }

    /// Starts it and waits until it serves.
    ///
    /// # Panics
    /// It does not come to that.
    #[must_use]
    pub fn start(self) -> Gateway {
        let (process, folder) = self.spawn();
        Gateway::of(process, folder)
    }
}

impl Gateway {
    /// Starts one with two workers and this file, which has no `server`.
    ///
    /// # Panics
    /// It does not come to that.
    #[must_use]
    pub fn start(rest: &str) -> Self {
        Setup::with(&[], rest).start()
    }

    /// Waits until a process serves.
    ///
    /// # Panics
    /// It does not come to that.
    #[must_use]
    pub fn of(mut process: Process, folder: Folder) -> Self {
        let line = process.line("that it listens", |line| line["message"] == "gateway is listening");
        let address = |field: &str| {
            let address: SocketAddr = line[field].as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| {
                panic!("{line} has no {field}");
            });
            SocketAddr::from(([127, 0, 0, 1], address.port()))
        };
        let (address, admin) = (address("address"), address("admin"));
        Self { address, admin, process, routes: folder.path().join("routes.yaml"), _folder: folder }
    }

    /// GET, on a connection of its own.
    ///
    /// # Panics
    /// There is no answer.
    pub fn get(&self, path: &str) -> Answer {
        http::get(self.address, path)
    }

    /// GET with headers, on a connection of its own.
    ///
    /// # Panics
    /// There is no answer.
    pub fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.connect().request("GET", path, headers, b"")
    }

    /// A connection that stays open.
    ///
    /// # Panics
    /// Nobody listens.
    pub fn connect(&self) -> Client {
        Client::new(self.address)
    }

    /// Sends bytes on a connection of their own and reads one answer.
    ///
    /// # Panics
    /// There is no answer.
    pub fn raw(&self, bytes: impl AsRef<[u8]>) -> Answer {
        let mut client = self.connect();
        client.send(bytes).unwrap_or_else(|problem| panic!("{problem}"));
        client.answer().unwrap_or_else(|problem| panic!("no answer: {problem}"))
    }

    /// What `/table` shows.
    ///
    /// # Panics
    /// There is no answer.
    pub fn table(&self) -> Value {
        http::get(self.admin, "/table").json()
    }

    /// The number of the table in force.
    ///
    /// # Panics
    /// There is no answer.
    pub fn generation(&self) -> u64 {
        self.table()["generation"].as_u64().unwrap_or_default()
    }

    /// A scrape.
    ///
    /// # Panics
    /// There is none.
    pub fn scrape(&self) -> Scrape {
        let page = http::get(self.admin, "/metrics");
        assert_eq!(page.status, 200, "{}", page.text());
        Scrape::read(&page.text())
    }

    /// Waits for a state of the metrics; the scrape that has it.
    ///
    /// # Panics
    /// It does not come about; with all requests that were counted.
    pub fn counted(&self, what: &str, state: impl Fn(&Scrape) -> bool) -> Scrape {
        until_ok(what, || {
            let scrape = self.scrape();
            if state(&scrape) {
                Ok(scrape)
            } else {
                Err(scrape.find("gateway_requests_total", &[]).into_iter().cloned().collect::<Vec<_>>())
            }
        })
    }

    /// The number of the table that governs requests now, as an answer says it.
    ///
    /// # Panics
    /// There is no answer, or it does not say.
    pub fn governed_by(&self, client: &mut Client, path: &str) -> u64 {
        let answer = client.get(path);
        let generation = answer.header("x-table-generation").and_then(|number| number.parse().ok());
        generation.unwrap_or_else(|| panic!("{answer:?} does not say its generation"))
    }

    /// Overwrites the file in place.
    ///
    /// # Panics
    /// It can't be written.
    pub fn save(&self, text: &str) {
        std::fs::write(&self.routes, text).unwrap_or_else(|problem| panic!("{}: {problem}", self.routes.display()));
    }

    /// Overwrites the file and waits until it is in force.
    ///
    /// # Panics
    /// It does not come into force.
    pub fn edit(&self, text: &str) {
        let before = self.generation();
        self.save(text);
        until("the edit is in force", || (self.generation() > before).then_some(()));
    }
}

//! A service is a name, a port and its domains; this starts and stops one.
//!
//! The monolith is the domain modules composed into one process: extracting a service is moving a name from one list to
//! another. What a domain needs is in its type, so a service opens no database for a domain that has none.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::db::Db;
use crate::events::{Events, Producer, TOPICS};
use crate::http::{Api, health, serve};
use crate::metrics::Metrics;
use crate::settings::{Settings, SettingsError};

/// How long a start waits for the tables, so that the first request finds them; then it goes on without.
const TABLES: Duration = Duration::from_secs(1);

/// A domain's routes, given what they need.
#[derive(Clone, Copy)]
pub enum Domain {
    /// Nothing.
    Plain(fn() -> Api),
    /// The database.
    Stored(fn(Db) -> Api),
    /// Kafka.
    Streamed(fn(&Arc<Producer>) -> Api),
}

/// What a process, or a part of one, serves.
pub struct Service {
    /// Its name, in the log and in the metrics.
    pub name: &'static str,
    /// Where it listens when nothing else is said.
    pub port: u16,
    /// Its domains.
    pub domains: &'static [Domain],
}

/// Why a service does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The environment.
    #[error("{0}")]
    Settings(#[from] SettingsError),
    /// The port.
    #[error("can't listen on {address}: {problem}\n  stop what listens there, or set {variable}")]
    Listen {
        /// Who.
        service: &'static str,
        /// Where.
        address: SocketAddr,
        /// The variable that says where.
        variable: &'static str,
        /// Why not.
        problem: std::io::Error,
    },
    /// The metrics, which is a fault of ours.
    #[error("the metrics can't be made: {0}")]
    Metrics(#[from] prometheus::Error),
    /// Kafka's client, which is a fault of ours too.
    #[error("no client for Kafka: {0}")]
    Kafka(#[from] rdkafka::error::KafkaError),
    /// The gateway, where it is in the same process.
    #[error("{0}")]
    Gateway(#[from] gateway::StartError),
    /// The threads.
    #[error("no runtime: {0}")]
    Runtime(std::io::Error),
}

/// A service that listens.
pub struct Running {
    /// Its name.
    pub name: &'static str,
    /// Where.
    pub address: SocketAddr,
    /// The database, as people know it.
    pub database: Option<String>,
    /// The brokers, as people know them.
    pub brokers: Option<String>,
    stop: watch::Sender<bool>,
    served: JoinHandle<std::io::Result<()>>,
    held: Held,
}

/// What the domains of one service share, opened for the first that needs it.
#[derive(Default)]
struct Held {
    db: Option<Db>,
    events: Option<Events>,
}

impl Service {
    /// Starts it at an address, which `variable` of the environment says, and returns when it listens.
    ///
    /// # Errors
    /// The port is taken, or the settings can't be used.
    pub async fn start(
        &self,
        settings: &Settings,
        wanted: SocketAddr,
        variable: &'static str,
    ) -> Result<Running, StartError> {
        let refused = |problem| StartError::Listen { service: self.name, address: wanted, variable, problem };
        let listener = TcpListener::bind(wanted).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;

        let metrics = Metrics::new(self.name)?;
        let mut held = Held::default();
        let mut api = Api::default().route("/health", get(health));
        for domain in self.domains {
            api = api.merge(match domain {
                Domain::Plain(routes) => routes(),
                Domain::Stored(routes) => routes(held.db(settings, &metrics)?),
                Domain::Streamed(routes) => routes(&held.producer(settings, &metrics)?),
            });
        }
        metrics.with_routes(api.paths());
        if let Some(db) = &held.db {
            db.ready_within(TABLES).await;
        }

        let (stop, stopped) = watch::channel(false);
        let app = api.into_app(self.name, Arc::new(metrics));
        let served = tokio::spawn(serve(listener, app, stopped));
        let database = held.db.as_ref().map(|db| db.shown().to_owned());
        let brokers = held.events.as_ref().map(Events::shown);
        tracing::info!(service = self.name, %address, database, brokers, "listening");
        Ok(Running { name: self.name, address, database, brokers, stop, served, held })
    }
}

impl Held {
    fn db(&mut self, settings: &Settings, metrics: &Metrics) -> Result<Db, StartError> {
        if let Some(db) = &self.db {
            return Ok(db.clone());
        }
        let db = Db::open(&settings.database)?;
        let observed = db.clone();
        metrics.with_db(move || observed.state())?;
        Ok(self.db.insert(db).clone())
    }

    fn producer(&mut self, settings: &Settings, metrics: &Metrics) -> Result<Arc<Producer>, StartError> {
        if let Some(events) = &self.events {
            return Ok(events.producer());
        }
        let events = Events::start(settings.brokers.as_deref(), metrics.with_events(&TOPICS)?)?;
        Ok(self.events.insert(events).producer())
    }
}

impl Running {
    /// Takes no more requests, answers those in flight, then lets go of what it holds.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        match self.served.await {
            Ok(Ok(())) => {}
            Ok(Err(problem)) => tracing::error!(service = self.name, %problem, "the listener failed"),
            Err(problem) => tracing::error!(service = self.name, %problem, "the server failed"),
        }
        if let Some(events) = self.held.events {
            events.close().await;
        }
        if let Some(db) = self.held.db {
            db.close().await;
        }
        tracing::info!(service = self.name, "stopped");
    }
}

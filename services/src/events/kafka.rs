//! Everything about Kafka of one process: the settings of its clients, what they tell us, and their start and end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use rdkafka::admin::AdminClient;
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::statistics::Statistics;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::mock::MockBroker;
use super::producer::Producer;
use super::{consumer, topics};
use crate::metrics::EventMetrics;

/// Between two attempts to make the topics while Kafka is away.
const AGAIN: Duration = Duration::from_millis(500);

/// How long the consumer has for its last commit.
const FAREWELL: Duration = Duration::from_secs(3);

/// The producer, the consumer and, where no broker was named, the broker.
pub struct Events {
    producer: Arc<Producer>,
    brokers: String,
    stop: watch::Sender<bool>,
    consumer: JoinHandle<()>,
    /// Lives as long as its clients.
    mock: Option<MockBroker>,
}

impl Events {
    /// Starts the clients, and the broker where none is named. Kafka itself may be away.
    ///
    /// # Errors
    /// librdkafka does not take our settings.
    pub fn start(brokers: Option<&str>, metrics: EventMetrics) -> Result<Self, KafkaError> {
        let mock = if brokers.is_none() { Some(MockBroker::start()?) } else { None };
        let brokers = brokers.or(mock.as_ref().map(MockBroker::address)).unwrap_or_default().to_owned();
        let client = Client { brokers: brokers.clone(), metrics };
        let producer = Arc::new(Producer::new(client.clone())?);
        let (stop, stopped) = watch::channel(false);
        // The mock has its topics already, and no requests that make any.
        let made = mock.is_some();
        let consumer = tokio::spawn(async move {
            if made || ensured(&client, stopped.clone()).await {
                consumer::run(&client, stopped).await;
            }
        });
        Ok(Self { producer, brokers, stop, consumer, mock })
    }

    /// What the routes produce with.
    pub fn producer(&self) -> Arc<Producer> {
        Arc::clone(&self.producer)
    }

    /// Where the brokers are, and whether they are ours.
    pub fn shown(&self) -> String {
        let kind = if self.mock.is_some() { " (in this process, in memory only)" } else { "" };
        format!("{}{kind}", self.brokers)
    }

    /// Commits what was handled and leaves the group.
    pub async fn close(self) {
        self.stop.send_replace(true);
        if tokio::time::timeout(FAREWELL, self.consumer).await.is_err() {
            tracing::warn!("Kafka did not let the consumer go in time; what it handled last may come again");
        }
    }
}

/// Makes the topics, however long Kafka is away; false when it is time to stop.
async fn ensured(client: &Client, mut stopped: watch::Receiver<bool>) -> bool {
    let admin: AdminClient<Context> = match client.make(&[]) {
        Ok(admin) => admin,
        Err(problem) => {
            tracing::error!(%problem, "no client for making topics");
            return true;
        }
    };
    let mut told = false;
    while let Err(problem) = topics::ensure(&admin).await {
        if !told {
            tracing::warn!(%problem, brokers = client.brokers, "Kafka is away; events are refused until it is back");
            told = true;
        }
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            _ = stopped.wait_for(|stop| *stop) => return false,
        }
    }
    true
}

/// How clients are made.
#[derive(Clone)]
pub(super) struct Client {
    brokers: String,
    pub(super) metrics: EventMetrics,
}

impl Client {
    /// A client with the settings that all share and its own.
    pub(super) fn make<C: FromClientConfigAndContext<Context>>(&self, own: &[(&str, &str)]) -> Result<C, KafkaError> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", "cinemaabyss-events")
            // A broker that comes back is found at once, one that hangs is left soon.
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "500")
            .set("socket.connection.setup.timeout.ms", "2000")
            .set("socket.timeout.ms", "5000")
            .set("socket.keepalive.enable", "true")
            .set("topic.metadata.refresh.interval.ms", "10000")
            .set_log_level(RDKafkaLogLevel::Warning);
        for (key, value) in own {
            config.set(*key, *value);
        }
        config.create_with_context(Context { metrics: self.metrics.clone(), up: AtomicU8::new(UNKNOWN) })
    }
}

const UNKNOWN: u8 = 2;

/// What a client tells us: once a second how it is doing.
pub(super) struct Context {
    metrics: EventMetrics,
    /// Whether a broker was connected the last time: 0, 1, or [`UNKNOWN`].
    up: AtomicU8,
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // A broker that is away is told of once, by us; these repeat it at every attempt.
        tracing::debug!(target: "librdkafka", ?level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(target: "librdkafka", %error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        let up = u8::from(statistics.brokers.values().any(|broker| broker.nodeid >= 0 && broker.state == "UP"));
        self.metrics.up.set(up.into());
        match (self.up.swap(up, Ordering::Relaxed), up) {
            (0, 1) => tracing::info!("Kafka is back"),
            (1, 0) => tracing::warn!("Kafka is away; events are refused until it is back"),
            _ => {}
        }
        for (name, topic) in &statistics.topics {
            let known = topic.partitions.values().filter(|partition| partition.partition >= 0);
            // Handled ones are stored first and committed a moment later.
            let lag: i64 = known
                .map(|of| if of.consumer_lag_stored >= 0 { of.consumer_lag_stored } else { of.consumer_lag.max(0) })
                .sum();
            self.metrics.lag.with_label_values(&[name]).set(lag as f64);
        }
    }
}

impl ConsumerContext for Context {}

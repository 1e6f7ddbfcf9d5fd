//! Every metric of a service: its name, help and labels in one table, its cells in one struct.
//!
//! Each service has a registry of its own (several run in one process), served at `/metrics` on its own port.
//! Labels come from closed sets, so every series is there from the start, at zero.

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder};

/// The classes of status codes that a service answers with.
const CODES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// The route of a request whose path is not one of the service's.
pub const NO_ROUTE: &str = "none";

/// Seconds; from a cached row to a timed-out broker.
const BUCKETS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0];

/// A metric as the documents and a scrape show it.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Its full name.
    pub name: &'static str,
    /// What it counts, in one line.
    pub help: &'static str,
    /// Its labels.
    pub labels: &'static [&'static str],
}

const fn entry(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Entry {
    Entry { name, help, labels }
}

const REQUESTS: Entry = entry("cinema_http_requests_total", "Requests answered.", &["route", "code"]);
const SECONDS: Entry =
    entry("cinema_http_request_duration_seconds", "From the request's head to its answer.", &["route", "code"]);
const DB_UP: Entry = entry("cinema_db_up", "1 while the database can be reached.", &[]);
const DB_CONNECTIONS: Entry = entry("cinema_db_connections", "Connections in the pool.", &["state"]);
const DB_MAX: Entry = entry("cinema_db_connections_max", "The most connections that the pool opens.", &[]);
const PRODUCED: Entry = entry("cinema_events_produced_total", "Events that Kafka acknowledged.", &["topic"]);
const HANDLED: Entry = entry("cinema_events_handled_total", "Events that were handled.", &["topic"]);
const DUPLICATES: Entry =
    entry("cinema_events_duplicates_total", "Events that came again and were not handled twice.", &["topic"]);
const FAILED: Entry =
    entry("cinema_events_failed_total", "Events that were not produced, or could not be read.", &["topic", "stage"]);
const LAG: Entry = entry("cinema_events_consumer_lag", "Events in the topic that are not handled yet.", &["topic"]);
const KAFKA_UP: Entry = entry("cinema_kafka_up", "1 while a broker can be reached.", &[]);
const BUILD: Entry = entry("cinema_build_info", "Always 1; which service of which version.", &["service", "version"]);

/// Every metric, in the order of the documents.
pub const TABLE: [Entry; 12] =
    [REQUESTS, SECONDS, DB_UP, DB_CONNECTIONS, DB_MAX, PRODUCED, HANDLED, DUPLICATES, FAILED, LAG, KAFKA_UP, BUILD];

/// The cells of one service.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    seconds: HistogramVec,
}

/// How a database's pool is doing at this moment.
#[derive(Debug, Clone, Copy)]
pub struct PoolState {
    /// Whether the database can be reached.
    pub up: bool,
    /// Open connections that wait for work.
    pub idle: usize,
    /// Open connections that work.
    pub used: usize,
    /// The most connections.
    pub max: usize,
}

/// The pool's cells, which are read from the pool itself at every scrape.
struct PoolCells {
    state: Box<dyn Fn() -> PoolState + Send + Sync>,
    up: Gauge,
    connections: GaugeVec,
    max: Gauge,
}

impl Collector for PoolCells {
    fn desc(&self) -> Vec<&Desc> {
        [self.up.desc(), self.connections.desc(), self.max.desc()].concat()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let PoolState { up, idle, used, max } = (self.state)();
        self.up.set(f64::from(u8::from(up)));
        self.max.set(max as f64);
        for (state, count) in [("idle", idle), ("used", used)] {
            self.connections.with_label_values(&[state]).set(count as f64);
        }
        [self.up.collect(), self.connections.collect(), self.max.collect()].concat()
    }
}

/// What a service with events counts.
#[derive(Clone)]
pub struct EventMetrics {
    /// By topic.
    pub produced: IntCounterVec,
    /// By topic.
    pub handled: IntCounterVec,
    /// By topic.
    pub duplicates: IntCounterVec,
    /// By topic and stage: `produce`, `handle`.
    pub failed: IntCounterVec,
    /// By topic.
    pub lag: GaugeVec,
    /// 1 while a broker can be reached.
    pub up: Gauge,
}

impl Metrics {
    /// The registry of one service.
    ///
    /// # Errors
    /// A name is there twice.
    pub fn new(service: &str) -> prometheus::Result<Self> {
        let registry = Registry::new();
        let requests = registered(&registry, counters(REQUESTS)?)?;
        let seconds = HistogramOpts::new(SECONDS.name, SECONDS.help).buckets(BUCKETS.to_vec());
        let seconds = registered(&registry, HistogramVec::new(seconds, SECONDS.labels)?)?;
        let build = registered(&registry, gauges(BUILD)?)?;
        build.with_label_values(&[service, env!("CARGO_PKG_VERSION")]).set(1.0);
        let process = prometheus::process_collector::ProcessCollector::for_self();
        registry.register(Box::new(process))?;
        Ok(Self { registry, requests, seconds })
    }

    /// Puts these routes' series at zero, and that of requests without a route.
    pub fn with_routes(&self, routes: &[&str]) {
        for route in routes.iter().chain([&NO_ROUTE]) {
            for code in CODES {
                self.requests.with_label_values(&[route, code]).reset();
                self.seconds.with_label_values(&[route, code]);
            }
        }
    }

    /// Adds a database's cells; `state` is asked at every scrape.
    ///
    /// # Errors
    /// They are there already.
    pub fn with_db(&self, state: impl Fn() -> PoolState + Send + Sync + 'static) -> prometheus::Result<()> {
        self.registry.register(Box::new(PoolCells {
            state: Box::new(state),
            up: Gauge::new(DB_UP.name, DB_UP.help)?,
            connections: gauges(DB_CONNECTIONS)?,
            max: Gauge::new(DB_MAX.name, DB_MAX.help)?,
        }))
    }

    /// Adds the cells of events in these topics.
    ///
    /// # Errors
    /// They are there already.
    pub fn with_events(&self, topics: &[&str]) -> prometheus::Result<EventMetrics> {
        let cells = EventMetrics {
            produced: registered(&self.registry, counters(PRODUCED)?)?,
            handled: registered(&self.registry, counters(HANDLED)?)?,
            duplicates: registered(&self.registry, counters(DUPLICATES)?)?,
            failed: registered(&self.registry, counters(FAILED)?)?,
            lag: registered(&self.registry, gauges(LAG)?)?,
            up: registered(&self.registry, Gauge::new(KAFKA_UP.name, KAFKA_UP.help)?)?,
        };
        for topic in topics {
            for counter in [&cells.produced, &cells.handled, &cells.duplicates] {
                counter.with_label_values(&[topic]).reset();
            }
            for stage in ["produce", "handle"] {
                cells.failed.with_label_values(&[topic, stage]).reset();
            }
            cells.lag.with_label_values(&[topic]).set(0.0);
        }
        Ok(cells)
    }

    /// Counts one answered request.
    pub fn answered(&self, route: &str, status: u16, seconds: f64) {
        let code = CODES[usize::from(status / 100).clamp(2, 5) - 2];
        self.requests.with_label_values(&[route, code]).inc();
        self.seconds.with_label_values(&[route, code]).observe(seconds);
    }

    /// Everything in Prometheus' text format.
    ///
    /// # Errors
    /// A family can't be written.
    pub fn text(&self) -> prometheus::Result<String> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

fn counters(entry: Entry) -> prometheus::Result<IntCounterVec> {
    IntCounterVec::new(Opts::new(entry.name, entry.help), entry.labels)
}

fn gauges(entry: Entry) -> prometheus::Result<GaugeVec> {
    GaugeVec::new(Opts::new(entry.name, entry.help), entry.labels)
}

fn registered<C: Collector + Clone + 'static>(registry: &Registry, cell: C) -> prometheus::Result<C> {
    registry.register(Box::new(cell.clone()))?;
    Ok(cell)
}

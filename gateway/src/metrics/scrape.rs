//! The scrape: sums the workers' cells and writes the Prometheus text format.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};
use std::time::UNIX_EPOCH;

use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily};
use prometheus::{Encoder, TextEncoder};

use super::series::{BOUNDS, CODES, CONNECTS, Metrics, Series, Timing};
use super::worker::HANDSHAKES;
use super::{
    BUILD_INFO, CLIENT_CONNECTIONS, COMPILE_TIME, CONFIG_INFO, CONNECTIONS_REFUSED, DISCONNECTS, FIRST_BYTE, Family,
    GENERATION, IN_FLIGHT, LOG_DROPPED, REJECTED, RELOAD_OK, RELOAD_TIME, RELOADS, REQUEST_DURATION, REQUESTS,
    SPLIT_EFFECTIVE, SPLIT_PICKS, SPLIT_WEIGHT, TLS_HANDSHAKES, TLS_RELOAD_OK, TLS_RELOADS, UPSTREAM_ADDRESSES,
    UPSTREAM_CONNECTIONS, UPSTREAM_CONNECTS, UPSTREAM_RESOLUTIONS, UPSTREAM_RETRIES,
};
use crate::names::Outcome;
use crate::table::split::BUCKETS;
use crate::table::{Action, Reason, Table};

impl Metrics {
    /// All metrics as text. Series that no table uses any more are told once more and then forgotten.
    ///
    /// # Errors
    /// Only what the encoder refuses, as a duplicate family would be.
    pub fn scrape(&self, table: &Table) -> prometheus::Result<String> {
        let mut page = Page::default();
        self.requests(&mut page);
        splits(&mut page, table);
        self.connections(&mut page, table);
        self.configuration(&mut page, table);
        self.workers(&mut page);
        let mut text = Vec::new();
        let mut families = page.0;
        families.extend(ProcessCollector::for_self().collect());
        TextEncoder::new().encode(&families, &mut text)?;
        String::from_utf8(text).map_err(|error| prometheus::Error::Msg(error.to_string()))
    }

    fn requests(&self, page: &mut Page) {
        let mut all = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let codes = |series: &Arc<Series>| {
            CODES.iter().enumerate().map(|(at, code)| (*code, series.code(at))).collect::<Vec<_>>()
        };
        // What the gateway answers itself has no upstream: such a series exists from its first use, the configured pairs from the start.
        let used: Vec<_> = all
            .values()
            .filter(|series| series.upstream != "-" || codes(series).iter().any(|(_, count)| *count > 0))
            .collect();
        page.add(
            &REQUESTS,
            used.iter().flat_map(|series| {
                codes(series).into_iter().map(|(code, count)| counted(&[&series.route, &series.upstream, code], count))
            }),
        );
        page.add(&REQUEST_DURATION, used.iter().map(|series| timed(series, Timing::Request)));
        page.add(
            &FIRST_BYTE,
            used.iter().filter(|series| series.upstream != "-").map(|series| timed(series, Timing::FirstByte)),
        );
        all.retain(|_, series| Arc::strong_count(series) > 1);
    }

    fn connections(&self, page: &mut Page, table: &Table) {
        let mut all = self.upstreams.lock().unwrap_or_else(PoisonError::into_inner);
        page.add(
            &UPSTREAM_CONNECTIONS,
            all.values().flat_map(|upstream| {
                let (active, idle) = upstream.connections();
                [("active", active), ("idle", idle)]
                    .map(|(state, count)| level(&[&upstream.upstream, state], count as f64))
            }),
        );
        page.add(
            &UPSTREAM_CONNECTS,
            all.values().flat_map(|upstream| {
                CONNECTS
                    .iter()
                    .enumerate()
                    .map(move |(at, outcome)| counted(&[&upstream.upstream, outcome], upstream.connects(at)))
            }),
        );
        page.add(&UPSTREAM_RETRIES, all.values().map(|upstream| counted(&[&upstream.upstream], upstream.retries())));
        let addresses = table.upstreams.iter().map(|upstream| {
            let known = upstream.addresses.known();
            level(&[&upstream.name], known.iter().map(|known| known.addresses.len()).sum::<usize>() as f64)
        });
        page.add(&UPSTREAM_ADDRESSES, addresses);
        page.add(
            &UPSTREAM_RESOLUTIONS,
            all.values().flat_map(|upstream| {
                Outcome::LABELS
                    .iter()
                    .enumerate()
                    .map(move |(at, outcome)| counted(&[&upstream.upstream, outcome], upstream.resolutions(at)))
            }),
        );
        all.retain(|_, upstream| Arc::strong_count(upstream) > 1);
    }

    fn configuration(&self, page: &mut Page, table: &Table) {
        page.add(
            &RELOADS,
            [("applied", &self.applied), ("rejected", &self.rejected)]
                .map(|(result, count)| counted(&[result], count.load(Relaxed))),
        );
        page.add(&RELOAD_OK, [level(&[], f64::from(u8::from(self.in_sync.load(Relaxed))))]);
        page.add(
            &TLS_RELOADS,
            [("applied", &self.tls_applied), ("rejected", &self.tls_rejected)]
                .map(|(result, count)| counted(&[result], count.load(Relaxed))),
        );
        page.add(&TLS_RELOAD_OK, [level(&[], f64::from(u8::from(self.tls_in_sync.load(Relaxed))))]);
        let compiled = table.compiled_at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        page.add(&RELOAD_TIME, [level(&[], compiled)]);
        page.add(&COMPILE_TIME, [level(&[], table.compiled_in.as_secs_f64())]);
        page.add(&GENERATION, [level(&[], table.generation as f64)]);
        page.add(&CONFIG_INFO, [level(&[&table.hash], 1.0)]);
        page.add(&BUILD_INFO, [level(&[env!("CARGO_PKG_VERSION")], 1.0)]);
    }

    fn workers(&self, page: &mut Page) {
        page.add(&IN_FLIGHT, [level(&[], self.in_flight() as f64)]);
        page.add(&CLIENT_CONNECTIONS, [level(&[], self.load() as f64)]);
        page.add(&REJECTED, self.refusals.iter().enumerate().map(|(at, reason)| counted(&[reason], self.refused(at))));
        let refusals = self.connection_refusals.iter().enumerate();
        page.add(&CONNECTIONS_REFUSED, refusals.map(|(at, reason)| counted(&[reason], self.connections_refused(at))));
        page.add(&TLS_HANDSHAKES, HANDSHAKES.iter().enumerate().map(|(at, kind)| counted(kind, self.handshakes(at))));
        page.add(&DISCONNECTS, [counted(&[], self.disconnects())]);
        page.add(&LOG_DROPPED, [counted(&[], self.log_drops())]);
    }
}

fn splits(page: &mut Page, table: &Table) {
    let entries = || {
        table.routes.iter().flat_map(|route| match &route.action {
            Action::Split(split) if !split.single => {
                split.entries.iter().enumerate().map(|(at, entry)| (split, at, entry)).collect()
            }
            _ => Vec::new(),
        })
    };
    let share = |hundredths: u16| f64::from(hundredths) / f64::from(BUCKETS);
    page.add(
        &SPLIT_WEIGHT,
        entries().map(|(_, _, entry)| level(&[&entry.series.route, &entry.series.upstream], share(entry.weight))),
    );
    page.add(
        &SPLIT_EFFECTIVE,
        entries().map(|(split, at, entry)| {
            level(&[&entry.series.route, &entry.series.upstream], share(split.effective(at)))
        }),
    );
    page.add(
        &SPLIT_PICKS,
        entries().flat_map(|(_, _, entry)| {
            let series = &entry.series;
            Reason::OF_SPLITS
                .iter()
                .enumerate()
                .map(move |(at, reason)| counted(&[&series.route, &series.upstream, reason.as_str()], series.picks(at)))
        }),
    );
}

/// The families of a scrape.
#[derive(Default)]
struct Page(Vec<MetricFamily>);

impl Page {
    /// Adds a family with its samples; the encoder refuses a family without any, so that one is left out.
    fn add(&mut self, family: &Family, samples: impl IntoIterator<Item = (Vec<String>, Metric)>) {
        let metrics: Vec<_> = samples
            .into_iter()
            .map(|(values, mut metric)| {
                metric.set_label(family.labels.iter().zip(values).map(|(name, value)| label(name, value)).collect());
                metric
            })
            .collect();
        if metrics.is_empty() {
            return;
        }
        let mut made = MetricFamily::default();
        made.set_name(family.name.to_owned());
        made.set_help(family.help.to_owned());
        made.set_field_type(family.kind);
        made.set_metric(metrics);
        self.0.push(made);
    }
}

fn label(name: &str, value: String) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(name.to_owned());
    pair.set_value(value);
    pair
}

fn owned(labels: &[&str]) -> Vec<String> {
    labels.iter().map(|label| (*label).to_owned()).collect()
}

fn counted(labels: &[&str], count: u64) -> (Vec<String>, Metric) {
    let mut counter = Counter::default();
    counter.set_value(count as f64);
    let mut metric = Metric::default();
    metric.set_counter(counter);
    (owned(labels), metric)
}

fn level(labels: &[&str], value: f64) -> (Vec<String>, Metric) {
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    let mut metric = Metric::default();
    metric.set_gauge(gauge);
    (owned(labels), metric)
}

fn timed(series: &Arc<Series>, which: Timing) -> (Vec<String>, Metric) {
    let (counts, sum) = series.histogram(which);
    let mut total = 0;
    let buckets = BOUNDS
        .iter()
        .zip(counts)
        .map(|(bound, count)| {
            total += count;
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(*bound);
            bucket.set_cumulative_count(total);
            bucket
        })
        .collect();
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets);
    histogram.set_sample_sum(sum);
    histogram.set_sample_count(counts.iter().sum());
    let mut metric = Metric::default();
    metric.set_histogram(histogram);
    (owned(&[&series.route, &series.upstream]), metric)
}

//! Every metric of the gateway: its name, its help and its labels, in one table.
//!
//! What a request touches is counted in cells that only one worker writes (`series`), so that counting takes no lock and no
//! locked instruction; a scrape sums them (`scrape`). Labels come from the file and from closed sets, never from a request.

mod scrape;
mod series;
mod worker;

pub use series::{Metrics, ReloadResult, Series, UpstreamSeries};
pub use worker::{Refusals, WorkerCells};

use prometheus::proto::MetricType;

/// A metric's identity.
#[derive(Debug)]
pub struct Family {
    /// The full name.
    pub name: &'static str,
    /// What it says, with its unit.
    pub help: &'static str,
    /// Counter, gauge or histogram.
    pub kind: MetricType,
    /// Label names, in the order in which values are given.
    pub labels: &'static [&'static str],
}

macro_rules! families {
    ($($id:ident = $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(#[doc = $help] pub const $id: Family = Family { name: $name, help: $help, kind: MetricType::$kind, labels: &[$($label),*] };)*
        /// All of them, in the order of the README's table.
        pub const FAMILIES: &[&Family] = &[$(&$id),*];
    };
}

families! {
    REQUESTS = COUNTER "gateway_requests_total" ["route", "upstream", "code"] "Requests that ended, by route, upstream and class of the answer's status.";
    REQUEST_DURATION = HISTOGRAM "gateway_request_duration_seconds" ["route", "upstream"] "From a request's head to the end of its answer, in seconds.";
    FIRST_BYTE = HISTOGRAM "gateway_upstream_first_byte_seconds" ["route", "upstream"] "From a request's head to the head of the upstream's answer, in seconds.";
    SPLIT_WEIGHT = GAUGE "gateway_split_weight_ratio" ["route", "upstream"] "The share that routes.yaml writes, 0 to 1.";
    SPLIT_EFFECTIVE = GAUGE "gateway_split_effective_ratio" ["route", "upstream"] "The share in force, 0 to 1.";
    SPLIT_PICKS = COUNTER "gateway_split_picks_total" ["route", "upstream", "reason"] "Decisions of a split, by the upstream chosen and why.";
    IN_FLIGHT = GAUGE "gateway_requests_in_flight" [] "Requests that have begun and not ended, tunnels included.";
    CLIENT_CONNECTIONS = GAUGE "gateway_client_connections" [] "Open client connections.";
    UPSTREAM_CONNECTIONS = GAUGE "gateway_upstream_connections" ["upstream", "state"] "Open connections to an upstream: active ones carry a request, idle ones wait in a pool.";
    UPSTREAM_CONNECTS = COUNTER "gateway_upstream_connects_total" ["upstream", "outcome"] "Attempts to connect to an upstream, by outcome.";
    UPSTREAM_RETRIES = COUNTER "gateway_upstream_retries_total" ["upstream"] "Requests sent again because their pooled connection had been closed.";
    UPSTREAM_ADDRESSES = GAUGE "gateway_upstream_addresses" ["upstream"] "Addresses that requests are balanced over: those of the file, and those that its names have now.";
    UPSTREAM_RESOLUTIONS = COUNTER "gateway_upstream_resolutions_total" ["upstream", "outcome"] "Look-ups of the names of an upstream, by outcome; all but ok leave the addresses as they were.";
    RELOADS = COUNTER "gateway_config_reloads_total" ["result"] "Versions of routes.yaml that took effect or were rejected.";
    RELOAD_OK = GAUGE "gateway_config_last_reload_successful" [] "1 while the file and the table in force agree, 0 while the last edit is rejected.";
    RELOAD_TIME = GAUGE "gateway_config_last_reload_success_timestamp_seconds" [] "When the table in force was compiled, in seconds since 1970.";
    COMPILE_TIME = GAUGE "gateway_config_compile_seconds" [] "How long it took to compile the table in force, from the file's text on.";
    GENERATION = GAUGE "gateway_config_generation" [] "The number of the table in force.";
    CONFIG_INFO = GAUGE "gateway_config_info" ["hash"] "1, labelled with the hash of the file in force.";
    REJECTED = COUNTER "gateway_rejected_total" ["reason"] "Requests that the gateway itself answered with an error, by reason.";
    TLS_HANDSHAKES = COUNTER "gateway_tls_handshakes_total" ["version", "kind"] "TLS handshakes with clients that succeeded: full ones, and resumed ones.";
    TLS_RELOADS = COUNTER "gateway_tls_reloads_total" ["result"] "Versions of the files of server.tls that took effect or were rejected.";
    TLS_RELOAD_OK = GAUGE "gateway_tls_last_reload_successful" [] "1 while the certificates in force are those of the files, 0 while the last change is rejected.";
    CONNECTIONS_REFUSED = COUNTER "gateway_client_connections_refused_total" ["reason"] "Client connections that were not taken in or were closed for abuse, by reason.";
    DISCONNECTS = COUNTER "gateway_client_disconnects_total" [] "Clients that left before their answer was complete.";
    LOG_DROPPED = COUNTER "gateway_access_log_dropped_total" [] "Access log lines dropped because their writer was behind.";
    BUILD_INFO = GAUGE "gateway_build_info" ["version"] "1, labelled with the version of the gateway.";
}

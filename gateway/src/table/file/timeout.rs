//! `timeout`: how long each phase of a request may take.

use std::time::Duration;

use crate::table::file::keys::{keys, short_or_map};
use crate::table::file::read::At;

keys! {
    what: "`timeout`", later: [],
    /// How long each phase of a request may take. `0s`: without limit. A single duration is short for `{ total: … }`. What a route
    /// leaves out comes from its upstream, then from `defaults`, then from the gateway.
    pub struct Phases {
        /// To an open connection to the upstream.
        #[schemars(extend("default" = "2s"))]
        pub connect: Option<At<Duration>>,
        /// From the request sent to the first byte of the answer. 504 when it is over.
        #[schemars(extend("default" = "15s"))]
        pub first_byte: Option<At<Duration>>,
        /// Between two pieces of a body, in either direction, and on a WebSocket.
        #[schemars(extend("default" = "60s"))]
        pub idle: Option<At<Duration>>,
        /// From the request's head to the end of the answer.
        #[schemars(extend("default" = "0s"))]
        pub total: Option<At<Duration>>,
    }
}

short_or_map!(
    /// `timeout: 5s`, or a map of phases.
    Timeout, Phases, Duration => total, rest: [connect, first_byte, idle]
);

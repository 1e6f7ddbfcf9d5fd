//! `routes` and `defaults`: what a request matches, and what happens to it then.

use http::{HeaderName, Method};

use crate::table::file::answer::{Redirect, Respond};
use crate::table::file::keys::keys;
use crate::table::file::limit::Limit;
use crate::table::file::matching::{HostPattern, Path, Pattern};
use crate::table::file::name::{Name, Named};
use crate::table::file::read::At;
use crate::table::file::split::{Split, Writes};
use crate::table::file::sticky::Sticky;
use crate::table::file::timeout::Timeout;

keys! {
    what: "a route",
    later: [
        "override", "retry", "shadow", "guard", "ramp", "auth", "cors", "rewrite", "request_headers",
        "response_headers", "fallback",
    ],
    /// What a request matches, and one of `to`, `split`, `respond` and `redirect`. All matchers must hold; of the routes that match,
    /// the more exact host wins, then `exact`, the longest `path`, a list of `methods`, the number of `headers`, the number of
    /// `query` entries, and at last the order of the file.
    pub struct Route {
        /// Its name in metrics, logs and messages; each route has its own.
        #[schemars(extend("examples" = ["movies"]))]
        pub name: At<Name>,
        /// This path and everything below it, by whole segments: `/api/movies` takes `/api/movies/7`, not `/api/moviesX`.
        #[schemars(extend("examples" = ["/api/movies"]))]
        pub path: Option<At<Path>>,
        /// This path alone. A route has a `path` or an `exact`.
        #[schemars(extend("examples" = ["/health"]))]
        pub exact: Option<At<Path>>,
        /// The host, on any port: a name, `*.example.com` for all names below it, or `~regex`.
        #[schemars(extend("examples" = ["films.example.com", "*.example.com"]))]
        pub host: Option<Box<At<HostPattern>>>,
        /// The methods. By default all.
        #[schemars(extend("examples" = [["GET", "POST"]]))]
        pub methods: Option<Vec<At<Method>>>,
        /// Headers that the request must have: the value itself, or `~regex`.
        #[schemars(extend("examples" = [{"x-beta": "yes", "user-agent": "~(?i)android"}]))]
        pub headers: Option<Named<HeaderName, At<Pattern>>>,
        /// Query parameters that the request must have: the decoded value itself, or `~regex`.
        #[schemars(extend("examples" = [{"lang": "ru"}]))]
        pub query: Option<Named<String, At<Pattern>>>,
        /// The upstream that takes everything.
        #[schemars(extend("examples" = ["monolith"]))]
        pub to: Option<At<Name>>,
        /// Upstreams and their weights in per cent, `rest` for what the others leave. They make 100.
        #[schemars(extend("examples" = [{"movies": 20, "monolith": "rest"}]))]
        pub split: Option<Split>,
        /// An answer of the gateway's own.
        #[schemars(extend("examples" = [{"status": 503, "text": "closed for repairs"}]))]
        pub respond: Option<Box<Respond>>,
        /// Sends the client elsewhere.
        #[schemars(extend("examples" = [{"scheme": "https", "status": 308}]))]
        pub redirect: Option<Box<Redirect>>,
        /// Of a split: `false` sends everything to `rest`.
        #[schemars(extend("default" = true))]
        pub enabled: Option<At<bool>>,
        /// Of a split: whose requests stay on one side. `none`: nobody's, also where `defaults` say otherwise.
        #[schemars(extend("examples" = ["header x-user-id"]))]
        pub sticky: Option<Box<Sticky>>,
        /// How long each phase of a request may take; a single duration is the total.
        #[schemars(extend("examples" = ["5s", {"first_byte": "2s"}]))]
        pub timeout: Option<Box<Timeout>>,
        /// What it takes.
        #[schemars(extend("examples" = [{"body": "10MiB"}]))]
        pub limit: Option<Box<Limit>>,
        /// Of a split: `split` says that both sides share one store, so that writes may be split as reads are.
        #[schemars(extend("examples" = ["split"]))]
        pub writes: Option<At<Writes>>,
    }
}

keys! {
    what: "`defaults`",
    later: [
        "override", "retry", "shadow", "guard", "ramp", "auth", "cors", "rewrite", "request_headers",
        "response_headers", "fallback", "writes",
    ],
    /// Policies of every route that doesn't say otherwise.
    pub struct Defaults {
        /// How long each phase of a request may take, where neither the route nor the upstream says.
        #[schemars(extend("examples" = [{"first_byte": "5s"}]))]
        pub timeout: Option<Timeout>,
        /// What a route takes that says nothing else.
        #[schemars(extend("examples" = [{"body": "10MiB"}]))]
        pub limit: Option<Limit>,
        /// Whose requests stay on one side of a split.
        #[schemars(extend("examples" = ["cookie session"]))]
        pub sticky: Option<Sticky>,
    }
}

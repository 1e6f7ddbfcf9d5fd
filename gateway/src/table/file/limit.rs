//! Limits: what clients may send and how many may come, for the whole server and for a route; and sizes as they are written.

use schemars::{Schema, json_schema};

use crate::table::file::keys::keys;
use crate::table::file::read::{At, Word, Wrong, excerpt};
use crate::table::file::scalar::Number;
use crate::table::file::tree::Scalar;

keys! {
    what: "`limits`", later: [],
    /// What clients may send, and how many may come.
    pub struct Limits {
        /// A request's head: its line and its fields. 431 above that.
        #[schemars(extend("default" = "64KiB"))]
        pub head: Option<At<Size>>,
        /// Fields of a head. 431 above that.
        #[schemars(extend("default" = 100))]
        pub fields: Option<At<Number<1, 10_000>>>,
        /// A request's target: its path and its query. 414 above that.
        #[schemars(extend("default" = "8KiB"))]
        pub target: Option<At<Size>>,
        /// Client connections at a time. More are closed as soon as they are accepted, and counted. By default as many as the system
        /// gives.
        #[schemars(extend("examples" = [10_000]))]
        pub connections: Option<At<Number<1, 10_000_000>>>,
        /// The same for each client address, `trusted_proxies` excepted. By default without limit: an ingress is one address.
        #[schemars(extend("examples" = [100]))]
        pub connections_per_client: Option<At<Number<1, 10_000_000>>>,
        /// Pairs of a route and an upstream, each route's own answers included, that metrics may be kept by: each is 40 lines of the
        /// scrape. A file with more is refused.
        #[schemars(extend("default" = 50_000))]
        pub series: Option<At<Number<1, 10_000_000>>>,
    }
}

keys! {
    what: "`limit`", later: ["rate", "burst", "key", "concurrent"],
    /// What a route takes.
    pub struct Limit {
        /// A request's body. 413 above that: at once where the head says so, else when the limit is passed.
        #[schemars(extend("examples" = ["10MiB"]))]
        pub body: Option<At<Size>>,
    }
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

/// The units that a size may have.
const UNITS: [(&str, u32); 4] = [("B", 0), ("KiB", 10), ("MiB", 20), ("GiB", 30)];

impl Word for Size {
    const WHAT: &'static str = "a size like `64KiB` or `10MiB`";

    fn parse(scalar: &Scalar) -> Result<Self, Wrong> {
        let text = scalar.text.as_str();
        let shown = excerpt(text);
        let no = || Wrong::new(format!("`{shown}` is not a size"), "write it like `500B`, `64KiB`, `10MiB` or `1GiB`");
        let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
        if digits.is_empty() {
            return Err(no());
        }
        if unit.is_empty() {
            return Err(Wrong::new(format!("`{shown}` has no unit"), format!("write `{digits}B`, or `{digits}KiB`")));
        }
        let Some((_, shift)) = UNITS.iter().find(|(known, _)| *known == unit) else {
            let meant = UNITS.iter().find(|(known, _)| {
                unit.get(..1).is_some_and(|letter| {
                    known.eq_ignore_ascii_case(unit) || known.starts_with(&letter.to_ascii_uppercase())
                })
            });
            return Err(match meant {
                Some((unit, _)) => Wrong::new(format!("`{shown}` is not a size"), format!("write `{digits}{unit}`")),
                None => no(),
            });
        };
        let bytes = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << shift));
        bytes.map(Self).ok_or_else(|| Wrong::new(format!("`{shown}` is too large"), "leave it out for no limit"))
    }

    fn schema() -> Schema {
        json_schema!({ "title": "size", "type": "string", "pattern": "^[0-9]+(B|KiB|MiB|GiB)$|\\$\\{" })
    }
}

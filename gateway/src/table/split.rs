//! The split's arithmetic: which upstream a bucket, or the n-th decision, belongs to.
//!
//! Pure: no clock, no random numbers, no I/O. Weights are in hundredths of a per cent, 10,000 in all.
//!
//! **With a key** the bucket is `XXH64(key, seed = XXH64(salt, 0)) mod 10000`, where the salt is the route's name or the
//! `group` of its `sticky`. XXH64 is a published hash (<https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md>), so that
//! anyone can compute today where a user will be next year. The first named upstream's range grows up from bucket 0, the second's
//! down from 9999, further ones stack after the first, and `rest` is what lies between.
//!
//! **Without a key** the n-th decision is computed, not drawn: each upstream gets its decisions as evenly spread as whole numbers
//! allow, so that any 10 consecutive decisions at 20 % hold exactly 2.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use http::HeaderName;
use xxhash_rust::xxh64::xxh64;

use super::UpstreamId;
use crate::metrics::Series;

/// Buckets of a split, and hundredths of a per cent in a whole.
pub const BUCKETS: u16 = 10_000;

/// A route's weighted upstreams, ready to decide.
#[derive(Debug)]
pub struct Split {
    /// In the file's order.
    pub entries: Vec<Entry>,
    /// Whose bucket is whose.
    pub shares: Shares,
    /// Keys to try in order; empty: every decision is by the counter.
    pub sticky: Vec<StickyKey>,
    /// The hash's seed, of the route's name or the `group`.
    pub seed: u64,
    /// `false`: everything goes to `rest`.
    pub enabled: bool,
    /// Decisions made without a key, by all workers, across edits.
    pub decisions: Arc<AtomicU64>,
    /// Whether it was written as `to`: such a route has no split metrics.
    pub single: bool,
}

/// An upstream of a split.
#[derive(Debug)]
pub struct Entry {
    /// Which.
    pub upstream: UpstreamId,
    /// The weight as it was written, `rest` worked out, in hundredths of a per cent.
    pub weight: u16,
    /// The variable that the weight came from, if the environment set it.
    pub pinned_by: Option<String>,
    /// This route's requests to this upstream.
    pub series: Arc<Series>,
}

/// Where a sticky key is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StickyKey {
    /// A header's value.
    Header(HeaderName),
    /// A cookie's value.
    Cookie(String),
    /// The client's address, as text.
    Client,
}

/// How an upstream was chosen: a closed set, the `reason` label and the access log's field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// `to`: there was nothing to choose.
    To,
    /// By weight, without a key.
    Weight,
    /// By weight, from the request's key.
    Sticky,
    /// The split is not enabled: `rest`.
    Disabled,
}

impl Reason {
    /// The reasons that a split can give, in the order of its counters.
    pub const OF_SPLITS: [Self; 3] = [Self::Weight, Self::Sticky, Self::Disabled];

    /// The label's value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::To => "to",
            Self::Weight => "weight",
            Self::Sticky => "sticky",
            Self::Disabled => "disabled",
        }
    }
}

impl Split {
    /// The share in force of an entry, in hundredths of a per cent.
    #[must_use]
    pub fn effective(&self, entry: usize) -> u16 {
        match (self.enabled, self.shares.rest) {
            (false, Some(rest)) => BUCKETS * u16::from(rest == entry),
            _ => self.entries[entry].weight,
        }
    }
}

/// The seed of a salt: the route's name, or the `group` that several routes share.
#[must_use]
pub fn seed(salt: &str) -> u64 {
    xxh64(salt.as_bytes(), 0)
}

/// The bucket of a key, 0..=9999.
#[must_use]
pub fn bucket(seed: u64, key: &[u8]) -> u16 {
    (xxh64(key, seed) % u64::from(BUCKETS)) as u16
}

/// The weights of a split, summing to 10,000, and which buckets they own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shares {
    /// `(end, entry)`: ascending ends of the bucket ranges, the last one 10,000.
    ranges: Vec<(u16, usize)>,
    /// `(weight, entry)` in the order of the file, `rest` last.
    turns: Vec<(u16, usize)>,
    /// The entry that is `rest`, if one is.
    pub rest: Option<usize>,
}

impl Shares {
    /// Lays out weights in the file's order; `rest` has its share worked out already.
    ///
    /// The caller has checked that they sum to [`BUCKETS`]; what is missing would fall to the last range.
    #[must_use]
    pub fn new(weights: &[u16], rest: Option<usize>) -> Self {
        let named = || (0..weights.len()).filter(move |entry| Some(*entry) != rest);
        let upward = named().take(1).chain(named().skip(2)).chain(rest).chain(named().skip(1).take(1));
        let mut end = 0;
        let mut ranges: Vec<_> = upward
            .map(|entry| {
                end += weights[entry];
                (end, entry)
            })
            .collect();
        if let Some(last) = ranges.last_mut() {
            last.0 = BUCKETS;
        }
        let turns = named().chain(rest).map(|entry| (weights[entry], entry)).collect();
        Self { ranges, turns, rest }
    }

    /// The entry that owns a bucket.
    #[must_use]
    pub fn of_bucket(&self, bucket: u16) -> usize {
        let at = self.ranges.partition_point(|(end, _)| *end <= bucket);
        self.ranges[at.min(self.ranges.len() - 1)].1
    }

    /// The entry of the n-th decision without a key.
    ///
    /// The first entry takes its share of all turns, evenly spaced; the second its share of the turns that are left, and so on.
    /// The pattern repeats after as many turns as the weights allow: 10 for multiples of 10 %, 10,000 at most.
    #[must_use]
    pub fn of_turn(&self, n: u64) -> usize {
        let mut turn = (n % u64::from(BUCKETS)) as u32;
        let mut left = u32::from(BUCKETS);
        let (last, others) = self.turns.split_last().map_or((0, &[][..]), |((_, entry), others)| (*entry, others));
        for (weight, entry) in others {
            let weight = u32::from(*weight);
            let taken = turn * weight / left;
            if (turn + 1) * weight / left > taken {
                return *entry;
            }
            turn -= taken;
            left -= weight;
        }
        last
    }
}

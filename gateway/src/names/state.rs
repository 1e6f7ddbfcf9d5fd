//! What is known of one name: the addresses of the last answer, and what has gone wrong since. Pure.

use std::net::IpAddr;
use std::time::Duration;

/// However short an answer's time is, it is used for that long.
pub(super) const SHORTEST: Duration = Duration::from_secs(1);

/// However long it is, the name is looked up again after that long.
pub(super) const LONGEST: Duration = Duration::from_secs(300);

/// From a failure to the next try; doubled by each further failure.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Between two tries, at most.
pub const AFTER_FAILURES: Duration = Duration::from_secs(5);

/// What asking for one family of addresses brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Family {
    /// So many addresses.
    Found(Vec<IpAddr>),
    /// The name is unknown, or has no address of the family.
    None,
    /// There was no answer, or one that says nothing.
    Failed,
}

/// What a look-up brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An answer, for at least one of the families.
    Found {
        /// IPv4 addresses.
        v4: Family,
        /// IPv6 addresses.
        v6: Family,
        /// How long it holds.
        ttl: Duration,
    },
    /// There is no such name, or it has no address.
    NotFound,
    /// The name servers failed or refused.
    Failed(String),
    /// They did not answer in time.
    Timeout,
}

impl Outcome {
    /// The closed set of labels, in the order of [`Outcome::label`].
    pub const LABELS: [&str; 4] = ["ok", "not_found", "failed", "timeout"];

    /// Its place in [`Outcome::LABELS`].
    #[must_use]
    pub fn label(&self) -> usize {
        match self {
            Self::Found { .. } => 0,
            Self::NotFound => 1,
            Self::Failed(_) => 2,
            Self::Timeout => 3,
        }
    }

    fn failure(&self) -> Option<String> {
        match self {
            Self::Found { .. } => None,
            Self::NotFound => Some("the name has no address".to_owned()),
            Self::Failed(why) => Some(why.clone()),
            Self::Timeout => Some("the name servers did not answer in time".to_owned()),
        }
    }
}

/// What is known of an endpoint's host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Its addresses, in order and each once; empty while there was no answer yet.
    pub addresses: Vec<IpAddr>,
    /// Why the last look-up brought none; the addresses are older then.
    pub failure: Option<String>,
    failures: u32,
}

impl Known {
    pub(super) fn literal(address: IpAddr) -> Self {
        Self { addresses: vec![address], ..Self::default() }
    }

    /// What is known after a look-up, and for how long. A family that could not be asked for keeps its addresses, and so do both where
    /// there was no answer: a set that worked is never emptied.
    pub(super) fn after(&self, outcome: Outcome) -> (Self, Duration) {
        let failure = outcome.failure();
        let Outcome::Found { v4, v6, ttl } = outcome else {
            let failures = self.failures.saturating_add(1);
            let pause = AFTER_FAILURE.saturating_mul(1 << (failures - 1).min(8)).min(AFTER_FAILURES);
            return (Self { addresses: self.addresses.clone(), failure, failures }, pause);
        };
        let family = |found: Family, is_v6: bool| match found {
            Family::Found(addresses) => addresses,
            Family::None => Vec::new(),
            Family::Failed => self.addresses.iter().filter(|known| known.is_ipv6() == is_v6).copied().collect(),
        };
        let mut addresses = [family(v4, false), family(v6, true)].concat();
        addresses.sort_unstable();
        addresses.dedup();
        (Self { addresses, failure, failures: 0 }, ttl.clamp(SHORTEST, LONGEST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(addresses: &[&str]) -> Known {
        let (known, _) = Known::default().after(found(addresses, Duration::from_secs(30)));
        known
    }

    fn found(addresses: &[&str], ttl: Duration) -> Outcome {
        let all = addresses.iter().filter_map(|address| address.parse::<IpAddr>().ok());
        let (v6, v4) = all.partition::<Vec<_>, _>(IpAddr::is_ipv6);
        let family = |some: Vec<_>| if some.is_empty() { Family::None } else { Family::Found(some) };
        Outcome::Found { v4: family(v4), v6: family(v6), ttl }
    }

    #[test]
    fn the_order_of_an_answer_and_doubles_change_nothing() {
        let (one, _) = Known::default().after(found(&["10.0.0.2", "::1", "10.0.0.1", "10.0.0.2"], SHORTEST));
        assert_eq!(one, known(&["10.0.0.1", "10.0.0.2", "::1"]));
    }

    #[test]
    fn an_answer_holds_for_its_time_within_bounds() {
        for (ttl, pause) in [(0, 1), (1, 1), (30, 30), (300, 300), (86_400, 300)] {
            let (_, held) = Known::default().after(found(&["10.0.0.1"], Duration::from_secs(ttl)));
            assert_eq!(held, Duration::from_secs(pause), "{ttl} s");
        }
    }

    #[test]
    fn a_failure_keeps_what_was_known_and_is_tried_again_ever_less_often() {
        let mut state = known(&["10.0.0.1"]);
        for (outcome, pause) in [
            (Outcome::NotFound, 1),
            (Outcome::Failed("SERVFAIL".to_owned()), 2),
            (Outcome::Timeout, 4),
            (Outcome::Timeout, 5),
            (Outcome::Timeout, 5),
        ] {
            let (next, again) = state.after(outcome);
            assert_eq!((next.addresses.len(), next.failure.is_some(), again.as_secs()), (1, true, pause));
            state = next;
        }
        let (mended, _) = state.after(found(&["10.0.0.1"], SHORTEST));
        assert_eq!(mended, known(&["10.0.0.1"]), "and what went wrong is forgotten");
    }

    #[test]
    fn a_family_that_failed_keeps_its_addresses_and_one_that_is_gone_does_not() {
        let state = known(&["10.0.0.1", "::1"]);
        let answer = |v6| Outcome::Found { v4: Family::Found(vec![[10, 0, 0, 2].into()]), v6, ttl: SHORTEST };
        let (kept, _) = state.after(answer(Family::Failed));
        assert_eq!(kept, known(&["10.0.0.2", "::1"]));
        let (gone, _) = state.after(answer(Family::None));
        assert_eq!(gone, known(&["10.0.0.2"]));
    }
}

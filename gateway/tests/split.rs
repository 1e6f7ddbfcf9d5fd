//! The split's promises, each shown for all 10,000 buckets or all turns of a cycle: no tolerance, no clock, no dice.

use gateway::table::split::{BUCKETS, Shares, bucket, seed};
use proptest::prelude::*;

fn two(first: u16) -> Shares {
    Shares::new(&[first, BUCKETS - first], Some(1))
}

fn owners(shares: &Shares) -> Vec<usize> {
    (0..BUCKETS).map(|bucket| shares.of_bucket(bucket)).collect()
}

fn count(owners: impl IntoIterator<Item = usize>, entry: usize) -> usize {
    owners.into_iter().filter(|owner| *owner == entry).count()
}

/// The table in docs/split.md, made with the xxhash package for Python.
#[test]
fn buckets_are_those_of_the_published_hash() {
    let page = include_str!("../../docs/split.md");
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| `") && line.contains("0x"))
        .map(|line| line.split('|').map(|cell| cell.trim().trim_matches('`')).filter(|cell| !cell.is_empty()).collect())
        .collect();
    assert_eq!(rows.len(), 8, "docs/split.md lost test vectors");
    for row in rows {
        assert_eq!(format!("{:#018x}", seed(row[0])), row[2], "the seed of {}", row[0]);
        assert_eq!(bucket(seed(row[0]), row[1].as_bytes()).to_string(), row[3], "the bucket of {} in {}", row[1], row[0]);
    }
}

#[test]
fn every_weight_of_two_owns_exactly_its_buckets() {
    for weight in 0..=BUCKETS {
        let owners = owners(&two(weight));
        assert_eq!(count(owners.iter().copied(), 0), usize::from(weight));
        assert!(owners[..usize::from(weight)].iter().all(|owner| *owner == 0), "the first grows up from bucket 0");
    }
}

#[test]
fn three_upstreams_and_the_rest_own_exactly_their_buckets() {
    let shares = Shares::new(&[1_000, 3_000, 2_000, 4_000], Some(0));
    let owners = owners(&shares);
    assert_eq!([0, 1, 2, 3].map(|entry| count(owners.iter().copied(), entry)), [1_000, 3_000, 2_000, 4_000]);
    assert!(owners[..3_000].iter().all(|owner| *owner == 1), "the first named from 0");
    assert!(owners[8_000..].iter().all(|owner| *owner == 2), "the second down from 9999");
    assert!(owners[3_000..7_000].iter().all(|owner| *owner == 3), "the third after the first");
    assert!(owners[7_000..8_000].iter().all(|owner| *owner == 0), "the rest in between");
}

#[test]
fn a_weight_of_zero_gets_nothing() {
    for shares in [two(0), Shares::new(&[0, BUCKETS], None), Shares::new(&[0, 0, BUCKETS], Some(2)), Shares::new(&[BUCKETS, 0, 0], Some(2))] {
        let full = usize::from(!matches!(shares.of_bucket(0), 0)) * shares.of_bucket(0);
        assert!(owners(&shares).iter().all(|owner| *owner == full));
        assert!((0..20_000).all(|turn| shares.of_turn(turn) == full));
    }
}

#[test]
fn raising_the_first_weight_moves_users_to_it_only_and_lowering_it_brings_back_exactly_those() {
    let weights = [0, 1, 500, 2_000, 4_999, 5_000, 8_000, 10_000];
    for pair in weights.windows(2) {
        let (low, high) = (owners(&two(pair[0])), owners(&two(pair[1])));
        let moved = (0..usize::from(BUCKETS)).filter(|bucket| low[*bucket] != high[*bucket]);
        let moved: Vec<_> = moved.map(|bucket| (low[bucket], high[bucket])).collect();
        assert_eq!(moved.len(), usize::from(pair[1] - pair[0]));
        assert!(moved.iter().all(|(from, to)| (*from, *to) == (1, 0)));
    }
}

#[test]
fn raising_the_second_weight_moves_users_from_the_rest_only() {
    let at = |second| owners(&Shares::new(&[2_000, second, 8_000 - second], Some(2)));
    for pair in [0, 100, 3_000, 8_000].windows(2) {
        let (low, high) = (at(pair[0]), at(pair[1]));
        let moved = low.iter().zip(&high).filter(|(from, to)| from != to);
        assert!(moved.clone().all(|(from, to)| (*from, *to) == (2, 1)));
        assert_eq!(moved.count(), usize::from(pair[1] - pair[0]));
    }
}

#[test]
fn any_ten_consecutive_turns_at_twenty_per_cent_hold_exactly_two() {
    for percent in (0..=10).map(|tenth| tenth * 10) {
        let shares = two(percent * 100);
        let turns: Vec<_> = (0..20_020).map(|turn| shares.of_turn(turn)).collect();
        for window in turns.windows(10) {
            assert_eq!(count(window.iter().copied(), 0), usize::from(percent / 10));
        }
    }
}

#[test]
fn any_ten_consecutive_turns_of_three_upstreams_hold_exactly_their_shares() {
    let shares = Shares::new(&[2_000, 3_000, 5_000], Some(2));
    let turns: Vec<_> = (0..20_020).map(|turn| shares.of_turn(turn)).collect();
    for window in turns.windows(10) {
        assert_eq!([0, 1, 2].map(|entry| count(window.iter().copied(), entry)), [2, 3, 5]);
    }
}

#[test]
fn the_counter_may_wrap() {
    let shares = two(2_000);
    // 2^64 is no multiple of ten thousand: the one seam in 18 quintillion decisions may cost a turn, never a panic.
    assert!(shares.of_turn(u64::MAX) <= 1);
}

/// Weights that make 100, some of them zero, one of them perhaps the rest.
fn weights() -> impl Strategy<Value = (Vec<u16>, Option<usize>)> {
    (prop::collection::vec(0..=BUCKETS, 0..6), any::<prop::sample::Index>(), any::<bool>()).prop_map(|(mut cuts, rest, has_rest)| {
        cuts.extend([0, BUCKETS]);
        cuts.sort_unstable();
        let weights: Vec<_> = cuts.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let rest = has_rest.then(|| rest.index(weights.len()));
        (weights, rest)
    })
}

proptest! {
    #[test]
    fn all_buckets_and_all_turns_are_shared_out_as_written((weights, rest) in weights()) {
        let shares = Shares::new(&weights, rest);
        let buckets = owners(&shares);
        let turns: Vec<_> = (0..u64::from(BUCKETS)).map(|turn| shares.of_turn(turn)).collect();
        for (entry, weight) in weights.iter().enumerate() {
            prop_assert_eq!(count(buckets.iter().copied(), entry), usize::from(*weight));
            prop_assert_eq!(count(turns.iter().copied(), entry), usize::from(*weight));
        }
    }

    #[test]
    fn turns_repeat_after_ten_thousand(weight in 0..=BUCKETS, turn in 0..1_000_000_u64) {
        let shares = two(weight);
        prop_assert_eq!(shares.of_turn(turn), shares.of_turn(turn + u64::from(BUCKETS)));
    }
}

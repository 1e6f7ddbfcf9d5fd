//! "Did you mean": the nearest of a few known words.

/// The candidate that is only a slip of the fingers away from `word`; none where nothing is near.
///
/// Near: at most a third of the letters are added, left out, replaced or swapped with their neighbour.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed: Vec<char> = word.to_lowercase().chars().collect();
    let mut best = None;
    for candidate in candidates {
        let known: Vec<char> = candidate.to_lowercase().chars().collect();
        let allowed = (typed.len().max(known.len()) / 3).max(1);
        if typed.len().abs_diff(known.len()) > allowed {
            continue;
        }
        let distance = distance(&typed, &known);
        if distance <= allowed && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// The optimal string alignment distance: edits and swaps of neighbours, each letter touched once.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &y) in b.iter().enumerate() {
            let replaced = above[j] + usize::from(x != y);
            let mut least = replaced.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && a[i - 1] == y {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let known = ["split", "sticky", "timeout", "to", "monolith"];
        for (typed, meant) in [
            ("splt", Some("split")),
            ("Stciky", Some("sticky")),
            ("time_out", Some("timeout")),
            ("monolit", Some("monolith")),
            ("t", Some("to")),
            ("banana", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, known), meant, "{typed}");
        }
    }
}

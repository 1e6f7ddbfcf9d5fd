//! The ids of the events that were handled last, by which one that comes again is known. Bounded: the oldest are forgotten.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

/// How many ids are kept; what comes again does so within seconds. About 1 MiB.
const KEPT: usize = 10_000;

/// A set that forgets.
#[derive(Default)]
pub(super) struct Seen {
    ids: HashSet<Arc<str>>,
    order: VecDeque<Arc<str>>,
}

impl Seen {
    pub(super) fn contains(&self, id: &str) -> bool {
        self.ids.contains(id)
    }
}

impl<'a> Extend<&'a str> for Seen {
    fn extend<I: IntoIterator<Item = &'a str>>(&mut self, ids: I) {
        for id in ids {
            let id: Arc<str> = id.into();
            if self.ids.insert(Arc::clone(&id)) {
                self.order.push_back(id);
            }
            if self.order.len() > KEPT {
                self.order.pop_front().map(|oldest| self.ids.remove(&oldest));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{KEPT, Seen};

    #[test]
    fn the_oldest_are_forgotten_and_nothing_else() {
        let mut seen = Seen::default();
        let ids: Vec<String> = (0..KEPT + 5).map(|number| number.to_string()).collect();
        seen.extend(ids.iter().map(String::as_str));
        seen.extend(["7"]);
        assert!(ids.iter().enumerate().all(|(at, id)| seen.contains(id) == (at >= 5)));
        assert_eq!((seen.ids.len(), seen.order.len()), (KEPT, KEPT));
    }
}

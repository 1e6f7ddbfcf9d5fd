//! Who decides how long a phase may take: the route, then the upstream, then `defaults`, then the gateway.

use std::time::Duration;

use crate::table::Timeouts;
use crate::table::file::timeout::{Phases, Timeout};

/// What a `timeout` says about each phase: nothing, no limit, or a limit.
type Said = Option<Option<Duration>>;

/// `timeout`, with what it leaves out still open.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Layer {
    connect: Said,
    first_byte: Said,
    idle: Said,
    total: Said,
}

impl From<Option<&Timeout>> for Layer {
    fn from(written: Option<&Timeout>) -> Self {
        let Some(Timeout(Phases { connect, first_byte, idle, total, .. })) = written else { return Self::default() };
        let said = |duration: Duration| (!duration.is_zero()).then_some(duration);
        Self {
            connect: connect.as_ref().map(|at| said(at.value)),
            first_byte: first_byte.as_ref().map(|at| said(at.value)),
            idle: idle.as_ref().map(|at| said(at.value)),
            total: total.as_ref().map(|at| said(at.value)),
        }
    }
}

impl Layer {
    /// This layer over what lies below it.
    pub(super) fn over(self, below: Timeouts) -> Timeouts {
        Timeouts {
            connect: self.connect.unwrap_or(below.connect),
            first_byte: self.first_byte.unwrap_or(below.first_byte),
            idle: self.idle.unwrap_or(below.idle),
            total: self.total.unwrap_or(below.total),
        }
    }
}

/// The longer of two in each phase, where no limit is the longest: the sides of a split need not be equally quick.
pub(super) fn longer(a: Timeouts, b: Timeouts) -> Timeouts {
    let longer = |a: Option<Duration>, b: Option<Duration>| a.zip(b).map(|(a, b)| a.max(b));
    Timeouts {
        connect: longer(a.connect, b.connect),
        first_byte: longer(a.first_byte, b.first_byte),
        idle: longer(a.idle, b.idle),
        total: longer(a.total, b.total),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_layer_leaves_out_comes_from_below() {
        let second = Duration::from_secs(1);
        let layer = Layer { first_byte: Some(Some(second)), idle: Some(None), ..Layer::default() };
        let expected = Timeouts { first_byte: Some(second), idle: None, ..Timeouts::default() };
        assert_eq!(layer.over(Timeouts::default()), expected);
    }

    #[test]
    fn of_two_sides_the_slower_decides() {
        let quick = Timeouts { total: Some(Duration::from_secs(1)), ..Timeouts::default() };
        assert_eq!(longer(quick, Timeouts::default()).total, None);
        assert_eq!(longer(quick, quick), quick);
    }
}

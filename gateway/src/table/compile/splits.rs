//! `split` and `to`: weights that make a whole, and what pins them.

use std::sync::Arc;

use http::Method;

use super::routes::Names;
use crate::metrics::Metrics;
use crate::table::file::name::Name;
use crate::table::file::read::At;
use crate::table::file::route::Route as Written;
use crate::table::file::scalar::Weight;
use crate::table::file::split::{Side, Split as WrittenSplit};
use crate::table::file::sticky::{Key, Sticky};
use crate::table::problem::{Problems, Span};
use crate::table::split::{BUCKETS, Shares, seed};
use crate::table::{Entry, Split, StickyKey, Upstream, UpstreamId};

/// A split without its series and its counter.
#[derive(Debug)]
pub(super) struct PlannedSplit {
    sides: Vec<PlannedSide>,
    rest: Option<usize>,
    sticky: Vec<StickyKey>,
    seed: u64,
    enabled: bool,
    single: bool,
}

#[derive(Debug)]
struct PlannedSide {
    upstream: UpstreamId,
    weight: u16,
    pinned_by: Option<String>,
}

/// `to: NAME`: a split of one.
pub(super) fn to(to: &At<Name>, route: &Written, names: &Names<'_>, problems: &mut Problems) -> Option<PlannedSplit> {
    let upstream = names.upstream(to.as_str(), to.span, problems)?;
    Some(PlannedSplit {
        sides: vec![PlannedSide { upstream, weight: BUCKETS, pinned_by: None }],
        rest: None,
        sticky: Vec::new(),
        seed: seed(route.name.as_str()),
        enabled: true,
        single: true,
    })
}

/// `split`, with its sum checked and `rest` worked out.
pub(super) fn split(
    split: &WrittenSplit,
    route: &Written,
    names: &Names<'_>,
    problems: &mut Problems,
    pins: &mut Vec<String>,
) -> Option<PlannedSplit> {
    let ids: Vec<_> = split.sides.iter().map(|(name, _)| names.upstream(name.as_str(), name.span, problems)).collect();
    let rest = only_rest(split, problems);
    needs_rest(split, route, problems);
    let weights = weights(split, route, problems);
    warn_writes(route, split.span, problems);
    let sticky = route.sticky.as_deref().or_else(|| names.defaults()?.sticky.as_ref());
    let (keys, group) = keys(sticky);
    pin(route, split, pins);
    let sides = ids.into_iter().zip(&split.sides).zip(weights?);
    let sides = sides.map(|((upstream, (_, Side(side))), weight)| {
        Some(PlannedSide { upstream: upstream?, weight, pinned_by: pinned_by(&side.weight) })
    });
    Some(PlannedSplit {
        sides: sides.collect::<Option<_>>()?,
        rest,
        sticky: keys,
        seed: seed(group.unwrap_or(route.name.as_str())),
        enabled: route.enabled.as_ref().is_none_or(|at| at.value),
        single: false,
    })
}

/// The side that is `rest`; a second one is a problem.
fn only_rest(split: &WrittenSplit, problems: &mut Problems) -> Option<usize> {
    let mut rests = split.sides.iter().enumerate().filter(|(_, (_, Side(side)))| side.weight.value == Weight::Rest);
    let (first, (_, Side(side))) = rests.next()?;
    for (_, (name, Side(other))) in rests {
        problems
            .error(other.weight.span, format!("`{}` is a second `rest`", name.as_str()))
            .also(side.weight.span, "the first")
            .help("one side takes what is left; give the other a weight");
    }
    Some(first)
}

/// `enabled` sends everything to `rest`, so there must be one, also while it is true.
fn needs_rest(split: &WrittenSplit, route: &Written, problems: &mut Problems) {
    let rest = split.sides.iter().any(|(_, Side(side))| side.weight.value == Weight::Rest);
    if let (Some(enabled), false, Some((last, _))) = (&route.enabled, rest, split.sides.last()) {
        problems
            .error(
                enabled.span,
                format!("`enabled` of route `{}` needs a `rest` to send everything to", route.name.as_str()),
            )
            .help(format!("write `{}: rest`", last.as_str()));
    }
}

/// The weights in hundredths, `rest` worked out; none where they make no whole, which has been reported then.
fn weights(split: &WrittenSplit, route: &Written, problems: &mut Problems) -> Option<Vec<u16>> {
    let named = |side: &Side| match side.0.weight.value {
        Weight::Hundredths(weight) => Some(weight),
        Weight::Rest => None,
    };
    let sum: u32 = split.sides.iter().filter_map(|(_, side)| named(side)).map(u32::from).sum();
    let rest = split.sides.iter().any(|(_, side)| named(side).is_none());
    let whole = u32::from(BUCKETS);
    if sum == whole || (rest && sum < whole) {
        let left = u16::try_from(whole - sum).unwrap_or_default();
        return Some(split.sides.iter().map(|(_, side)| named(side).unwrap_or(left)).collect());
    }
    let (name, Side(last), own) = split.sides.iter().rev().find_map(|(name, side)| Some((name, side, named(side)?)))?;
    let others = sum - u32::from(own);
    let mut help = match whole.checked_sub(others) {
        Some(0) | None => format!("lower them by {} in all", percent(sum - whole)),
        Some(_) if rest => format!("write `{}: {}` at most", name.as_str(), percent(whole - others)),
        Some(fits) => format!("write `{0}: {1}`, or `{0}: rest`", name.as_str(), percent(fits)),
    };
    for (name, Side(side)) in &split.sides {
        if let Some(variable) = pinned_by(&side.weight) {
            help.push_str(&format!("; the weight of `{}` comes from the variable {variable}", name.as_str()));
        }
    }
    let shown = route.name.as_str();
    let message = if rest {
        format!("the weights of route `{shown}` add up to {}: more than 100, before `rest`", percent(sum))
    } else {
        format!("the weights of route `{shown}` add up to {}, not 100", percent(sum))
    };
    problems.error(last.weight.span, message).help(help);
    None
}

/// Hundredths as they are written.
fn percent(hundredths: u32) -> String {
    let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn keys(sticky: Option<&Sticky>) -> (Vec<StickyKey>, Option<&str>) {
    let Some(Sticky::By(settings)) = sticky else { return (Vec::new(), None) };
    let key = |key: &Key| match key {
        Key::Header(name) => StickyKey::Header(name.clone()),
        Key::Cookie(name) => StickyKey::Cookie(name.clone()),
        Key::Client => StickyKey::Client,
    };
    let keys = settings.by.0.iter().map(|at| key(&at.value)).collect();
    (keys, settings.group.as_ref().map(|group| group.as_str()))
}

/// Warns where writes may go to two stores.
fn warn_writes(route: &Written, span: Span, problems: &mut Problems) {
    let reads = |method: &Method| matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    let unsafe_too = route.methods.as_ref().is_none_or(|methods| !methods.iter().all(|at| reads(&at.value)));
    let several = route.split.as_ref().is_some_and(|split| split.sides.len() > 1);
    if unsafe_too && several && !route.wrote("writes") {
        problems
            .warning(span, format!("route `{}` also splits POST, PUT, PATCH and DELETE", route.name.as_str()))
            .help("write `writes: split` if both sides share one store, else `methods: [GET, HEAD]`");
    }
}

/// The variable that a value comes from, if the environment set it.
fn pinned_by<T>(at: &At<T>) -> Option<String> {
    Some(at.filled.as_ref()?.variables.first()?.name.clone())
}

/// Says which of the route's settings an edit of the file would not move.
fn pin(route: &Written, split: &WrittenSplit, pins: &mut Vec<String>) {
    let name = route.name.as_str();
    let weights = split.sides.iter().filter_map(|(side, Side(settings))| {
        Some((settings.weight.filled.as_ref()?, format!("weight of {} in route {name}", side.as_str())))
    });
    let enabled =
        route.enabled.iter().filter_map(|at| Some((at.filled.as_ref()?, format!("`enabled` of route {name}"))));
    for (filled, what) in weights.chain(enabled) {
        for variable in &filled.variables {
            let default = if variable.has_default { "; editing its default does nothing" } else { "" };
            pins.push(format!("{what} is pinned by {}={}{default}", variable.name, variable.value));
        }
    }
}

impl PlannedSplit {
    /// Its upstreams, in the file's order.
    pub(super) fn upstreams(&self) -> impl Iterator<Item = UpstreamId> {
        self.sides.iter().map(|side| side.upstream)
    }

    /// The split, with its series; `before` is that of the same route before the edit.
    pub(super) fn make(
        self,
        route: &str,
        upstreams: &[Arc<Upstream>],
        before: Option<&Split>,
        metrics: &Metrics,
    ) -> Split {
        let weights: Vec<u16> = self.sides.iter().map(|side| side.weight).collect();
        let series = |upstream: &str| {
            let mut counted = before.iter().flat_map(|split| &split.entries).map(|entry| &entry.series);
            let known = counted.find(|series| series.upstream == upstream);
            known.cloned().unwrap_or_else(|| metrics.series(route, upstream))
        };
        let entry = |side: PlannedSide| Entry {
            upstream: side.upstream,
            weight: side.weight,
            pinned_by: side.pinned_by,
            series: series(&upstreams[side.upstream.0].name),
        };
        Split {
            entries: self.sides.into_iter().map(entry).collect(),
            shares: Shares::new(&weights, self.rest),
            sticky: self.sticky,
            seed: self.seed,
            enabled: self.enabled,
            decisions: before.map(|split| split.decisions.clone()).unwrap_or_default(),
            single: self.single,
        }
    }
}

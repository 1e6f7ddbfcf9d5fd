//! Chooses who answers: an upstream of the route's split, or the gateway itself where the route says so.
//!
//! The key is read from the request as it came, before any header is stripped or added.

use std::borrow::Cow;
use std::sync::atomic::Ordering::Relaxed;

use http::Request;
use http::header::COOKIE;

use super::record::{Pick, Record};
use super::respond;
use super::stage::Decision;
use super::{Assigned, Routed};
use crate::table::split::bucket;
use crate::table::{Action, Reason, Split, StickyKey};

/// Assigns an upstream, or answers.
pub fn assign(Routed { request, record, found, route }: Routed) -> Decision<Assigned> {
    let upstream = match &record.snapshot.table.route(route).action {
        Action::Split(split) => {
            let pick = pick(split, &request, &record);
            record.pick.set(Some(pick));
            let entry = &split.entries[pick.entry];
            entry.series.picked(record.worker.index, pick.reason);
            entry.upstream
        }
        Action::Respond(reply) => return Decision::Break(Ok(respond::reply(reply))),
        Action::Redirect(redirect) => {
            let matched = &record.snapshot.table.route(route).matches.path;
            return Decision::Break(Ok(respond::redirect(redirect, matched, &request, record.client.scheme())));
        }
    };
    Decision::Continue(Assigned { request, record, found, route, upstream })
}

fn pick<B>(split: &Split, request: &Request<B>, record: &Record) -> Pick {
    if split.single {
        return Pick { entry: 0, reason: Reason::To, bucket: None };
    }
    if let (false, Some(rest)) = (split.enabled, split.shares.rest) {
        return Pick { entry: rest, reason: Reason::Disabled, bucket: None };
    }
    if let Some(key) = split.sticky.iter().find_map(|kind| read_key(kind, request, record)) {
        let bucket = bucket(split.seed, &key);
        return Pick { entry: split.shares.of_bucket(bucket), reason: Reason::Sticky, bucket: Some(bucket) };
    }
    // The one number that workers share on this path: with a counter each, ten requests would not hold exactly eight.
    let turn = split.decisions.fetch_add(1, Relaxed);
    Pick { entry: split.shares.of_turn(turn), reason: Reason::Weight, bucket: None }
}

/// A key's bytes; an empty value counts as none.
fn read_key<'r, B>(kind: &StickyKey, request: &'r Request<B>, record: &Record) -> Option<Cow<'r, [u8]>> {
    let key: Cow<'r, [u8]> = match kind {
        StickyKey::Header(name) => request.headers().get(name)?.as_bytes().into(),
        StickyKey::Cookie(name) => {
            request.headers().get_all(COOKIE).iter().find_map(|line| cookie(line.as_bytes(), name))?.into()
        }
        StickyKey::Client => record.address.to_string().into_bytes().into(),
    };
    (!key.is_empty()).then_some(key)
}

/// The value of a cookie in a `Cookie` line, without surrounding blanks and quotes.
fn cookie<'l>(line: &'l [u8], name: &str) -> Option<&'l [u8]> {
    line.split(|byte| *byte == b';').find_map(|pair| {
        let value = pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
        Some(value.strip_prefix(b"\"").and_then(|quoted| quoted.strip_suffix(b"\"")).unwrap_or(value))
    })
}

#[cfg(test)]
mod tests {
    use super::cookie;

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let line = b"a=1; session=abc ;xsession=no; quoted=\"q=1\"";
        assert_eq!(cookie(line, "session"), Some(&b"abc"[..]));
        assert_eq!(cookie(line, "a"), Some(&b"1"[..]));
        assert_eq!(cookie(line, "quoted"), Some(&b"q=1"[..]));
        assert_eq!(cookie(line, "sess"), None);
        assert_eq!(cookie(b"", "a"), None);
    }
}

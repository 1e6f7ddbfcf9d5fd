//! What a route does: exactly one thing, with only the policies that belong to it.

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderValue, StatusCode};
use smallvec::SmallVec;

use crate::table::file::answer::{Redirect as WrittenRedirect, Respond, Scheme};
use crate::table::file::name::Named;
use crate::table::file::route::Route as Written;
use crate::table::problem::Problems;
use crate::table::{PathChange, Redirect, Reply};

const ACTIONS: [&str; 4] = ["to", "split", "respond", "redirect"];
const REDIRECTS: [u16; 5] = [301, 302, 303, 307, 308];

/// The one action of a route; none where there are several or none, which has been reported then.
pub(super) fn which(route: &Written, problems: &mut Problems) -> Option<&'static str> {
    let name = route.name.as_str();
    let written: SmallVec<[&'static str; ACTIONS.len()]> =
        ACTIONS.into_iter().filter(|action| route.wrote(action)).collect();
    match written[..] {
        [action] => {
            policies(route, action, problems);
            Some(action)
        }
        [] if route.slipped() => None,
        [] => {
            problems
                .error(route.name.span, format!("route `{name}` does nothing"))
                .help("write one of `to`, `split`, `respond` and `redirect`");
            None
        }
        _ => {
            problems
                .error(route.name.span, format!("route `{name}` has `{}`", written.join("` and `")))
                .help("a route does one thing; keep one of them");
            None
        }
    }
}

/// Policies that do nothing for this action.
fn policies(route: &Written, action: &str, problems: &mut Problems) {
    let name = route.name.as_str();
    if action != "split" {
        if let Some(enabled) = &route.enabled {
            let message = format!("`enabled` does nothing in route `{name}`: it has no `split`");
            if enabled.value {
                problems.warning(enabled.span, message).help("leave it out");
            } else {
                problems
                    .error(enabled.span, message)
                    .help("`false` sends a split's traffic to `rest`; remove the route instead");
            }
        }
        for key in ["sticky", "writes"].into_iter().filter(|key| route.wrote(key)) {
            problems
                .warning(route.name.span, format!("`{key}` does nothing in route `{name}`: it has no `split`"))
                .help("leave it out");
        }
    }
    if ["respond", "redirect"].contains(&action) && route.wrote("timeout") {
        problems
            .warning(route.name.span, format!("`timeout` does nothing in route `{name}`: it has no upstream"))
            .help("leave it out");
    }
}

/// A fixed answer.
pub(super) fn respond(written: &Respond, problems: &mut Problems) -> Option<Reply> {
    let status = written.status.as_ref().map_or(StatusCode::OK, |at| at.value);
    if written.wrote("text") && written.wrote("json") {
        problems.error(written.span, "`respond` has a `text` and a `json`").help("keep one of them");
        return None;
    }
    let (body, kind) = match (&written.text, &written.json) {
        (Some(text), _) => (Bytes::from(text.value.clone()), Some("text/plain; charset=utf-8")),
        (None, Some(json)) => (Bytes::from(json.value.to_string()), Some("application/json")),
        (None, None) => (Bytes::new(), None),
    };
    if kind.is_some() && [204, 205, 304].contains(&status.as_u16()) {
        problems
            .error(written.span, format!("an answer with status {} has no body", status.as_u16()))
            .help("leave `text` and `json` out, or take another status");
        return None;
    }
    let mut headers = HeaderMap::new();
    if let Some(kind) = kind {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    for (name, value) in written.headers.iter().flat_map(|Named(entries)| entries) {
        if [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE].contains(&name.value) {
            problems.error(name.span, format!("`{}` is the gateway's own business", name.value)).help("leave it out");
        }
        headers.insert(name.value.clone(), value.value.clone());
    }
    Some(Reply { status, headers, body })
}

/// A redirect that changes something.
pub(super) fn redirect(written: &WrittenRedirect, problems: &mut Problems) -> Option<Redirect> {
    let status = written.status.as_ref().map_or(StatusCode::FOUND, |at| at.value);
    if let (Some(at), false) = (&written.status, REDIRECTS.contains(&status.as_u16())) {
        problems
            .error(at.span, format!("{} is no status of a redirect", status.as_u16()))
            .help("write 301 or 308 (for good), 302, 303 or 307 (for now)");
    }
    if written.wrote("path") && written.wrote("prefix") {
        problems.error(written.span, "`redirect` has a `path` and a `prefix`").help("keep one of them");
    }
    if !["scheme", "host", "port", "path", "prefix"].iter().any(|key| written.wrote(key)) {
        problems
            .error(written.span, "the redirect leads to where it came from")
            .help("write at least one of `scheme`, `host`, `port`, `path` and `prefix`");
        return None;
    }
    let prefix = written.prefix.as_ref().map(|at| PathChange::Prefix(at.0.to_string()));
    Some(Redirect {
        scheme: written.scheme.as_ref().map(|at| match at.value {
            Scheme::Http => "http".to_owned(),
            Scheme::Https => "https".to_owned(),
        }),
        host: written.host.as_ref().map(|at| at.value.0.clone()),
        port: written.port.as_ref().and_then(|at| u16::try_from(at.value.0).ok()),
        path: written.path.as_ref().map(|at| PathChange::Full(at.0.to_string())).or(prefix),
        status,
    })
}

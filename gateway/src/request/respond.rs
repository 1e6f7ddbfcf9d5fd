//! The answers that a route writes itself: `respond` and `redirect`.

use http::header::{HOST, LOCATION};
use http::{HeaderValue, Request, Response};

use super::body::Body;
use crate::table::{PathChange, PathMatch, Redirect, Reply};

/// The fixed answer.
pub fn reply(reply: &Reply) -> Response<Body> {
    let mut response = Response::new(Body::from(reply.body.clone()));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers.clone();
    response
}

/// Points the client elsewhere; what the redirect does not name stays as it was asked for, the query included.
pub fn redirect<B>(redirect: &Redirect, matched: &PathMatch, request: &Request<B>, scheme: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(bytes::Bytes::new()));
    *response.status_mut() = redirect.status;
    // The parts were checked when the table was compiled or came as a valid request.
    response
        .headers_mut()
        .extend(HeaderValue::try_from(location(redirect, matched, request, scheme)).ok().map(|to| (LOCATION, to)));
    response
}

/// `scheme` is the client's.
fn location<B>(redirect: &Redirect, matched: &PathMatch, request: &Request<B>, scheme: &str) -> String {
    let uri = request.uri();
    let path = match &redirect.path {
        None => uri.path().to_owned(),
        Some(PathChange::Full(path)) => path.clone(),
        Some(PathChange::Prefix(prefix)) => {
            let cut = match matched {
                PathMatch::Prefix(matched) | PathMatch::Exact(matched) => matched.len(),
            };
            let rest = uri.path().get(cut..).unwrap_or_default();
            let joined = format!("{}{rest}", prefix.trim_end_matches('/'));
            if joined.is_empty() { "/".to_owned() } else { joined }
        }
    };
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    if redirect.scheme.is_none() && redirect.host.is_none() && redirect.port.is_none() {
        // `//evil.example` in a Location would name a host.
        return format!("/{}{query}", path.trim_start_matches('/'));
    }
    let asked = uri.authority().map(http::uri::Authority::as_str);
    let asked = asked.or_else(|| request.headers().get(HOST).and_then(|host| host.to_str().ok())).unwrap_or_default();
    let (asked_host, asked_port) = match asked.rfind(':').filter(|colon| !asked[*colon..].contains(']')) {
        Some(colon) => asked.split_at(colon),
        None => (asked, ""),
    };
    let host = redirect.host.as_deref().unwrap_or(asked_host);
    // Another scheme has another port: the client's stays only with the scheme.
    let same_scheme = redirect.scheme.as_deref().is_none_or(|wanted| wanted == scheme);
    let kept = if same_scheme { asked_port.to_owned() } else { String::new() };
    let port = redirect.port.map_or(kept, |port| format!(":{port}"));
    format!("{}://{host}{port}{path}{query}", redirect.scheme.as_deref().unwrap_or(scheme))
}

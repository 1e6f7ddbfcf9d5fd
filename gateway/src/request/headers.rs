//! What is taken out of a head and put into it on its way through, in both directions.
//!
//! Headers that mean this hop only go no further, and neither do those that `Connection` names; but it can't name away what the gateway
//! and the services rely on.

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, COOKIE, FORWARDED, HOST, HeaderName, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Uri, Version};

use super::client::X_FORWARDED_FOR;
use super::id::{TRACEPARENT, TRACESTATE, X_REQUEST_ID, traceparent};
use super::record::Record;
use crate::table::{Endpoint, HostHeader, Upstream};

static X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
static X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
static KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
static PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// What `Connection` can't take out.
static PROTECTED: [&HeaderName; 11] = [
    &HOST,
    &AUTHORIZATION,
    &COOKIE,
    &CONTENT_LENGTH,
    &TRANSFER_ENCODING,
    &X_REQUEST_ID,
    &TRACEPARENT,
    &X_FORWARDED_FOR,
    &X_FORWARDED_PROTO,
    &X_FORWARDED_HOST,
    &FORWARDED,
];

/// Removes the headers of one hop. Framing (`Transfer-Encoding`) is left to the side that writes the head, as is `Trailer`.
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        let listed: Vec<HeaderName> =
            headers.get_all(CONNECTION).iter().flat_map(tokens).filter_map(|token| token.parse().ok()).collect();
        for name in listed.iter().filter(|name| !PROTECTED.contains(name)) {
            headers.remove(name);
        }
        headers.remove(CONNECTION);
    }
    for name in [&PROXY_AUTHENTICATE, &PROXY_AUTHORIZATION, &TE, &UPGRADE, &KEEP_ALIVE, &PROXY_CONNECTION] {
        headers.remove(name);
    }
}

/// The comma-separated tokens of a header's value.
pub fn tokens(value: &HeaderValue) -> impl Iterator<Item = &str> {
    value.to_str().unwrap_or_default().split(',').map(str::trim)
}

/// Makes the head that goes up from the one that came: nothing of the client's hop, and what the upstream should know of the client.
pub fn to_upstream(head: &mut Parts, record: &Record, upstream: &Upstream) {
    let wants_trailers =
        head.headers.get_all(TE).iter().flat_map(tokens).any(|token| token.eq_ignore_ascii_case("trailers"));
    strip_hop_by_hop(&mut head.headers);
    if wants_trailers {
        head.headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    head.version = Version::HTTP_11;
    if let Some(authority) = head.uri.authority() {
        // The absolute form names the host that is meant; `Host` follows it, and the upstream sees the origin form.
        if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
            head.headers.insert(HOST, host);
        }
        let target = head.uri.path_and_query().cloned();
        head.uri = target.map_or_else(|| Uri::from_static("/"), Uri::from);
    }
    forwarded(&mut head.headers, record);
    if let Some(context) = traceparent(&head.headers, &record.request_id) {
        head.headers.insert(&TRACEPARENT, context);
        head.headers.remove(&TRACESTATE);
    }
    head.headers.insert(&X_REQUEST_ID, record.request_id.clone());
    if let HostHeader::Literal(host) = &upstream.host {
        head.headers.insert(HOST, host.clone());
    }
}

/// The `Host` that depends on the endpoint: the upstream's own where the file says so, or where an HTTP/1.0 client gave none.
pub fn host_for(endpoint: &Endpoint, upstream: &Upstream, headers: &mut HeaderMap) {
    if upstream.host == HostHeader::Upstream || !headers.contains_key(HOST) {
        headers.insert(HOST, endpoint.authority.clone());
    }
}

/// Says who the client is. What a peer outside of `trusted_proxies` says of itself is dropped.
fn forwarded(headers: &mut HeaderMap, record: &Record) {
    let client = &record.client;
    if client.trusted {
        let known: Vec<_> = headers.get_all(&X_FORWARDED_FOR).iter().map(HeaderValue::as_bytes).collect();
        let chain = [known.join(&b", "[..]), client.forwarded_for.as_bytes().to_vec()].join(&b", "[..]);
        let chain = if known.is_empty() { None } else { HeaderValue::from_bytes(&chain).ok() };
        headers.insert(&X_FORWARDED_FOR, chain.unwrap_or_else(|| client.forwarded_for.clone()));
    } else {
        headers.remove(FORWARDED);
        headers.insert(&X_FORWARDED_FOR, client.forwarded_for.clone());
    }
    if !client.trusted || !headers.contains_key(&X_FORWARDED_PROTO) {
        headers.insert(&X_FORWARDED_PROTO, HeaderValue::from_static("http"));
    }
    if !client.trusted || !headers.contains_key(&X_FORWARDED_HOST) {
        match headers.get(HOST).cloned() {
            Some(host) => headers.insert(&X_FORWARDED_HOST, host),
            None => headers.remove(&X_FORWARDED_HOST),
        };
    }
}

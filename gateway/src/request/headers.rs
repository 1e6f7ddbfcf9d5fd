//! What is taken out of a head and put into it on its way through, in both directions.
//!
//! Headers that mean this hop only go no further, and neither do those that `Connection` names; but it can't name away what the gateway
//! and the services rely on.

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, COOKIE, FORWARDED, HOST, HeaderName, TE, TRANSFER_ENCODING,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Uri, Version};

use super::client::X_FORWARDED_FOR;
use super::id::{TRACEPARENT, TRACESTATE, X_REQUEST_ID};
use super::record::Record;
use crate::table::{Endpoint, HostHeader, Upstream};

static X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
static X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

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
    // Each look-up in the map hashes a name, while most heads hold none of these: one pass over the names is cheaper than eight look-ups.
    while let Some(found) = headers.keys().find(|name| is_hop_by_hop(name)).cloned() {
        if found == CONNECTION {
            let named: Vec<HeaderName> =
                headers.get_all(CONNECTION).iter().flat_map(tokens).filter_map(|name| name.parse().ok()).collect();
            for name in named.iter().filter(|name| !PROTECTED.contains(name)) {
                headers.remove(name);
            }
        }
        headers.remove(found);
    }
}

fn is_hop_by_hop(name: &HeaderName) -> bool {
    let name = name.as_str();
    match name.len() {
        2 => name == "te",
        7 => name == "upgrade",
        10 => name == "connection" || name == "keep-alive",
        16 => name == "proxy-connection",
        18 => name == "proxy-authenticate",
        19 => name == "proxy-authorization",
        _ => false,
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
    if let Some(context) = &record.traceparent {
        head.headers.insert(&TRACEPARENT, context.clone());
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

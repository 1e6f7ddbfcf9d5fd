//! What is taken out of a head and put into it on its way through, in both directions.
//!
//! Headers that mean this hop only go no further, and neither do those that `Connection` names; but it can't name away what the gateway
//! and the services rely on.

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, COOKIE, FORWARDED, HOST, HeaderName, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, Version, response};

use super::client::X_FORWARDED_FOR;
use super::error::Error;
use super::id::{TRACEPARENT, TRACESTATE, X_REQUEST_ID};
use super::record::Record;
use crate::table::{Endpoint, HostHeader, Upstream};
use crate::upstream::ExchangeError;

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

/// The headers of one hop, in the order of [`hop_by_hop`].
static HOP_BY_HOP: [HeaderName; 7] = [
    CONNECTION,
    TE,
    UPGRADE,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Which of [`HOP_BY_HOP`] a name is.
fn hop_by_hop(name: &HeaderName) -> Option<usize> {
    // Each look-up in a map of headers hashes a name, while most heads hold none of these; this compares little but lengths.
    match name.as_str().as_bytes() {
        b"connection" => Some(0),
        b"te" => Some(1),
        b"upgrade" => Some(2),
        b"proxy-authenticate" => Some(3),
        b"proxy-authorization" => Some(4),
        b"keep-alive" => Some(5),
        b"proxy-connection" => Some(6),
        _ => None,
    }
}

/// Removes the headers of one hop. Framing (`Transfer-Encoding`) is left to the side that writes the head, as is `Trailer`.
///
/// Returns whether the peer takes trailers.
pub fn strip_hop_by_hop(headers: &mut HeaderMap) -> bool {
    let mut found = [false; HOP_BY_HOP.len()];
    for at in headers.keys().filter_map(hop_by_hop) {
        found[at] = true;
    }
    let trailers =
        found[1] && headers.get_all(TE).iter().flat_map(tokens).any(|coding| coding.eq_ignore_ascii_case("trailers"));
    if found[0] {
        strip_named(headers);
    }
    for (name, _) in HOP_BY_HOP.iter().zip(found).filter(|(_, found)| *found) {
        headers.remove(name);
    }
    trailers
}

/// How an answer says where its body ends.
#[derive(Default)]
struct Framing {
    codings: usize,
    lengths: usize,
    /// A length that is not 0.
    some: bool,
    unclear: bool,
}

impl Framing {
    fn of(headers: &HeaderMap) -> Self {
        let mut framing = Self::default();
        for (name, value) in headers {
            let value = value.as_bytes();
            match name.as_str().as_bytes() {
                b"transfer-encoding" => {
                    framing.codings += 1;
                    framing.unclear |= !value.eq_ignore_ascii_case(b"chunked");
                }
                b"content-length" => {
                    framing.lengths += 1;
                    framing.some |= value.iter().any(|digit| *digit != b'0');
                    framing.unclear |= !value.iter().all(u8::is_ascii_digit);
                }
                _ => {}
            }
        }
        framing.unclear |= framing.codings + framing.lengths > 1;
        framing
    }
}

/// Takes out of an answer's head what is of the upstream's hop only: its framing too, which is written anew by what is known of the body.
///
/// # Errors
/// Its end can be read in more than one way: hyper has taken one of them, and the next hop need not take the same.
pub fn strip_answer(head: &mut response::Parts) -> Result<(), Error> {
    let framing = Framing::of(&head.headers);
    let empty = head.status == StatusCode::NO_CONTENT;
    if framing.unclear || (empty && (framing.codings > 0 || framing.some)) {
        return Err(Error::Exchange(ExchangeError::Ambiguous));
    }
    strip_hop_by_hop(&mut head.headers);
    if framing.codings > 0 {
        head.headers.remove(TRANSFER_ENCODING);
    }
    if empty && framing.lengths > 0 {
        head.headers.remove(CONTENT_LENGTH);
    }
    Ok(())
}

/// Writes the framing of a request with a body as everyone writes it: it may say `Chunked`.
pub fn frame(headers: &mut HeaderMap) {
    if let Some(coding) = headers.get_mut(TRANSFER_ENCODING) {
        *coding = HeaderValue::from_static("chunked");
    }
}

/// Removes the headers that `Connection` names, but for the protected ones.
fn strip_named(headers: &mut HeaderMap) {
    let options = headers.get_all(CONNECTION).iter().flat_map(tokens);
    let names = options
        .filter(|option| !["keep-alive", "close", "upgrade"].iter().any(|usual| option.eq_ignore_ascii_case(usual)));
    let names: Vec<HeaderName> =
        names.filter_map(|name| name.parse().ok()).filter(|name| !PROTECTED.contains(&name)).collect();
    for name in names {
        headers.remove(name);
    }
}

/// The comma-separated tokens of a header's value.
pub fn tokens(value: &HeaderValue) -> impl Iterator<Item = &str> {
    value.to_str().unwrap_or_default().split(',').map(str::trim)
}

/// Takes out of a request's head what is of the client's hop only, and makes its target the origin form.
pub fn strip(head: &mut Parts) {
    if strip_hop_by_hop(&mut head.headers) {
        head.headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    head.version = Version::HTTP_11;
    if let Some(authority) = head.uri.authority() {
        // The absolute form names the host that is meant; `Host` follows it.
        if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
            head.headers.insert(HOST, host);
        }
        let target = head.uri.path_and_query().cloned();
        head.uri = target.map_or_else(|| Uri::from_static("/"), Uri::from);
    }
}

/// Puts into a stripped head what the upstream should know: who asks, by which id, and for which host.
pub fn add(headers: &mut HeaderMap, record: &Record, upstream: &Upstream, endpoint: &Endpoint) {
    forwarded(headers, record, endpoint);
    if let Some(context) = &record.traceparent {
        headers.insert(&TRACEPARENT, context.clone());
        headers.remove(&TRACESTATE);
    }
    headers.insert(&X_REQUEST_ID, record.request_id.clone());
    host_for(headers, upstream, endpoint);
}

/// Writes the `Host` that the file asks for, which may depend on the endpoint.
pub fn host_for(headers: &mut HeaderMap, upstream: &Upstream, endpoint: &Endpoint) {
    match &upstream.host {
        HostHeader::Preserve => {}
        HostHeader::Upstream => drop(headers.insert(HOST, endpoint.authority.clone())),
        HostHeader::Literal(host) => drop(headers.insert(HOST, host.clone())),
    }
}

/// Says who the client is. What a peer outside of `trusted_proxies` says of itself is dropped.
fn forwarded(headers: &mut HeaderMap, record: &Record, endpoint: &Endpoint) {
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
    let asked = headers.get(HOST).cloned();
    if asked.is_none() {
        // An HTTP/1.0 client need not say which host it means; an HTTP/1.1 upstream has to be told one.
        headers.insert(HOST, endpoint.authority.clone());
    }
    if !client.trusted || !headers.contains_key(&X_FORWARDED_HOST) {
        headers.insert(&X_FORWARDED_HOST, asked.unwrap_or_else(|| endpoint.authority.clone()));
    }
}

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
use crate::upstream::{ExchangeError, Fields, tokens};

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

/// The headers of one hop.
static HOP_BY_HOP: [HeaderName; 8] = [
    CONNECTION,
    TE,
    UPGRADE,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    // Of an upgrade to HTTP/2 by RFC 7540, which is declined: sent on, the upstream might take it, and the tunnel carry what nobody reads.
    HeaderName::from_static("http2-settings"),
];

/// What a head had when it came.
#[derive(Clone, Copy, Debug, Default)]
pub struct Found {
    /// Of the fields as they were sent, but for blanks around values.
    pub bytes: usize,
    /// Lines of `Host`.
    pub hosts: usize,
    /// In the order of [`HOP_BY_HOP`].
    hop_by_hop: [bool; HOP_BY_HOP.len()],
    /// `Connection: close`, as most write it.
    closes: bool,
    /// The peer takes trailers.
    trailers: bool,
    framing: Framing,
    /// The client waits to be asked for its body (`Expect: 100-continue`).
    pub expects: bool,
    forwarded: bool,
    tracestate: bool,
}

/// How a head says where its body ends.
#[derive(Clone, Copy, Debug, Default)]
struct Framing {
    codings: usize,
    lengths: usize,
    /// There is a length that is not 0.
    some: bool,
    /// There is a coding that is not `chunked`.
    odd_coding: bool,
    /// There is a length that is no number.
    odd_length: bool,
}

impl Framing {
    fn coding(&mut self, value: &[u8]) {
        self.codings += 1;
        self.odd_coding |= !value.eq_ignore_ascii_case(b"chunked");
    }

    fn length(&mut self, value: &[u8]) {
        self.lengths += 1;
        self.some |= value.iter().any(|digit| *digit != b'0');
        self.odd_length |= !value.iter().all(u8::is_ascii_digit);
    }
}

impl Found {
    /// Searches a head in one pass, and shows each `Host` to `judge`. A look-up in a map of headers hashes a name, while most heads hold
    /// none of these; this compares little but lengths.
    pub fn of(headers: &HeaderMap, mut judge: impl FnMut(&[u8])) -> Self {
        let mut found = Self::default();
        for (name, value) in headers {
            let name = name.as_str().as_bytes();
            found.bytes += name.len() + value.len() + b": \r\n".len();
            let seen = match name {
                b"host" => {
                    found.hosts += 1;
                    judge(value.as_bytes());
                    continue;
                }
                b"connection" => {
                    found.closes = value.as_bytes().eq_ignore_ascii_case(b"close");
                    &mut found.hop_by_hop[0]
                }
                b"te" => &mut found.hop_by_hop[1],
                b"upgrade" => &mut found.hop_by_hop[2],
                b"proxy-authenticate" => &mut found.hop_by_hop[3],
                b"proxy-authorization" => &mut found.hop_by_hop[4],
                b"keep-alive" => &mut found.hop_by_hop[5],
                b"proxy-connection" => &mut found.hop_by_hop[6],
                b"http2-settings" => &mut found.hop_by_hop[7],
                b"expect" => {
                    // As hyper reads it, which tells the client to go on; another expectation is the upstream's to judge.
                    found.expects = value.as_bytes().eq_ignore_ascii_case(b"100-continue");
                    continue;
                }
                b"transfer-encoding" => {
                    found.framing.coding(value.as_bytes());
                    continue;
                }
                b"content-length" => {
                    found.framing.length(value.as_bytes());
                    continue;
                }
                b"forwarded" => &mut found.forwarded,
                b"tracestate" => &mut found.tracestate,
                _ => continue,
            };
            *seen = true;
        }
        if found.hop_by_hop[1] {
            let names = |coding: &str| coding.eq_ignore_ascii_case("trailers");
            found.trailers = headers.get_all(TE).iter().flat_map(tokens).any(names);
        }
        found
    }

    /// Whether there is a coding other than exactly one `chunked`.
    pub fn unclear_coding(&self) -> bool {
        self.framing.codings > 1 || self.framing.odd_coding
    }

    /// Whether the connection of a request ends with its answer. It may do so where this does not see it.
    pub fn closes(&self, version: Version) -> bool {
        self.closes || version == Version::HTTP_10 && !self.hop_by_hop[0]
    }

    /// Whether another protocol is asked for.
    pub fn upgrade(&self) -> bool {
        self.hop_by_hop[2]
    }
}

/// Searches an answer's head, and removes the headers of one hop from it.
pub fn strip_hop_by_hop(headers: &mut HeaderMap) -> Found {
    let found = Found::of(headers, |_| {});
    remove_hop_by_hop(headers, &found);
    found
}

/// Removes the headers of one hop. Framing (`Transfer-Encoding`) is left to the side that writes the head, as is `Trailer`.
fn remove_hop_by_hop(headers: &mut HeaderMap, found: &Found) {
    if found.hop_by_hop[0] {
        strip_named(headers);
    }
    for (name, _) in HOP_BY_HOP.iter().zip(found.hop_by_hop).filter(|(_, found)| *found) {
        headers.remove(name);
    }
}

/// Takes out of an answer's head what is of the upstream's hop only: its framing too, which is written anew by what is known of the body.
///
/// # Errors
/// Its end can be read in more than one way: one of them was taken, and the next hop need not take the same.
///
/// Returns whether the connection can be used again: not after an answer without content that speaks of some.
pub fn strip_answer(head: &mut response::Parts) -> Result<bool, Error> {
    let Framing { codings, lengths, some, odd_coding, odd_length } = strip_hop_by_hop(&mut head.headers).framing;
    if odd_coding || odd_length || codings + lengths > 1 {
        return Err(Error::Exchange(ExchangeError::Ambiguous));
    }
    let empty = head.status == StatusCode::NO_CONTENT;
    if codings > 0 {
        head.headers.remove(TRANSFER_ENCODING);
    }
    if empty && lengths > 0 {
        head.headers.remove(CONTENT_LENGTH);
    }
    Ok(!(empty && (codings > 0 || some)))
}

/// Removes the headers that `Connection` names, but for the protected ones.
fn strip_named(headers: &mut HeaderMap) {
    let usual =
        |option: &str| ["keep-alive", "close", "upgrade"].iter().any(|usual| option.eq_ignore_ascii_case(usual));
    if headers.get_all(CONNECTION).iter().all(|value| value.to_str().is_ok_and(usual)) {
        return;
    }
    let options = headers.get_all(CONNECTION).iter().flat_map(tokens).filter(|option| !usual(option));
    let names: Vec<HeaderName> =
        options.filter_map(|name| name.parse().ok()).filter(|name| !PROTECTED.contains(&name)).collect();
    for name in names {
        headers.remove(name);
    }
}

/// Takes out of a request's head what is of the client's hop only, and makes its target the origin form.
pub fn strip(head: &mut Parts, found: &Found) {
    remove_hop_by_hop(&mut head.headers, found);
    if found.trailers {
        head.headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    if found.framing.codings > 0 {
        // As everyone writes it: it may say `Chunked`.
        head.headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    if head.version == Version::HTTP_2 {
        join_cookies(&mut head.headers);
    }
    head.version = Version::HTTP_11;
    if let Some(authority) = head.uri.authority() {
        // The absolute form names the host that is meant; `Host` follows it.
        if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
            head.headers.insert(HOST, host);
        }
        // Of `http://a.test#b` nothing would be left.
        let target = head.uri.path_and_query().cloned().map(Uri::from).filter(|target| !target.path().is_empty());
        head.uri = target.unwrap_or_else(|| Uri::from_static("/"));
    }
}

/// HTTP/2 may send each cookie in a line of its own; HTTP/1.1 knows one line only (RFC 9113, 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let crumbs: Vec<_> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if crumbs.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..]))
    {
        headers.insert(COOKIE, joined);
    }
}

/// Puts into a stripped head what the upstream should know: who asks, by which id, and for which host.
pub fn add(headers: &mut HeaderMap, found: &Found, record: &Record, fields: &Fields) {
    headers.reserve(ADDED);
    if found.forwarded && !record.client.trusted {
        headers.remove(FORWARDED);
    }
    forwarded(headers, record, fields);
    if let Some(context) = &record.traceparent {
        headers.insert(&TRACEPARENT, context.clone());
        if found.tracestate {
            headers.remove(&TRACESTATE);
        }
    }
    headers.insert(&X_REQUEST_ID, record.request_id.clone());
    host_for(headers, fields);
}

/// As many as [`add`] adds, so that the map grows once.
const ADDED: usize = 5;

/// Writes the `Host` that the file asks for, which may depend on the endpoint.
pub fn host_for(headers: &mut HeaderMap, fields: &Fields) {
    if let Some(host) = &fields.host {
        headers.insert(HOST, host.clone());
    }
}

/// Says who the client is. What a peer outside of `trusted_proxies` says of itself is dropped.
fn forwarded(headers: &mut HeaderMap, record: &Record, fields: &Fields) {
    let client = &record.client;
    if client.trusted {
        let known: Vec<_> = headers.get_all(&X_FORWARDED_FOR).iter().map(HeaderValue::as_bytes).collect();
        let chain = [known.join(&b", "[..]), client.forwarded_for.as_bytes().to_vec()].join(&b", "[..]);
        let chain = if known.is_empty() { None } else { HeaderValue::from_bytes(&chain).ok() };
        headers.insert(&X_FORWARDED_FOR, chain.unwrap_or_else(|| client.forwarded_for.clone()));
    } else {
        headers.insert(&X_FORWARDED_FOR, client.forwarded_for.clone());
    }
    if !client.trusted || !headers.contains_key(&X_FORWARDED_PROTO) {
        headers.insert(&X_FORWARDED_PROTO, HeaderValue::from_static(client.scheme()));
    }
    let asked = headers.get(HOST).cloned();
    if asked.is_none() {
        // An HTTP/1.0 client need not say which host it means; an HTTP/1.1 upstream has to be told one.
        headers.insert(HOST, fields.authority.clone());
    }
    if !client.trusted || !headers.contains_key(&X_FORWARDED_HOST) {
        headers.insert(&X_FORWARDED_HOST, asked.unwrap_or_else(|| fields.authority.clone()));
    }
}

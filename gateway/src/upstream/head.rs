//! The heads of HTTP/1.1: a request's is written, an answer's is read, by the parser that hyper has too. Bytes alone, no I/O.

use std::mem::MaybeUninit;

use bytes::BytesMut;
use http::header::{CONNECTION, CONTENT_LENGTH, TRAILER, TRANSFER_ENCODING};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use httparse::{ParserConfig, Status};
use hyper::ext::ReasonPhrase;

use super::body::Streamed;
use super::failure::ExchangeError;
use super::framing::{Framing, Remaining, fields, write_fields};

/// An answer has no more fields than that, as hyper takes no more of a client.
const MAX_FIELDS: usize = 100;

/// An answer's head is no longer than that.
pub(super) const MAX_HEAD: usize = 256 * 1024;

/// Writes a request's head, and says how its body has to be framed.
pub(super) fn write(head: &mut Parts, has_body: bool, out: &mut Vec<u8>) -> Framing {
    let framing = frame(&mut head.headers, has_body);
    let target = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let root = if target.starts_with(['/', '*']) { "" } else { "/" };
    for piece in [head.method.as_str(), " ", root, target, " HTTP/1.1\r\n"] {
        out.extend_from_slice(piece.as_bytes());
    }
    write_fields(head.headers.iter(), out);
    out.extend_from_slice(b"\r\n");
    framing
}

/// Sees to it that exactly one field frames the body.
fn frame(headers: &mut HeaderMap, has_body: bool) -> Framing {
    if !has_body {
        headers.remove(TRANSFER_ENCODING);
        return Framing::Length(0);
    }
    if !headers.contains_key(TRANSFER_ENCODING) {
        let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        if let Some(length) = length {
            return Framing::Length(length);
        }
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    headers.remove(CONTENT_LENGTH);
    let names = headers.get_all(TRAILER).iter().flat_map(tokens);
    Framing::Chunked(names.filter_map(|name| name.parse().ok()).collect())
}

/// The comma-separated tokens of a header's value.
pub fn tokens(value: &HeaderValue) -> impl Iterator<Item = &str> {
    value.to_str().unwrap_or_default().split(',').map(str::trim)
}

/// Reads what [`write`] wrote.
pub(super) fn parse(text: &[u8]) -> Option<Parts> {
    let mut lines = [httparse::EMPTY_HEADER; MAX_FIELDS + MAX_FIELDS];
    let mut parsed = httparse::Request::new(&mut lines);
    parsed.parse(text).ok()?;
    let mut head = Request::new(()).into_parts().0;
    head.method = parsed.method?.parse().ok()?;
    head.uri = parsed.path?.parse().ok()?;
    head.headers = fields(parsed.headers)?;
    Some(head)
}

/// What an answer's head says.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) response: Response<Streamed>,
    /// What follows the head.
    pub(super) body: Remaining,
    /// Whether the connection may be used again after it.
    pub(super) keeps: bool,
}

/// Takes a head out of what was read, once it is complete. `headers` is an empty map, to be used again.
///
/// Where its body ends is taken as RFC 9112 (6.3) says. Codings other than `chunked`, and fields that frame a body where there is none, are
/// judged by whoever strips the head.
///
/// # Errors
/// It is none.
pub(super) fn read(
    read: &mut BytesMut,
    headers: &mut HeaderMap,
    answers_head: bool,
) -> Result<Option<Answer>, ExchangeError> {
    let mut lines = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let mut parsed = httparse::Response::new(&mut []);
    let status = ParserConfig::default().parse_response_with_uninit_headers(&mut parsed, read, &mut lines);
    let Status::Complete(length) = status.map_err(ExchangeError::invalid)? else { return Ok(None) };
    let (version, code) = (parsed.version, parsed.code.unwrap_or_default());
    let status = StatusCode::from_u16(code).map_err(ExchangeError::invalid)?;
    let reason = parsed.reason.filter(|reason| Some(*reason) != status.canonical_reason());
    let reason = reason.and_then(|reason| ReasonPhrase::try_from(reason.as_bytes()).ok());
    // Where values stand: they are cut out of what was read once nobody looks at it.
    let start = read.as_ptr().addr();
    let field = |line: &httparse::Header<'_>| {
        let begin = line.value.as_ptr().addr() - start;
        (HeaderName::from_bytes(line.name.as_bytes()), begin..begin + line.value.len())
    };
    let fields: Vec<_> = parsed.headers.iter().map(field).collect();
    let head = read.split_to(length).freeze();
    let mut seen = Seen { keeps: version == Some(1), ..Seen::default() };
    headers.reserve(fields.len());
    for (name, value) in fields {
        let name = name.map_err(ExchangeError::invalid)?;
        let value = HeaderValue::from_maybe_shared(head.slice(value)).map_err(ExchangeError::invalid)?;
        seen.look(&name, &value);
        headers.append(name, value);
    }
    let has_none = answers_head || status.is_informational() || [204, 304].contains(&code);
    let body = if has_none { Remaining::NOTHING } else { seen.body(version)? };
    let mut response = Response::new(None);
    *response.status_mut() = status;
    *response.headers_mut() = std::mem::take(headers);
    if let Some(reason) = reason {
        response.extensions_mut().insert(reason);
    }
    let keeps = seen.keeps && !seen.closes && status != StatusCode::SWITCHING_PROTOCOLS;
    Ok(Some(Answer { response, body, keeps }))
}

/// What the fields say of the message and its connection.
#[derive(Debug, Default)]
struct Seen {
    keeps: bool,
    closes: bool,
    /// Whether the last coding is `chunked`.
    coding: Option<bool>,
    /// None in it where it is no number.
    length: Option<Option<u64>>,
    twice: bool,
}

impl Seen {
    fn look(&mut self, name: &HeaderName, value: &HeaderValue) {
        if *name == CONNECTION {
            self.closes |= tokens(value).any(|option| option.eq_ignore_ascii_case("close"));
            self.keeps |= tokens(value).any(|option| option.eq_ignore_ascii_case("keep-alive"));
        } else if *name == TRANSFER_ENCODING {
            let last = tokens(value).last();
            let chunked = last.is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
            self.twice |= self.coding.replace(chunked).is_some();
        } else if *name == CONTENT_LENGTH {
            let digits = value.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
            self.twice |= self.length.replace(digits.and_then(|digits| digits.parse().ok())).is_some();
        }
    }

    fn body(&self, version: Option<u8>) -> Result<Remaining, ExchangeError> {
        match (self.coding, self.length) {
            _ if self.twice => Err(ExchangeError::Ambiguous),
            (Some(_), Some(_)) => Err(ExchangeError::Ambiguous),
            (Some(_), None) if version != Some(1) => Err(ExchangeError::invalid("HTTP/1.0 knows no Transfer-Encoding")),
            (Some(true), None) => Ok(Remaining::Size),
            (None, Some(Some(length))) => Ok(Remaining::Length(length)),
            (None, Some(None)) => Err(ExchangeError::invalid("its Content-Length is no number")),
            (Some(false), None) | (None, None) => Ok(Remaining::Close),
        }
    }
}

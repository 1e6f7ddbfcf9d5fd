//! A request's names: `x-request-id` for people and logs, `traceparent` for tracers (<https://www.w3.org/TR/trace-context/>).
//!
//! Both are kept where the client sent good ones. Where it did not, both are made from one random number, so that a request id found
//! in a log is also the trace id to look for.

use std::cell::RefCell;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Names a request from the client to the last service.
pub static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The W3C trace context.
pub static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// Vendors' part of the trace context; it means nothing without a valid `traceparent`.
pub static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Longer ids are replaced.
const MAX_ID: usize = 128;

/// The names of one request.
#[derive(Clone, Debug)]
pub struct Names {
    /// `x-request-id`
    pub request_id: HeaderValue,
    /// The `traceparent` to add; `None` where the client sent a valid one.
    pub traceparent: Option<HeaderValue>,
}

/// Where a worker's requests get their names from.
#[derive(Debug, Default)]
pub struct Namer {
    // The text of many names in one allocation; the values are slices of it.
    text: RefCell<BytesMut>,
}

/// As many bytes as are allocated for names at once.
const TEXT: usize = 64 * CONTEXT.len();

/// The shape of a trace context made here.
const CONTEXT: &[u8; 55] = b"00-00000000000000000000000000000000-0000000000000000-01";

impl Namer {
    /// Keeps the client's names where they are good, and makes those that are missing.
    ///
    /// An id is kept if it is 1 to 128 visible ASCII characters; a new one is 32 random hexadecimal digits.
    pub fn name(&self, headers: &HeaderMap) -> Names {
        let given_id = headers.get(&X_REQUEST_ID).filter(|id| is_id(id.as_bytes()));
        let given_context = headers.get(&TRACEPARENT).is_some_and(|context| is_traceparent(context.as_bytes()));
        if let (Some(id), true) = (given_id, given_context) {
            return Names { request_id: id.clone(), traceparent: None };
        }
        let mut made = *CONTEXT;
        match given_id.map(HeaderValue::as_bytes) {
            Some(id) if id.len() == 32 && is_lower_hex(id) && is_not_zero(id) => made[3..35].copy_from_slice(id),
            _ => hex(fastrand::u128(1..), &mut made[3..35]),
        }
        hex(u128::from(fastrand::u64(1..)), &mut made[36..52]);
        let made = self.store(&made);
        let mut request_id = given_id.cloned().unwrap_or_else(|| header_value(made.slice(3..35)));
        let mut traceparent = header_value(made);
        // No secrets; but HTTP/2 then gives them no place in its tables, from which each would only drive out what comes again.
        request_id.set_sensitive(true);
        traceparent.set_sensitive(true);
        Names { request_id, traceparent: (!given_context).then_some(traceparent) }
    }

    fn store(&self, bytes: &[u8]) -> Bytes {
        let mut text = self.text.borrow_mut();
        if text.capacity() < bytes.len() {
            *text = BytesMut::with_capacity(TEXT);
        }
        text.extend_from_slice(bytes);
        text.split().freeze()
    }
}

fn is_id(id: &[u8]) -> bool {
    !id.is_empty() && id.len() <= MAX_ID && id.iter().all(u8::is_ascii_graphic)
}

fn is_not_zero(digits: &[u8]) -> bool {
    digits.iter().any(|digit| *digit != b'0')
}

/// Version, trace id, parent id and flags, each of its length; ids of zeros only are invalid, and so is version ff.
fn is_traceparent(value: &[u8]) -> bool {
    let well_formed = value.len() >= 55 && value[2] == b'-' && value[35] == b'-' && value[52] == b'-';
    well_formed
        && [&value[..2], &value[3..35], &value[36..52], &value[53..55]].into_iter().all(is_lower_hex)
        && &value[..2] != b"ff"
        && (value.len() == 55 || (&value[..2] != b"00" && value[55] == b'-'))
        && is_not_zero(&value[3..35])
        && is_not_zero(&value[36..52])
}

fn is_lower_hex(digits: &[u8]) -> bool {
    digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

/// Writes the low bytes of a number, as many as there is room for, two digits each.
fn hex(number: u128, digits: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in digits.chunks_exact_mut(2).rev().zip(number.to_le_bytes()) {
        pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

fn header_value(ascii: Bytes) -> HeaderValue {
    HeaderValue::from_maybe_shared(ascii).unwrap_or(HeaderValue::from_static("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name.clone(), HeaderValue::from_bytes(value.as_bytes()).unwrap())])
    }

    fn names(headers: &HeaderMap) -> Names {
        Namer::default().name(headers)
    }

    #[test]
    fn keeps_an_id_of_128_visible_characters_and_replaces_others() {
        let longest = "x".repeat(128);
        assert_eq!(names(&headers(&X_REQUEST_ID, &longest)).request_id, longest.as_str());
        for bad in ["", "two words", "tab\there", &"x".repeat(129), "caf\u{e9}"] {
            let id = names(&headers(&X_REQUEST_ID, bad)).request_id;
            assert!(id.len() == 32 && is_lower_hex(id.as_bytes()), "{bad:?} became {id:?}");
        }
    }

    #[test]
    fn a_trace_begins_with_the_request_id_and_a_valid_one_goes_on() {
        let made = names(&HeaderMap::new());
        let context = made.traceparent.unwrap();
        assert!(is_traceparent(context.as_bytes()), "{context:?}");
        assert_eq!(&context.as_bytes()[3..35], made.request_id.as_bytes());
        assert_eq!(names(&headers(&TRACEPARENT, context.to_str().unwrap())).traceparent, None);
        let given = names(&headers(&X_REQUEST_ID, made.request_id.to_str().unwrap()));
        assert_eq!(&given.traceparent.unwrap().as_bytes()[3..35], made.request_id.as_bytes());
    }

    #[test]
    fn no_two_requests_of_a_worker_share_a_name() {
        let namer = Namer::default();
        let ids: std::collections::HashSet<_> = (0..1000).map(|_| namer.name(&HeaderMap::new()).request_id).collect();
        assert_eq!(ids.len(), 1000);
    }

    #[test]
    fn replaces_what_the_specification_calls_invalid() {
        for bad in [
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        ] {
            assert!(names(&headers(&TRACEPARENT, bad)).traceparent.is_some(), "{bad}");
        }
        let future = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes";
        assert_eq!(names(&headers(&TRACEPARENT, future)).traceparent, None);
    }
}

//! A request's names: `x-request-id` for people and logs, `traceparent` for tracers (<https://www.w3.org/TR/trace-context/>).
//!
//! Both are kept where the client sent good ones. Where it did not, both are made from one random number, so that a request id found
//! in a log is also the trace id to look for.

use http::{HeaderMap, HeaderName, HeaderValue};

/// Names a request from the client to the last service.
pub static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The W3C trace context.
pub static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// Vendors' part of the trace context; it means nothing without a valid `traceparent`.
pub static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Longer ids are replaced.
const MAX_ID: usize = 128;

/// The request's id: the client's where it is 1 to 128 visible ASCII characters, else 32 random hexadecimal digits.
#[must_use]
pub fn request_id(headers: &HeaderMap) -> HeaderValue {
    match headers.get(&X_REQUEST_ID) {
        Some(id) if !id.is_empty() && id.len() <= MAX_ID && id.as_bytes().iter().all(u8::is_ascii_graphic) => {
            id.clone()
        }
        _ => {
            let mut digits = [0; 32];
            hex(fastrand::u128(1..), &mut digits);
            header_value(&digits)
        }
    }
}

/// The trace context to add: `None` where the request carries a valid one.
#[must_use]
pub fn traceparent(headers: &HeaderMap, request_id: &HeaderValue) -> Option<HeaderValue> {
    if headers.get(&TRACEPARENT).is_some_and(|value| is_traceparent(value.as_bytes())) {
        return None;
    }
    let mut text = *b"00-00000000000000000000000000000000-0000000000000000-01";
    let id = request_id.as_bytes();
    if id.len() == 32 && is_lower_hex(id) && id.iter().any(|digit| *digit != b'0') {
        text[3..35].copy_from_slice(id);
    } else {
        hex(fastrand::u128(1..), &mut text[3..35]);
    }
    hex(u128::from(fastrand::u64(1..)), &mut text[36..52]);
    Some(header_value(&text))
}

/// Version, trace id, parent id and flags, each of its length; ids of zeros only are invalid, and so is version ff.
fn is_traceparent(value: &[u8]) -> bool {
    let well_formed = value.len() >= 55 && value[2] == b'-' && value[35] == b'-' && value[52] == b'-';
    well_formed
        && [&value[..2], &value[3..35], &value[36..52], &value[53..55]].into_iter().all(is_lower_hex)
        && &value[..2] != b"ff"
        && (value.len() == 55 || (&value[..2] != b"00" && value[55] == b'-'))
        && [&value[3..35], &value[36..52]].into_iter().all(|id| id.iter().any(|digit| *digit != b'0'))
}

fn is_lower_hex(digits: &[u8]) -> bool {
    digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

/// Writes the low digits of a number, as many as there is room for.
fn hex(mut number: u128, digits: &mut [u8]) {
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(number & 15) as usize];
        number >>= 4;
    }
}

fn header_value(ascii: &[u8]) -> HeaderValue {
    HeaderValue::from_bytes(ascii).unwrap_or(HeaderValue::from_static("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name.clone(), HeaderValue::from_bytes(value.as_bytes()).unwrap())])
    }

    #[test]
    fn keeps_an_id_of_128_visible_characters_and_replaces_others() {
        let longest = "x".repeat(128);
        assert_eq!(request_id(&headers(&X_REQUEST_ID, &longest)), longest.as_str());
        for bad in ["", "two words", "tab\there", &"x".repeat(129), "caf\u{e9}"] {
            let id = request_id(&headers(&X_REQUEST_ID, bad));
            assert!(id.len() == 32 && is_lower_hex(id.as_bytes()), "{bad:?} became {id:?}");
        }
    }

    #[test]
    fn a_trace_begins_with_the_request_id_and_a_valid_one_goes_on() {
        let id = request_id(&HeaderMap::new());
        let made = traceparent(&HeaderMap::new(), &id).unwrap();
        assert!(is_traceparent(made.as_bytes()), "{made:?}");
        assert_eq!(&made.as_bytes()[3..35], id.as_bytes());
        assert_eq!(traceparent(&headers(&TRACEPARENT, made.to_str().unwrap()), &id), None);
    }

    #[test]
    fn replaces_what_the_specification_calls_invalid() {
        let id = HeaderValue::from_static("mine");
        for bad in [
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        ] {
            assert!(traceparent(&headers(&TRACEPARENT, bad), &id).is_some(), "{bad}");
        }
        let future = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes";
        assert_eq!(traceparent(&headers(&TRACEPARENT, future), &id), None);
    }
}

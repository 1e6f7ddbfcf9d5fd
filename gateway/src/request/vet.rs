//! What may enter: the target, the host and the method must be ones that every hop behind us reads as we do.
//!
//! A path is matched as it will be forwarded, so nothing is decoded or folded here; what another hop might fold is refused.

use http::header::HOST;
use http::uri::Authority;
use http::{Method, Version};

use super::error::Error;
use super::stage::{Decision, refuse};
use super::{Begun, Vetted};

/// Refuses what can't be forwarded as it is.
pub fn vet(begun: Begun) -> Decision<Vetted> {
    let request = &begun.request;
    if matches!(*request.method(), Method::CONNECT | Method::TRACE) {
        let method = request.method().clone();
        return refuse(Error::BadMethod(method));
    }
    if !has_one_host(request) {
        return refuse(Error::BadHost);
    }
    if let Some(what) = unsafe_part(request.uri().path()) {
        return refuse(Error::BadPath(what));
    }
    Decision::Continue(Vetted(begun))
}

/// HTTP/1.1 asks for exactly one `Host`; older clients may leave it out, newer ones name it in the target's authority.
fn has_one_host<B>(request: &http::Request<B>) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    // An absolute-form target names the host too, and wins.
    let authority = request.uri().authority().map(|authority| authority.as_str().as_bytes());
    if authority.is_some_and(|authority| !is_host(authority)) {
        return false;
    }
    let http2 = request.version() == Version::HTTP_2;
    match (hosts.next(), hosts.next()) {
        // Two hosts in one HTTP/2 request are malformed where they differ (RFC 9113, 8.3.1).
        (Some(host), None) if http2 && authority.is_some_and(|name| !name.eq_ignore_ascii_case(host.as_bytes())) => {
            false
        }
        (Some(host), None) => is_host(host.as_bytes()),
        (None, _) => request.version() == Version::HTTP_10 || http2 && authority.is_some(),
        (Some(_), Some(_)) => false,
    }
}

/// A name or an address with an optional port. Empty where the target has no authority, as RFC 9112 wants it then.
fn is_host(host: &[u8]) -> bool {
    // The usual letters of names and addresses need no closer look, as long as at most one colon begins a port.
    let usual = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    match host.iter().position(|byte| !usual(byte)) {
        None => true,
        Some(0) if host[0] == b':' => false,
        Some(colon) if host[colon] == b':' => is_port(&host[colon + 1..]),
        // A comma may stand in a name, but is what two `Host` lines become when somebody joins them.
        Some(_) => Authority::try_from(host).is_ok_and(|authority| {
            let (name, text) = (authority.host(), authority.as_str());
            !text.contains(['@', ',']) && is_port(text[name.len()..].trim_start_matches(':').as_bytes())
        }),
    }
}

/// Digits up to 65535, or none: `host:` is `host`.
fn is_port(port: &[u8]) -> bool {
    port.iter().all(u8::is_ascii_digit)
        && (port.len() < 5 || std::str::from_utf8(port).is_ok_and(|port| port.parse::<u16>().is_ok()))
}

/// The first thing in a path that another hop might read differently.
fn unsafe_part(path: &str) -> Option<&'static str> {
    // Nearly every path has neither, and then there is nothing to look at.
    if !path.bytes().any(|byte| matches!(byte, b'.' | b'%')) {
        return None;
    }
    if path.contains("%00") {
        return Some("an encoded NUL");
    }
    path.split('/').any(is_dot_segment).then_some("a dot segment")
}

/// `.` or `..`, with each dot raw or as `%2e`.
fn is_dot_segment(segment: &str) -> bool {
    let dots = segment.to_ascii_lowercase().replace("%2e", ".");
    dots == "." || dots == ".."
}

#[cfg(test)]
mod tests {
    use super::{is_host, unsafe_part};

    #[test]
    fn a_host_is_a_name_or_an_address_with_an_optional_port() {
        for good in ["", "films.example.com", "localhost:8000", "127.0.0.1", "[::1]:80", "a_b", "host:"] {
            assert!(is_host(good.as_bytes()), "{good}");
        }
        for bad in [
            "a b",
            "user@host",
            "host:80:80",
            "host:8o",
            "host:65536",
            "[::1]:x",
            ":80",
            "a/b",
            "a,b",
            "[::1",
            "a?b",
            "h\u{f6}st",
        ] {
            assert!(!is_host(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn refuses_dot_segments_raw_or_encoded_and_nothing_else() {
        for bad in ["/.", "/..", "/a/../b", "/a/%2e%2E/b", "/a/.%2e", "/%2e", "/a/./b", "/a%00b", "/../"] {
            assert!(unsafe_part(bad).is_some(), "{bad}");
        }
        for good in ["/", "/a.b/c", "/.well-known/x", "/...", "/a..b", "/%2e%2e%2f", "//", "/a%2fb", "/..a", "*"] {
            assert_eq!(unsafe_part(good), None, "{good}");
        }
    }
}

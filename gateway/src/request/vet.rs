//! What may enter: the target, the host and the method must be ones that every hop behind us reads as we do.
//!
//! A path is matched as it will be forwarded, so nothing is decoded or folded here; what another hop might fold is refused.

use http::Method;
use http::header::HOST;
use http::uri::Authority;

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

/// HTTP/1.1 asks for exactly one `Host`; older clients may leave it out.
fn has_one_host<B>(request: &http::Request<B>) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => {
            host.is_empty()
                || host.to_str().is_ok_and(|host| host.parse::<Authority>().is_ok_and(|a| !a.as_str().contains('@')))
        }
        (None, _) => request.version() == http::Version::HTTP_10,
        (Some(_), Some(_)) => false,
    }
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
    use super::unsafe_part;

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

//! What may enter: a head that every hop behind us reads as we do.
//!
//! hyper has refused what is no HTTP, and made its one sense of what it let pass (a `Content-Length` beside chunks is gone, equal ones
//! are one). Here goes what it leaves to us: the size of the head, framing by anything but exactly one `chunked`, `Host`, the form of the
//! target, a WebSocket that begins with a body. A path is matched as it will be forwarded, so nothing is decoded or folded here; what another hop
//! might fold is refused. After a refusal the connection is closed: what follows on it may be of the same kind.

use http::header::HOST;
use http::uri::Authority;
use http::{Method, Request, Uri, Version};
use http_body::Body;

use super::error::Error;
use super::headers::Found;
use super::stage::{Decision, refuse};
use super::{Begun, Vetted, tunnel};
use crate::table::Server;
use crate::table::file::matching::is_dot_segment;

/// Refuses what can't be forwarded as it is.
pub fn vet(Begun { request, record }: Begun) -> Decision<Vetted> {
    match judge(&request, &record.worker.server) {
        Ok(found) => {
            record.client.leaves.set(found.closes(request.version()));
            Decision::Continue(Vetted { request, record, found })
        }
        Err(error) => refuse(error),
    }
}

fn judge<B: Body>(request: &Request<B>, server: &Server) -> Result<Found, Error> {
    let limits = &server.limits;
    if matches!(*request.method(), Method::CONNECT | Method::TRACE) {
        return Err(Error::BadMethod(request.method().clone()));
    }
    let target = length(request.uri());
    if target > limits.target {
        return Err(Error::TargetTooLong);
    }
    let mut bad_host = false;
    let found = Found::of(request.headers(), |host| bad_host |= !is_host(host));
    if found.bytes + target + request.method().as_str().len() > limits.head || request.headers().len() > limits.fields {
        return Err(Error::HeadTooLarge);
    }
    if found.unclear_coding() {
        return Err(Error::BadFraming);
    }
    if bad_host || !has_one_host(request, found.hosts) {
        return Err(Error::BadHost);
    }
    if !is_a_form(request) {
        return Err(Error::BadTarget);
    }
    let path = request.uri().path();
    if let Some(what) = unsafe_part(path).or_else(|| server.strict_paths.then(|| disguised_separator(path)).flatten()) {
        return Err(Error::BadPath(what));
    }
    if found.upgrade() && tunnel::is_websocket(request) && !request.body().is_end_stream() {
        return Err(Error::BadUpgrade);
    }
    Ok(found)
}

/// The length of a target as it was sent, but for a fragment, which is none of it.
fn length(uri: &Uri) -> usize {
    let path = uri.path_and_query().map_or(0, |path| path.as_str().len());
    let before = uri.authority().map_or(0, |authority| authority.as_str().len());
    path + before + uri.scheme_str().map_or(0, |scheme| scheme.len() + b"://".len())
}

/// HTTP/1.1 asks for exactly one `Host`; older clients may leave it out, and newer ones where the target names it.
fn has_one_host<B>(request: &Request<B>, hosts: usize) -> bool {
    // An absolute-form target names the host too, and wins.
    let authority = request.uri().authority();
    if authority.is_some_and(|authority| !is_host(authority.as_str().as_bytes())) {
        return false;
    }
    let http2 = request.version() == Version::HTTP_2;
    match (hosts, authority) {
        (0, authority) => request.version() == Version::HTTP_10 || http2 && authority.is_some(),
        // Two hosts in one HTTP/2 request are malformed where they differ (RFC 9113, 8.3.1).
        (1, Some(name)) if http2 => request
            .headers()
            .get(HOST)
            .is_some_and(|host| name.as_str().as_bytes().eq_ignore_ascii_case(host.as_bytes())),
        (hosts, _) => hosts == 1,
    }
}

/// A target is a path; with a scheme of ours, an absolute form; or an asterisk, of OPTIONS alone. An authority is CONNECT's.
fn is_a_form<B>(request: &Request<B>) -> bool {
    let uri = request.uri();
    match (uri.scheme_str(), uri.authority()) {
        (None, None) => uri.path() != "*" || *request.method() == Method::OPTIONS,
        (None, Some(_)) => false,
        (Some(scheme), _) => scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https"),
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

/// With `paths: strict`: the first thing that another hop might take for a separator, or for none.
fn disguised_separator(path: &str) -> Option<&'static str> {
    let encoded = |code: &str| path.as_bytes().windows(3).any(|part| part.eq_ignore_ascii_case(code.as_bytes()));
    if encoded("%2f") || encoded("%5c") {
        return Some("an encoded separator");
    }
    path.contains('\\').then_some("a backslash").or_else(|| path.contains("//").then_some("an empty segment"))
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
        for bad in
            ["/.", "/..", "/a/../b", "/a/%2e%2E/b", "/a/.%2e", "/%2e", "/a/./b", "/a%00b", "/../", "/a/..;b=c/d", "/.;"]
        {
            assert!(unsafe_part(bad).is_some(), "{bad}");
        }
        for good in [
            "/",
            "/a.b/c",
            "/.well-known/x",
            "/...",
            "/a..b",
            "/%2e%2e%2f",
            "//",
            "/a%2fb",
            "/..a",
            "/..a;b",
            "/a;..",
            "*",
        ] {
            assert_eq!(unsafe_part(good), None, "{good}");
        }
    }
}

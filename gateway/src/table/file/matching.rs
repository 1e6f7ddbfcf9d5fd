//! What a request is matched by: paths, hosts, methods, headers and query parameters as they are written.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method};
use regex::Regex;
use schemars::{Schema, json_schema};

use crate::table::file::read::{Word, Wrong, excerpt};
use crate::table::file::tree::Scalar;

/// The longest path, in bytes: a request target has 8 KiB, a route's path should not need one.
const LONGEST_PATH: usize = 1024;

/// How large a compiled `~regex` may be, in bytes.
const LARGEST_REGEX: usize = 256 * 1024;

/// A path as requests have it: it begins with `/` and has no dot segments, query or fragment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Path(pub Arc<str>);

impl Word for Path {
    const WHAT: &'static str = "a path like `/api/movies`";

    fn parse(scalar: &Scalar) -> Result<Self, Wrong> {
        let text = scalar.text.as_str();
        let shown = excerpt(text);
        if text.starts_with('~') {
            return Err(Wrong::new(
                format!("a path is no regular expression: `{shown}`"),
                "write a `path`, which takes everything below it, or an `exact`",
            ));
        }
        if !text.starts_with('/') {
            return Err(Wrong::new(format!("the path `{shown}` does not begin with `/`"), format!("write `/{text}`")));
        }
        if text.len() > LONGEST_PATH {
            return Err(Wrong::new(
                format!("the path `{shown}` has {} bytes", text.len()),
                format!("at most {LONGEST_PATH}"),
            ));
        }
        if let Some(at) = text.bytes().position(|byte| matches!(byte, b'?' | b'#')) {
            return Err(Wrong::new(
                format!("the path `{shown}` holds a `{}`", &text[at..=at]),
                format!("write `{}`; match parameters with `query: {{ name: value }}`", &text[..at]),
            ));
        }
        if text.contains('*') {
            return Err(Wrong::new(
                format!("the path `{shown}` holds a `*`"),
                "`path` matches everything below it anyway, whole segments",
            ));
        }
        if let Some(odd) = text.chars().find(|c| !c.is_ascii_graphic()) {
            return Err(Wrong::new(
                format!("a path can't hold {odd:?}: `{shown}`"),
                "percent-encode it, as a request does",
            ));
        }
        if text.contains("%00") {
            return Err(Wrong::new(
                format!("the path `{shown}` holds `%00`"),
                "such requests are refused, so no route can match them",
            ));
        }
        if text.split('/').any(is_dot_segment) {
            return Err(Wrong::new(
                format!("the path `{shown}` holds a dot segment"),
                "requests with one are refused; write the path without it",
            ));
        }
        Ok(Self(text.into()))
    }

    fn schema() -> Schema {
        json_schema!({ "title": "path", "type": "string", "pattern": "^/|\\$\\{" })
    }
}

/// `.` or `..`, with each dot raw or as `%2e`, and with or without parameters: some take `..;a=b` for `..`. Nothing that holds one is forwarded.
#[must_use]
pub fn is_dot_segment(segment: &str) -> bool {
    let (mut rest, mut dots) = (segment.as_bytes(), 0);
    while let [b'.', after @ ..] | [b'%', b'2', b'e' | b'E', after @ ..] = rest {
        (rest, dots) = (after, dots + 1);
    }
    matches!((dots, rest), (1 | 2, [] | [b';', ..]))
}

/// A text that is compared, or a regular expression that is searched for.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// The value itself.
    Exact(Arc<str>),
    /// `~regex`, not anchored.
    Regex(Regex),
}

impl Pattern {
    /// The pattern as it is written.
    pub fn written(&self) -> String {
        match self {
            Self::Exact(text) => text.to_string(),
            Self::Regex(regex) => format!("~{}", regex.as_str()),
        }
    }
}

impl Word for Pattern {
    const WHAT: &'static str = "a value, or `~` and a regular expression";

    fn parse(scalar: &Scalar) -> Result<Self, Wrong> {
        let Some(regex) = scalar.text.strip_prefix('~') else {
            return Ok(Self::Exact(scalar.text.as_str().into()));
        };
        regex::RegexBuilder::new(regex).size_limit(LARGEST_REGEX).build().map(Self::Regex).map_err(|error| {
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            Wrong::new(format!("`{}` is not a regular expression: {reason}", excerpt(regex)), "a value that begins with `~` is a regular expression (Rust's syntax: no look-around, no back-references)")
        })
    }

    fn schema() -> Schema {
        json_schema!({ "title": "text or ~regex", "type": ["string", "number", "boolean"] })
    }
}

/// Which hosts: one, all below one (`*.example.com`), or a `~regex`.
#[derive(Clone, Debug)]
pub enum HostPattern {
    /// The host itself, in lower case.
    Exact(Arc<str>),
    /// `*.example.com` is kept as `example.com`: any number of labels before it, at least one.
    Below(Arc<str>),
    /// `~regex`, against the host in lower case, without its port.
    Regex(Regex),
}

impl Word for HostPattern {
    const WHAT: &'static str = "a host like `example.com` or `*.example.com`";

    fn parse(scalar: &Scalar) -> Result<Self, Wrong> {
        let text = scalar.text.to_ascii_lowercase();
        if text.starts_with('~') {
            return match Pattern::parse(scalar)? {
                Pattern::Regex(regex) => Ok(Self::Regex(regex)),
                Pattern::Exact(text) => Ok(Self::Exact(text)),
            };
        }
        let (below, name) = text.strip_prefix("*.").map_or((false, text.as_str()), |name| (true, name));
        let help = "write `example.com`, `*.example.com` or `~regex`";
        if name.contains(':') && !name.starts_with('[') {
            return Err(Wrong::new(
                format!("the host `{}` holds a port or a scheme", excerpt(&scalar.text)),
                "write the name alone; routes match on any port",
            ));
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-._[]:".contains(c);
        if name.is_empty()
            || name.len() > 253
            || !name.chars().all(allowed)
            || name.starts_with('.')
            || name.contains("..")
        {
            return Err(Wrong::new(format!("`{}` is not a host", excerpt(&scalar.text)), help));
        }
        Ok(if below { Self::Below(name.into()) } else { Self::Exact(name.into()) })
    }

    fn schema() -> Schema {
        json_schema!({ "title": "host", "type": "string" })
    }
}

impl Word for Method {
    const WHAT: &'static str = "a method like `GET`";

    fn parse(scalar: &Scalar) -> Result<Self, Wrong> {
        let text = scalar.text.as_str();
        let upper = text.to_ascii_uppercase();
        if ["CONNECT", "TRACE"].contains(&upper.as_str()) {
            return Err(Wrong::new(format!("`{upper}` is refused by the gateway before any route"), "leave it out"));
        }
        match Self::from_bytes(text.as_bytes()) {
            Ok(method) if upper == text => Ok(method),
            Ok(_) => {
                Err(Wrong::new(format!("methods are in capitals: `{}`", excerpt(text)), format!("write `{upper}`")))
            }
            Err(_) => Err(Wrong::new(format!("`{}` is not a method", excerpt(text)), "write `GET`, `POST`, …")),
        }
    }

    fn schema() -> Schema {
        json_schema!({ "title": "method", "type": "string", "pattern": "^[A-Z-]+$|\\$\\{" })
    }
}

impl Word for HeaderName {
    const WHAT: &'static str = "a header name";

    fn parse(scalar: &Scalar) -> Result<Self, Wrong> {
        scalar.text.parse().map_err(|_| {
            Wrong::new(
                format!("`{}` is not a header name", excerpt(&scalar.text)),
                "a header name is letters, digits and `-`, like `x-user-id`",
            )
        })
    }

    fn schema() -> Schema {
        json_schema!({ "title": "header name", "type": "string", "pattern": "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$|\\$\\{" })
    }
}

impl Word for HeaderValue {
    const WHAT: &'static str = "a header value";

    fn parse(scalar: &Scalar) -> Result<Self, Wrong> {
        scalar.text.parse().map_err(|_| {
            Wrong::new("a header value can't hold control characters", "write it in one line of visible ASCII")
        })
    }

    fn schema() -> Schema {
        json_schema!({ "title": "text", "type": ["string", "number", "boolean"] })
    }
}

impl Word for String {
    const WHAT: &'static str = "a text";

    fn parse(scalar: &Scalar) -> Result<Self, Wrong> {
        Ok(scalar.text.clone())
    }

    fn schema() -> Schema {
        json_schema!({ "title": "text", "type": ["string", "number", "boolean"] })
    }
}

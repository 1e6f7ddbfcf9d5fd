//! Everything for which the gateway itself refuses a request: one enum, one place that gives each its status and its answer.
//!
//! The answer is `{"error": "...", "reason": "...", "request_id": "..."}` with the reason in `x-gateway-error` too. A reason is a
//! word from a closed set: it is the metric's label and what an operator searches for.

use std::io;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use thiserror::Error;

use super::body::Body;
use crate::names::AFTER_FAILURES;
use crate::upstream::{ConnectError, ExchangeError, Failed, UploadError};

/// Names the reason of an answer that is the gateway's own.
pub const X_GATEWAY_ERROR: HeaderName = HeaderName::from_static("x-gateway-error");

/// Why a request was refused or failed.
#[derive(Debug, Error)]
pub enum Error {
    /// The target is not one that can be matched and forwarded as it is.
    #[error("the path holds {0}, which the gateway does not forward")]
    BadPath(&'static str),
    /// The target is none of the forms that a request here may have.
    #[error("the target is neither a path nor a URL of http or https")]
    BadTarget,
    /// The target is longer than `server.limits.target`.
    #[error("the target is too long")]
    TargetTooLong,
    /// The head is over `server.limits.head` or `server.limits.fields`.
    #[error("the request's head is too large")]
    HeadTooLarge,
    /// The body's end is told by something else than one length or one `chunked`.
    #[error("Transfer-Encoding may only be `chunked`, once")]
    BadFraming,
    /// A WebSocket that begins with a body: what of it would be the tunnel's?
    #[error("a WebSocket begins without a body")]
    BadUpgrade,
    /// The body is larger than the route's `limit.body`.
    #[error("the request's body is too large")]
    BodyTooLarge,
    /// `Host` is missing, given twice or malformed.
    #[error("the request needs exactly one valid Host")]
    BadHost,
    /// CONNECT and TRACE are no business of a gateway.
    #[error("{0} is not forwarded")]
    BadMethod(Method),
    /// No route matches.
    #[error("no route matches this host and path")]
    NoRoute,
    /// Routes match, but not with this method.
    #[error("no route takes {0} here")]
    Method(Method, Vec<Method>),
    /// hyper could not read a request's head, and has answered it.
    #[error("the request's head can't be read")]
    BadHead,
    /// The client did not finish a request's head in time.
    #[error("the request's head did not come in time")]
    HeadTimeout,
    /// The client did not send its body in time.
    #[error("the request's body did not come in time")]
    BodyTimeout,
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A connection, but no answer.
    #[error(transparent)]
    Exchange(ExchangeError),
    /// No answer in time.
    #[error("the upstream did not answer in time")]
    UpstreamTimeout,
    /// A bug: the request's own code panicked.
    #[error("the gateway failed on this request")]
    Internal,
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        Self::Exchange(failed.error)
    }
}

impl Error {
    /// The closed set of reasons, in the order of [`Error::reason`].
    pub const REASONS: &[&str] = &[
        "bad_path",
        "bad_host",
        "bad_method",
        "no_route",
        "method_not_allowed",
        "body_timeout",
        "body_broken",
        "upstream_connect",
        "upstream_connect_timeout",
        "upstream_closed",
        "upstream_invalid",
        "upstream_timeout",
        "internal",
        "head_timeout",
        "bad_target",
        "target_too_long",
        "head_too_large",
        "bad_framing",
        "bad_upgrade",
        "body_too_large",
        "bad_head",
        "upstream_no_address",
    ];

    /// The status, and the reason's position in [`Error::REASONS`].
    #[must_use]
    pub fn status(&self) -> (StatusCode, usize) {
        match self {
            Self::BadPath(_) => (StatusCode::BAD_REQUEST, 0),
            Self::BadHost => (StatusCode::BAD_REQUEST, 1),
            Self::BadMethod(_) => (StatusCode::METHOD_NOT_ALLOWED, 2),
            Self::NoRoute => (StatusCode::NOT_FOUND, 3),
            Self::Method(..) => (StatusCode::METHOD_NOT_ALLOWED, 4),
            Self::BodyTimeout => (StatusCode::REQUEST_TIMEOUT, 5),
            Self::Exchange(ExchangeError::Upload(_)) => (StatusCode::BAD_REQUEST, 6),
            Self::Connect(ConnectError::Failed(..)) => (StatusCode::BAD_GATEWAY, 7),
            Self::Connect(ConnectError::Timeout(_)) => (StatusCode::GATEWAY_TIMEOUT, 8),
            Self::Exchange(ExchangeError::Closed | ExchangeError::BrokenOff) => (StatusCode::BAD_GATEWAY, 9),
            Self::Exchange(ExchangeError::Invalid(_) | ExchangeError::Unasked | ExchangeError::Ambiguous) => {
                (StatusCode::BAD_GATEWAY, 10)
            }
            Self::UpstreamTimeout => (StatusCode::GATEWAY_TIMEOUT, 11),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, 12),
            Self::HeadTimeout => (StatusCode::REQUEST_TIMEOUT, 13),
            Self::BadTarget => (StatusCode::BAD_REQUEST, 14),
            Self::TargetTooLong => (StatusCode::URI_TOO_LONG, 15),
            Self::HeadTooLarge => (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, 16),
            Self::BadFraming => (StatusCode::BAD_REQUEST, 17),
            Self::BadUpgrade => (StatusCode::BAD_REQUEST, 18),
            Self::BodyTooLarge | Self::Exchange(ExchangeError::TooLarge) => (StatusCode::PAYLOAD_TOO_LARGE, 19),
            Self::BadHead => (StatusCode::BAD_REQUEST, 20),
            Self::Connect(ConnectError::NoAddress(..)) => (StatusCode::SERVICE_UNAVAILABLE, 21),
        }
    }

    /// Whether it was the client that went away, in the middle of its body: there is nobody left to answer.
    #[must_use]
    pub fn is_departure(&self) -> bool {
        let Self::Exchange(ExchangeError::Upload(error)) = self else { return false };
        let mut causes =
            std::iter::successors(Some(&**error as &(dyn std::error::Error + 'static)), |error| error.source());
        causes.any(|cause| {
            if let Some(UploadError::GivenUp) = cause.downcast_ref() {
                return true;
            }
            let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
            matches!(
                kind,
                Some(io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
            )
        })
    }

    /// The reason's word.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        Self::REASONS[self.status().1]
    }

    /// The answer to the client.
    #[must_use]
    pub fn answer(&self, request_id: &HeaderValue) -> Response<Body> {
        let reason = self.reason();
        let id = request_id.to_str().unwrap_or_default();
        let mut response = Response::new(Body::from(Bytes::from(self.text(id))));
        *response.status_mut() = self.status().0;
        self.headers(response.headers_mut(), reason);
        response
    }

    /// The answer's body.
    #[must_use]
    pub fn text(&self, request_id: &str) -> String {
        serde_json::json!({ "error": self.to_string(), "reason": self.reason(), "request_id": request_id }).to_string()
    }

    fn headers(&self, headers: &mut HeaderMap, reason: &'static str) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_GATEWAY_ERROR, HeaderValue::from_static(reason));
        match self {
            Self::Method(_, allowed) => {
                let list = allowed.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
                headers.extend(HeaderValue::try_from(list).ok().map(|list| (ALLOW, list)));
            }
            Self::BadMethod(_) => {
                headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
            }
            Self::Connect(ConnectError::NoAddress(..)) => {
                headers.insert(RETRY_AFTER, AFTER_FAILURES.as_secs().into());
            }
            _ => {}
        }
        if self.ends_connection() {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }

    /// Whether nothing more is read from the client: what is left of the request's body can't be told from a next request, or a client
    /// that sends such a head means no good by the next one either.
    #[must_use]
    pub fn ends_connection(&self) -> bool {
        match self {
            Self::BadPath(_) | Self::BadHost | Self::BadMethod(_) | Self::BadTarget | Self::TargetTooLong => true,
            Self::HeadTooLarge | Self::BadFraming | Self::BadUpgrade | Self::BodyTooLarge => true,
            Self::BadHead | Self::HeadTimeout | Self::BodyTimeout => true,
            Self::Exchange(ExchangeError::Upload(_) | ExchangeError::TooLarge) => true,
            Self::NoRoute | Self::Method(..) | Self::Connect(_) | Self::Exchange(_) => false,
            Self::UpstreamTimeout | Self::Internal => false,
        }
    }
}

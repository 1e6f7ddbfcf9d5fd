//! Everything that can go wrong with a request, and the one place where that becomes a status.
//!
//! An answer says what the client can change and nothing of what is inside: no SQL, no driver's message.
//! What the operator needs is logged where the error is made.

use axum::Json;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Seconds after which a client may try again while something that we need is away.
const RETRY_AFTER: &str = "1";

/// Why a request was not answered as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The body or the query can't be read as what it should be; the message names the field.
    #[error("{0}")]
    Malformed(String),
    /// No such path.
    #[error("no such path")]
    NoSuchPath,
    /// The path is right and the entity is not there.
    #[error("{0}")]
    NotFound(String),
    /// The path is right and the method is not; the router adds `Allow`.
    #[error("this path has no such method")]
    Method,
    /// A value that must be unique is taken.
    #[error("{0}")]
    Taken(String),
    /// The body is over [`crate::http::BODY_LIMIT`].
    #[error("the body is larger than 1 MiB")]
    TooLarge,
    /// The body can be read and its values can't be stored.
    #[error("{0}")]
    Invalid(String),
    /// The database or Kafka can't be reached now; which, is in the message.
    #[error("{0} can't be reached at the moment; try again")]
    Unavailable(&'static str),
    /// A fault of ours. The log has the cause.
    #[error("internal error")]
    Internal,
}

impl Error {
    /// The status that this error is answered with.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::NoSuchPath | Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Taken(_) => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let retry: Option<[(HeaderName, &str); 1]> =
            matches!(self, Self::Unavailable(_)).then_some([(header::RETRY_AFTER, RETRY_AFTER)]);
        let body = Json(json!({ "error": self.to_string() }));
        match retry {
            Some(retry) => (self.status(), retry, body).into_response(),
            None => (self.status(), body).into_response(),
        }
    }
}

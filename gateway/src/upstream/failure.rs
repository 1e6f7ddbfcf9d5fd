//! Why an exchange with an upstream brings no answer, or not all of it.

use http::Request;
use thiserror::Error;

use super::body::{Upload, UploadError};

/// The text of an error from below.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why there is no answer, or not all of it.
#[derive(Debug, Error)]
pub enum ExchangeError {
    /// The connection ended before a byte of an answer came.
    #[error("the upstream closed the connection before it answered")]
    Closed,
    /// The connection ended in the middle of the answer.
    #[error("the upstream broke off its answer")]
    BrokenOff,
    /// It switched to another protocol, which nobody had asked for.
    #[error("the upstream switched protocols unasked")]
    Unasked,
    /// The client's body broke off on the way up.
    #[error("the request's body broke off: {0}")]
    Upload(#[source] Cause),
    /// The client's body is larger than its route takes.
    #[error("the request's body is too large")]
    TooLarge,
    /// What came can be read in more than one way.
    #[error("the upstream's answer is framed ambiguously")]
    Ambiguous,
    /// What came is no HTTP.
    #[error("the upstream's answer is not valid HTTP: {0}")]
    Invalid(Cause),
}

impl ExchangeError {
    pub(super) fn invalid(cause: impl Into<Cause>) -> Self {
        Self::Invalid(cause.into())
    }
}

impl From<UploadError> for ExchangeError {
    fn from(error: UploadError) -> Self {
        if matches!(error, UploadError::TooLarge) { Self::TooLarge } else { Self::Upload(error.into()) }
    }
}

/// An exchange that brought no answer.
#[derive(Debug)]
pub struct Failed {
    /// Why.
    pub error: ExchangeError,
    /// The request, where it is still known whole.
    pub request: Option<Box<Request<Upload>>>,
    /// Whether a byte of it was written.
    pub written: bool,
}

impl From<ExchangeError> for Failed {
    fn from(error: ExchangeError) -> Self {
        Self { error, request: None, written: true }
    }
}

//! The request's half of an exchange: what is written, and what is still to be read of the client's body.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::request::Parts;
use http::{HeaderMap, Request};
use http_body::{Body, Frame};
use tokio::io::AsyncWrite;

use super::body::Upload;
use super::failure::{ExchangeError, Failed};
use super::framing::Framing;
use super::head;
use super::out::Out;
use super::wire::Wire;

/// A request on its way.
#[derive(Debug)]
pub(super) struct Sending {
    out: Out,
    /// Empty once all of it was read.
    upload: Upload,
    framing: Framing,
    /// The request has no body.
    bare: bool,
    /// Nothing can be written any more.
    broken: bool,
}

impl Default for Sending {
    fn default() -> Self {
        Self { out: Out::default(), upload: Upload::Empty, framing: Framing::Length(0), bare: true, broken: false }
    }
}

impl Sending {
    /// Takes up the next request.
    pub(super) fn begin(&mut self, head: &mut Parts, upload: Upload) {
        self.bare = upload.is_end_stream();
        self.framing = head::write(head, !self.bare, self.out.begin());
        self.upload = upload;
    }

    /// Whether all of it is gone, and more can follow.
    pub(super) fn is_done(&self) -> bool {
        !self.broken && self.is_read() && self.out.is_empty()
    }

    /// Whether only what was read of the client is still to be written.
    pub(super) fn is_read(&self) -> bool {
        matches!(self.upload, Upload::Empty)
    }

    /// Whether the connection has ended, and nothing was lost with it: not a byte was written, and nothing read of the upload.
    pub(super) fn is_refused(&self) -> bool {
        self.broken && !self.out.is_touched() && self.out.head_alone().is_some()
    }

    /// What became of a request that gets no answer. It is made anew of its own text: few are.
    pub(super) fn fail(&mut self, error: ExchangeError) -> Failed {
        let known = matches!(error, ExchangeError::Closed) && (self.bare || self.is_refused());
        let head = self.out.head_alone().filter(|_| known).and_then(head::parse);
        let upload = std::mem::replace(&mut self.upload, Upload::Empty);
        let request = head.map(|head| Box::new(Request::from_parts(head, upload)));
        Failed { error, request, written: self.out.is_touched() }
    }

    /// The upstream asks for a body that is held back.
    pub(super) fn ask(&self) {
        self.upload.ask();
    }

    /// Sends what there is; ready when all of it is gone, or nobody takes it any more: what the upstream says then may still be an answer.
    ///
    /// # Errors
    /// The client's body broke off.
    pub(super) fn poll(&mut self, wire: &mut Wire, cx: &mut Context<'_>) -> Poll<Result<(), ExchangeError>> {
        while !self.broken {
            let read = self.poll_upload(cx)?;
            if self.out.is_empty() {
                // TLS may still hold what it has taken, also while the client makes a pause.
                let flushed = Pin::new(wire).poll_flush(cx).map(|flushed| self.broken = flushed.is_err());
                if !self.broken {
                    ready!(read);
                    ready!(flushed);
                }
                break;
            }
            self.broken = ready!(self.out.poll_write(wire, cx)).is_err();
        }
        if self.broken && !self.is_refused() {
            self.upload = Upload::Empty;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads the upload as far as there is room; ready at its end.
    fn poll_upload(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ExchangeError>> {
        let Self { upload, framing, out, .. } = self;
        while out.is_open() && !matches!(upload, Upload::Empty) {
            let ended = match ready!(Pin::new(&mut *upload).poll_frame(cx)).transpose()?.map(Frame::into_data) {
                Some(Ok(piece)) => {
                    out.push(piece, framing).map_err(misframed)?;
                    upload.is_end_stream().then(HeaderMap::new)
                }
                Some(Err(frame)) => frame.into_trailers().ok(),
                None => Some(HeaderMap::new()),
            };
            if let Some(trailers) = ended {
                *upload = Upload::Empty;
                out.end(&trailers, framing).map_err(misframed)?;
            }
        }
        if matches!(upload, Upload::Empty) { Poll::Ready(Ok(())) } else { Poll::Pending }
    }
}

fn misframed(problem: &'static str) -> ExchangeError {
    ExchangeError::Upload(problem.into())
}

//! The body of an answer: the gateway's own few bytes or an upstream's stream, counted while it passes.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::Full;

use super::record::Record;
use crate::upstream::Download;

/// An answer's body before it is counted.
#[derive(Debug)]
pub enum Body {
    /// The gateway's own.
    Own(Full<Bytes>),
    /// An upstream's. Boxed: answers are moved through every layer, and this half is large.
    Upstream(Box<Download>),
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Own(Full::new(bytes))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match &mut *self {
            Self::Own(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Self::Upstream(body) => Pin::new(&mut **body).poll_frame(cx).map_err(Into::into),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(body) => body.is_end_stream(),
            Self::Upstream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(body) => body.size_hint(),
            Self::Upstream(body) => body.size_hint(),
        }
    }
}

/// The body that hyper gets. It holds the request's record, so that the request ends when its last byte has gone out.
#[derive(Debug)]
pub struct Counted {
    body: Body,
    record: Rc<Record>,
}

impl Counted {
    pub(super) fn new(body: Body, record: Rc<Record>) -> Self {
        if body.is_end_stream() {
            record.complete();
        }
        Self { body, record }
    }
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.record.asked();
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                self.record.sent(frame.data_ref().map_or(0, Bytes::len));
                let last = self.body.is_end_stream();
                self.record.handed(last);
                if last {
                    self.record.complete();
                }
            }
            Poll::Ready(Some(Err(error))) => self.record.broke_off(error.as_ref()),
            Poll::Ready(None) => self.record.complete(),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

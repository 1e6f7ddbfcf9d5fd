//! The answer's half of an exchange: heads up to the last one, and the body behind it.

use std::io;
use std::pin::pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::Frame;
use tokio::io::AsyncReadExt;

use super::failure::ExchangeError;
use super::framing::Remaining;
use super::head::{self, Answer, MAX_HEAD};
use super::wire::Wire;

/// What is read at once of a head and whatever comes with it, and of a body that keeps coming.
const LITTLE: usize = 8 * 1024;
const MUCH: usize = 64 * 1024;

/// An answer on its way.
#[derive(Debug)]
pub(super) struct Receiving {
    read: BytesMut,
    /// How much is read at once.
    share: usize,
    /// So much of what was read is no complete head.
    looked: usize,
    /// Something came.
    spoken: bool,
    answers_head: bool,
    /// A map that the request has left behind.
    headers: HeaderMap,
    body: Remaining,
    /// Whether another answer may follow.
    keeps: bool,
}

impl Default for Receiving {
    fn default() -> Self {
        Self {
            read: BytesMut::new(),
            share: LITTLE,
            looked: 0,
            spoken: false,
            answers_head: false,
            headers: HeaderMap::new(),
            body: Remaining::NOTHING,
            keeps: true,
        }
    }
}

impl Receiving {
    /// Expects the answer to the next request, whose map of headers is used again.
    pub(super) fn begin(&mut self, answers_head: bool, mut headers: HeaderMap) {
        headers.clear();
        (self.headers, self.answers_head) = (headers, answers_head);
        (self.share, self.looked, self.spoken) = (LITTLE, 0, false);
    }

    /// Whether it was read to its end, nothing came behind it, and another one may follow.
    pub(super) fn is_done(&self) -> bool {
        self.keeps && self.body.is_nothing() && self.read.is_empty()
    }

    /// How many bytes the body still lacks, where that is known.
    pub(super) fn body_left(&self) -> Option<u64> {
        if let Remaining::Length(left) = self.body { Some(left) } else { None }
    }

    /// Keeps no more than the next exchange needs.
    pub(super) fn rest(&mut self) {
        if self.share > LITTLE {
            self.read = BytesMut::new();
        }
    }

    /// What has been read of another protocol.
    pub(super) fn into_early(self) -> Bytes {
        self.read.freeze()
    }

    /// Reads the next head: the last one, after which its body comes, or one that is only informational.
    ///
    /// # Errors
    /// None came.
    pub(super) fn poll_head(&mut self, wire: &mut Wire, cx: &mut Context<'_>) -> Poll<Result<Answer, ExchangeError>> {
        loop {
            if self.may_be_complete()
                && let Some(answer) = head::read(&mut self.read, &mut self.headers, self.answers_head)?
            {
                self.looked = 0;
                self.keeps &= answer.keeps;
                self.body = answer.body;
                if let Remaining::Length(length) = self.body {
                    self.share = usize::try_from(length).map_or(MUCH, |length| length.clamp(LITTLE, MUCH));
                }
                return Poll::Ready(Ok(answer));
            }
            self.looked = self.read.len();
            if self.looked >= MAX_HEAD {
                return Poll::Ready(Err(ExchangeError::invalid("its head is too long")));
            }
            // What ended the connection does not matter to anyone.
            if !matches!(ready!(self.poll_read(wire, cx)), Ok(1..)) {
                let error = if self.spoken { ExchangeError::BrokenOff } else { ExchangeError::Closed };
                return Poll::Ready(Err(error));
            }
            self.spoken = true;
        }
    }

    /// Whether it is worth while to parse what was read: at first, to see whether it is HTTP, and when a line is empty. A head that comes
    /// letter by letter would be parsed as often.
    fn may_be_complete(&self) -> bool {
        let ends = |lines: &[u8]| lines.ends_with(b"\n\n") || lines.ends_with(b"\n\r\n");
        match self.looked {
            0 => !self.read.is_empty(),
            looked => (looked + 1..=self.read.len()).any(|end| ends(&self.read[..end])),
        }
    }

    /// The next piece of the body; none at its end.
    ///
    /// # Errors
    /// It broke off, or is none.
    pub(super) fn poll_body(
        &mut self,
        wire: &mut Wire,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ExchangeError>>> {
        loop {
            match self.body.take(&mut self.read) {
                Ok(Some(frame)) => return Poll::Ready(Some(Ok(frame))),
                Ok(None) if self.body.is_nothing() => return Poll::Ready(None),
                Ok(None) => {}
                Err(problem) => return Poll::Ready(Some(Err(ExchangeError::invalid(problem)))),
            }
            match ready!(self.poll_read(wire, cx)) {
                Ok(1..) => {}
                Ok(0) if self.body == Remaining::Close => (self.body, self.keeps) = (Remaining::NOTHING, false),
                Ok(0) | Err(_) => return Poll::Ready(Some(Err(ExchangeError::BrokenOff))),
            }
        }
    }

    /// Reads once, as much as has proved worth while.
    fn poll_read(&mut self, wire: &mut Wire, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.read.reserve(self.share);
        let room = self.read.capacity() - self.read.len();
        let read = ready!(pin!(wire.read_buf(&mut self.read)).poll(cx));
        if read.as_ref().is_ok_and(|read| *read == room) {
            self.share = (self.share * 2).min(MUCH);
        }
        Poll::Ready(read)
    }
}

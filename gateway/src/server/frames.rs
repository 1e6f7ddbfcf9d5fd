//! What an HTTP/2 client may send that carries nothing: a budget of frames, for what the protocol library answers without end.
//!
//! Pings, settings, resets, priorities, continuations and empty pieces of a body cost the client a few bytes each and us an answer
//! or at least a look. Each takes one from a budget, which what we send refills, and time. Frames are told apart by their first nine
//! bytes, and by nothing else: what they mean is the library's business.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::entrance::position;
use crate::request::worker::Worker;

/// Frames that a client may send at once.
const BURST: u32 = 2000;

/// Frames that come back in a second.
const PER_SECOND: u32 = 100;

/// Bytes that we have to send for one frame to come back: less than any answer's head has, more than what acknowledges a ping.
const PER_FRAME: usize = 64;

/// The client's first bytes, before any frame.
const PREFACE: usize = 24;

const HEAD: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;

/// A stream whose frames are counted on their way in. Reading fails when there were too many.
#[derive(Debug)]
pub(super) struct Metered<I> {
    io: I,
    frames: Frames,
    budget: Budget,
    worker: Rc<Worker>,
}

impl<I> Metered<I> {
    pub(super) fn new(io: I, worker: Rc<Worker>) -> Self {
        Self { io, frames: Frames::default(), budget: Budget { left: BURST, since: Instant::now() }, worker }
    }
}

/// Where in the sequence of frames the reading is.
#[derive(Debug)]
struct Frames {
    head: [u8; HEAD],
    /// Bytes of the head that have come.
    known: usize,
    /// Bytes to pass over before the next head.
    skip: usize,
}

impl Default for Frames {
    fn default() -> Self {
        Self { head: [0; HEAD], known: 0, skip: PREFACE }
    }
}

impl Frames {
    /// How many frames that carry nothing begin in these bytes.
    fn idle_in(&mut self, mut bytes: &[u8]) -> u32 {
        let mut idle = 0;
        while !bytes.is_empty() {
            let passed = self.skip.min(bytes.len());
            self.skip -= passed;
            bytes = &bytes[passed..];
            let taken = (HEAD - self.known).min(bytes.len());
            self.head[self.known..self.known + taken].copy_from_slice(&bytes[..taken]);
            self.known += taken;
            bytes = &bytes[taken..];
            if self.known == HEAD {
                idle += u32::from(self.is_idle());
                (self.known, self.skip) = (0, self.length());
            }
        }
        idle
    }

    fn length(&self) -> usize {
        let [a, b, c, ..] = self.head;
        usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c)
    }

    fn is_idle(&self) -> bool {
        let (kind, flags) = (self.head[3], self.head[4]);
        match kind {
            HEADERS | WINDOW_UPDATE => false,
            DATA => self.length() == 0 && flags & END_STREAM == 0,
            _ => true,
        }
    }
}

#[derive(Debug)]
struct Budget {
    left: u32,
    since: Instant,
}

impl Budget {
    /// Takes so many frames, if there are so many.
    fn take(&mut self, frames: u32) -> bool {
        if frames > self.left {
            // The clock is asked only where it matters.
            let (now, since) = (Instant::now(), self.since);
            let back = now.duration_since(since).as_secs_f64() * f64::from(PER_SECOND);
            self.refill(back as u32);
            self.since = now;
        }
        self.left.checked_sub(frames).is_some_and(|left| {
            self.left = left;
            true
        })
    }

    fn refill(&mut self, frames: u32) {
        self.left = self.left.saturating_add(frames).min(BURST);
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Metered<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(cx, buffer))?;
        let idle = this.frames.idle_in(&buffer.filled()[before..]);
        if idle > 0 && !this.budget.take(idle) {
            // The library keeps no more of an error than its kind.
            this.worker.cells().refused(position("http2_flood"));
            return Poll::Ready(Err(io::ErrorKind::QuotaExceeded.into()));
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Metered<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.io).poll_write(cx, bytes))?;
        self.budget.refill((written / PER_FRAME) as u32);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, slices))?;
        self.budget.refill((written / PER_FRAME) as u32);
        Poll::Ready(Ok(written))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, length: usize) -> Vec<u8> {
        let [_, a, b, c] = (length as u32).to_be_bytes();
        [vec![a, b, c, kind, flags, 0, 0, 0, 1], vec![0xff; length]].concat()
    }

    #[test]
    fn frames_are_told_apart_however_they_are_cut() {
        let frames = [
            (frame(4, 0, 6), 1),
            (frame(HEADERS, 4, 30), 0),
            (frame(9, 4, 30), 1),
            (frame(DATA, 0, 0), 1),
            (frame(DATA, END_STREAM, 0), 0),
            (frame(DATA, 0, 70_000), 0),
            (frame(3, 0, 4), 1),
            (frame(6, 1, 8), 1),
            (frame(WINDOW_UPDATE, 0, 4), 0),
            (frame(2, 0, 5), 1),
            (frame(0xbe, 0, 0), 1),
        ];
        let bytes = [vec![0; PREFACE], frames.iter().flat_map(|(bytes, _)| bytes.clone()).collect()].concat();
        let expected: u32 = frames.iter().map(|(_, idle)| idle).sum();
        for size in [1, 2, 7, 9, 10, 4096, bytes.len()] {
            let mut reading = Frames::default();
            assert_eq!(bytes.chunks(size).map(|piece| reading.idle_in(piece)).sum::<u32>(), expected, "by {size}");
        }
    }

    #[test]
    fn a_budget_is_spent_and_comes_back_with_what_is_sent() {
        let mut budget = Budget { left: BURST, since: Instant::now() };
        assert!(budget.take(BURST));
        budget.since = Instant::now();
        assert!(!budget.take(BURST));
        budget.refill(BURST * 2);
        assert!(budget.take(BURST));
    }
}

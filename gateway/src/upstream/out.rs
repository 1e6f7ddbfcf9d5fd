//! What waits to be written to an upstream: text, a large piece of a body as it came, and what ends it. Written at once.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use tokio::io::AsyncWrite;

use super::framing::Framing;

/// Pieces up to that size are copied behind the head, to go out with it and with those that follow.
const SMALL: usize = 2 * 1024;

/// So much of what was copied waits for more, and so much room is kept for the next head.
const ENOUGH: usize = 16 * 1024;

/// Up to three parts, in this order.
#[derive(Debug, Default)]
pub(super) struct Out {
    text: Vec<u8>,
    piece: Bytes,
    /// What ends the piece.
    after: Vec<u8>,
    /// Of all three together.
    written: usize,
    /// A byte was written since it began.
    touched: bool,
    /// There is more than a head, or was.
    has_content: bool,
}

impl Out {
    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.written == self.text.len() + self.piece.len() + self.after.len()
    }

    /// Whether more can be added.
    pub(super) fn is_open(&self) -> bool {
        self.is_empty() || self.piece.is_empty() && self.written == 0 && self.text.len() < ENOUGH
    }

    /// Whether a byte of it was written.
    pub(super) fn is_touched(&self) -> bool {
        self.touched
    }

    /// The head, as long as there is nothing else: also after it was written.
    pub(super) fn head_alone(&self) -> Option<&[u8]> {
        (!self.has_content).then_some(&self.text)
    }

    /// Begins with a head.
    pub(super) fn begin(&mut self) -> &mut Vec<u8> {
        self.clear();
        (self.touched, self.has_content) = (false, false);
        &mut self.text
    }

    /// Makes room behind a head that was written.
    fn go_on(&mut self) {
        if self.is_empty() {
            self.clear();
        }
        self.has_content = true;
    }

    /// Adds a piece of the body in its frame.
    ///
    /// # Errors
    /// It does not fit there.
    pub(super) fn push(&mut self, piece: Bytes, framing: &mut Framing) -> Result<(), &'static str> {
        self.go_on();
        let after = framing.around(piece.len(), &mut self.text)?;
        if piece.len() <= SMALL {
            self.text.extend_from_slice(&piece);
            self.text.extend_from_slice(after);
        } else {
            self.piece = piece;
            self.after.extend_from_slice(after);
        }
        Ok(())
    }

    /// Adds the body's end.
    ///
    /// # Errors
    /// It does not fit there.
    pub(super) fn end(&mut self, trailers: &HeaderMap, framing: &Framing) -> Result<(), &'static str> {
        self.go_on();
        framing.end(trailers, if self.piece.is_empty() { &mut self.text } else { &mut self.after })
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// The connection's.
    pub(super) fn poll_write<W: AsyncWrite + Unpin>(
        &mut self,
        wire: &mut W,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut skipped = self.written;
            let parts = [&self.text[..], &self.piece, &self.after].map(|part| {
                let skip = skipped.min(part.len());
                skipped -= skip;
                &part[skip..]
            });
            let mut wire = Pin::new(&mut *wire);
            let written = match parts {
                [[], [], []] => break,
                // A head alone, as most requests are: `send` is cheaper than `writev` of one.
                [one, [], []] | [[], one, []] | [[], [], one] => ready!(wire.as_mut().poll_write(cx, one)),
                parts => ready!(wire.as_mut().poll_write_vectored(cx, &parts.map(IoSlice::new))),
            };
            match written? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
            self.touched = true;
        }
        if self.has_content {
            self.clear();
        }
        Poll::Ready(Ok(()))
    }

    fn clear(&mut self) {
        self.text.clear();
        self.text.shrink_to(ENOUGH);
        self.piece = Bytes::new();
        self.after.clear();
        self.written = 0;
    }
}

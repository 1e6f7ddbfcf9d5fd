//! The first bytes of a client's connection, which tell HTTP/2 by prior knowledge from HTTP/1.
//!
//! They are read by hyper's HTTP/1.1 into its own buffer, as if there were nothing else; only what begins as HTTP/2's preface does
//! is taken back. So HTTP/1.1 pays one comparison, once a connection, and no byte is copied for it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What every HTTP/2 client says first (RFC 9113, 3.4). No HTTP/1 request can begin so.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream whose first bytes are looked at. Where they are HTTP/2's, reading fails once and then starts over.
#[derive(Debug)]
pub(super) struct Opening<S> {
    stream: S,
    state: State,
}

#[derive(Debug)]
enum State {
    /// So much of the preface has come and nothing else.
    Looking(usize),
    /// It is HTTP/2, and this is to be read again. Boxed, as few connections are it.
    Http2(Box<Bytes>),
    /// It is not, and this, which came while nobody was reading, is to be read first.
    Again(u8),
    /// It is not, or it was read again.
    Through,
}

impl<S> Opening<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, state: State::Looking(0) }
    }

    /// What is below.
    pub(super) fn inner(&self) -> &S {
        &self.stream
    }

    /// Bytes that were read from below and will be read again.
    pub(super) fn held(&self) -> u64 {
        u64::from(matches!(self.state, State::Again(_) | State::Looking(1)))
    }

    /// Whether reading failed because HTTP/2 has begun.
    pub(super) fn is_http2(&self) -> bool {
        matches!(self.state, State::Http2(_))
    }
}

impl<S: AsyncRead + Unpin> Opening<S> {
    /// Ready when there is more to read, of which one byte is kept for whoever reads next; false at the end.
    pub(super) fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let mut byte = [0; 1];
        let mut buffer = ReadBuf::new(&mut byte);
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer));
        if read.is_err() || buffer.filled().is_empty() {
            return Poll::Ready(false);
        }
        let is_first = matches!(self.state, State::Looking(0));
        self.state = if is_first && byte[0] == PREFACE[0] { State::Looking(1) } else { State::Again(byte[0]) };
        Poll::Ready(true)
    }

    /// Looks at bytes that came in one piece.
    fn look(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let first = &buffer.filled()[before..];
        if first.starts_with(PREFACE) {
            self.state = State::Http2(Box::new(Bytes::copy_from_slice(first)));
        } else if !first.is_empty() && PREFACE.starts_with(first) {
            self.state = State::Looking(first.len());
        } else {
            self.state = State::Through;
            return Poll::Ready(Ok(()));
        }
        buffer.set_filled(before);
        self.gather(cx, buffer)
    }

    /// Waits for the rest of what has begun as the preface.
    fn gather(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while let State::Looking(held) = self.state {
            let mut rest = [0; PREFACE.len()];
            let mut rest = ReadBuf::new(&mut rest[held..]);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut rest))?;
            let more = rest.filled();
            if more.is_empty() || !PREFACE[held..].starts_with(more) {
                self.state = State::Through;
                buffer.put_slice(&PREFACE[..held]);
                buffer.put_slice(more);
                return Poll::Ready(Ok(()));
            }
            let held = held + more.len();
            let whole = held == PREFACE.len();
            self.state = if whole { State::Http2(Box::new(Bytes::from_static(PREFACE))) } else { State::Looking(held) };
        }
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Opening<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.state {
            State::Through => Pin::new(&mut self.stream).poll_read(cx, buffer),
            State::Looking(0) => self.look(cx, buffer),
            State::Looking(_) => self.gather(cx, buffer),
            State::Again(byte) => {
                buffer.put_slice(&[*byte]);
                self.state = State::Through;
                Poll::Ready(Ok(()))
            }
            State::Http2(again) => {
                let length = again.len().min(buffer.remaining());
                buffer.put_slice(&again.split_to(length));
                if !again.has_remaining() {
                    self.state = State::Through;
                }
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Opening<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper's HTTP/1.1 closes what it can't read; the connection goes on without it.
        if self.is_http2() { Poll::Ready(Ok(())) } else { Pin::new(&mut self.stream).poll_shutdown(cx) }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// Gives its pieces one a read, then the end.
    struct Pieces(Vec<&'static [u8]>);

    impl AsyncRead for Pieces {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            if !self.0.is_empty() {
                let piece = self.0[0];
                let length = piece.len().min(buffer.remaining());
                buffer.put_slice(&piece[..length]);
                self.0[0] = &piece[length..];
                self.0.retain(|piece| !piece.is_empty());
            }
            Poll::Ready(Ok(()))
        }
    }

    /// Everything that is read, from the start where HTTP/2 was found, and whether it was.
    fn read(pieces: &[&'static [u8]]) -> (Vec<u8>, bool) {
        let (mut opening, mut all, mut http2) = (Opening::new(Pieces(pieces.to_vec())), Vec::new(), false);
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            let mut bytes = [0; 64];
            let mut buffer = ReadBuf::new(&mut bytes);
            match Pin::new(&mut opening).poll_read(&mut cx, &mut buffer) {
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => return (all, http2),
                Poll::Ready(Ok(())) => all.extend_from_slice(buffer.filled()),
                Poll::Ready(Err(_)) => (all, http2) = (Vec::new(), opening.is_http2()),
                Poll::Pending => panic!("pieces are always there"),
            }
        }
    }

    #[test]
    fn every_byte_is_read_once_whatever_the_pieces() {
        for (text, http2) in [
            (&b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"[..], false),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", true),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", true),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\rX and more than that", false),
            (b"PRI * HTTP/1.1\r\n\r\n", false),
            (b"PRI * HT", false),
            (b"P", false),
            (b"POST / HTTP/1.1\r\n\r\n", false),
            (b"", false),
        ] {
            for cut in 0..=text.len() {
                let (first, second) = text.split_at(cut);
                let pieces: Vec<_> = [first, second].into_iter().filter(|piece| !piece.is_empty()).collect();
                assert_eq!(read(&pieces), (text.to_vec(), http2), "cut at {cut}");
            }
            let single: Vec<_> = text.chunks(1).collect();
            assert_eq!(read(&single), (text.to_vec(), http2), "byte by byte");
        }
    }
}

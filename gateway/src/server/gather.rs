//! What HTTP/2 writes in one poll, gathered into one write.
//!
//! The protocol library writes each piece of a body by itself, with the frames that stand before it. Streams that answer at the same
//! time would cost their connection a system call each, and over TLS a record. Here small pieces wait until the connection has been
//! polled, and leave together; large ones leave at once, with what waits before them.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that wait at most.
const MOST: usize = 16 * 1024;

/// Slices of one write: what waits, and as many as the library hands over.
const SLICES: usize = 8;

/// A stream that one task owns twice: to serve HTTP/2 on it, and to send what has gathered.
#[derive(Debug)]
pub(super) struct Gathered<I>(Rc<RefCell<Gathering<I>>>);

#[derive(Debug)]
struct Gathering<I> {
    io: I,
    waiting: Vec<u8>,
    /// Of which so many were sent.
    sent: usize,
    /// Something was written since the stream was last flushed.
    unflushed: bool,
}

impl<I> Clone for Gathered<I> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> Gathered<I> {
    pub(super) fn new(io: I) -> Self {
        Self(Rc::new(RefCell::new(Gathering { io, waiting: Vec::new(), sent: 0, unflushed: false })))
    }

    /// Sends what has gathered.
    ///
    /// # Errors
    /// The stream's own: nothing more can be sent.
    pub(super) fn poll_send(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().poll_send(cx)
    }
}

impl<I: AsyncWrite + Unpin> Gathering<I> {
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.waiting.len() {
            self.unflushed = true;
            let written = ready!(Pin::new(&mut self.io).poll_write(cx, &self.waiting[self.sent..]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += written;
        }
        // An idle connection holds no buffer.
        (self.waiting, self.sent) = (Vec::new(), 0);
        if self.unflushed {
            ready!(Pin::new(&mut self.io).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Takes in what fits, and writes what does not, after what waits.
    fn poll_write(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let given = slices.iter().map(|slice| slice.len()).sum::<usize>();
        if self.waiting.len() + given <= MOST {
            if self.waiting.capacity() == 0 {
                self.waiting.reserve_exact(MOST);
            }
            slices.iter().for_each(|slice| self.waiting.extend_from_slice(slice));
            return Poll::Ready(Ok(given));
        }
        loop {
            let waiting = self.waiting.len() - self.sent;
            let mut all = [IoSlice::new(&[]); SLICES];
            all[0] = IoSlice::new(&self.waiting[self.sent..]);
            let taken = slices.len().min(SLICES - 1);
            all[1..=taken].copy_from_slice(&slices[..taken]);
            let from = usize::from(waiting == 0);
            self.unflushed = true;
            let written = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, &all[from..=taken]))?;
            if written == 0 {
                return Poll::Ready(Ok(0));
            }
            if written > waiting {
                (self.waiting, self.sent) = (Vec::new(), 0);
                return Poll::Ready(Ok(written - waiting));
            }
            self.sent += written;
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Gathered<I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.borrow_mut().io).poll_read(cx, buffer)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Gathered<I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().poll_write(cx, &[IoSlice::new(bytes)])
    }

    /// It is flushed once the connection has been polled.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut gathering = self.0.borrow_mut();
        ready!(gathering.poll_send(cx))?;
        Pin::new(&mut gathering.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.borrow().io.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().poll_write(cx, slices)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// Takes `most` bytes a write, and none every second time where it is slow.
    struct Taking {
        got: Vec<u8>,
        writes: usize,
        most: usize,
        slow: bool,
        asked: usize,
    }

    impl AsyncWrite for Taking {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            self.asked += 1;
            if self.slow && self.asked % 2 == 1 {
                return Poll::Pending;
            }
            let taken = bytes.len().min(self.most);
            self.got.extend_from_slice(&bytes[..taken]);
            self.writes += 1;
            Poll::Ready(Ok(taken))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            slices: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            self.poll_write(cx, &slices.iter().flat_map(|slice| slice.to_vec()).collect::<Vec<_>>())
        }
    }

    impl AsyncRead for Taking {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn gathered(most: usize, slow: bool) -> Gathered<Taking> {
        Gathered::new(Taking { got: Vec::new(), writes: 0, most, slow, asked: 0 })
    }

    /// Writes all of it as the library does, piece by piece with a head each, and sends what is left.
    fn write(to: &mut Gathered<Taking>, pieces: &[Vec<u8>]) {
        let mut cx = Context::from_waker(Waker::noop());
        for piece in pieces {
            let mut left = &piece[..];
            while !left.is_empty() {
                let (head, rest) = left.split_at(left.len().min(9));
                let written =
                    Pin::new(&mut *to).poll_write_vectored(&mut cx, &[IoSlice::new(head), IoSlice::new(rest)]);
                if let Poll::Ready(written) = written {
                    left = &left[written.unwrap()..];
                }
            }
        }
        while to.poll_send(&mut cx).is_pending() {}
    }

    #[test]
    fn every_byte_leaves_in_its_order_whatever_the_stream_takes() {
        for most in [1, 7, 100, 5000, usize::MAX] {
            for slow in [false, true] {
                for size in [1, 900, MOST - 1, MOST, MOST + 1, 3 * MOST] {
                    let pieces: Vec<Vec<u8>> = (0..6).map(|n| vec![n; if n % 2 == 0 { size } else { 30 }]).collect();
                    let mut to = gathered(most, slow);
                    write(&mut to, &pieces);
                    assert!(to.0.borrow().io.got == pieces.concat(), "{most} {slow} {size}");
                }
            }
        }
    }

    #[test]
    fn small_pieces_leave_together_and_large_ones_with_what_waits() {
        let mut to = gathered(usize::MAX, false);
        write(&mut to, &vec![vec![1; 900]; 8]);
        assert_eq!(to.0.borrow().io.writes, 1);
        let mut to = gathered(usize::MAX, false);
        write(&mut to, &[vec![1; 60], vec![2; MOST + 9]]);
        assert_eq!(to.0.borrow().io.writes, 1);
        assert_eq!(to.0.borrow().waiting.capacity(), 0, "an idle connection holds no buffer");
    }

    #[test]
    fn a_stream_that_takes_nothing_more_is_an_error() {
        let mut to = gathered(0, false);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(matches!(Pin::new(&mut to).poll_write(&mut cx, &[1; 10]), Poll::Ready(Ok(10))));
        assert!(matches!(to.poll_send(&mut cx), Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::WriteZero));
    }
}

//! A stream that counts what it has read, which tells a client that is idle from one in the middle of a head, and sends its last words
//! together with its end.

use std::io::{self, IoSlice, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, Wake, Waker, ready};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

use crate::caller::Caller;

/// What a [`Socket`] can stand on: TCP, or something over it.
pub trait Stream: AsyncRead + AsyncWrite + Unpin {
    /// Reads what the system has, whatever the runtime has heard of it; true when that was something. The end and errors are
    /// left to the runtime.
    fn read_at_once(&mut self, buffer: &mut ReadBuf<'_>) -> bool;

    /// Writes what the end is to follow at once: it may wait for that, for both to go out together.
    fn poll_write_last(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(self).poll_write_vectored(cx, slices)
    }

    /// Sends what waits so, now or with the next flush.
    fn send_held(&self) {}
}

/// Linux's flag of `send` for what more will follow, which socket2 has no name for.
const MSG_MORE: i32 = if cfg!(target_os = "linux") { 0x8000 } else { 0 };

impl Stream for TcpStream {
    fn read_at_once(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let socket = SockRef::from(&*self);
        let read = (&*socket).read(buffer.initialize_unfilled()).unwrap_or(0);
        buffer.advance(read);
        read > 0
    }

    fn poll_write_last(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_write_ready(cx))?;
            let send = || SockRef::from(&*self).send_vectored_with_flags(slices, MSG_MORE);
            match self.try_io(Interest::WRITABLE, send) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    fn send_held(&self) {
        // Set again, it sends at once whatever is held back. Where it fails the connection is gone.
        let _gone = self.set_nodelay(true);
    }
}

/// The stream, for hyper to own.
///
/// hyper asks for more to read several times a request, where mostly there is nothing. The runtime would take a lock each time, to note
/// who asks; here it is asked again only after it has called.
#[derive(Debug)]
pub struct Socket<S = TcpStream> {
    stream: S,
    handle: Handle,
    /// Of what waits for something to read.
    waker: Waker,
    /// Something was written as the last.
    held: bool,
}

/// What the owner of a connection has of its socket: how much it has read, and what it is to do.
///
/// Atomic only because a waker may go anywhere; one thread uses it.
#[derive(Clone, Debug, Default)]
pub struct Handle(Arc<State>);

#[derive(Debug, Default)]
struct State {
    read: AtomicU64,
    ask_system: AtomicBool,
    blocked: AtomicBool,
    /// The last read found nothing, and nobody has called since.
    quiet: AtomicBool,
    reader: Caller,
    /// What is written now is the last.
    ends: AtomicBool,
}

impl Wake for State {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.quiet.store(false, Relaxed);
        self.reader.wake();
    }
}

impl Handle {
    /// Bytes read so far.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.0.read.load(Relaxed)
    }

    /// Whether something that was to be written waits for the other end to read.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.0.blocked.load(Relaxed)
    }

    /// Whether all that came has been read, as far as the runtime has heard.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.0.quiet.load(Relaxed)
    }

    /// Has the next read ask the system at once, where the runtime may not have heard yet that bytes are there.
    pub fn ask_system(&self) {
        self.0.ask_system.store(true, Relaxed);
        self.0.quiet.store(false, Relaxed);
    }

    /// Says that what is written now is the last, and that the end follows: they go out together.
    pub fn ends(&self) {
        self.0.ends.store(true, Relaxed);
    }

    /// Says that the end has not followed at once.
    pub fn goes_on(&self) {
        self.0.ends.store(false, Relaxed);
    }
}

impl<S: Stream> Socket<S> {
    /// Counts what is read from a stream as it is.
    pub fn over(stream: S) -> Self {
        let handle = Handle::default();
        Self { stream, waker: handle.0.clone().into(), handle, held: false }
    }

    /// For whoever owns the connection.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Notes whether writing has to wait.
    fn wrote<T>(&self, polled: Poll<T>) -> Poll<T> {
        self.handle.0.blocked.store(polled.is_pending(), Relaxed);
        polled
    }

    /// What waits for the end is sent without it once the owner is polled again: it was not the last.
    fn flush_held(&mut self, cx: &mut Context<'_>) {
        if !self.held {
            return;
        }
        if self.handle.0.ends.load(Relaxed) {
            cx.waker().wake_by_ref();
        } else {
            self.held = false;
            self.stream.send_held();
        }
    }

    /// True when there was something to read and the system was to be asked for it.
    fn asked(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        self.handle.0.ask_system.load(Relaxed) && {
            self.handle.0.ask_system.store(false, Relaxed);
            self.stream.read_at_once(buffer)
        }
    }
}

impl<S: Stream> AsyncRead for Socket<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.handle.0.reader.follow(cx);
        if this.handle.is_quiet() {
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        if !this.asked(buffer) {
            // Set before, because whoever is asked may call at once.
            this.handle.0.quiet.store(true, Relaxed);
            let polled = Pin::new(&mut this.stream).poll_read(&mut Context::from_waker(&this.waker), buffer);
            let polled = ready!(polled);
            this.handle.0.quiet.store(false, Relaxed);
            polled?;
        }
        let read = (buffer.filled().len() - before) as u64;
        this.handle.0.read.store(this.handle.read() + read, Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl<S: Stream> AsyncWrite for Socket<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.handle.0.ends.load(Relaxed) {
            return self.poll_write_vectored(cx, &[IoSlice::new(bytes)]);
        }
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flush_held(cx);
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.wrote(polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = match slices {
            slices if self.handle.0.ends.load(Relaxed) => {
                self.held = true;
                self.stream.poll_write_last(cx, slices)
            }
            // A head alone, as most requests are: `send` is cheaper than `writev` of one.
            [one] => Pin::new(&mut self.stream).poll_write(cx, one),
            many => Pin::new(&mut self.stream).poll_write_vectored(cx, many),
        };
        self.wrote(polled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Notes what it is asked to do.
    #[derive(Default)]
    struct Asked(std::cell::RefCell<Vec<&'static str>>);

    impl Asked {
        fn note<T>(&self, what: &'static str, done: T) -> Poll<io::Result<T>> {
            self.0.borrow_mut().push(what);
            Poll::Ready(Ok(done))
        }
    }

    impl Stream for Asked {
        fn read_at_once(&mut self, _: &mut ReadBuf<'_>) -> bool {
            false
        }

        fn poll_write_last(&mut self, _: &mut Context<'_>, _: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
            self.note("hold", 1)
        }

        fn send_held(&self) {
            _ = self.note("send", ());
        }
    }

    impl AsyncRead for Asked {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Asked {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            self.note("write", 1)
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.note("end", ())
        }
    }

    #[test]
    fn last_words_wait_for_the_end_but_not_past_the_next_poll() {
        let mut socket = Socket::over(Asked::default());
        let (handle, mut cx) = (socket.handle().clone(), Context::from_waker(Waker::noop()));
        let mut poll = |ends: bool| {
            handle.goes_on();
            if ends {
                handle.ends();
            }
            assert!(Pin::new(&mut socket).poll_write(&mut cx, b"x").is_ready());
            // As often as it likes.
            assert!(Pin::new(&mut socket).poll_flush(&mut cx).is_ready());
            assert!(Pin::new(&mut socket).poll_flush(&mut cx).is_ready());
            socket.stream.0.take()
        };
        assert_eq!(poll(false), ["write"]);
        assert_eq!(poll(true), ["hold"]);
        assert_eq!(poll(false), ["write", "send"], "it was not the last");
        assert_eq!(poll(true), ["hold"]);
        assert!(Pin::new(&mut socket).poll_shutdown(&mut cx).is_ready());
        assert_eq!(socket.stream.0.take(), ["end"]);
    }
}

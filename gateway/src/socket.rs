//! A stream that counts what it has read: that tells a client that is idle from one in the middle of a head.

use std::io::{self, IoSlice, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, Wake, Waker, ready};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::caller::Caller;

/// What a [`Socket`] can stand on: TCP, or something over it.
pub trait Stream: AsyncRead + AsyncWrite + Unpin {
    /// Reads what the system has, whatever the runtime has heard of it; true when that was something. The end and errors are
    /// left to the runtime.
    fn read_at_once(&mut self, buffer: &mut ReadBuf<'_>) -> bool;
}

impl Stream for TcpStream {
    fn read_at_once(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let socket = SockRef::from(&*self);
        let read = (&*socket).read(buffer.initialize_unfilled()).unwrap_or(0);
        buffer.advance(read);
        read > 0
    }
}

/// The stream, for hyper to own.
///
/// hyper asks for more to read several times a request, where mostly there is nothing. The runtime would take a lock each time, to note
/// who asks; here it is asked again only after it has called.
#[derive(Debug)]
pub struct Socket<S = TcpStream> {
    stream: S,
    read: Bytes,
    /// Of what waits for something to read.
    waker: Waker,
}

/// How many bytes a socket has read, for whoever owns the connection.
///
/// Atomic only because an upgrade asks for `Send`; one thread uses it.
#[derive(Clone, Debug, Default)]
pub struct Bytes(Arc<Reading>);

#[derive(Debug, Default)]
struct Reading {
    count: AtomicU64,
    ask_system: AtomicBool,
    blocked: AtomicBool,
    /// The last read found nothing, and nobody has called since.
    quiet: AtomicBool,
    reader: Caller,
}

impl Wake for Reading {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.quiet.store(false, Relaxed);
        self.reader.wake();
    }
}

impl Bytes {
    /// Bytes read so far.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.count.load(Relaxed)
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
}

impl<S: Stream> Socket<S> {
    /// Counts what is read from a stream as it is.
    pub fn over(stream: S) -> Self {
        let read = Bytes::default();
        Self { stream, waker: read.0.clone().into(), read }
    }

    /// What it has read, for whoever owns the connection.
    pub fn read(&self) -> Bytes {
        self.read.clone()
    }

    /// The same as [`Bytes::ask_system`].
    pub fn ask_system(&self) {
        self.read.ask_system();
    }

    /// Notes whether writing has to wait.
    fn wrote<T>(&self, polled: Poll<T>) -> Poll<T> {
        self.read.0.blocked.store(polled.is_pending(), Relaxed);
        polled
    }

    /// True when there was something to read and the system was to be asked for it.
    fn asked(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        self.read.0.ask_system.load(Relaxed) && {
            self.read.0.ask_system.store(false, Relaxed);
            self.stream.read_at_once(buffer)
        }
    }
}

impl<S: Stream> AsyncRead for Socket<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.read.0.reader.follow(cx);
        if this.read.is_quiet() {
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        if !this.asked(buffer) {
            // Set before, because whoever is asked may call at once.
            this.read.0.quiet.store(true, Relaxed);
            let polled = Pin::new(&mut this.stream).poll_read(&mut Context::from_waker(&this.waker), buffer);
            let polled = ready!(polled);
            this.read.0.quiet.store(false, Relaxed);
            polled?;
        }
        let read = (buffer.filled().len() - before) as u64;
        this.read.0.count.store(this.read.count() + read, Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl<S: Stream> AsyncWrite for Socket<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
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
            // A head alone, as most requests are: `send` is cheaper than `writev` of one.
            [one] => Pin::new(&mut self.stream).poll_write(cx, one),
            many => Pin::new(&mut self.stream).poll_write_vectored(cx, many),
        };
        self.wrote(polled)
    }
}

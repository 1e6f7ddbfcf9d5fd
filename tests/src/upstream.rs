//! An upstream that does what a test says: a real server on a free port, one thread a connection, that keeps what it was sent.

use std::collections::VecDeque;
use std::io::{self, BufReader, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use socket2::{Domain, Socket, Type};

use crate::wire::{self, Body, Framing, Head};

/// Heads that are kept; of more requests only the last ones.
const KEPT: usize = 1000;

/// A running upstream. Dropped, it closes everything and refuses what comes.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    accepted: AtomicUsize,
    open: AtomicUsize,
    requests: AtomicUsize,
    stopped: AtomicBool,
    heads: Mutex<VecDeque<Head>>,
    streams: Mutex<Vec<TcpStream>>,
}

/// One request on its way through an upstream.
#[derive(Debug)]
pub struct Exchange<'c> {
    /// Its head.
    pub head: Head,
    /// Of the connection, from 0.
    pub number: usize,
    /// The connection: for bytes that no rule makes.
    pub stream: &'c mut BufReader<TcpStream>,
    body: Option<Body>,
}

impl Upstream {
    /// Answers each request by a closure. The connection lives on after `Ok`, as far as the request lets it; after an error it is
    /// closed.
    ///
    /// # Panics
    /// There is no free port.
    pub fn new(answer: impl Fn(&mut Exchange<'_>) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self::on(listen().unwrap_or_else(|problem| panic!("a port: {problem}")), answer)
    }

    /// The same where somebody listens already.
    ///
    /// # Panics
    /// The listener is broken.
    pub fn on(
        listener: TcpListener,
        answer: impl Fn(&mut Exchange<'_>) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self::with(listener, move |stream, shared| {
            let mut stream = BufReader::new(stream);
            let mut number = 0;
            while let Ok(Some(head)) = wire::read_head(&mut stream) {
                shared.note(&head);
                let last = head.header("connection") == Some("close");
                let mut exchange = Exchange { head, number, stream: &mut stream, body: None };
                if answer(&mut exchange).is_err() || last {
                    return;
                }
                number += 1;
            }
        })
    }

    /// Answers everything with 200 and its name, and reads what it is sent.
    ///
    /// # Panics
    /// There is no free port.
    pub fn named(name: &'static str) -> Self {
        Self::new(move |exchange| exchange.answer(200, &[], name.as_bytes()))
    }

    /// Has each connection, counted from 0, served by a closure, byte by byte.
    ///
    /// # Panics
    /// There is no free port.
    pub fn raw(serve: impl Fn(TcpStream, usize) + Send + Sync + 'static) -> Self {
        let next = AtomicUsize::new(0);
        let listener = listen().unwrap_or_else(|problem| panic!("a port: {problem}"));
        Self::with(listener, move |stream, _| serve(stream, next.fetch_add(1, SeqCst)))
    }

    fn with(listener: TcpListener, serve: impl Fn(TcpStream, &Shared) + Send + Sync + 'static) -> Self {
        let address = listener.local_addr().unwrap_or_else(|problem| panic!("its port: {problem}"));
        let (shared, serve) = (Arc::new(Shared::default()), Arc::new(serve));
        let accepting = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if accepting.stopped.load(SeqCst) {
                    return;
                }
                let (shared, serve) = (accepting.clone(), serve.clone());
                shared.began(&stream);
                thread::spawn(move || {
                    let _open = Open(&shared);
                    // Dropped with the thread, and shut down because a copy is kept.
                    let ending = stream.try_clone();
                    serve(stream, &shared);
                    let _gone = ending.and_then(|stream| stream.shutdown(Shutdown::Both));
                });
            }
        });
        Self { address, shared }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as the file writes it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Connections that it has accepted in all.
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(SeqCst)
    }

    /// Connections that are open now.
    pub fn open(&self) -> usize {
        self.shared.open.load(SeqCst)
    }

    /// Requests whose heads came, in all.
    pub fn requests(&self) -> usize {
        self.shared.requests.load(SeqCst)
    }

    /// The heads of the last requests, the oldest first.
    pub fn heads(&self) -> Vec<Head> {
        self.shared.heads.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// The head of the last request.
    ///
    /// # Panics
    /// There was none.
    pub fn head(&self) -> Head {
        self.heads().pop().unwrap_or_else(|| panic!("no request came"))
    }

    /// Closes the connections that are open.
    pub fn close_all(&self) {
        for stream in self.shared.streams.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _gone = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.shared.stopped.store(true, SeqCst);
        // Wakes the accepting thread, which drops the listener.
        let _woken = TcpStream::connect(self.address);
        self.close_all();
    }
}

impl Shared {
    fn began(&self, stream: &TcpStream) {
        self.accepted.fetch_add(1, SeqCst);
        self.open.fetch_add(1, SeqCst);
        // Without it a small answer may wait for an acknowledgement.
        let _slower = stream.set_nodelay(true);
        self.streams.lock().unwrap_or_else(PoisonError::into_inner).extend(stream.try_clone());
    }

    fn note(&self, head: &Head) {
        self.requests.fetch_add(1, SeqCst);
        let mut heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        if heads.len() == KEPT {
            heads.pop_front();
        }
        heads.push_back(head.clone());
    }
}

/// A listener on a free port with room for a rush: the standard library's 128 that may wait are few.
fn listen() -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    socket.listen(4096)?;
    Ok(socket.into())
}

/// Counts a connection down, however it ends.
struct Open<'s>(&'s Shared);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, SeqCst);
    }
}

impl Exchange<'_> {
    /// The request's body, read to its end.
    ///
    /// # Errors
    /// The connection breaks first.
    pub fn body(&mut self) -> io::Result<Body> {
        if self.body.is_none() {
            self.body = Some(wire::read_body(self.stream, self.head.framing(Framing::None))?);
        }
        Ok(self.body.clone().unwrap_or_default())
    }

    /// Reads the request's body and answers with this one; to a HEAD, with its head.
    ///
    /// # Errors
    /// The connection breaks.
    pub fn answer(&mut self, status: u16, headers: &[(&str, &str)], body: &[u8]) -> io::Result<()> {
        self.body()?;
        let mut head = format!("HTTP/1.1 {status} Said\r\ncontent-length: {}\r\n", body.len());
        headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        let body = if self.head.word(0) == "HEAD" { b"" } else { body };
        self.write([head.as_bytes(), b"\r\n", body].concat())
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    /// The other end has closed.
    pub fn write(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes.as_ref())
    }
}

/// An address that refuses connections for as long as this lives: a connection of our own occupies the port, and nobody listens.
#[derive(Debug)]
pub struct Refusing {
    occupied: TcpStream,
    _other_end: TcpListener,
}

impl Refusing {
    /// On a free port.
    ///
    /// # Panics
    /// There is none.
    pub fn new() -> Self {
        let made = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| Ok((TcpStream::connect(listener.local_addr()?)?, listener)));
        let (occupied, _other_end) = made.unwrap_or_else(|problem| panic!("a port: {problem}"));
        Self { occupied, _other_end }
    }

    /// As the file writes it.
    ///
    /// # Panics
    /// The socket is broken.
    pub fn url(&self) -> String {
        let address = self.occupied.local_addr().unwrap_or_else(|problem| panic!("its port: {problem}"));
        format!("http://{address}")
    }
}

impl Default for Refusing {
    fn default() -> Self {
        Self::new()
    }
}

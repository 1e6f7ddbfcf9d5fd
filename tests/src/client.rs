//! A client's connection that stays open for as many requests as a test likes, and notices when the other end closes it.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::http::{self, Answer};
use crate::wire::{self, Head};

/// One connection.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<TcpStream>,
    to: SocketAddr,
}

impl Client {
    /// Connects.
    ///
    /// # Panics
    /// Nobody listens.
    pub fn new(to: SocketAddr) -> Self {
        let stream = http::connect(to).unwrap_or_else(|problem| panic!("{to}: {problem}"));
        Self { stream: BufReader::new(stream), to }
    }

    /// Connects from one of the machine's own addresses.
    ///
    /// # Errors
    /// The machine has no such address, or nobody listens.
    pub fn from_address(own: [u8; 4], to: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((own, 0)).into())?;
        socket.connect(&to.into())?;
        let stream = http::patient(socket.into())?;
        Ok(Self { stream: BufReader::new(stream), to })
    }

    /// Its own address.
    ///
    /// # Panics
    /// The socket is broken.
    pub fn address(&self) -> SocketAddr {
        self.stream.get_ref().local_addr().unwrap_or_else(|problem| panic!("its address: {problem}"))
    }

    /// Sends a request and reads its answer.
    ///
    /// # Panics
    /// There is no answer.
    pub fn request(&mut self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let answer = self.try_request(method, target, headers, body);
        answer.unwrap_or_else(|problem| panic!("{method} {target}: {problem}"))
    }

    /// GET.
    ///
    /// # Panics
    /// There is no answer.
    pub fn get(&mut self, target: &str) -> Answer {
        self.request("GET", target, &[], b"")
    }

    /// As [`Client::request`], where there may be no answer.
    ///
    /// # Errors
    /// The connection ends or breaks first.
    pub fn try_request(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Answer> {
        let head = self.head(method, target, headers, body.len());
        self.send([head.as_bytes(), body].concat())?;
        self.answer_to(method)
    }

    /// The head of a request that leaves the connection open. `host` is the address, where `headers` name none.
    pub fn head(&self, method: &str, target: &str, headers: &[(&str, &str)], length: usize) -> String {
        let mut head = format!("{method} {target} HTTP/1.1\r\n");
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            head.push_str(&format!("host: {}\r\n", self.to));
        }
        if length > 0 {
            head.push_str(&format!("content-length: {length}\r\n"));
        }
        headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        head + "\r\n"
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// The other end has closed.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes.as_ref())
    }

    /// Reads one answer.
    ///
    /// # Errors
    /// The connection ends or breaks first.
    pub fn answer(&mut self) -> io::Result<Answer> {
        self.answer_to("GET")
    }

    /// Reads one answer to that method.
    ///
    /// # Errors
    /// The connection ends or breaks first.
    pub fn answer_to(&mut self, method: &str) -> io::Result<Answer> {
        Answer::read(&mut self.stream, method == "HEAD")
    }

    /// Reads the head of an answer, and leaves its body to [`Client::reader`].
    ///
    /// # Errors
    /// The connection ends or breaks first.
    pub fn answer_head(&mut self) -> io::Result<Head> {
        wire::read_head(&mut self.stream)?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// What comes next.
    pub fn reader(&mut self) -> &mut BufReader<TcpStream> {
        &mut self.stream
    }

    /// The socket itself.
    pub fn socket(&self) -> &TcpStream {
        self.stream.get_ref()
    }

    /// Says that nothing more will be sent.
    pub fn finish(&self) {
        // What the other end has closed needs no saying.
        let _gone = self.socket().shutdown(Shutdown::Write);
    }

    /// Waits until the other end closes or resets the connection; what came before that.
    ///
    /// # Panics
    /// It stays open.
    pub fn closed(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match io::Read::read_to_end(&mut self.stream, &mut rest) {
            Err(problem) if problem.kind() == io::ErrorKind::WouldBlock => panic!("the connection is still open"),
            Ok(_) | Err(_) => rest,
        }
    }

    /// Whether the other end has neither closed the connection nor said anything unasked, as far as is known now.
    ///
    /// # Panics
    /// The socket is broken.
    pub fn is_open(&mut self) -> bool {
        if !self.stream.buffer().is_empty() {
            return false;
        }
        let set = |on| self.socket().set_nonblocking(on).unwrap_or_else(|problem| panic!("a socket's mode: {problem}"));
        set(true);
        let filled = self.stream.get_ref().peek(&mut [0]);
        set(false);
        filled.is_err_and(|problem| problem.kind() == io::ErrorKind::WouldBlock)
    }

    /// How long a reading waits at most.
    ///
    /// # Panics
    /// The socket is broken.
    pub fn patience(&self, limit: Duration) {
        self.socket().set_read_timeout(Some(limit)).unwrap_or_else(|problem| panic!("a socket's mode: {problem}"));
    }

    /// Reads whatever comes next, at least a byte; nothing at the end.
    ///
    /// # Errors
    /// The connection breaks.
    pub fn some(&mut self) -> io::Result<Vec<u8>> {
        let some = wire::more(&mut self.stream)?.to_vec();
        self.stream.consume(some.len());
        Ok(some)
    }
}

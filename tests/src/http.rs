//! A client of one request a connection, that sends what it is told and hides nothing of the answer.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::wire::{self, Framing, Headers};

/// Longer than anything that is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// One answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers, names in lower case.
    pub headers: Headers,
    /// Its body.
    pub body: Vec<u8>,
    /// The fields after a chunked body.
    pub trailers: Headers,
}

impl Answer {
    /// Reads one, body and all; `bodyless` is the answer to a HEAD. A `100 Continue` before it is passed over.
    ///
    /// # Errors
    /// The connection ends or breaks first, or what comes is no HTTP.
    pub fn read(from: &mut impl BufRead, bodyless: bool) -> io::Result<Self> {
        loop {
            let head = wire::read_head(from)?.ok_or(io::ErrorKind::UnexpectedEof)?;
            let status = head.word(1).parse().map_err(|_| io::Error::other(format!("no status: `{}`", head.first)))?;
            let framing = match status {
                100 => continue,
                101 | 204 | 304 => Framing::None,
                _ if bodyless => Framing::None,
                _ => head.framing(Framing::Close),
            };
            let body = wire::read_body(from, framing)?;
            return Ok(Self { status, headers: head.headers, body: body.bytes, trailers: body.trailers });
        }
    }

    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        wire::first(&self.headers, name)
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// It is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|problem| panic!("{problem}: {}", self.text()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The `error` of a refusal.
    ///
    /// # Panics
    /// The body is no JSON.
    pub fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_default().to_owned()
    }
}

/// GET.
///
/// # Panics
/// There is no answer, as of all here.
pub fn get(to: SocketAddr, path: &str) -> Answer {
    request(to, "GET", path, &[], b"")
}

/// POST of a JSON body.
///
/// # Panics
/// As of [`get`].
pub fn post(to: SocketAddr, path: &str, body: &Value) -> Answer {
    request(to, "POST", path, &[("content-type", "application/json")], body.to_string().as_bytes())
}

/// Any request.
///
/// # Panics
/// As of [`get`].
pub fn request(to: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let attempt = try_request(to, method, path, headers, body);
    attempt.unwrap_or_else(|problem| panic!("{method} {path} of {to}: {problem}"))
}

/// Any request, where there may be no answer.
///
/// # Errors
/// The connection is refused or breaks.
pub fn try_request(
    to: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> std::io::Result<Answer> {
    let mut stream = connect(to)?;
    stream.write_all(head(to, method, path, headers, body.len()).as_bytes())?;
    stream.write_all(body)?;
    read(stream, method == "HEAD")
}

/// A connection that does not wait for ever.
///
/// # Errors
/// It is refused.
pub fn connect(to: SocketAddr) -> std::io::Result<TcpStream> {
    patient(TcpStream::connect(to)?)
}

/// The same of a connection that is there.
///
/// # Errors
/// The socket is broken.
pub fn patient(stream: TcpStream) -> std::io::Result<TcpStream> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The head of a request whose body has that length.
pub fn head(to: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], length: usize) -> String {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\n");
    if length > 0 || method == "POST" {
        head.push_str(&format!("content-length: {length}\r\n"));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head + "\r\n"
}

/// Reads the answer of a connection that ends with it.
///
/// # Errors
/// The connection breaks first, or what comes is no HTTP.
pub fn read(stream: TcpStream, bodyless: bool) -> std::io::Result<Answer> {
    Answer::read(&mut BufReader::new(stream), bodyless)
}

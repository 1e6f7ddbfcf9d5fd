//! A client of one request a connection, that sends what it is told and hides nothing of the answer.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Longer than anything that is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// One answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
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
    let stream = TcpStream::connect(to)?;
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
    let broken = |what: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, what.to_owned());
    let mut reader = BufReader::new(stream);
    let mut line = || -> std::io::Result<String> {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    };
    let first = line()?;
    let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| broken("no status line"))?;
    let mut headers = Vec::new();
    loop {
        let line = line()?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, length)| length.parse().ok());
    let mut body = vec![0; if bodyless { 0 } else { length.unwrap_or(0) }];
    reader.read_exact(&mut body)?;
    Ok(Answer { status, headers, body })
}

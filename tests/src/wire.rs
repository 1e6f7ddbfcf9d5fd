//! HTTP/1.1 as it lies on the wire: heads and bodies, read by both ends of a test and understood no further than framing asks.

use std::io::{self, BufRead, Read};

/// Header names in lower case, in their order.
pub type Headers = Vec<(String, String)>;

/// The head of a request or an answer.
#[derive(Debug, Clone, Default)]
pub struct Head {
    /// The request line or the status line.
    pub first: String,
    /// All headers.
    pub headers: Headers,
}

/// What follows a head.
#[derive(Debug, Clone, Default)]
pub struct Body {
    /// Without its framing.
    pub bytes: Vec<u8>,
    /// The fields after a chunked body.
    pub trailers: Headers,
}

/// How long a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    None,
    /// So many bytes.
    Length(u64),
    /// Chunks and trailers.
    Chunked,
    /// As long as the connection.
    Close,
}

impl Head {
    /// The first header of that name, which is in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        first(&self.headers, name)
    }

    /// All values of a header.
    #[must_use]
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }

    /// A word of the first line: of a request 0 is the method and 1 the target, of an answer 1 is the status.
    #[must_use]
    pub fn word(&self, at: usize) -> &str {
        self.first.split(' ').nth(at).unwrap_or_default()
    }

    /// How a body is framed, or else that it is `without`.
    #[must_use]
    pub fn framing(&self, without: Framing) -> Framing {
        if self.header("transfer-encoding").is_some() {
            return Framing::Chunked;
        }
        self.header("content-length").and_then(|length| length.parse().ok()).map_or(without, Framing::Length)
    }
}

/// The first header of that name.
#[must_use]
pub fn first<'h>(headers: &'h [(String, String)], name: &str) -> Option<&'h str> {
    headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// Reads a head; nothing where the connection ends before its first byte.
///
/// # Errors
/// The connection breaks, or ends in the middle.
pub fn read_head(from: &mut impl BufRead) -> io::Result<Option<Head>> {
    if more(from)?.is_empty() {
        return Ok(None);
    }
    let first = line(from)?;
    Ok(Some(Head { first, headers: fields(from)? }))
}

/// What comes next, at least a byte; nothing at the end. A signal does not end the wait, as it does not in the standard library's
/// other readings.
///
/// # Errors
/// The connection breaks.
pub fn more(from: &mut impl BufRead) -> io::Result<&[u8]> {
    while let Err(problem) = from.fill_buf() {
        if problem.kind() != io::ErrorKind::Interrupted {
            return Err(problem);
        }
    }
    from.fill_buf()
}

/// Reads a body.
///
/// # Errors
/// The connection breaks, or ends before the body does.
pub fn read_body(from: &mut impl BufRead, framing: Framing) -> io::Result<Body> {
    let mut body = Body::default();
    match framing {
        Framing::None => {}
        Framing::Length(length) => {
            from.take(length).read_to_end(&mut body.bytes)?;
            if (body.bytes.len() as u64) < length {
                return Err(broken(format!("{} of {length} bytes", body.bytes.len())));
            }
        }
        Framing::Close => _ = from.read_to_end(&mut body.bytes)?,
        Framing::Chunked => {
            while let Some(chunk) = read_chunk(from)? {
                body.bytes.extend(chunk);
            }
            body.trailers = fields(from)?;
        }
    }
    Ok(body)
}

/// Reads one chunk; nothing at the last, after which the trailers are left to read.
///
/// # Errors
/// The connection breaks, ends, or what comes is no chunk.
pub fn read_chunk(from: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let size = line(from)?;
    let size = u64::from_str_radix(&size, 16).map_err(|_| broken(format!("`{size}` is no chunk's size")))?;
    if size == 0 {
        return Ok(None);
    }
    let chunk = read_body(from, Framing::Length(size))?.bytes;
    match line(from)?.as_str() {
        "" => Ok(Some(chunk)),
        more => Err(broken(format!("`{more}` after a chunk"))),
    }
}

/// Lines of `name: value` up to an empty one.
fn fields(from: &mut impl BufRead) -> io::Result<Headers> {
    let mut fields = Vec::new();
    loop {
        let line = line(from)?;
        match line.split_once(':') {
            Some((name, value)) => fields.push((name.to_ascii_lowercase(), value.trim().to_owned())),
            None if line.is_empty() => return Ok(fields),
            None => return Err(broken(format!("`{line}` is no header"))),
        }
    }
}

fn line(from: &mut impl BufRead) -> io::Result<String> {
    let mut bytes = Vec::new();
    from.read_until(b'\n', &mut bytes)?;
    let line = bytes.strip_suffix(b"\r\n").ok_or_else(|| broken("the connection ended in a line".to_owned()))?;
    Ok(String::from_utf8_lossy(line).into_owned())
}

fn broken(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

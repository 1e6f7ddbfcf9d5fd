//! Connections that nearly make sense: requests from pieces that parsers have quarrelled about, with other requests hidden in their bodies,
//! and a few bytes of the whole spoiled.

use arbitrary::{Result, Unstructured};

/// A request that must not come out where it is only somebody's body.
const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nhost: a.test\r\n\r\n";

const METHODS: [&str; 9] = ["GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "PATCH", "BREW", "CONNECT"];
const TARGETS: [&str; 14] = [
    "/",
    "/api",
    "/b",
    "/a?b=c",
    "/api/one",
    "/api%2fone/x",
    "/a//b",
    "/a/../b",
    "http://b.test/c",
    "http://b.test",
    "*",
    "/a#b",
    "a",
    "/\u{e9}",
];
const VERSIONS: [&str; 6] = [" HTTP/1.0", " HTTP/1.2", " http/1.1", " HTTP/1.1 ", "\tHTTP/1.1", ""];
const FIELDS: [&str; 13] = [
    "x-a: 1",
    "x-a: 2",
    "cookie: a=b",
    "connection: close",
    "connection: keep-alive",
    "connection: x-a, content-length, transfer-encoding",
    "connection: upgrade",
    "upgrade: websocket",
    "upgrade: h2c",
    "expect: 100-continue",
    "te: trailers",
    "x-forwarded-for: 10.0.0.1",
    "x_a: \u{e9}",
];
const ODD_FIELDS: [&str; 15] = [
    "x-request-id: a",
    "forwarded: for=a",
    "trailer: x-t",
    "host: b.test",
    "host : a.test",
    "x-a : 1",
    " folded",
    "\tx-a: 1",
    "x-a",
    ": 1",
    "x-a: 1\r",
    "x-a: \0",
    "content_length: 3",
    "content-length: 3",
    "x-a: a\rb: c",
];
const LENGTHS: [&str; 9] = ["+", "0", " ", ", ", "\t", "-", "0x", "_", "\u{b}"];
const CODINGS: [&str; 12] = [
    "transfer-encoding: Chunked",
    "transfer-encoding: chunked, chunked",
    "transfer-encoding: identity",
    "transfer-encoding: gzip, chunked",
    "transfer-encoding: chunked;a=b",
    "transfer-encoding : chunked",
    "transfer-encoding:\tchunked ",
    "transfer-encoding:\u{b}chunked",
    "transfer-encoding:",
    "transfer_encoding: chunked",
    " transfer-encoding: chunked",
    "transfer-encoding: xchunked",
];
const EXTENSIONS: [&str; 8] = [";a=b", ";a=\"b\"", ";", " ", "\t;a", ";\n", "x", ";a\r"];
const TRAILERS: [&str; 6] = ["x-t: 1\r\n", "x-t: 1\n", "content-length: 5\r\n", "x-t\r\n", " x\r\n", "host: b\r\n"];

/// A connection with some requests.
pub fn connection(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let odds = *u.choose(&[200, 60, 12])?;
    let mut maker = Maker { u, odds, out: String::new() };
    for _ in 0..maker.u.int_in_range(1..=4)? {
        maker.request()?;
    }
    let mut out = maker.out.into_bytes();
    for _ in 0..u.int_in_range(0..=9)?.max(6) - 6 {
        spoil(u, &mut out)?;
    }
    Ok(out)
}

struct Maker<'u, 'b> {
    u: &'u mut Unstructured<'b>,
    /// One piece in so many is an odd one.
    odds: u32,
    out: String,
}

impl Maker<'_, '_> {
    fn or_odd(&mut self, usual: &str, odd: &[&str]) -> Result<()> {
        self.out += if self.u.ratio(1, self.odds)? { *self.u.choose(odd)? } else { usual };
        Ok(())
    }

    fn any(&mut self, of: &[&str]) -> Result<()> {
        self.out += *self.u.choose(of)?;
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        self.or_odd("\r\n", &["\n", "\r", "\r\r\n", "\r\n ", " \r\n"])
    }

    fn request(&mut self) -> Result<()> {
        self.or_odd("", &["\r\n", "\n", " ", "\r", "\0"])?;
        let method = if self.u.ratio(1, 2)? { "POST" } else { self.u.choose(&METHODS)? };
        self.out += method;
        self.or_odd(" ", &["  ", "\t", " \u{b}", ""])?;
        self.any(&TARGETS)?;
        self.or_odd(" HTTP/1.1", &VERSIONS)?;
        self.end()?;
        self.or_odd("host: a.test", &["", "host: a.test\r\nhost: a.test", "host: b@c", "host:"])?;
        self.end()?;
        for _ in 0..self.u.int_in_range(0..=3)? {
            let usual = *self.u.choose(&FIELDS)?;
            self.or_odd(usual, &ODD_FIELDS)?;
            self.end()?;
        }
        let content = if self.u.ratio(2, 3)? { HIDDEN } else { "films" };
        match self.u.int_in_range(0..=9)? {
            0..=2 => self.end(),
            3..=5 => self.with_length(content),
            6..=8 => self.in_chunks(content),
            _ => self.with_both(content),
        }
    }

    /// Content-Length and chunks: what is a length to one is chunks to the other.
    fn with_both(&mut self, content: &str) -> Result<()> {
        let length = format!("content-length: {}", self.u.choose(&["0", "3", "4", "6", "44", "47"])?);
        let before = self.u.arbitrary()?;
        if before {
            self.out += &length;
            self.end()?;
        }
        self.or_odd("transfer-encoding: chunked", &CODINGS)?;
        self.end()?;
        if !before {
            self.out += &length;
            self.end()?;
        }
        self.end()?;
        self.chunks(content)
    }

    fn with_length(&mut self, content: &str) -> Result<()> {
        let length = if self.u.ratio(1, self.odds)? { self.u.int_in_range(0..=60)? } else { content.len() };
        self.out += "content-length: ";
        self.or_odd("", &LENGTHS)?;
        self.out += &length.to_string();
        self.end()?;
        if self.u.ratio(1, self.odds)? {
            let second = self.u.choose(&[length, 0, 5, 37])?.to_string();
            self.out += &format!("content-length: {second}\r\n");
        }
        self.end()?;
        self.out += content;
        Ok(())
    }

    fn in_chunks(&mut self, content: &str) -> Result<()> {
        self.or_odd("transfer-encoding: chunked", &CODINGS)?;
        self.end()?;
        self.end()?;
        self.chunks(content)
    }

    fn chunks(&mut self, content: &str) -> Result<()> {
        for _ in 0..self.u.int_in_range(0..=2)? {
            self.or_odd("", &["0", "0x", "+", " ", "-", "000000000000000", "10000000000000000", "f000000000000000"])?;
            let length = if self.u.ratio(1, self.odds)? { self.u.int_in_range(0..=60)? } else { content.len() };
            self.out += &format!("{length:x}");
            self.or_odd("", &EXTENSIONS)?;
            self.end()?;
            self.out += content;
            self.end()?;
        }
        self.or_odd("0", &["00", "0;a", "", "0 ", "0x0", "-0"])?;
        self.end()?;
        self.or_odd("", &TRAILERS)?;
        self.end()
    }
}

/// A byte too many, too few or another one.
fn spoil(u: &mut Unstructured<'_>, out: &mut Vec<u8>) -> Result<()> {
    let at = u.choose_index(out.len())?;
    match u.int_in_range(0..=2)? {
        0 => out[at] = *u.choose(b"\r\n \t\0:0,;\x0b\x80")?,
        1 => out.insert(at, *u.choose(b"\r\n \t\0:0,;\x0b\x80")?),
        _ => drop(out.remove(at)),
    }
    if out.is_empty() { Err(arbitrary::Error::NotEnoughData) } else { Ok(()) }
}

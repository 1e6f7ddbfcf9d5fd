//! An HTTP/2 client that sends frames as a test makes them, sensible or not.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const CONTINUATION: u8 = 9;
pub const END_STREAM: u8 = 1;
pub const ACK: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// A frame, as bytes.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = (payload.len() as u32).to_be_bytes();
    let [d, e, f, g] = stream.to_be_bytes();
    [&[a, b, c, kind, flags, d, e, f, g], payload].concat()
}

/// A head's fields without any compression but the static table: method (2 is GET, 3 is POST), `http`, and a path.
pub fn fields(method: u8, path: &str) -> Vec<u8> {
    let literal = |index: u8, value: &str| [&[index, value.len() as u8], value.as_bytes()].concat();
    [vec![0x80 | method, 0x86], literal(0x04, path), literal(0x01, "films.example")].concat()
}

/// A connection.
pub struct Raw(pub TcpStream);

impl Raw {
    /// Opens one with these settings, each an identifier and a value.
    pub fn open(to: SocketAddr, settings: &[(u16, u32)]) -> Self {
        let mut stream = TcpStream::connect(to).expect("the gateway listens");
        stream.set_write_timeout(Some(Duration::from_secs(30))).expect("a socket");
        let payload: Vec<u8> = settings
            .iter()
            .flat_map(|(key, value)| [&key.to_be_bytes()[..], &value.to_be_bytes()[..]].concat())
            .collect();
        let hello = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(SETTINGS, 0, 0, &payload)].concat();
        stream.write_all(&hello).expect("it is sent");
        Self(stream)
    }

    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    /// Sends a block over and over, reading what comes, until the other end closes; the bytes sent.
    ///
    /// # Panics
    /// It takes them all the time.
    pub fn flood(&mut self, mut block: impl FnMut() -> Vec<u8>) -> usize {
        let (mut sent, end) = (0, Instant::now() + tests::PATIENCE);
        let mut reading = self.0.try_clone().expect("a socket");
        let drain = std::thread::spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            while reading.read(&mut buffer).is_ok_and(|read| read > 0) {}
        });
        loop {
            let block = block();
            if self.send(&block).is_err() {
                drain.join().expect("a reader");
                return sent;
            }
            sent += block.len();
            assert!(Instant::now() < end, "the connection takes everything: {sent} bytes so far");
        }
    }

    /// The next frame: its kind, flags, stream and payload; nothing at the end.
    pub fn next(&mut self) -> Option<(u8, u8, u32, Vec<u8>)> {
        self.0.set_read_timeout(Some(Duration::from_secs(60))).expect("a socket");
        let mut head = [0; 9];
        self.0.read_exact(&mut head).ok()?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.0.read_exact(&mut payload).ok()?;
        Some((kind, flags, u32::from_be_bytes(stream) & 0x7fff_ffff, payload))
    }

    /// Reads frames until one is of that kind, and not an acknowledgement.
    ///
    /// # Panics
    /// The connection ends first.
    pub fn until(&mut self, wanted: u8) -> (u8, u8, u32, Vec<u8>) {
        loop {
            let frame = self.next().unwrap_or_else(|| panic!("the connection ended before a frame of kind {wanted}"));
            if frame.0 == wanted && !(wanted == SETTINGS && frame.1 & ACK != 0) {
                return frame;
            }
        }
    }
}

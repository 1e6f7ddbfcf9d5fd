//! The PROXY protocol, versions 1 and 2: a proxy in front says, before anything else, who its client is.
//!
//! Specified at <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>. Only peers in `trusted_proxies` are listened to, and
//! those have to say it: nothing is guessed. What a header holds beyond the addresses is passed over.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// How a header of version 2 begins.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// The longest line of version 1, with its end.
const LINE: usize = 107;

/// What a header of version 2 may hold after its first 16 bytes: addresses and as many notes as anybody writes.
const LONGEST: usize = 4096;

/// Why there is no header.
#[derive(Debug)]
pub(super) enum Failed {
    /// The connection ended first.
    Closed,
    /// It is none.
    Invalid,
}

impl From<io::Error> for Failed {
    fn from(_: io::Error) -> Self {
        Self::Closed
    }
}

/// Reads the header and not a byte more; the client's address, where the proxy speaks for one and not for itself.
pub(super) async fn read(stream: &mut TcpStream) -> Result<Option<SocketAddr>, Failed> {
    // The shortest line of version 1 is longer than this.
    let mut first = [0; SIGNATURE.len()];
    stream.read_exact(&mut first).await?;
    if first != *SIGNATURE {
        return line(&read_line(stream, &first).await?).ok_or(Failed::Invalid);
    }
    let mut rest = [0; 4];
    stream.read_exact(&mut rest).await?;
    let [command, family, high, low] = rest;
    let mut addresses = vec![0; usize::from(u16::from_be_bytes([high, low]))];
    if addresses.len() > LONGEST {
        return Err(Failed::Invalid);
    }
    stream.read_exact(&mut addresses).await?;
    binary(command, family, &addresses).ok_or(Failed::Invalid)
}

/// The rest of a line that began so. What comes after it stays in the socket, because it is looked at before it is taken.
async fn read_line(stream: &mut TcpStream, first: &[u8]) -> Result<Vec<u8>, Failed> {
    let mut line = first.to_vec();
    while line.len() < LINE && line.starts_with(b"PROXY ") {
        let mut next = [0; LINE];
        let room = LINE - line.len();
        let seen = stream.peek(&mut next[..room]).await?;
        if seen == 0 {
            return Err(Failed::Closed);
        }
        let end = next[..seen].iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(seen, |end| end + 1);
        stream.read_exact(&mut next[..taken]).await?;
        line.extend_from_slice(&next[..taken]);
        if end.is_some() {
            return Ok(line);
        }
    }
    Err(Failed::Invalid)
}

/// What a line of version 1 says; none where it is no such line.
fn line(line: &[u8]) -> Option<Option<SocketAddr>> {
    let text = std::str::from_utf8(line.strip_suffix(b"\r\n")?).ok()?;
    let mut words = text.strip_prefix("PROXY ")?.split(' ');
    let family = words.next()?;
    if family == "UNKNOWN" {
        return Some(None);
    }
    let [source, target, source_port, target_port] = [words.next()?, words.next()?, words.next()?, words.next()?];
    let (source, target): (IpAddr, IpAddr) = (source.parse().ok()?, target.parse().ok()?);
    let fits = match family {
        "TCP4" => source.is_ipv4() && target.is_ipv4(),
        "TCP6" => source.is_ipv6() && target.is_ipv6(),
        _ => false,
    };
    let (port, _) = (port(source_port)?, port(target_port)?);
    (fits && words.next().is_none()).then_some(Some(SocketAddr::new(source, port)))
}

/// A port without a sign or zeros in front.
fn port(text: &str) -> Option<u16> {
    let port: u16 = text.parse().ok()?;
    (port.to_string() == text).then_some(port)
}

/// What a header of version 2 says after its signature; none where it is no such header.
fn binary(command: u8, family: u8, addresses: &[u8]) -> Option<Option<SocketAddr>> {
    let local = match command {
        0x20 => true,
        0x21 => false,
        _ => return None,
    };
    // Families: unspecified, IPv4, IPv6, Unix; transports: unspecified, stream, datagram.
    let (needed, source) = match (family >> 4, family & 0x0f) {
        (0, 0..=2) => (0, None),
        (1, 1) => (12, addresses.first_chunk::<4>().map(|bytes| IpAddr::from(Ipv4Addr::from(*bytes)))),
        (2, 1) => (36, addresses.first_chunk::<16>().map(|bytes| IpAddr::from(Ipv6Addr::from(*bytes)))),
        (1 | 2, 0 | 2) => (0, None),
        (3, 0..=2) => (216, None),
        _ => return None,
    };
    if local {
        return Some(None);
    }
    if addresses.len() < needed {
        return None;
    }
    // The ports are the last four bytes, the source's first.
    Some(source.zip(addresses.get(needed.saturating_sub(4)..)).and_then(|(source, ports)| {
        let [high, low, ..] = ports else { return None };
        Some(SocketAddr::new(source, u16::from_be_bytes([*high, *low])))
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(source: SocketAddr, target: SocketAddr) -> (String, u8, Vec<u8>) {
        let (word, family) = if source.is_ipv4() { ("TCP4", 0x11) } else { ("TCP6", 0x21) };
        let (source_ip, target_ip, source_port, target_port) = (source.ip(), target.ip(), source.port(), target.port());
        let bytes = |address: IpAddr| match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        let ports = [source_port.to_be_bytes(), target_port.to_be_bytes()].concat();
        let binary = [bytes(source_ip), bytes(target_ip), ports].concat();
        (format!("PROXY {word} {source_ip} {target_ip} {source_port} {target_port}\r\n"), family, binary)
    }

    fn same_family() -> impl Strategy<Value = (SocketAddr, SocketAddr)> {
        prop_oneof![
            (any::<([u8; 4], u16)>(), any::<([u8; 4], u16)>()).prop_map(|(a, b)| (a.into(), b.into())),
            (any::<([u8; 16], u16)>(), any::<([u8; 16], u16)>()).prop_map(|(a, b)| (a.into(), b.into())),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read((source, target) in same_family(), notes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let (text, family, addresses) = written(source, target);
            prop_assert!(text.len() <= LINE);
            prop_assert_eq!(line(text.as_bytes()), Some(Some(source)));
            prop_assert_eq!(binary(0x21, family, &addresses), Some(Some(source)));
            prop_assert_eq!(binary(0x21, family, &[&addresses[..], &notes].concat()), Some(Some(source)));
            prop_assert_eq!(binary(0x20, family, &addresses), Some(None));
            prop_assert_eq!(binary(0x21, family, &addresses[..addresses.len() - 1]), None);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), command: u8, family: u8) {
            let _any = (line(&bytes), binary(command, family, &bytes));
        }
    }

    #[test]
    fn a_line_is_exactly_one_of_the_protocols() {
        for (text, says) in [
            ("PROXY UNKNOWN\r\n", Some(None)),
            ("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", Some(None)),
            ("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n", Some(Some("192.0.2.1:56324"))),
            ("PROXY TCP6 2001:db8::1 ::1 1 2\r\n", Some(Some("[2001:db8::1]:1"))),
            ("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\n", None),
            ("PROXY TCP4 192.0.2.1 192.0.2.2 56324\r\n", None),
            ("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443 1\r\n", None),
            ("PROXY TCP4 192.0.2.1  192.0.2.2 56324 443\r\n", None),
            ("PROXY TCP4 2001:db8::1 ::1 1 2\r\n", None),
            ("PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n", None),
            ("PROXY TCP4 192.0.2.1 192.0.2.2 65536 443\r\n", None),
            ("PROXY TCP4 192.0.2.1 192.0.2.2 +1 443\r\n", None),
            ("PROXY TCP4 192.0.2.1 192.0.2.2 01 443\r\n", None),
            ("PROXY TCP4 192.0.2.256 192.0.2.2 1 443\r\n", None),
            ("PROXY UDP4 192.0.2.1 192.0.2.2 1 443\r\n", None),
            ("proxy UNKNOWN\r\n", None),
            ("GET / HTTP/1.1\r\n", None),
        ] {
            let says = says.map(|address| address.map(|text: &str| text.parse::<SocketAddr>().expect("an address")));
            assert_eq!(line(text.as_bytes()), says, "{text}");
        }
    }

    #[test]
    fn a_binary_header_without_an_address_speaks_for_nobody() {
        assert_eq!(binary(0x20, 0x00, &[]), Some(None));
        assert_eq!(binary(0x21, 0x00, &[1, 2, 3]), Some(None));
        assert_eq!(binary(0x21, 0x31, &[0; 216]), Some(None));
        assert_eq!(binary(0x21, 0x12, &[0; 12]), Some(None), "a datagram's");
        for (command, family) in [(0x22, 0x11), (0x11, 0x11), (0x31, 0x11), (0x21, 0x41), (0x21, 0x13)] {
            assert_eq!(binary(command, family, &[0; 216]), None, "{command:x} {family:x}");
        }
    }
}

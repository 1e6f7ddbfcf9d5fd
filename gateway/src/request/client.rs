//! What a request knows of the connection that it came on: who is at the other end, and how far it can be believed.

use std::cell::{Cell, OnceCell, RefCell};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;
use tokio::time::Instant;

use super::tunnel::Tunnel;
use crate::clock::Clock;
use crate::socket::Handle;

/// The chain of addresses that a request came through, the client's first.
pub static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// A client's connection.
#[derive(Debug)]
pub struct Client {
    /// The other end of the socket.
    pub peer: IpAddr,
    /// The peer is in `trusted_proxies`: its `X-Forwarded-*` are believed and added to.
    pub trusted: bool,
    /// `peer` as a header value, made once for all requests of the connection.
    pub forwarded_for: HeaderValue,
    /// It came over TLS.
    pub is_tls: bool,
    /// The connection's one timer.
    pub clock: Rc<Clock>,
    /// Requests that have begun.
    pub begun: Cell<u64>,
    /// Requests that have begun and not ended.
    pub in_flight: Cell<usize>,
    /// The client may still be sending what nobody will read: see `server`'s lingering.
    pub linger: Cell<bool>,
    /// It asked for the answer at hand to be the last.
    pub leaves: Cell<bool>,
    /// What it becomes once its answer of 101 is written.
    pub tunnel: RefCell<Option<Box<Tunnel>>>,
    /// What it is served over, in HTTP/1.1.
    pub socket: OnceCell<Handle>,
    /// When the last request ended, or the connection was accepted.
    pub idle_since: Cell<Instant>,
}

impl Client {
    /// A connection just accepted.
    #[must_use]
    pub fn new(peer: IpAddr, trusted_proxies: &[IpNet], is_tls: bool) -> Self {
        let (peer, now) = (peer.to_canonical(), Instant::now());
        let forwarded_for = HeaderValue::try_from(text(peer));
        Self {
            peer,
            trusted: trusts(trusted_proxies, peer),
            forwarded_for: forwarded_for.unwrap_or(HeaderValue::from_static("unknown")),
            is_tls,
            clock: Rc::new(Clock::new()),
            begun: Cell::new(0),
            in_flight: Cell::new(0),
            linger: Cell::new(false),
            leaves: Cell::new(false),
            tunnel: RefCell::new(None),
            socket: OnceCell::new(),
            idle_since: Cell::new(now),
        }
    }

    /// How it reached us.
    #[must_use]
    pub const fn scheme(&self) -> &'static str {
        if self.is_tls { "https" } else { "http" }
    }

    /// What is written next is the end of an answer, and of the connection where the client asked for that.
    pub fn answered(&self) {
        if self.leaves.get()
            && let Some(socket) = self.socket.get()
        {
            socket.ends();
        }
    }

    /// The address that a request really came from: the nearest one, from the right of `X-Forwarded-For`, that is no trusted proxy.
    #[must_use]
    pub fn address(&self, headers: &HeaderMap, trusted_proxies: &[IpNet]) -> IpAddr {
        if !self.trusted {
            return self.peer;
        }
        let mut nearest = self.peer;
        for value in headers.get_all(&X_FORWARDED_FOR).iter().rev() {
            for hop in value.to_str().unwrap_or_default().rsplit(',') {
                // A hop that is no address was not written by a proxy that we trust: the last one that did make sense stands.
                let Some(address) = parse_hop(hop.trim()) else { return nearest };
                nearest = address;
                if !trusts(trusted_proxies, address) {
                    return nearest;
                }
            }
        }
        nearest
    }
}

/// An address as text. Each new connection needs it, and a formatter takes five times as long over the usual ones.
fn text(address: IpAddr) -> String {
    let IpAddr::V4(address) = address else { return address.to_string() };
    let mut text = String::with_capacity("255.255.255.255".len());
    for octet in address.octets() {
        for place in [100, 10, 1] {
            if octet >= place || place == 1 {
                text.push(char::from(b'0' + octet / place % 10));
            }
        }
        text.push('.');
    }
    text.pop();
    text
}

/// An address as proxies write it: bare, or with a port.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let address =
        hop.parse::<IpAddr>().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|with_port| with_port.ip()))?;
    Some(address.to_canonical())
}

/// Whether an address is one of theirs.
#[must_use]
pub fn trusts(trusted_proxies: &[IpNet], address: IpAddr) -> bool {
    trusted_proxies.iter().any(|range| range.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_as_everyone_writes_it() {
        for octet in 0..=u8::MAX {
            let address = IpAddr::from([octet, 0, 255 - octet, 10]);
            assert_eq!(text(address), address.to_string());
        }
        assert_eq!(text(IpAddr::from([0; 16])), "::");
    }
}

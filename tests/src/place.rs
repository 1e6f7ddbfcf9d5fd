//! Addresses that share a port, each held for a test: it refuses connections until somebody listens there, or takes them and stays silent.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::until_ok;
use crate::upstream::{Exchange, Upstream};

/// How long a connection takes at most that will come about.
const AT_ONCE: Duration = Duration::from_millis(300);

/// An address that refuses connections for as long as this lives.
#[derive(Debug)]
pub struct Place {
    socket: Socket,
    address: SocketAddr,
}

impl Place {
    /// One for each address, all on the same free port.
    ///
    /// # Panics
    /// There is none.
    pub fn on_one_port<const N: usize>(addresses: [&str; N]) -> [Self; N] {
        until_ok("a port is free on all addresses", || {
            let mut places: Vec<Self> = Vec::new();
            for address in addresses {
                let port = places.first().map_or(0, Self::port);
                places.push(Self::bind(address, port)?);
            }
            places.try_into().map_err(|_| io::Error::other("as many as there are addresses"))
        })
    }

    fn bind(address: &str, port: u16) -> io::Result<Self> {
        let address: IpAddr = address.parse().map_err(io::Error::other)?;
        let wanted = SocketAddr::new(address, port);
        let socket = Socket::new(Domain::for_address(wanted), Type::STREAM, None)?;
        socket.bind(&wanted.into())?;
        let address = socket.local_addr()?.as_socket().ok_or_else(|| io::Error::other("an address of IP"))?;
        Ok(Self { socket, address })
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The address.
    pub fn ip(&self) -> IpAddr {
        self.address.ip()
    }

    /// From now on an upstream answers here, as [`Upstream::new`] does.
    ///
    /// # Panics
    /// The socket is broken.
    pub fn serve(self, answer: impl Fn(&mut Exchange<'_>) -> io::Result<()> + Send + Sync + 'static) -> Upstream {
        self.socket.listen(4096).unwrap_or_else(|problem| panic!("{}: {problem}", self.address));
        Upstream::on(self.socket.into(), answer)
    }

    /// From now on connections here are neither taken nor refused: the few that may wait do, and nobody accepts them.
    ///
    /// # Panics
    /// The socket is broken.
    pub fn clog(self) -> Clogged {
        self.socket.listen(0).unwrap_or_else(|problem| panic!("{}: {problem}", self.address));
        let (mut waiting, mut missed) = (Vec::new(), 0);
        // Once may be the machine's slowness.
        while missed < 2 {
            match TcpStream::connect_timeout(&self.address, AT_ONCE) {
                Ok(stream) => waiting.push(stream),
                Err(_) => missed += 1,
            }
        }
        Clogged { _listener: self.socket.into(), _waiting: waiting }
    }
}

/// An address to which no connection comes about.
#[derive(Debug)]
pub struct Clogged {
    _listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

//! A TCP relay on a free port in front of a server, which a test can cut, and mend. It keeps its port meanwhile.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// What a relay does with connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Passes everything on.
    Open,
    /// Closes them, those that are open and those that come: a server that has ended.
    Closed,
    /// Takes them and passes nothing on: a machine that is gone. Those that are open are closed when it is mended.
    Silent,
}

/// Rewrites what the server sends; of Kafka, whole frames.
type Rewrite = dyn Fn(Vec<u8>) -> Vec<u8> + Send + Sync;

/// Lives as long as its handle.
pub struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    server: String,
    way: Mutex<Way>,
    open: Mutex<Vec<TcpStream>>,
    rewrite: Option<Box<Rewrite>>,
}

impl Relay {
    /// In front of host:port.
    ///
    /// # Panics
    /// There is no free port.
    pub fn new(server: &str) -> Self {
        Self::with(server.to_owned(), |_| None)
    }

    /// In front of a Kafka broker that calls itself `host:port`: its own address, in what it sends, is replaced by the
    /// relay's, so that clients come back to the relay. The two must have the same host, as all on loopback do.
    ///
    /// # Panics
    /// As of [`Relay::new`].
    pub fn of_kafka(broker: &str) -> Self {
        let (host, port) = broker.rsplit_once(':').unwrap_or_else(|| panic!("{broker} has no port"));
        let port: i32 = port.parse().unwrap_or_else(|problem| panic!("{broker}: {problem}"));
        let text = |port: i32| [host.as_bytes(), &port.to_be_bytes()].concat();
        Self::with(broker.to_owned(), |relay| {
            let (from, to) = (text(port), text(i32::from(relay.port())));
            Some(Box::new(move |frame| replaced(frame, &from, &to)))
        })
    }

    fn with(server: String, rewrite: impl FnOnce(SocketAddr) -> Option<Box<Rewrite>>) -> Self {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap_or_else(|problem| panic!("a port: {problem}"));
        let address = listener.local_addr().unwrap_or_else(|problem| panic!("its port: {problem}"));
        let (way, open) = (Mutex::new(Way::Open), Mutex::default());
        let shared = Arc::new(Shared { server, way, open, rewrite: rewrite(address) });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = Arc::clone(&accepting);
                thread::spawn(move || shared.connect(client));
            }
        });
        Self { address, shared }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on it does this.
    pub fn set(&self, way: Way) {
        let before = std::mem::replace(&mut *self.shared.way.lock().unwrap_or_else(PoisonError::into_inner), way);
        // What was silent has lost bytes: it can't go on.
        if way == Way::Closed || before == Way::Silent {
            self.shared.close();
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.set(Way::Closed);
    }
}

impl Shared {
    fn way(&self) -> Way {
        *self.way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        for stream in self.open.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _gone = stream.shutdown(Shutdown::Both);
        }
    }

    fn connect(self: Arc<Self>, client: TcpStream) {
        if self.way() == Way::Closed {
            return;
        }
        let Ok(server) = TcpStream::connect(&self.server) else { return };
        let (Ok(client2), Ok(server2)) = (client.try_clone(), server.try_clone()) else { return };
        let copies = [client.try_clone(), server.try_clone()];
        self.open.lock().unwrap_or_else(PoisonError::into_inner).extend(copies.into_iter().flatten());
        if self.way() == Way::Closed {
            self.close();
        }
        let up = Arc::clone(&self);
        thread::spawn(move || up.pass(client, server, None));
        self.pass(server2, client2, self.rewrite.as_deref());
    }

    fn pass(&self, mut from: TcpStream, mut to: TcpStream, rewrite: Option<&Rewrite>) {
        while let Some(data) = next(&mut from, rewrite.is_some()) {
            if self.way() == Way::Silent {
                continue;
            }
            let data = rewrite.map_or_else(|| data.clone(), |rewrite| rewrite(data.clone()));
            if to.write_all(&data).is_err() {
                break;
            }
        }
        let _gone = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    }
}

/// What comes next: anything, or a whole frame of Kafka's (a length of four bytes and that many more).
fn next(from: &mut TcpStream, frame: bool) -> Option<Vec<u8>> {
    if !frame {
        let mut data = vec![0; 64 * 1024];
        let length = from.read(&mut data).ok().filter(|length| *length > 0)?;
        data.truncate(length);
        return Some(data);
    }
    let mut length = [0; 4];
    from.read_exact(&mut length).ok()?;
    let mut data = length.to_vec();
    data.resize(4 + u32::from_be_bytes(length) as usize, 0);
    from.read_exact(&mut data[4..]).ok()?;
    Some(data)
}

fn replaced(mut frame: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    for at in 0..frame.len().saturating_sub(from.len() - 1) {
        if frame[at..].starts_with(from) {
            frame[at..at + from.len()].copy_from_slice(to);
        }
    }
    frame
}

//! A name server that says what a test says, over UDP and TCP: for names without an entry that there is no such name.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::{RData, Record, RecordType};

/// What is said of a name.
#[derive(Clone, Debug)]
pub enum Entry {
    /// These addresses, for so many seconds.
    Addresses(Vec<IpAddr>, u32),
    /// The same, but over UDP only that there is more than fits.
    Truncated(Vec<IpAddr>, u32),
    /// These addresses of IPv4; whoever asks for IPv6 hears of a failure.
    OnlyV4(Vec<IpAddr>, u32),
    /// There is another name for it, for so many seconds.
    Alias(String, u32),
    /// The server failed.
    Fails,
    /// Nothing at all.
    Silence,
}

/// A running server. Dropped, it stops.
#[derive(Debug)]
pub struct NameServer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    entries: Mutex<HashMap<String, Entry>>,
    asked: Mutex<HashMap<String, usize>>,
    over_tcp: AtomicUsize,
    stopped: AtomicBool,
}

impl NameServer {
    /// On a free port.
    ///
    /// # Panics
    /// There is none.
    pub fn new() -> Self {
        let (listener, socket) = bind();
        let address = listener.local_addr().unwrap_or_else(|problem| panic!("its port: {problem}"));
        let shared = Arc::new(Shared::default());
        let (by_udp, by_tcp) = (shared.clone(), shared.clone());
        thread::spawn(move || serve_udp(&socket, &by_udp));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if by_tcp.stopped.load(SeqCst) {
                    return;
                }
                let shared = by_tcp.clone();
                thread::spawn(move || serve_tcp(stream, &shared));
            }
        });
        Self { address, shared }
    }

    /// Where it is asked.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on it says this of a name.
    pub fn say(&self, name: &str, entry: Entry) {
        lock(&self.shared.entries).insert(name.to_owned(), entry);
    }

    /// From now on there is no such name.
    pub fn forget(&self, name: &str) {
        lock(&self.shared.entries).remove(name);
    }

    /// How often it was asked for a name, each family by itself.
    pub fn asked(&self, name: &str) -> usize {
        lock(&self.shared.asked).get(name).copied().unwrap_or_default()
    }

    /// How often it was asked over TCP.
    pub fn asked_over_tcp(&self) -> usize {
        self.shared.over_tcp.load(SeqCst)
    }
}

impl Default for NameServer {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, SeqCst);
        // Both wake a waiting thread, which drops its socket.
        let _woken = TcpStream::connect(self.address);
        let _woken = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|own| own.send_to(b"", self.address));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The same free port for both.
fn bind() -> (TcpListener, UdpSocket) {
    crate::until_ok("a port is free for TCP and UDP", || {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let socket = UdpSocket::bind(listener.local_addr()?)?;
        std::io::Result::Ok((listener, socket))
    })
}

fn serve_udp(socket: &UdpSocket, shared: &Shared) {
    let mut buffer = [0; 4096];
    while !shared.stopped.load(SeqCst) {
        // A signal, or what became of an answer: neither is the end.
        let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
        if let Some(answer) = answer(&buffer[..length], shared, true) {
            // Who asked may have gone.
            let _gone = socket.send_to(&answer, from);
        }
    }
}

/// Messages with their lengths before them, until the other end closes.
fn serve_tcp(mut stream: TcpStream, shared: &Shared) {
    let mut length = [0; 2];
    while stream.read_exact(&mut length).is_ok() {
        let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
        if stream.read_exact(&mut question).is_err() {
            return;
        }
        shared.over_tcp.fetch_add(1, SeqCst);
        let Some(answer) = answer(&question, shared, false) else { continue };
        let length = u16::try_from(answer.len()).unwrap_or(u16::MAX).to_be_bytes();
        if stream.write_all(&[&length, answer.as_slice()].concat()).is_err() {
            return;
        }
    }
}

fn answer(question: &[u8], shared: &Shared, udp: bool) -> Option<Vec<u8>> {
    let mut message = Message::from_vec(question).ok()?;
    let query = message.queries.first()?.clone();
    let name = query.name().to_utf8().trim_end_matches('.').to_lowercase();
    *lock(&shared.asked).entry(name.clone()).or_default() += 1;
    message.metadata.message_type = MessageType::Response;
    message.metadata.recursion_available = true;
    let records = |addresses: &[IpAddr], ttl| {
        let kind = query.query_type();
        let asked_for = addresses.iter().filter(move |address| (kind == RecordType::AAAA) == address.is_ipv6());
        asked_for
            .map(|address| Record::from_rdata(query.name().clone(), ttl, RData::from(*address)))
            .collect::<Vec<_>>()
    };
    let entry = lock(&shared.entries).get(&name).cloned();
    match entry {
        Some(Entry::Silence) => return None,
        Some(Entry::Truncated(..)) if udp => message.metadata.truncation = true,
        Some(Entry::OnlyV4(..)) if query.query_type() == RecordType::AAAA => {
            message.metadata.response_code = ResponseCode::ServFail;
        }
        Some(Entry::Addresses(all, ttl) | Entry::Truncated(all, ttl) | Entry::OnlyV4(all, ttl)) => {
            message.add_answers(records(&all, ttl));
        }
        Some(Entry::Alias(other, ttl)) => {
            let other = other.parse().ok()?;
            let alias = RData::CNAME(hickory_proto::rr::rdata::CNAME(other));
            message.add_answer(Record::from_rdata(query.name().clone(), ttl, alias));
        }
        Some(Entry::Fails) => message.metadata.response_code = ResponseCode::ServFail,
        None => message.metadata.response_code = ResponseCode::NXDomain,
    }
    message.to_vec().ok()
}

//! The origin behind the gateway: it takes only what can be read in one way, answers each request, and complains of every one that its
//! run's client did not send.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::reading::{Not, Reader, Request};

/// Runs whose requests may still be on their way.
const REMEMBERED: usize = 256;

/// Connections that a gateway may have to an origin whose clients come one after the other: a few rest, a few are being closed.
const CONNECTIONS: usize = 100;

/// What one connection of a client sends, and what of it may come out at the other side.
#[derive(Clone, Debug)]
pub struct Run {
    /// All bytes.
    pub raw: Vec<u8>,
    /// The whole requests that they begin with.
    pub expected: Vec<Request>,
    /// What follows and can be read in more than one way, or is not whole: one request at most.
    pub rest: Option<Vec<u8>>,
}

impl Run {
    /// What a client means by its bytes.
    pub fn of(raw: &[u8]) -> Self {
        let (mut expected, mut at) = (Vec::new(), 0);
        let goes_on = loop {
            let Ok((request, length)) = Reader::Server.request(&raw[at..]) else { break true };
            at += length;
            let goes_on = request.goes_on;
            expected.push(request);
            if !goes_on {
                break false;
            }
        };
        let rest = (goes_on && at < raw.len()).then(|| raw[at..].to_vec());
        Self { raw: raw.to_vec(), expected, rest }
    }

    /// The methods of all requests that there may be.
    pub fn methods(&self) -> impl Iterator<Item = &str> {
        self.expected.iter().map(|request| request.method.as_str())
    }

    /// Whether the request at this place is one that no route takes.
    pub fn is_unrouted(&self, at: usize) -> bool {
        self.expected.get(at).is_some_and(Request::is_unrouted)
    }

    /// Which request this is, if it may be the one that comes after so many others.
    fn place(&self, arrived: usize, request: &Request) -> Result<usize, String> {
        let whole = self.expected.len();
        let mut places = (0..whole).filter(|at| !self.is_unrouted(*at)).chain(self.rest.as_ref().map(|_| whole));
        let at = places.nth(arrived).ok_or("a request too many")?;
        match (self.expected.get(at), &self.rest) {
            (Some(expected), _) => expected.same_as(request).map(|()| at),
            (None, Some(rest)) if begins(rest, request) => Ok(at),
            (None, _) => Err("a request from inside of another".to_owned()),
        }
    }
}

/// Whether the bytes begin with this request, as far as one can say who can't read them.
fn begins(bytes: &[u8], request: &Request) -> bool {
    let line = bytes.split(|byte| *byte == b'\n').find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
    let has = |word: &[u8]| line.windows(word.len()).any(|part| part == word);
    has(request.method.as_bytes()) && has(&request.target)
}

/// The server.
pub struct Origin {
    /// Where it listens.
    pub address: SocketAddr,
    runs: Mutex<VecDeque<(u32, Run, usize)>>,
    complaints: Mutex<Vec<String>>,
    open: AtomicUsize,
}

impl Origin {
    /// Starts one.
    pub fn start() -> Arc<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let origin =
            Arc::new(Self { address, runs: Mutex::default(), complaints: Mutex::default(), open: AtomicUsize::new(0) });
        let serving = origin.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let origin = serving.clone();
                origin.open.fetch_add(1, Relaxed);
                std::thread::spawn(move || {
                    origin.serve(stream);
                    origin.open.fetch_sub(1, Relaxed);
                });
            }
        });
        origin
    }

    /// A run begins.
    pub fn expect(&self, tag: u32, run: Run) {
        let mut runs = lock(&self.runs);
        if runs.len() == REMEMBERED {
            runs.pop_front();
        }
        runs.push_back((tag, run, 0));
    }

    /// Ends the run if anything came that should not have.
    pub fn complain(&self) {
        let complaints = lock(&self.complaints);
        assert!(complaints.is_empty(), "{}", complaints.join("\n"));
        let open = self.open.load(Relaxed);
        assert!(open <= CONNECTIONS, "{open} connections are open: somebody forgets them");
    }

    fn serve(&self, mut stream: TcpStream) {
        let _nodelay = stream.set_nodelay(true);
        let (mut bytes, mut buffer, mut continued) = (Vec::new(), [0; 16 * 1024], false);
        loop {
            match Reader::Origin.request(&bytes) {
                Ok((request, length)) => {
                    bytes.drain(..length);
                    continued = false;
                    let seen = self.arrived(&request).unwrap_or_else(|complaint| {
                        lock(&self.complaints).push(complaint);
                        "unasked".to_owned()
                    });
                    let answer = format!("HTTP/1.1 200 OK\r\nx-seen: {seen}\r\ncontent-length: 0\r\n\r\n");
                    let _left = stream.write_all(answer.as_bytes());
                    continue;
                }
                Err(Not::Ever(why)) => {
                    let what = String::from_utf8_lossy(&bytes).into_owned();
                    return lock(&self.complaints).push(format!("the origin can't read this ({why}): {what:?}"));
                }
                Err(Not::Yet(_)) => {}
            }
            if !continued && Reader::Origin.head(&bytes).is_ok_and(|(head, _)| head.all("expect").next().is_some()) {
                continued = stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").is_ok();
            }
            match stream.read(&mut buffer) {
                Ok(0) | Err(_) => return,
                Ok(read) => bytes.extend_from_slice(&buffer[..read]),
            }
        }
    }

    /// Finds the run of a request, and its place there.
    fn arrived(&self, request: &Request) -> Result<String, String> {
        let mut from = request.all("x-forwarded-for");
        let address = from.next().and_then(|value| std::str::from_utf8(value).ok()?.parse::<Ipv4Addr>().ok());
        let (Some(address), None) = (address, from.next()) else {
            return Err(format!("{} is nobody's", request.line()));
        };
        if request.all("x-request-id").count() != 1 || request.all("host").count() != 1 {
            return Err(format!("{} has not exactly one host and one id", request.line()));
        }
        let tag = u32::from(address) & 0x00ff_ffff;
        let mut runs = lock(&self.runs);
        let run = runs.iter_mut().rfind(|(known, ..)| *known == tag);
        let (_, run, arrived) = run.ok_or_else(|| format!("{} comes far too late", request.line()))?;
        let at = *arrived;
        *arrived += 1;
        let told = |why: String| {
            format!("{why}: {}\nas number {at} of {:?}", request.line(), String::from_utf8_lossy(&run.raw))
        };
        run.place(at, request).map_err(told).map(|place| format!("{tag}-{place}"))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

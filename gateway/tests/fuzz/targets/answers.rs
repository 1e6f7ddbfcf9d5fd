//! Any bytes as an upstream's answer come out at the client as that answer, or as an error, or as a body that breaks off; and the next
//! request gets its own answer, whatever was said behind the last one.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use arbitrary::{Result, Unstructured};
use gateway::{Gateway, Options};

use super::answer::Answer;
use super::framing::RAW;

/// Longer than anything in here takes: who waits for so long waits for ever.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the upstream says to any request but the one that is tried.
const PLAIN: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nplain";

const STATUSES: [&str; 8] =
    ["200 OK", "204 No Content", "304 Not Modified", "404 Nowhere", "500", "100 Continue", "101 Yes", "99"];
const FIELDS: [&str; 8] = [
    "x-a: 1",
    "connection: close",
    "connection: keep-alive, x-a",
    "trailer: x-t",
    "content-length: 5",
    "transfer-encoding: chunked",
    "transfer-encoding: gzip, chunked",
    "x-a : 1",
];
const BODIES: [&str; 8] = [
    "films",
    "5\r\nfilms\r\n0\r\n\r\n",
    "2;a=b\r\nfi\r\n03\r\nlms\r\n0\r\nx-t: 1\r\n\r\n",
    "5\r\nfilms\r\n0\r\nx-t: 1\n\r\n",
    "5\r\nfilms!\r\n0\r\n\r\n",
    "fffffffffffffffff\r\nfilms",
    "",
    "5\nfilms\n0\n\n",
];

/// What the upstream says to the next request.
#[derive(Clone, Debug, Default)]
struct Said {
    bytes: Vec<u8>,
    /// It comes in pieces of so many bytes.
    piece: usize,
    closes: bool,
    to_head: bool,
}

impl Said {
    /// The bytes as they are after [`RAW`], else an answer that is made of them.
    fn of(bytes: &[u8]) -> Option<Self> {
        let (&[kind, flags], rest) = bytes.split_first_chunk()?;
        let bytes = if kind == RAW { rest.to_vec() } else { made(&mut Unstructured::new(rest)).ok()? };
        let piece = usize::from(flags >> 2) + 1;
        Some(Self { bytes, piece, closes: flags & 1 == 0, to_head: flags & 2 != 0 })
    }

    /// The answer, where it can be read in one way only, and how many bytes it takes.
    fn means(&self) -> Option<(Answer, usize)> {
        let mut at = 0;
        loop {
            let (answer, length) = Answer::read(&self.bytes[at..], self.to_head).ok()?;
            at += length;
            if answer.status >= 200 {
                let framed = |(name, _): &&(String, Vec<u8>)| name == "content-length" || name == "transfer-encoding";
                let mut framings = answer.fields.iter().filter(framed);
                let clear = match (framings.next(), framings.next()) {
                    (Some((name, value)), None) if name == "content-length" => value.iter().all(u8::is_ascii_digit),
                    (Some((_, value)), None) => value.eq_ignore_ascii_case(b"chunked"),
                    _ => false,
                };
                return clear.then_some((answer, at));
            }
        }
    }
}

/// An answer that nearly makes sense.
fn made(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut out = String::new();
    for _ in 0..u.int_in_range(1..=2)? {
        out += if u.ratio(1, 12)? { "HTTP/1.0 " } else { "HTTP/1.1 " };
        out += if u.ratio(1, 2)? { STATUSES[0] } else { u.choose(&STATUSES)? };
        for _ in 0..u.int_in_range(0..=2)? {
            out += "\r\n";
            out += u.choose(&FIELDS)?;
        }
        out += ["\r\n\r\n", "\n\n"][usize::from(u.ratio(1, 12)?)];
        out += u.choose(&BODIES)?;
    }
    let mut out = out.into_bytes();
    if u.ratio(1, 6)? {
        let at = u.choose_index(out.len())?;
        out[at] = u.arbitrary()?;
    }
    Ok(out)
}

/// Whether the answer passed.
pub fn run(bytes: &[u8]) -> bool {
    static RIG: OnceLock<Rig> = OnceLock::new();
    let Some(said) = Said::of(bytes) else { return false };
    RIG.get_or_init(Rig::start).hear(&said)
}

/// A gateway in this process, and an upstream that says what it is told.
struct Rig {
    gateway: SocketAddr,
    next: Arc<Mutex<Said>>,
    _running: Mutex<Gateway>,
}

impl Rig {
    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let at = listener.local_addr().expect("an address");
        let next = Arc::<Mutex<Said>>::default();
        let told = next.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let told = told.clone();
                std::thread::spawn(move || answer(stream, &told));
            }
        });
        let file = format!(
            "server: {{ listen: 127.0.0.1:0, admin: 127.0.0.1:0, workers: 1 }}\nupstreams: {{ all: \"http://{at}\" }}\nroutes:\n  \
             - {{ name: tried, exact: /tried, to: all, timeout: {{ first_byte: 50ms, idle: 50ms }} }}\n  - {{ name: all, path: /, to: all }}\n"
        );
        let routes = std::env::temp_dir().join(format!("gateway-fuzz-{}-answers.yaml", std::process::id()));
        std::fs::write(&routes, file).expect("a file for the routes");
        let gateway = Gateway::start(&Options { routes: routes.clone() }).unwrap_or_else(|error| panic!("{error}"));
        // It goes on by what it has read.
        let _kept = std::fs::remove_file(routes);
        Self { gateway: gateway.address, next, _running: Mutex::new(gateway) }
    }

    fn hear(&self, said: &Said) -> bool {
        *lock(&self.next) = said.clone();
        let told = || format!("{said:?}: {:?}", String::from_utf8_lossy(&said.bytes));
        let heard = self.ask(if said.to_head { "HEAD /tried" } else { "GET /tried" });
        let (answers, _) = Answer::all(&heard, &[said.to_head]);
        assert!(answers.len() <= 1, "two answers to one request: {}", told());
        let passed = answers.into_iter().find(|answer| answer.reason.is_none());
        let meant = said.means();
        if let (Some(passed), Some((meant, _))) = (&passed, &meant) {
            assert_eq!((passed.status, &passed.body), (meant.status, &meant.body), "{}", told());
        }
        let plain = self.ask("GET /plain");
        // What comes late behind an answer may meet the next request on its way: nobody could tell it from that one's answer.
        if said.piece < said.bytes.len() && meant.is_none_or(|(_, length)| length < said.bytes.len()) {
            return passed.is_some();
        }
        let body = Answer::read(&plain, false).map(|(answer, _)| answer.body);
        assert_eq!(body.as_deref(), Ok(&b"plain"[..]), "the next request gets what was said behind {}", told());
        passed.is_some()
    }

    /// All that is said to a request on a connection of its own.
    fn ask(&self, line: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.gateway).expect("the gateway accepts");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        let request = format!("{line} HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("the gateway reads");
        let (mut heard, mut buffer) = (Vec::new(), [0; 4096]);
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => return heard,
                Ok(read) => heard.extend_from_slice(&buffer[..read]),
                // A fuzzer has an alarm clock.
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => panic!("the gateway leaves a client waiting: {error}"),
            }
        }
    }
}

/// Answers requests without bodies on a connection.
fn answer(mut stream: TcpStream, told: &Mutex<Said>) {
    let _nodelay = stream.set_nodelay(true);
    let (mut heard, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let Some(end) = heard.windows(4).position(|end| end == b"\r\n\r\n") else {
            match stream.read(&mut buffer) {
                Ok(0) | Err(_) => return,
                Ok(read) => heard.extend_from_slice(&buffer[..read]),
            }
            continue;
        };
        let tried = heard[..end].split(|byte| *byte == b' ').nth(1) == Some(b"/tried");
        heard.drain(..end + 4);
        let said = if tried { lock(told).clone() } else { plain() };
        // Whoever has heard enough may close.
        let _left = said.bytes.chunks(said.piece).try_for_each(|piece| stream.write_all(piece));
        if said.closes {
            let _left = stream.shutdown(Shutdown::Both);
            return;
        }
    }
}

fn plain() -> Said {
    Said { bytes: PLAIN.into(), piece: PLAIN.len(), ..Said::default() }
}

fn lock(said: &Mutex<Said>) -> MutexGuard<'_, Said> {
    said.lock().unwrap_or_else(PoisonError::into_inner)
}

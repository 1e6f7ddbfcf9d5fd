//! A gateway with real sockets on both sides, in this process: a client that sends any bytes, and an origin that reads strictly and knows
//! what each run may bring it.
//!
//! The client speaks through the PROXY protocol, so that each run has an address of its own: by `X-Forwarded-For` the origin tells whose a
//! request is even where it comes late, when its client has long gone.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use gateway::{Gateway, Options};

use super::answer::Answer;
use super::origin::{Origin, Run};

/// Longer than anything in here takes: who waits for so long waits for ever.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a client that means no good looks on before it leaves. Nothing depends on it but what may be seen until then.
const GLANCE: Duration = Duration::from_millis(3);

/// The pair of them.
pub struct Rig {
    gateway: SocketAddr,
    origin: Arc<Origin>,
    runs: AtomicU32,
    _running: Mutex<Gateway>,
}

impl Rig {
    /// The one that takes separators in disguise for data.
    pub fn keep() -> &'static Self {
        static RIG: OnceLock<Rig> = OnceLock::new();
        RIG.get_or_init(|| Self::start("keep"))
    }

    /// The one that refuses them.
    pub fn strict() -> &'static Self {
        static RIG: OnceLock<Rig> = OnceLock::new();
        RIG.get_or_init(|| Self::start("strict"))
    }

    fn start(paths: &str) -> Self {
        let origin = Origin::start();
        let at = origin.address;
        let file = format!(
            "server: {{ listen: 127.0.0.1:0, admin: 127.0.0.1:0, workers: 1, paths: {paths}, proxy_protocol: true, trusted_proxies: [127.0.0.1] }}\n\
             upstreams: {{ all: \"http://{at}\", below: \"http://{at}\", one: \"http://{at}\", data: \"http://{at}\" }}\n\
             routes:\n  - {{ name: all, path: /, to: all }}\n  - {{ name: below, path: /api, to: below }}\n  - {{ name: one, exact: /api/one, to: one }}\n  \
             - {{ name: data, path: \"/api%2fone\", to: data }}\n"
        );
        let routes: PathBuf = std::env::temp_dir().join(format!("gateway-fuzz-{}-{paths}.yaml", std::process::id()));
        std::fs::write(&routes, file).expect("a file for the routes");
        let gateway = Gateway::start(&Options { routes: routes.clone() }).unwrap_or_else(|error| panic!("{error}"));
        // It goes on by what it has read.
        let _kept = std::fs::remove_file(routes);
        Self { gateway: gateway.address, origin, runs: AtomicU32::new(0), _running: Mutex::new(gateway) }
    }

    /// Sends the bytes on a connection of their own and reads to its end: all the answers there were.
    pub fn send(&self, run: Run) -> Vec<Answer> {
        let (raw, whole, odd) = (run.raw.clone(), run.expected.len(), run.rest.is_some());
        let tag = self.runs.fetch_add(1, Relaxed) & 0x00ff_ffff;
        let [_, a, b, c] = tag.to_be_bytes();
        let heads: Vec<bool> = run.methods().map(|method| method == "HEAD").collect();
        self.origin.expect(tag, run);
        let mut stream = TcpStream::connect(self.gateway).expect("the gateway accepts");
        stream.set_read_timeout(Some(PATIENCE)).and_then(|()| stream.set_nodelay(true)).expect("a socket");
        // The gateway may refuse and close before it has all of it.
        let sent = [format!("PROXY TCP4 10.{a}.{b}.{c} 127.0.0.1 1 1\r\n").as_bytes(), &raw].concat();
        let _refused = stream.write_all(&sent);
        let mut said = Vec::new();
        let answers = loop {
            let (answers, broken) = Answer::all(&said, &heads);
            if answers.len() >= whole || broken {
                break answers;
            }
            if !more(&mut stream, &mut said) {
                return self.seen(answers);
            }
        };
        if odd && answers.len() == whole {
            stream.set_read_timeout(Some(GLANCE)).expect("a socket");
            let _anything = more(&mut stream, &mut said);
            stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        }
        let _gone = stream.shutdown(Shutdown::Write);
        while more(&mut stream, &mut said) {}
        self.seen(Answer::all(&said, &heads).0)
    }

    /// The answers, unless the origin saw what it should not have.
    fn seen(&self, answers: Vec<Answer>) -> Vec<Answer> {
        self.origin.complain();
        answers
    }
}

/// Reads what there is; false at the end, or where nothing comes for a glance.
fn more(stream: &mut TcpStream, said: &mut Vec<u8>) -> bool {
    let mut buffer = [0; 4096];
    match stream.read(&mut buffer) {
        Ok(read) => {
            said.extend_from_slice(&buffer[..read]);
            read > 0
        }
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
            assert!(stream.read_timeout().ok() != Some(Some(PATIENCE)), "the gateway leaves a client waiting");
            false
        }
        // A fuzzer has an alarm clock.
        Err(error) if error.kind() == std::io::ErrorKind::Interrupted => true,
        // Closed with something unread: as good as an end.
        Err(_) => false,
    }
}

//! A running gateway: what `gateway run` and `cinemaabyss` start, hold and drain.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use thiserror::Error;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::admin::{self, Admin};
use crate::metrics::Metrics;
use crate::names::{Follower, Names};
use crate::request::error::Error as RequestError;
use crate::request::log::{Writer, Written};
use crate::server::{Applied, Certificates, Entrance, REASONS, Setup, Workers, told};
use crate::table::compile::{Plan, plan};
use crate::table::reload::{InForce, Look, follow, read};
use crate::table::{Drain, environment};

/// What a gateway starts with; everything else is in the file.
#[derive(Clone, Debug)]
pub struct Options {
    /// The file that says where traffic goes.
    pub routes: PathBuf,
}

/// Why a gateway did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The file can't be read or has problems; the text is what `gateway check` prints.
    #[error("{0}")]
    Routes(String),
    /// Somebody has the address, or it is not ours.
    #[error(
        "cannot listen on {0} ({1}): {2}. Another process may have it: change `server.{1}` in the file, or the variable in it"
    )]
    Listen(SocketAddr, &'static str, io::Error),
    /// The system has no thread or no descriptor left.
    #[error("cannot start: {0}")]
    System(#[from] io::Error),
}

/// A gateway that serves.
#[derive(Debug)]
pub struct Gateway {
    /// Where clients connect.
    pub address: SocketAddr,
    /// Where operators look.
    pub admin: SocketAddr,
    drain: Drain,
    ready: Arc<AtomicBool>,
    workers: Workers,
    written: Written,
    stop: oneshot::Sender<()>,
    control: JoinHandle<()>,
}

/// How often a file with problems is read again at the start.
const AGAIN: Duration = Duration::from_secs(1);

/// How long the last lines of the access log may take to be written, after the last request.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Connections that may wait to be accepted: what does not fit in is dropped, and tried again by its client only after a second. The
/// standard library's 128 are full after a few milliseconds of a rush. The system cuts it to its own limit.
const BACKLOG: i32 = 4096;

impl Gateway {
    /// Reads the file, binds both listeners and starts the threads. When it returns, clients are served.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running then.
    pub fn start(options: &Options) -> Result<Self, StartError> {
        let path = options.routes.clone();
        let (text, in_force, follower) = first_table(&path).map_err(StartError::Routes)?;
        let table = in_force.tables.load_full();
        let server = table.server.clone();
        let (listener, address) = bind(server.listen, "listen")?;
        let (admin_listener, admin_address) = bind(server.admin, "admin")?;
        for note in &table.notes {
            tracing::warn!("{note}");
        }
        let secured = server.tls.as_ref().map(Certificates::new).transpose();
        let secured = secured.map_err(|broken| StartError::Routes(told(&broken)))?;
        let certificates = secured.as_ref().map(|(certificates, _)| certificates.clone());
        let entrance = Arc::new(Entrance { proxy_protocol: server.proxy_protocol, certificates });
        let (log, written) = Writer::start(server.access_log)?;
        let ready = Arc::new(AtomicBool::new(true));
        let (looks, asked) = mpsc::channel::<Look>(8);
        let (stop, stopped) = oneshot::channel();
        let (hearing, heard) = std::sync::mpsc::channel();
        let admin = Admin { in_force: in_force.clone(), ready: ready.clone(), looks: looks.clone() };
        let setup = Setup {
            server: server.clone(),
            metrics: in_force.metrics.clone(),
            tables: in_force.tables.clone(),
            log,
            entrance,
        };
        let certificates = follow_certificates(secured, in_force.metrics.clone());
        let control = async move {
            tokio::select! {
                biased;
                () = look_at_hangup(looks, hearing) => {}
                () = follow(path, text, in_force, asked) => {}
                () = certificates => {}
                () = follower.run() => {}
                served = admin::serve(admin_listener, admin) => tracing::error!(?served, "the admin listener ended"),
                _ = stopped => {}
            }
        };
        let control = std::thread::Builder::new().name("control".to_owned()).spawn(move || run_control(control))?;
        // A SIGHUP that comes before anybody listens for it would end the process. That nobody can listen is logged there.
        let _deaf = heard.recv();
        let workers = Workers::start(&setup, listener)?;
        let routes = table.routes.len();
        tracing::info!(%address, admin = %admin_address, routes, hash = table.hash, workers = server.workers, "gateway is listening");
        Ok(Self { address, admin: admin_address, drain: server.drain, ready, workers, written, stop, control })
    }

    /// Stops kindly: readiness fails, after `drain.delay` the listener closes, requests in flight finish, and what is left after
    /// `drain.timeout` is cut. Blocks until then.
    pub fn drain(self) {
        self.ready.store(false, Relaxed);
        tracing::info!(delay = ?self.drain.delay, timeout = ?self.drain.timeout, "draining");
        std::thread::sleep(self.drain.delay);
        self.workers.drain(Instant::now() + self.drain.timeout);
        self.written.wait(LAST_LINES);
        // The control thread may have ended already.
        let _ended = self.stop.send(());
        if self.control.join().is_err() {
            tracing::error!("the control thread ended in a panic");
        }
        tracing::info!("drained");
    }
}

/// Returns once a gateway could start by this file; until then its problems are logged, and it is read again every second.
pub fn wait_for_valid(path: &Path) {
    while let Err(report) = first_table(path) {
        tracing::error!("waiting for a valid {}\n{report}", path.display());
        std::thread::sleep(AGAIN);
    }
}

/// Compiles the file for the first time.
fn first_table(path: &Path) -> Result<(String, Arc<InForce>, Follower), String> {
    let text = read(path)?;
    let plan =
        plan(&text, path, &environment::process).and_then(Plan::with_files).map_err(|report| report.to_string())?;
    let metrics = Arc::new(Metrics::new(plan.server.workers, RequestError::REASONS, REASONS));
    let (names, follower) = Names::new(plan.server.resolver.clone());
    let table = plan.into_table(None, &metrics, &names);
    Ok((text, Arc::new(InForce::new(table, metrics, names)), follower))
}

/// Binds plainly, without sharing the port, so that a second gateway on it fails loudly.
fn bind(address: SocketAddr, key: &'static str) -> Result<(TcpListener, SocketAddr), StartError> {
    let listen = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        // A port whose last connections still say good-bye is free; one that somebody listens on is not.
        socket.set_reuse_address(true)?;
        // Accepted connections inherit it: small writes are sent at once. Without that, answers wait for acknowledgements.
        socket.set_tcp_nodelay(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(TcpListener::from(socket))
    };
    let listener: TcpListener = listen().map_err(|error| StartError::Listen(address, key, error))?;
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}

fn run_control(control: impl Future<Output = ()>) {
    match Builder::new_current_thread().enable_all().max_blocking_threads(2).build() {
        Ok(runtime) => runtime.block_on(control),
        Err(error) => tracing::error!(%error, "the control thread could not start: edits are not followed"),
    }
}

/// Follows the listener's certificates, where it has any.
async fn follow_certificates(secured: Option<(Arc<Certificates>, Applied)>, metrics: Arc<Metrics>) {
    match secured {
        Some((certificates, applied)) => certificates.follow(applied, metrics).await,
        None => std::future::pending().await,
    }
}

/// SIGHUP asks for a look at the file; `hearing` is let go of once it would be heard.
async fn look_at_hangup(looks: mpsc::Sender<Look>, hearing: std::sync::mpsc::Sender<()>) {
    let hangups = signal(SignalKind::hangup()).inspect_err(|error| tracing::error!(%error, "SIGHUP is not heard"));
    drop(hearing);
    let Ok(mut hangups) = hangups else { return std::future::pending().await };
    while hangups.recv().await.is_some() {
        let (look, looked) = oneshot::channel();
        if looks.send(look).await.is_err() {
            return;
        }
        let result = looked.await;
        tracing::info!(?result, "looked at the file on SIGHUP");
    }
}

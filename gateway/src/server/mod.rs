//! The workers: threads with a runtime, connections and upstream pools of their own.
//!
//! The first worker owns the listener and hands each new connection to the worker that has the fewest, so that a few connections
//! don't all land on one; with a single worker nothing is handed anywhere.

mod certificates;
mod connection;
mod door;
mod drain;
mod entrance;
mod frames;
mod gather;
mod http2;
mod opening;
mod proxy;
mod rest;

use std::cell::RefCell;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::spawn_local;
use tokio::time::Instant;

use crate::alarm;
use crate::clock::{self, Clock, sleep};
use crate::metrics::Metrics;
use crate::request::id::Namer;
use crate::request::log::Writer;
use crate::request::worker::Worker;
use crate::table::Server;
use crate::upstream::Snapshots;
pub(crate) use certificates::{Applied, Certificates, told};
use connection::serve;
use door::{Admitted, Door};
use drain::Connections;
pub(crate) use entrance::{Entrance, REASONS};

/// Connections that may wait for a worker to pick them up; beyond that the accepting worker serves them itself.
const HANDED_OVER: usize = 1024;

/// How often idle connections are looked at.
const SWEEP: Duration = Duration::from_secs(1);

/// How often a worker that drains looks whether it is done.
const LOOK: Duration = Duration::from_millis(10);

/// How long accepting pauses when the system has no socket left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

enum Command {
    Serve(TcpStream, SocketAddr, Admitted),
    Drain(Instant),
}

/// What every worker starts with.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) server: Server,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) tables: Arc<arc_swap::ArcSwap<crate::table::Table>>,
    pub(crate) log: Writer,
    pub(crate) entrance: Arc<Entrance>,
}

/// All workers, from outside.
#[derive(Debug)]
pub(crate) struct Workers {
    commands: Vec<Sender<Command>>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts the threads; the listener is served from now on.
    pub(crate) fn start(setup: &Setup, listener: TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let (commands, inboxes): (Vec<_>, Vec<_>) = (0..setup.server.workers).map(|_| channel(HANDED_OVER)).unzip();
        let mut listener = Some(listener);
        let mut threads = Vec::new();
        for (index, inbox) in inboxes.into_iter().enumerate() {
            let runtime = runtime();
            // A local runtime can't leave the thread that made it: this one only showed that the system has what it takes.
            drop(runtime?);
            let (setup, peers, listener) = (setup.clone(), commands.clone(), listener.take());
            let body = move || run(index, setup, listener, peers, inbox);
            threads.push(std::thread::Builder::new().name(format!("worker-{index}")).spawn(body)?);
        }
        Ok(Self { commands, threads })
    }

    /// Stops accepting, lets requests in flight finish until `deadline`, cuts what is left, and waits for the threads.
    pub(crate) fn drain(self, deadline: Instant) {
        // The first worker tells the others once it has handed them the last connections. One that is gone has nothing to drain.
        for command in &self.commands {
            if command.blocking_send(Command::Drain(deadline)).is_ok() {
                break;
            }
        }
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a worker ended in a panic");
            }
        }
    }
}

fn runtime() -> io::Result<LocalRuntime> {
    alarm::enable(&mut Builder::new_current_thread()).max_blocking_threads(4).build_local(LocalOptions::default())
}

fn run(
    index: usize,
    setup: Setup,
    listener: Option<TcpListener>,
    peers: Vec<Sender<Command>>,
    inbox: Receiver<Command>,
) {
    let serving = runtime().and_then(|runtime| {
        let Setup { server, metrics, tables, log, entrance } = setup;
        let snapshots = Snapshots::new(tables, index);
        runtime.block_on(async {
            clock::start()?;
            let worker = Rc::new(Worker {
                index,
                metrics,
                server,
                namer: Namer::default(),
                snapshots,
                log: log.for_worker(),
                scratch: RefCell::default(),
            });
            drop(log);
            let door = Door::new(&worker.server);
            Seats { door, worker, connections: Rc::default(), peers, entrance }.work(listener, inbox).await
        })
    });
    if let Err(error) = serving {
        tracing::error!(worker = index, %error, "a worker could not start");
    }
}

/// A worker's own view of its connections and its peers.
struct Seats {
    /// Of use to the worker that accepts.
    door: Door,
    worker: Rc<Worker>,
    connections: Rc<Connections>,
    peers: Vec<Sender<Command>>,
    entrance: Arc<Entrance>,
}

impl Seats {
    async fn work(self, listener: Option<TcpListener>, mut inbox: Receiver<Command>) -> io::Result<()> {
        let mut listener = listener.map(tokio::net::TcpListener::from_std).transpose()?;
        let clock = Clock::new();
        let mut sweep = Instant::now() + SWEEP;
        loop {
            tokio::select! {
                accepted = accept(listener.as_ref()) => self.place(accepted).await,
                () = clock.passes(sweep) => {
                    sweep = Instant::now() + SWEEP;
                    self.worker.snapshots.sweep();
                    self.connections.sweep();
                }
                command = inbox.recv() => match command {
                    Some(Command::Serve(stream, peer, admitted)) => self.adopt(stream, peer, admitted),
                    Some(Command::Drain(deadline)) => {
                        if let Some(listener) = listener.take() {
                            self.take_backlog(listener.into_std()?).await;
                        }
                        for peer in &self.peers[self.worker.index + 1..] {
                            let _gone = peer.send(Command::Drain(deadline)).await;
                        }
                        self.drain(&mut inbox, deadline).await;
                        return Ok(());
                    }
                    None => return Ok(()),
                }
            }
        }
    }

    /// Gives a new connection to the worker that has the fewest.
    async fn place(&self, accepted: io::Result<(tokio::net::TcpStream, SocketAddr)>) {
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            // The client was gone before we came to it.
            Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) => {
                return;
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections");
                return sleep(ACCEPT_PAUSE).await;
            }
        };
        let metrics = &self.worker.metrics;
        let admitted = match self.door.admit(peer.ip(), &self.worker.server, metrics) {
            Ok(admitted) => admitted,
            Err(full) => return self.worker.cells().refused(full),
        };
        let chosen =
            (0..self.peers.len()).min_by_key(|index| metrics.worker(*index).load()).unwrap_or(self.worker.index);
        metrics.worker(chosen).connected();
        if chosen == self.worker.index {
            return self.serve(stream, peer, admitted);
        }
        // A socket that can't change hands is lost to its client only.
        let Ok(stream) = stream.into_std() else { return metrics.worker(chosen).closed() };
        if let Err(unsent) = self.peers[chosen].try_send(Command::Serve(stream, peer, admitted)) {
            metrics.worker(chosen).closed();
            if let Command::Serve(stream, peer, admitted) = unsent.into_inner() {
                self.worker.cells().connected();
                self.adopt(stream, peer, admitted);
            }
        }
    }

    fn adopt(&self, stream: TcpStream, peer: SocketAddr, admitted: Admitted) {
        match tokio::net::TcpStream::from_std(stream) {
            Ok(stream) => self.serve(stream, peer, admitted),
            Err(error) => {
                self.worker.cells().closed();
                tracing::warn!(%error, "a connection could not change hands");
            }
        }
    }

    fn serve(&self, stream: tokio::net::TcpStream, peer: SocketAddr, admitted: Admitted) {
        let seat = self.connections.seat(self.worker.clone(), admitted);
        // Boxed, because a task is moved several times on its way to the runtime.
        spawn_local(Box::pin(serve(stream, peer, seat, self.entrance.clone())));
    }

    /// Clients that connected before the listener closes are served. The system is asked, not the runtime, which may not have
    /// heard of them yet.
    async fn take_backlog(&self, listener: TcpListener) {
        while let Ok((stream, peer)) = listener.accept() {
            let stream = stream.set_nonblocking(true).and_then(|()| tokio::net::TcpStream::from_std(stream));
            self.place(stream.map(|stream| (stream, peer))).await;
        }
    }

    /// Closes what is idle, waits for what is busy, until the deadline.
    async fn drain(&self, inbox: &mut Receiver<Command>, deadline: Instant) {
        self.connections.drain();
        while !self.worker.cells().is_idle() && Instant::now() < deadline {
            tokio::select! {
                () = sleep(LOOK) => {}
                Some(Command::Serve(stream, peer, admitted)) = inbox.recv() => self.adopt(stream, peer, admitted),
            }
        }
    }
}

/// Accepts where there is a listener.
async fn accept(listener: Option<&tokio::net::TcpListener>) -> io::Result<(tokio::net::TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

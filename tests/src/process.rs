//! One of the release binaries, run as its users run it: an environment, a log, signals.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{PATIENCE, until};

/// What a process inherits: where programs and temporary files are, and what the cleaning up after a run and a coverage tool look for.
const INHERITED: [&str; 5] = ["PATH", "HOME", "TMPDIR", "CINEMA_RUN", "LLVM_PROFILE_FILE"];

/// How long a process may take to end when it is asked to.
const FAREWELL: Duration = Duration::from_secs(15);

/// A running binary. Asked to end when dropped, and killed if it doesn't.
pub struct Process {
    name: String,
    child: Child,
    log: Arc<Log>,
    readers: Vec<JoinHandle<()>>,
}

/// The lines of both outputs, as they come.
#[derive(Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    grown: Condvar,
}

/// Where a release binary is: beside the test's own executable.
///
/// # Panics
/// It isn't there.
pub fn binary(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap_or_else(|problem| panic!("where this test is: {problem}"));
    // target/release/deps/test-hash, or target/debug/deps/…: the binaries are the release ones in any case.
    let target = own.ancestors().nth(3).unwrap_or(Path::new("."));
    let path = target.join("release").join(name);
    assert!(path.is_file(), "{} is missing: run `cargo build --release` first", path.display());
    path
}

impl Process {
    /// Starts a binary in `folder` with this environment and nothing else but `INHERITED`.
    ///
    /// # Panics
    /// It can't be started.
    pub fn start(name: &str, folder: &Path, environment: &[(&str, &str)]) -> Self {
        Self::command(name, folder, environment, &[])
    }

    /// The same with arguments.
    ///
    /// # Panics
    /// It can't be started.
    pub fn command(name: &str, folder: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> Self {
        let mut command = Command::new(binary(name));
        command.current_dir(folder).args(arguments).env_clear();
        command.envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.envs(environment.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|problem| panic!("{name}: {problem}"));
        let log = Arc::new(Log::default());
        let outputs = [child.stdout.take().map(boxed), child.stderr.take().map(boxed)];
        let read = |output| {
            let log = Arc::clone(&log);
            thread::spawn(move || log.follow(output))
        };
        let readers = outputs.into_iter().flatten().map(read).collect();
        Self { name: name.to_owned(), child, log, readers }
    }

    /// Where a service listens, as its line `listening` says; its port may be any.
    ///
    /// # Panics
    /// It ends first, or does not listen in time.
    pub fn address(&mut self) -> SocketAddr {
        self.address_of(None)
    }

    /// The same of one service among several in the process.
    ///
    /// # Panics
    /// As of [`Process::address`].
    pub fn address_of(&mut self, service: Option<&str>) -> SocketAddr {
        let line = self.line("that it listens", |line| {
            line["message"] == "listening" && service.is_none_or(|service| line["service"] == service)
        });
        let address: Option<SocketAddr> = line["address"].as_str().and_then(|address| address.parse().ok());
        let address = address.unwrap_or_else(|| panic!("{line} says no address"));
        SocketAddr::from((Ipv4Addr::LOCALHOST, address.port()))
    }

    /// Waits for a line of the structured log.
    ///
    /// # Panics
    /// The process ends without it, or it does not come in time; with the log.
    pub fn line(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            // Asked before the log is: what a process wrote before it ended is there.
            let ended = self.child.try_wait().ok().flatten();
            if let Some(line) = self.lines().into_iter().find(&wanted) {
                return line;
            }
            let late = Instant::now() > end;
            assert!(ended.is_none() && !late, "{}: no line says {what} ({ended:?}):\n{}", self.name, self.text());
            self.log.wait();
        }
    }

    /// The structured lines so far; a line that is no JSON is a text.
    pub fn lines(&self) -> Vec<Value> {
        let lines = self.log.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(|line| serde_json::from_str(line).unwrap_or_else(|_| Value::from(line.as_str()))).collect()
    }

    /// Everything that it wrote so far.
    pub fn text(&self) -> String {
        self.log.lines.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }

    /// Its id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends a signal, named without its `SIG`. To a process that has ended it does nothing.
    pub fn signal(&self, name: &str) {
        let _sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
    }

    /// Sends SIGKILL: a crash.
    pub fn crash(mut self) {
        let _dead = self.child.kill();
        let _reaped = self.child.wait();
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().ok().flatten().is_some()
    }

    /// Waits for the end; everything that it wrote has been read then.
    ///
    /// # Panics
    /// It does not end in time.
    pub fn ended(&mut self) -> ExitStatus {
        let what = format!("the end of {}", self.name);
        let status = until(&what, || self.child.try_wait().ok().flatten());
        for reader in self.readers.drain(..) {
            let _read = reader.join();
        }
        status
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.child.try_wait().ok().flatten().is_none() {
            self.terminate();
            let end = Instant::now() + FAREWELL;
            while self.child.try_wait().ok().flatten().is_none() && Instant::now() < end {
                thread::park_timeout(Duration::from_millis(10));
            }
            let _dead = self.child.kill();
            let _reaped = self.child.wait();
        }
        if thread::panicking() {
            eprintln!("--- {} wrote:\n{}\n---", self.name, self.text());
        }
    }
}

fn boxed<R: Read + Send + 'static>(output: R) -> Box<dyn Read + Send> {
    Box::new(output)
}

impl Log {
    fn follow(&self, output: Box<dyn Read + Send>) {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            self.grown.notify_all();
        }
    }

    /// Returns when there are more lines, or after a moment: a process that ends writes none.
    fn wait(&self) {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let _grown = self.grown.wait_timeout(lines, Duration::from_millis(50));
    }
}

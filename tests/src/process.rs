//! A release binary under test: started in a folder of its own with nothing but the given environment, its output kept line by
//! line, ended when dropped, and its log printed when the test fails.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::eventually;

/// What a child inherits: where programs and temporary files are, and what a run's cleaning up and a coverage tool look for.
const INHERITED: [&str; 5] = ["PATH", "HOME", "TMPDIR", "CINEMA_RUN", "LLVM_PROFILE_FILE"];

/// A release binary that lies where this test was built.
///
/// # Panics
/// When it was not built.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own file");
    // target/release/deps/routing-0123 → target/release/NAME
    let folder = test.parent().and_then(Path::parent).expect("cargo puts tests two folders deep");
    let file = folder.join(name);
    assert!(file.is_file(), "{} is missing: run `cargo build --release` first", file.display());
    file
}

/// A folder that is removed when it is dropped.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// An empty folder of this test's own.
    ///
    /// # Panics
    /// When the system has no room for it.
    #[must_use]
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("cinemaabyss-{}-{}", std::process::id(), NEXT.fetch_add(1, Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("the folder for temporary files takes a new one");
        Self(path)
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What can't be removed is left to the system.
        let _removed = std::fs::remove_dir_all(&self.0);
    }
}

/// A program that has not been started.
#[derive(Debug)]
pub struct Program {
    name: String,
    command: Command,
    folder: Folder,
}

impl Program {
    /// The release binary `name`, in an empty folder, without arguments and with an empty environment.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let folder = Folder::new();
        let mut command = Command::new(binary(name));
        command.current_dir(folder.path()).env_clear();
        command.envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { name: name.to_owned(), command, folder }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Adds a variable.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Writes a file into the folder that the program will run in.
    ///
    /// # Panics
    /// When it can't be written.
    #[must_use]
    pub fn file(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        std::fs::write(self.folder.path().join(name), text).expect("a file in a new folder can be written");
        self
    }

    /// The folder that the program will run in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts it.
    ///
    /// # Panics
    /// When the system does not.
    #[must_use]
    pub fn start(mut self) -> Process {
        let mut child = self.command.spawn().expect("the program starts");
        let output = Arc::new(Mutex::new(Output::default()));
        let readers = vec![
            keep(child.stdout.take().expect("stdout is piped"), output.clone(), |output| &mut output.stdout),
            keep(child.stderr.take().expect("stderr is piped"), output.clone(), |output| &mut output.stderr),
        ];
        Process { name: self.name, child, output, readers, folder: self.folder }
    }
}

#[derive(Debug, Default)]
struct Output {
    stdout: Vec<String>,
    stderr: Vec<String>,
}

fn keep(
    stream: impl Read + Send + 'static,
    output: Arc<Mutex<Output>>,
    which: fn(&mut Output) -> &mut Vec<String>,
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            which(&mut output.lock().unwrap_or_else(PoisonError::into_inner)).push(line);
        }
    })
}

/// A program that was started.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    output: Arc<Mutex<Output>>,
    readers: Vec<JoinHandle<()>>,
    folder: Folder,
}

impl Process {
    /// The folder that it runs in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The lines of standard output so far.
    #[must_use]
    pub fn stdout(&self) -> Vec<String> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner).stdout.clone()
    }

    /// The lines of standard error so far.
    #[must_use]
    pub fn stderr(&self) -> Vec<String> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner).stderr.clone()
    }

    /// Waits for a line, on either stream, that holds `part`; the first such line.
    ///
    /// # Panics
    /// When it does not come in time, or the program ends without it.
    pub async fn line(&mut self, part: &str) -> String {
        self.line_after(part, 0).await
    }

    /// As [`Self::line`], but the one after `skip` such lines.
    ///
    /// # Panics
    /// When it does not come in time, or the program ends without it.
    pub async fn line_after(&mut self, part: &str, skip: usize) -> String {
        let what = format!("{} says `{part}`", self.name);
        eventually(&what, async || {
            let ended = self.status();
            if ended.is_some() {
                self.finish_reading();
            }
            let found = self.lines().into_iter().filter(|line| line.contains(part)).nth(skip);
            assert!(found.is_some() || ended.is_none(), "{what}: it ended first, {ended:?}");
            found
        })
        .await
    }

    /// How many lines so far hold `part`.
    #[must_use]
    pub fn count(&self, part: &str) -> usize {
        self.lines().iter().filter(|line| line.contains(part)).count()
    }

    fn lines(&self) -> Vec<String> {
        let output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        output.stdout.iter().chain(&output.stderr).cloned().collect()
    }

    /// Sends a signal, by its name without `SIG`.
    ///
    /// # Panics
    /// When there is no such process or signal.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("sh").arg("-c").arg(format!("kill -{name} {}", self.child.id())).status();
        assert!(sent.is_ok_and(|status| status.success()), "SIG{name} could not be sent to {}", self.name);
    }

    /// How it ended, if it has.
    ///
    /// # Panics
    /// When the system does not say.
    pub fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child's status can be asked for")
    }

    /// Waits for its end; all of its output is there then.
    ///
    /// # Panics
    /// When it does not end in time.
    pub async fn ended(&mut self) -> ExitStatus {
        let what = format!("{} ends", self.name);
        let status = eventually(what, async || self.status()).await;
        self.finish_reading();
        status
    }

    fn finish_reading(&mut self) {
        for reader in self.readers.drain(..) {
            reader.join().expect("a reader only reads");
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended long ago.
        let _killed = self.child.kill();
        let _waited = self.child.wait();
        if std::thread::panicking() {
            self.finish_reading();
            let output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
            let (stdout, stderr) = (output.stdout.join("\n  "), output.stderr.join("\n  "));
            eprintln!("--- {} wrote\n  {stdout}\n--- and to standard error\n  {stderr}\n---", self.name);
        }
    }
}

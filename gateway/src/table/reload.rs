//! The life of an edit: a change is noticed, waited out, read twice the same, compiled, and swapped in; or it changes nothing and says so.
//!
//! The *directory* is watched and the path resolved anew each time: a watch on the file goes deaf at the second rename-save and
//! at the second ConfigMap swap. The kinds of events are ignored, contents are compared. A poll every two seconds runs beside the
//! watch, for file systems that send no events.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout_at};

use super::Table;
use super::compile::{Plan, plan};
use super::environment;
use crate::metrics::{Metrics, ReloadResult};
use crate::names::Names;

/// Nothing may happen in the directory for so long before the file is read.
const QUIET: Duration = Duration::from_millis(100);

/// A directory that never rests is read anyway after this long.
const RESTLESS: Duration = Duration::from_millis(500);

/// Between the two readings that have to agree.
const TWICE: Duration = Duration::from_millis(20);

/// An empty file is most likely one that a writer has cut off and not written yet, and it is only judged once it has stayed so.
const EMPTY: Duration = Duration::from_secs(2);

/// Between two looks at the content, events or not.
const POLL: Duration = Duration::from_secs(2);

/// The one kind of access that changes a file: a writer closed it.
const WRITTEN: EventKind = EventKind::Access(AccessKind::Close(AccessMode::Write));

/// The last edit that did not take effect.
#[derive(Clone, Debug)]
pub struct Refused {
    /// When it was read.
    pub at: SystemTime,
    /// What is wrong with it, as `gateway check` prints it.
    pub report: String,
}

/// What became of a request to look at the file.
#[derive(Clone, Debug)]
pub enum Looked {
    /// The file says what is in force.
    Unchanged,
    /// A new table is in force.
    Applied,
    /// The file has problems; the old table serves on.
    Refused(String),
}

/// A request to look at the file now; the answer comes when it has been judged.
pub type Look = oneshot::Sender<Looked>;

/// The table in force and what stands against it.
#[derive(Debug)]
pub struct InForce {
    /// Loaded by every request, stored by [`follow`] alone: one store an edit, so that no request sees half of one.
    pub tables: Arc<ArcSwap<Table>>,
    /// All metrics.
    pub metrics: Arc<Metrics>,
    /// The addresses of all upstreams.
    pub names: Names,
    // Written by `follow`, read by the admin listener; no request touches it.
    refused: Mutex<Option<Refused>>,
}

impl InForce {
    /// Starts with the table of the start.
    #[must_use]
    pub fn new(table: Table, metrics: Arc<Metrics>, names: Names) -> Self {
        Self { tables: Arc::new(ArcSwap::from_pointee(table)), metrics, names, refused: Mutex::new(None) }
    }

    /// The last edit, where it was refused and has not been mended.
    pub fn refused(&self) -> Option<Refused> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_refused(&self, refused: Option<Refused>) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = refused;
    }
}

/// What a look at the file found: its text, or why there is none.
pub type Content = Result<String, String>;

/// Reads the file as it is now.
///
/// # Errors
/// Why there is no text.
pub fn read(path: &Path) -> Content {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: cannot be read: {error}", path.display()))?;
    String::from_utf8(bytes).map_err(|error| format!("{}: is not UTF-8: {error}", path.display()))
}

/// Follows the file for as long as the gateway runs; `looks` asks for a look out of turn.
pub async fn follow(path: PathBuf, text: String, in_force: Arc<InForce>, mut looks: mpsc::Receiver<Look>) {
    let mut follower = Follower { judged: Ok(text.clone()), applied: text, path, in_force, retired: Vec::new() };
    let (noticed, mut notices) = mpsc::channel(1);
    let mut watch = Watch::new(noticed);
    let mut poll = interval(POLL);
    poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        follower.retired.retain(|table| Arc::strong_count(table) > 1);
        watch.point_at(&follower.path);
        let mut asked = None;
        tokio::select! {
            Some(()) = notices.recv() => quiet(&mut notices).await,
            _ = poll.tick() => {
                if read(&follower.path) == follower.judged {
                    continue;
                }
                quiet(&mut notices).await;
            }
            look = looks.recv() => match look {
                Some(look) => asked = Some(look),
                None => return,
            }
        }
        let looked = follower.look().await;
        if let Some(asked) = asked {
            // Whoever asked may have gone.
            let _gone = asked.send(looked);
        }
    }
}

/// Waits until the directory rests.
async fn quiet(notices: &mut mpsc::Receiver<()>) {
    let latest = Instant::now() + RESTLESS;
    while let Ok(Some(())) = timeout_at(latest.min(Instant::now() + QUIET), notices.recv()).await {}
}

struct Follower {
    path: PathBuf,
    in_force: Arc<InForce>,
    /// The text in force.
    applied: String,
    /// The content that was last judged, so that each is judged once.
    judged: Content,
    /// Tables that were in force, until nobody else has them. To free a long one takes milliseconds: that is for this thread, not
    /// for the worker that lets go of it last.
    retired: Vec<Arc<Table>>,
}

impl Follower {
    async fn look(&mut self) -> Looked {
        let content = self.settled().await;
        if content != self.judged {
            self.judged = content.clone();
            return match content {
                Ok(text) if text == self.applied => self.mended(),
                Ok(text) => self.judge(text).await,
                Err(report) => self.refuse(report),
            };
        }
        self.in_force.refused().map_or(Looked::Unchanged, |refused| Looked::Refused(refused.report))
    }

    /// The content once two readings agree: a writer in between is waited for, though not for ever.
    async fn settled(&self) -> Content {
        let begun = Instant::now();
        let mut first = read(&self.path);
        loop {
            sleep(TWICE).await;
            let second = read(&self.path);
            let cut = second.as_ref().is_ok_and(String::is_empty) && begun.elapsed() < EMPTY;
            if !cut && (first == second || begun.elapsed() > RESTLESS) {
                return second;
            }
            first = second;
        }
    }

    async fn judge(&mut self, text: String) -> Looked {
        let (path, in_force) = (self.path.clone(), self.in_force.clone());
        // Off this thread too: a long file keeps neither a request nor a scrape waiting.
        let compiling = tokio::task::spawn_blocking(move || {
            let previous = in_force.tables.load_full();
            let mut plan = plan(&text, &path, &environment::process);
            // What is in force by now is followed by itself, and must not keep routes from being edited.
            if plan.as_ref().is_ok_and(|plan| plan.server.tls != previous.server.tls) {
                plan = plan.and_then(Plan::with_files);
            }
            let plan = plan.map_err(|report| report.to_string())?;
            let table = plan.into_table(Some(&previous), &in_force.metrics, &in_force.names);
            Ok((text, previous, table))
        });
        match compiling.await {
            Ok(Ok((text, previous, table))) => self.apply(text, previous, table),
            Ok(Err(report)) => self.refuse(report),
            Err(panic) => self.refuse(format!("the compiler failed on this file: {panic}")),
        }
    }

    fn apply(&mut self, text: String, previous: Arc<Table>, table: Table) -> Looked {
        let (generation, hash, compiled_in) = (table.generation, table.hash.clone(), table.compiled_in);
        for note in &table.notes {
            tracing::warn!("{note}");
        }
        if table.server != previous.server {
            tracing::warn!("an edit of `server` takes effect at restart");
        }
        self.in_force.tables.store(Arc::new(table));
        self.retired.push(previous);
        self.in_force.metrics.reloaded(ReloadResult::Applied);
        self.in_force.set_refused(None);
        self.applied = text;
        tracing::info!(generation, hash, ?compiled_in, "routes.yaml took effect");
        Looked::Applied
    }

    fn refuse(&self, report: String) -> Looked {
        let generation = self.in_force.tables.load().generation;
        tracing::error!(generation, "routes.yaml is rejected, the table in force serves on\n{report}");
        self.in_force.metrics.reloaded(ReloadResult::Rejected);
        self.in_force.set_refused(Some(Refused { at: SystemTime::now(), report: report.clone() }));
        Looked::Refused(report)
    }

    /// The file says again what is in force.
    fn mended(&self) -> Looked {
        tracing::info!(generation = self.in_force.tables.load().generation, "routes.yaml says again what is in force");
        self.in_force.metrics.in_sync(true);
        self.in_force.set_refused(None);
        Looked::Unchanged
    }
}

/// The watch on the directories that the file's content depends on. Without it, the poll alone notices edits.
struct Watch {
    watcher: Option<RecommendedWatcher>,
    directories: Vec<PathBuf>,
}

impl Watch {
    fn new(noticed: mpsc::Sender<()>) -> Self {
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // Our own readings are events too; they must not make us read again. All other kinds mean a look, whatever they are.
            if !event.is_ok_and(|event| event.kind.is_access() && event.kind != WRITTEN) {
                // A notice that does not fit says what the one in the queue says already.
                let _full = noticed.try_send(());
            }
        });
        if let Err(error) = &watcher {
            tracing::warn!(%error, "no directory events here: edits are noticed by the poll, within two seconds");
        }
        Self { watcher: watcher.ok(), directories: Vec::new() }
    }

    /// Watches the folder that names the file and the one that holds it, which a symlink may keep apart.
    fn point_at(&mut self, path: &Path) {
        let Some(watcher) = &mut self.watcher else { return };
        let resolved = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let mut wanted: Vec<_> = [path, &resolved].into_iter().filter_map(folder).collect();
        wanted.dedup();
        if wanted == self.directories {
            return;
        }
        for gone in &self.directories {
            // A folder that was removed is not watched any more.
            let _gone = watcher.unwatch(gone);
        }
        wanted.retain(|folder| watcher.watch(folder, RecursiveMode::NonRecursive).is_ok());
        self.directories = wanted;
    }
}

fn folder(file: &Path) -> Option<PathBuf> {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    parent.canonicalize().ok()
}

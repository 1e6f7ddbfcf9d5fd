//! A folder of a test's own under the system's one for temporary files.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

static COUNT: AtomicU32 = AtomicU32::new(0);

/// Removed with everything in it when dropped.
pub struct Folder(PathBuf);

impl Folder {
    /// A new, empty one.
    ///
    /// # Panics
    /// It can't be made.
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(unique("cinema-test"));
        std::fs::create_dir_all(&path).unwrap_or_else(|problem| panic!("{}: {problem}", path.display()));
        Self(path)
    }

    /// A new, empty one in memory, where the system has a place for that. On a disk that is busy a file that is saved may be empty for
    /// seconds, between its being cut off and written.
    ///
    /// # Panics
    /// It can't be made.
    pub fn in_memory() -> Self {
        let path = Path::new("/dev/shm").join(unique("cinema-test"));
        if std::fs::create_dir(&path).is_ok() { Self(path) } else { Self::new() }
    }

    /// Where it is.
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
        let _best_effort = std::fs::remove_dir_all(&self.0);
    }
}

/// A name that no other test has, of this run or of another: letters, digits and `-`.
pub fn unique(start: &str) -> String {
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{start}-{}-{}-{count}", std::process::id(), now.subsec_nanos())
}

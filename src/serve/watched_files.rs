//! Files that are read again when they have changed.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A file, and its state before it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchedFile {
    path: PathBuf,
    state: FileState,
}

/// Time of modification, size, time of the last change of any kind, which no program can set, and inode. `None` if the
/// file cannot be found.
type FileState = Option<(SystemTime, u64, i64, u64)>;

impl WatchedFile {
    /// Notes the state of a file. Call this before the file is read, or a change in between would be missed.
    #[must_use]
    pub fn note(path: &Path) -> Self {
        Self { path: path.to_owned(), state: state_of(path) }
    }

    /// The path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn state_of(path: &Path) -> FileState {
    let found = fs::metadata(path).ok()?;
    let changed = found.ctime().wrapping_mul(1_000_000_000).wrapping_add(found.ctime_nsec());
    Some((found.modified().ok()?, found.len(), changed, found.ino()))
}

/// Files that are read together.
#[derive(Debug, Default)]
pub(super) struct WatchedFiles {
    /// As they were before they were read.
    read: Vec<WatchedFile>,
    /// As they were at the last check.
    last: Vec<WatchedFile>,
}

impl WatchedFiles {
    pub fn new(files: Vec<WatchedFile>) -> Self {
        Self { last: files.clone(), read: files }
    }

    /// Notes the states of files that are about to be read.
    pub fn note<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> Self {
        Self::new(paths.into_iter().map(|path| WatchedFile::note(path)).collect())
    }

    /// Whether they have to be read again. A file that is still being written is not read: two checks in a row have to
    /// find it the same. The next check compares with the states that this one has found.
    pub fn have_changed(&mut self) -> bool {
        let now: Vec<_> = self.last.iter().map(|file| WatchedFile::note(&file.path)).collect();
        let is_steady = now == self.last;
        self.last = now;
        let have_changed = is_steady && self.last != self.read;
        if have_changed {
            self.read.clone_from(&self.last);
        }
        have_changed
    }

    /// Notes that they are read now, whether or not they have changed.
    pub fn read_now(&mut self) {
        self.last = self.last.iter().map(|file| WatchedFile::note(&file.path)).collect();
        self.read.clone_from(&self.last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_reported_once_and_when_it_is_over() {
        let directory = tempfile::TempDir::new().unwrap();
        let [one, other] = ["one", "other"].map(|name| directory.path().join(name));
        fs::write(&one, "1").unwrap();
        let mut files = WatchedFiles::note([&one, &other]);
        assert!(!files.have_changed());
        fs::write(&one, "12").unwrap();
        assert!(!files.have_changed(), "it may be written at this moment");
        assert!(files.have_changed());
        assert!(!files.have_changed());
        // An editor truncates it, and writes it in pieces.
        for text in ["", "1", "12"] {
            fs::write(&one, text).unwrap();
            assert!(!files.have_changed());
        }
        assert!(files.have_changed());
        // A file that comes, one that is replaced by another of the same size, and one that goes.
        fs::write(&other, "1").unwrap();
        files.have_changed();
        assert!(files.have_changed());
        fs::write(directory.path().join("new"), "12").unwrap();
        fs::rename(directory.path().join("new"), &one).unwrap();
        files.have_changed();
        assert!(files.have_changed());
        fs::remove_file(&other).unwrap();
        files.have_changed();
        assert!(files.have_changed());
    }

    /// A volume of Kubernetes: the files are links into a folder that is a link, which is pointed elsewhere.
    #[test]
    fn a_link_that_is_pointed_elsewhere_is_a_change() {
        let directory = tempfile::TempDir::new().unwrap();
        let path = |name: &str| directory.path().join(name);
        for folder in ["v1", "v2"] {
            fs::create_dir(path(folder)).unwrap();
            fs::write(path(folder).join("file"), "same").unwrap();
        }
        std::os::unix::fs::symlink("v1", path("..data")).unwrap();
        std::os::unix::fs::symlink("..data/file", path("file")).unwrap();
        let mut files = WatchedFiles::note([&path("file")]);
        assert!(!files.have_changed());
        std::os::unix::fs::symlink("v2", path("..data_tmp")).unwrap();
        fs::rename(path("..data_tmp"), path("..data")).unwrap();
        assert!(!files.have_changed());
        assert!(files.have_changed());
    }

    #[test]
    fn what_is_read_now_is_no_change() {
        let directory = tempfile::TempDir::new().unwrap();
        let one = directory.path().join("one");
        let mut files = WatchedFiles::note([&one]);
        fs::write(&one, "1").unwrap();
        files.read_now();
        assert!(!files.have_changed() && !files.have_changed());
    }
}

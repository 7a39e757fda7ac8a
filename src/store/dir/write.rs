//! How changes reach the disk: new files are laid down beside the old ones and flushed, then renamed
//! over them stage by stage, and after each stage the folders are flushed.
//!
//! A new file has the owner, the group and the mode of the one that it replaces (`access.rs`); where there is none,
//! what the system gives it.
//!
//! What may fail for want of room fails while files are laid down, before a reader sees any of it. If
//! the machine stops at any moment, what is found afterwards is a stage's beginning and nothing of the
//! next; if only the process is killed, the same, and temporary files that the next build removes.

use std::collections::BTreeSet;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rayon::prelude::*;
use tempfile::{Builder, TempPath};

use super::DirStore;
use super::access;
use super::folder::{self, FileSystem};
use super::link;
use crate::package::UnixSeconds;
use crate::repository::{ByteSource, Folder, RepositoryPath};
use crate::store::{Action, AppliedChange, Change, LostReaders, Store, StoreError, TEMPORARY};

/// Up to how many files are flushed one by one. Beyond, one flush of their file system is faster.
const FEW: usize = 16;

impl DirStore {
    pub(super) fn make(
        &self,
        stages: &[&[Change]],
        made: &dyn Fn(AppliedChange<'_>),
    ) -> Result<(), StoreError> {
        self.refuse_links(stages)?;
        let mut laid_down = self.lay_down(stages)?.into_iter();
        for stage in stages {
            let mut result = Ok(());
            let mut done = Vec::with_capacity(stage.len());
            for (change, new) in stage.iter().zip(&mut laid_down) {
                let lost = new.as_ref().and_then(|new| new.lost);
                result = self.put_in_place(change, new);
                if result.is_err() {
                    break;
                }
                done.push(AppliedChange { change, lost });
            }
            let flushed = self.flush_folders_of(&done);
            done.into_iter().for_each(made);
            result.and(flushed)?;
        }
        Ok(())
    }

    /// Makes sure that no link leads any change out of the tree.
    fn refuse_links(&self, stages: &[&[Change]]) -> Result<(), StoreError> {
        let folders = stages.iter().copied().flatten().map(|change| match change.action {
            Action::CreateFolder => change.path.clone(),
            _ => change.path.parent(),
        });
        link::check_folders(self.root.path(), &folders.collect()).map_err(|(link, source)| {
            StoreError { action: "write to", location: link.display().to_string(), source }
        })
    }

    /// For each change the file that will take its place, on the disk for good; none for a removal or
    /// a folder. Dropping them removes them.
    fn lay_down(&self, stages: &[&[Change]]) -> Result<Vec<Option<LaidDown>>, StoreError> {
        let changes: Vec<&Change> = stages.iter().copied().flatten().collect();
        let folders = self.folders_for(&changes)?;
        let one_by_one = changes.len() <= FEW || !FileSystem::tells_of_errors();
        let opened = folders.iter().filter(|_| !one_by_one).map(|folder| {
            let opened = FileSystem::of(&self.path(folder));
            Ok((folder, opened.map_err(self.error("open", folder))?))
        });
        let file_systems: Vec<_> = opened.collect::<Result<_, StoreError>>()?;
        let laid_down = changes.par_iter().map(|change| {
            let Some(source) = change.source() else { return Ok(None) };
            let laid_down = write_beside(&self.path(&change.path), source, one_by_one);
            let failed = |error| StoreError::of_write(self.locate(&change.path), error);
            laid_down.map(Some).map_err(failed)
        });
        let laid_down: Vec<_> = laid_down.collect::<Result<_, _>>()?;
        for (folder, file_system) in file_systems {
            file_system.flush().map_err(self.error("flush", folder))?;
        }
        Ok(laid_down)
    }

    /// The folders of new files, each of which is there for good from then on.
    fn folders_for(&self, changes: &[&Change]) -> Result<Vec<RepositoryPath>, StoreError> {
        let new = || changes.iter().filter(|change| change.source().is_some());
        let folders: BTreeSet<_> = new().map(|change| change.path.parent()).collect();
        let folders: Vec<_> = folders.into_iter().collect();
        // Where there is a key, the build that wrote it has seen to the way there.
        let key = RepositoryPath::public_key();
        let is_first =
            new().any(|change| change.path == key && matches!(change.action, Action::Create(_)));
        for folder in &folders {
            let path = self.path(folder);
            if is_first || !path.is_dir() {
                folder::create(&path).map_err(self.error("create", folder))?;
            }
        }
        Ok(folders)
    }

    fn put_in_place(&self, change: &Change, new: Option<LaidDown>) -> Result<(), StoreError> {
        let path = self.path(&change.path);
        let (action, result) = match (&change.action, new) {
            (Action::CreateFolder, _) => ("create", folder::create(&path)),
            (Action::Remove, _) => ("remove", remove(&path)),
            (_, Some(new)) => ("write", new.path.persist(path).map_err(|error| error.error)),
            (_, None) => ("write", Err(io::ErrorKind::NotFound.into())),
        };
        result.map_err(self.error(action, &change.path))
    }

    fn flush_folders_of(&self, made: &[AppliedChange<'_>]) -> Result<(), StoreError> {
        let mut folders: BTreeSet<_> = made.iter().map(|one| one.change.path.parent()).collect();
        // A folder may be new itself.
        if !folders.is_empty() {
            folders.insert(Folder::Root.path());
        }
        folders.into_iter().rev().try_for_each(|path| {
            folder::flush(&self.path(&path)).map_err(self.error("flush", &path))
        })
    }
}

/// A new file beside the one that it will replace. Dropping it removes it.
struct LaidDown {
    path: TempPath,
    lost: Option<LostReaders>,
}

/// Writes a new file beside the one that it will replace, so that a rename is all that is left.
fn write_beside(path: &Path, source: &ByteSource, flush: bool) -> io::Result<LaidDown> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let old = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        found => Some(found?).filter(Metadata::is_file),
    };
    let mut options = File::options();
    options.write(true).create_new(true);
    if old.is_some() {
        // No other user may open it before its owner, group and mode are set.
        options.mode(0o600);
    }
    // tempfile's own way to open a file hides what the system says behind the name of that file.
    let open = |path: &Path| options.open(path);
    let made = Builder::new().prefix(TEMPORARY.0).suffix(TEMPORARY.1).make_in(folder, open);
    let mut file = made?;
    let lost = old.map(|old| access::keep(&old, file.as_file())).transpose()?.flatten();
    source.copy(file.as_file_mut())?;
    if let Some(modified) = source.modified {
        file.as_file().set_modified(system_time(modified))?;
    }
    if flush {
        file.as_file().sync_all()?;
    }
    Ok(LaidDown { path: file.into_temp_path(), lost })
}

fn system_time(UnixSeconds(seconds): UnixSeconds) -> SystemTime {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let time = if seconds < 0 {
        UNIX_EPOCH.checked_sub(distance)
    } else {
        UNIX_EPOCH.checked_add(distance)
    };
    time.unwrap_or(UNIX_EPOCH)
}

/// One that is gone already is no error.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

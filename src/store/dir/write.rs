//! How changes reach the disk: new files are written beside the old ones and flushed, then renamed over them stage by
//! stage, and the folders are flushed after each stage.
//!
//! A new file has the owner, the group and the mode of the file that it replaces (`access.rs`); otherwise those that
//! the system gives it.
//!
//! A full disk makes a change fail while the new files are written, before any reader sees one. If the machine stops at
//! any moment, the disk has the beginning of one stage and nothing of the next; if only the process is killed, the
//! same, and temporary files that the next build removes.

use std::collections::BTreeSet;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rayon::prelude::*;
use tempfile::{Builder, TempPath};

use super::access;
use super::dir_store::DirStore;
use super::folder::{self, FileSystem};
use super::link;
use crate::package::UnixSeconds;
use crate::repository::{ByteSource, CopyError, Folder, RepositoryPath};
use crate::store::change::{Action, AppliedChange, Change, LostReaders};
use crate::store::error::{Operation, StoreError};
use crate::store::file_name::TEMPORARY;

/// The most files that are flushed one by one. Flushing the file system once is faster for more.
const FEW: usize = 16;

impl DirStore {
    pub(super) fn apply_stages(
        &self,
        stages: &[&[Change]],
        applied: &dyn Fn(AppliedChange<'_>),
    ) -> Result<(), StoreError> {
        self.refuse_links(stages)?;
        let mut new_files = self.write_new_files(stages)?.into_iter();
        for stage in stages {
            let mut result = Ok(());
            let mut done = Vec::with_capacity(stage.len());
            for (change, new) in stage.iter().zip(&mut new_files) {
                let lost = new.as_ref().and_then(|new| new.lost);
                result = self.put_in_place(change, new);
                if result.is_err() {
                    break;
                }
                done.push(AppliedChange { change, lost });
            }
            let flushed = self.flush_folders_of(&done);
            done.into_iter().for_each(applied);
            result.and(flushed)?;
        }
        Ok(())
    }

    /// Makes sure that no link leads a change out of the directory.
    fn refuse_links(&self, stages: &[&[Change]]) -> Result<(), StoreError> {
        let folders = stages.iter().copied().flatten().map(|change| match change.action {
            Action::CreateFolder => change.path.clone(),
            _ => change.path.parent(),
        });
        let root = self.root().path();
        link::check_folders(root, &folders.collect()).map_err(|(link, error)| {
            StoreError::new(Operation::WriteThrough, link.display().to_string(), error)
        })
    }

    /// For each change the new file, flushed to the disk; `None` for a removal and for a folder. Dropping the files
    /// removes them.
    fn write_new_files(&self, stages: &[&[Change]]) -> Result<Vec<Option<NewFile>>, StoreError> {
        let changes: Vec<&Change> = stages.iter().copied().flatten().collect();
        let folders = self.create_folders(&changes)?;
        let one_by_one = changes.len() <= FEW || !FileSystem::reports_errors();
        let opened = folders.iter().filter(|_| !one_by_one).map(|folder| {
            let opened = FileSystem::of(&self.path(folder));
            Ok((folder, opened.map_err(self.error(Operation::Open, folder))?))
        });
        let file_systems: Vec<_> = opened.collect::<Result<_, StoreError>>()?;
        let new_files = changes.par_iter().map(|change| {
            let Some(source) = change.source() else { return Ok(None) };
            let path = self.path(&change.path);
            let failed = |error| StoreError::copying(path.display().to_string(), error);
            write_beside(&path, source, one_by_one).map(Some).map_err(failed)
        });
        let new_files: Vec<_> = new_files.collect::<Result<_, _>>()?;
        for (folder, file_system) in file_systems {
            file_system.flush().map_err(self.error(Operation::Flush, folder))?;
        }
        Ok(new_files)
    }

    /// Creates the folders of new files, and makes them durable.
    fn create_folders(&self, changes: &[&Change]) -> Result<Vec<RepositoryPath>, StoreError> {
        let new = || changes.iter().filter(|change| change.source().is_some());
        let folders: BTreeSet<_> = new().map(|change| change.path.parent()).collect();
        let folders: Vec<_> = folders.into_iter().collect();
        // The first build makes the folders above durable too; it is the one that creates the public key.
        let key = RepositoryPath::public_key();
        let is_first =
            new().any(|change| change.path == key && matches!(change.action, Action::Create(_)));
        for folder in &folders {
            let path = self.path(folder);
            if is_first || !path.is_dir() {
                folder::create(&path).map_err(self.error(Operation::Create, folder))?;
            }
        }
        Ok(folders)
    }

    fn put_in_place(&self, change: &Change, new: Option<NewFile>) -> Result<(), StoreError> {
        let path = self.path(&change.path);
        let (operation, result) = match (&change.action, new) {
            (Action::CreateFolder, _) => (Operation::Create, folder::create(&path)),
            (Action::Remove, _) => (Operation::Remove, remove(&path)),
            (_, Some(new)) => {
                (Operation::Write, new.path.persist(path).map_err(|error| error.error))
            }
            (_, None) => (Operation::Write, Err(io::ErrorKind::NotFound.into())),
        };
        result.map_err(self.error(operation, &change.path))
    }

    fn flush_folders_of(&self, applied: &[AppliedChange<'_>]) -> Result<(), StoreError> {
        let mut folders: BTreeSet<_> =
            applied.iter().map(|applied| applied.change.path.parent()).collect();
        // A folder may be new itself, so the root is flushed too.
        if !folders.is_empty() {
            folders.insert(Folder::Root.path());
        }
        folders.into_iter().rev().try_for_each(|path| {
            folder::flush(&self.path(&path)).map_err(self.error(Operation::Flush, &path))
        })
    }
}

/// A new file beside the one that it will replace. Dropping it removes it.
struct NewFile {
    path: TempPath,
    lost: Option<LostReaders>,
}

/// Writes a new file beside the one that it will replace, so that only the rename is left.
fn write_beside(path: &Path, source: &ByteSource, flush: bool) -> Result<NewFile, CopyError> {
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
    // The default of `tempfile` wraps the system's error in one that names the temporary file.
    let open = |path: &Path| options.open(path);
    let mut file = Builder::new().prefix(TEMPORARY.0).suffix(TEMPORARY.1).make_in(folder, open)?;
    let lost = old.map(|old| access::keep(&old, file.as_file())).transpose()?.flatten();
    source.copy(file.as_file_mut())?;
    if let Some(modified) = source.modified {
        file.as_file().set_modified(system_time(modified))?;
    }
    if flush {
        file.as_file().sync_all()?;
    }
    Ok(NewFile { path: file.into_temp_path(), lost })
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

/// Removes a file. It is no error if the file is gone.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

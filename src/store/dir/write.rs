//! How changes reach the disk: new files are laid down beside the old ones and flushed, then renamed
//! over them stage by stage, and after each stage the folders are flushed.
//!
//! What may fail for want of room fails while files are laid down, before a reader sees any of it. If
//! the machine stops at any moment, what is found afterwards is a stage's beginning and nothing of the
//! next; if only the process is killed, the same, and temporary files that the next build removes.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use rayon::prelude::*;
use tempfile::{Builder, TempPath};

use super::DirStore;
use crate::repository::{Action, Change, Folder};
use crate::store::{StoreError, TEMPORARY};

/// Up to how many files are flushed one by one. Beyond, one flush of their file system is faster, and
/// since Linux 5.8 it tells of errors as well.
const FEW: usize = if cfg!(target_os = "linux") { 16 } else { usize::MAX };

impl DirStore {
    pub(super) fn make(
        &self,
        stages: &[&[Change]],
        made: &dyn Fn(&Change),
    ) -> Result<(), StoreError> {
        let mut laid_down = self.lay_down(stages)?.into_iter();
        for stage in stages {
            let mut result = Ok(());
            let mut done = Vec::with_capacity(stage.len());
            for (change, new) in stage.iter().zip(&mut laid_down) {
                result = self.put_in_place(change, new);
                if result.is_err() {
                    break;
                }
                done.push(change);
            }
            let flushed = self.flush_folders_of(&done);
            done.into_iter().for_each(made);
            result.and(flushed)?;
        }
        Ok(())
    }

    /// For each change the file that will take its place, on the disk for good; none for a removal or
    /// a folder. Dropping them removes them.
    fn lay_down(&self, stages: &[&[Change]]) -> Result<Vec<Option<TempPath>>, StoreError> {
        let changes: Vec<&Change> = stages.iter().copied().flatten().collect();
        let few = changes.len() <= FEW;
        let laid_down = changes.par_iter().map(|change| {
            let Some(bytes) = change.bytes() else { return Ok(None) };
            let laid_down = write_beside(&self.path(&change.path), bytes, few);
            laid_down.map(Some).map_err(self.error("write", &change.path))
        });
        let laid_down: Vec<_> = laid_down.collect::<Result<_, _>>()?;
        if !few {
            let paths = changes.iter().filter(|change| change.bytes().is_some());
            let folders: BTreeSet<_> = paths.map(|change| change.path.folder()).collect();
            for folder in folders {
                flush_file_system(&self.path(&folder.path()))
                    .map_err(self.error("flush", &folder.path()))?;
            }
        }
        Ok(laid_down)
    }

    fn put_in_place(&self, change: &Change, new: Option<TempPath>) -> Result<(), StoreError> {
        let path = self.path(&change.path);
        let (action, result) = match (&change.action, new) {
            (Action::CreateFolder, _) => ("create", fs::create_dir_all(path)),
            (Action::Remove, _) => ("remove", remove(&path)),
            (_, Some(new)) => ("write", new.persist(path).map_err(|error| error.error)),
            (_, None) => ("write", Err(io::ErrorKind::NotFound.into())),
        };
        result.map_err(self.error(action, &change.path))
    }

    fn flush_folders_of(&self, changes: &[&Change]) -> Result<(), StoreError> {
        let mut folders: BTreeSet<_> = changes.iter().map(|change| change.path.folder()).collect();
        // A folder may be new itself.
        if !folders.is_empty() {
            folders.insert(Folder::Root);
        }
        folders.into_iter().rev().try_for_each(|folder| {
            let path = folder.path();
            flush_folder(&self.path(&path)).map_err(self.error("flush", &path))
        })
    }
}

/// Writes a new file beside the one that it will replace, so that a rename is all that is left.
fn write_beside(path: &Path, bytes: &[u8], flush: bool) -> io::Result<TempPath> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut builder = Builder::new();
    builder.prefix(TEMPORARY.0).suffix(TEMPORARY.1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // What the umask leaves: a web server runs as somebody else and has to read it.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let made = builder.tempfile_in(folder).or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            fs::create_dir_all(folder)?;
            builder.tempfile_in(folder)
        }
        _ => Err(error),
    });
    // tempfile's errors name the temporary file, which is nobody's business.
    let mut file = made.map_err(|error| io::Error::from(error.kind()))?;
    file.as_file_mut().write_all(bytes)?;
    if flush {
        file.as_file().sync_all()?;
    }
    Ok(file.into_temp_path())
}

/// One that is gone already is no error.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(target_os = "linux")]
fn flush_file_system(folder: &Path) -> io::Result<()> {
    Ok(rustix::fs::syncfs(File::open(folder)?)?)
}

#[cfg(not(target_os = "linux"))]
fn flush_file_system(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// So that a rename in it outlives the machine.
#[cfg(unix)]
pub(crate) fn flush_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        // Some file systems have no such thing.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        flushed => flushed,
    }
}

#[cfg(not(unix))]
pub(crate) fn flush_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

//! Folders, and how what is in them outlives the machine.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Makes a folder and those above it that are missing, each for good before anything is put in it.
///
/// The first that is there is made to stay too: a build that was killed may have made it and no more.
pub(super) fn create(path: &Path) -> io::Result<()> {
    let above = path.parent().filter(|above| !above.as_os_str().is_empty());
    if !path.is_dir() {
        above.map_or(Ok(()), create)?;
        make(path)?;
    }
    match flush(above.unwrap_or(Path::new("."))) {
        // It may be entered and not listed, so it cannot be opened either.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => flush_file_system(path),
        flushed => flushed,
    }
}

fn make(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match fs::metadata(path) {
            // Somebody else was faster.
            Ok(found) if found.is_dir() => Ok(()),
            Ok(_) => Err(io::ErrorKind::NotADirectory.into()),
            // That something is there is not what is wrong.
            Err(unknown) => Err(unknown),
        },
        made => made,
    }
}

/// So that what was made, renamed or removed in it outlives the machine.
#[cfg(unix)]
pub(super) fn flush(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        // Some file systems have no such thing.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        flushed => flushed,
    }
}

#[cfg(not(unix))]
pub(super) fn flush(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(target_os = "linux")]
pub(super) fn flush_file_system(folder: &Path) -> io::Result<()> {
    Ok(rustix::fs::syncfs(File::open(folder)?)?)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn flush_file_system(_folder: &Path) -> io::Result<()> {
    Ok(())
}

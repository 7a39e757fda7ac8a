//! Folders, and how what is in them outlives the machine.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;

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
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            FileSystem::of(path)?.flush()
        }
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

/// Makes what was created, renamed or removed in a folder outlive the machine. File systems that flush no
/// folders keep that in their own way, and are no error.
///
/// # Errors
/// The folder cannot be opened, or the system could not write it.
pub fn flush(folder: &Path) -> io::Result<()> {
    match open(folder)?.sync_all() {
        Err(error) if Errno::from_io_error(&error).is_some_and(is_no_such_thing) => Ok(()),
        flushed => flushed,
    }
}

/// Opens a folder, and never waits for a pipe that took its place.
fn open(folder: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(CWD, folder, flags, Mode::empty())?.into())
}

/// Whether it is the answer of a file system that flushes no folders, or nothing but what is open for
/// writing, as no folder ever is. What it is told to keep it keeps in its own way.
fn is_no_such_thing(errno: Errno) -> bool {
    [Errno::INVAL, Errno::NOTSUP, Errno::OPNOTSUPP, Errno::NOSYS, Errno::BADF].contains(&errno)
}

/// Everything in the file system of a folder.
pub(super) struct FileSystem(#[cfg_attr(not(target_os = "linux"), expect(dead_code))] File);

impl FileSystem {
    /// To be opened before anything is written: [`flush`](Self::flush) tells of what failed since.
    pub fn of(folder: &Path) -> io::Result<Self> {
        Ok(Self(open(folder)?))
    }

    #[cfg(target_os = "linux")]
    pub fn flush(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(&self.0)?)
    }

    #[cfg(not(target_os = "linux"))]
    pub fn flush(&self) -> io::Result<()> {
        Ok(())
    }

    /// Whether a flush can be relied on: whether there is one, and it tells of what it failed to write.
    #[cfg(target_os = "linux")]
    pub fn tells_of_errors() -> bool {
        is_since_5_8(&rustix::system::uname().release().to_string_lossy())
    }

    #[cfg(not(target_os = "linux"))]
    pub fn tells_of_errors() -> bool {
        false
    }
}

/// `syncfs(2)`: "In mainline kernel versions prior to Linux 5.8, `syncfs()` will fail only when passed a
/// bad file descriptor".
#[cfg(target_os = "linux")]
fn is_since_5_8(release: &str) -> bool {
    let mut numbers = release.split(|char: char| !char.is_ascii_digit()).map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= (5, 8),
        _ => false,
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn kernels_whose_syncfs_tells_of_errors_are_known() {
        for old in
            ["4.4.0", "4.18.0-553.el8_10.x86_64", "5.4.0-200-generic", "5.7.19", "", "5", "x"]
        {
            assert!(!is_since_5_8(old), "{old}");
        }
        for new in ["5.8.0", "5.10.0-32-amd64", "6.1-rc3", "6.18.44", "10.0"] {
            assert!(is_since_5_8(new), "{new}");
        }
    }
}

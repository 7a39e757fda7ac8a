//! How folders, and changes to what they contain, become durable.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;

/// Creates a folder and the missing folders above it. Each is durable before anything is put in it.
///
/// The lowest folder that exists is made durable too: a build may have been killed after it created it.
pub(super) fn create(path: &Path) -> io::Result<()> {
    let above = path.parent().filter(|above| !above.as_os_str().is_empty());
    if !path.is_dir() {
        above.map_or(Ok(()), create)?;
        create_one(path)?;
    }
    match flush(above.unwrap_or(Path::new("."))) {
        // A folder that may be entered and not listed cannot be opened.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            FileSystem::of(path)?.flush()
        }
        flushed => flushed,
    }
}

fn create_one(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match fs::metadata(path) {
            // Another process was faster.
            Ok(found) if found.is_dir() => Ok(()),
            Ok(_) => Err(io::ErrorKind::NotADirectory.into()),
            // `AlreadyExists` would hide the reason.
            Err(unknown) => Err(unknown),
        },
        made => made,
    }
}

/// Makes durable what was created, renamed or removed in a folder. A file system that cannot flush a folder is no error:
/// it keeps the order in its own way.
///
/// # Errors
/// The folder cannot be opened, or the system could not write it.
pub fn flush(folder: &Path) -> io::Result<()> {
    match open(folder)?.sync_all() {
        Err(error) if Errno::from_io_error(&error).is_some_and(is_unsupported) => Ok(()),
        flushed => flushed,
    }
}

/// Opens a folder. If a pipe took its place, it does not wait for the pipe's writer.
fn open(folder: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(CWD, folder, flags, Mode::empty())?.into())
}

/// Whether the file system cannot flush folders, or only flushes files that are open for writing, which a folder never
/// is.
fn is_unsupported(errno: Errno) -> bool {
    [Errno::INVAL, Errno::NOTSUP, Errno::OPNOTSUPP, Errno::NOSYS, Errno::BADF].contains(&errno)
}

/// The file system of a folder.
pub(super) struct FileSystem(#[cfg_attr(not(target_os = "linux"), expect(dead_code))] File);

impl FileSystem {
    /// Opened before anything is written: [`flush`](Self::flush) reports the writes that failed since.
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

    /// Whether the system has such a flush, and the flush reports failed writes.
    #[cfg(target_os = "linux")]
    pub fn reports_errors() -> bool {
        is_since_5_8(&rustix::system::uname().release().to_string_lossy())
    }

    #[cfg(not(target_os = "linux"))]
    pub fn reports_errors() -> bool {
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

#[cfg(test)]
mod tests {
    #[cfg(target_os = "linux")]
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn kernels_whose_syncfs_reports_errors_are_known() {
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

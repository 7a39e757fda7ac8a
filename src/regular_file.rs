//! Opens and reads regular files: without waiting for a pipe, opening a device, or reading without limit.
//!
//! A path may lead to anything: a FIFO without a writer, `/dev/zero`, a directory. All reading by path goes through this
//! module, or through [`crate::store`], which has the same rules.

use std::fs::{self, File, FileType};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The path leads to something other than a regular file.
    #[error("it is {0}, and not a regular file")]
    Kind(&'static str),
    /// Nothing came from a pipe.
    #[error("it is a pipe that nothing was written to")]
    EmptyPipe,
    /// The file is larger than the limit.
    #[error("it has more than {0} bytes")]
    TooLarge(u64),
}

impl From<Unreadable> for io::Error {
    fn from(unreadable: Unreadable) -> Self {
        let kind = match unreadable {
            Unreadable::TooLarge(_) => io::ErrorKind::FileTooLarge,
            _ => io::ErrorKind::InvalidInput,
        };
        Self::new(kind, unreadable)
    }
}

/// The kinds of file that a caller accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Allowed {
    /// Regular files.
    File,
    /// Also pipes and character devices: the user gave the path, which may be `<(vault read …)` or `/dev/null`.
    Given,
}

/// Opens a regular file. Links are followed.
///
/// # Errors
/// The file cannot be opened, or is [not a regular file](Unreadable).
pub fn open(path: &Path) -> io::Result<File> {
    open_with(path, OFlags::empty(), Allowed::File)
}

/// Opens a regular file. A link in the last part of the path is not followed.
///
/// # Errors
/// See [`open()`]. A link is an error.
pub(crate) fn open_without_link(path: &Path) -> io::Result<File> {
    open_with(path, OFlags::NOFOLLOW, Allowed::File)
}

/// Reads a regular file of at most `limit` bytes.
///
/// # Errors
/// See [`open()`]; or the file is larger.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    read_to_limit(open(path)?, limit)
}

/// Reads a file that the user named in an argument or a variable: a regular file, `/dev/null`, or a pipe, such as a shell
/// makes of `<(…)`. A pipe is read to its end. A pipe without a writer, or a device without data, is not waited for.
///
/// # Errors
/// See [`read`]. A pipe without data is an error.
pub fn read_given(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = open_with(path, OFlags::empty(), Allowed::Given)?;
    if !file.metadata()?.file_type().is_fifo() {
        return read_to_limit(file, limit);
    }
    // Reading now blocks until there is data. A pipe without a writer is at its end at once.
    rustix::fs::fcntl_setfl(&file, OFlags::empty())?;
    let bytes = read_to_limit(file, limit)?;
    if bytes.is_empty() { Err(Unreadable::EmptyPipe.into()) } else { Ok(bytes) }
}

/// Reads text with [`read_given`].
///
/// # Errors
/// See [`read_given`]; or the file is not UTF-8.
pub(crate) fn read_given_text(path: &Path, limit: u64) -> io::Result<String> {
    text(&read_given(path, limit)?)
}

/// Reads to the end, at most `limit` bytes.
///
/// # Errors
/// Reading fails, or there are more bytes.
pub fn read_to_limit(from: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    let is_small = u64::try_from(bytes.len()).is_ok_and(|length| length <= limit);
    if is_small { Ok(bytes) } else { Err(Unreadable::TooLarge(limit).into()) }
}

fn text(bytes: &[u8]) -> io::Result<String> {
    io::read_to_string(bytes)
}

fn open_with(path: &Path, more: OFlags, allowed: Allowed) -> io::Result<File> {
    // Checked before opening: to open some devices has effects.
    let found = if more.contains(OFlags::NOFOLLOW) {
        fs::symlink_metadata(path)?
    } else {
        fs::metadata(path)?
    };
    check(found.file_type(), allowed)?;
    // Another file may be at the path by now, so the open file is checked again.
    let usual = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file: File = rustix::fs::openat(CWD, path, usual | more, Mode::empty())?.into();
    check(file.metadata()?.file_type(), allowed)?;
    Ok(file)
}

/// Checks that an open file is a regular one.
pub(crate) fn check_regular(kind: FileType) -> io::Result<()> {
    check(kind, Allowed::File)
}

/// Checks that the caller accepts a kind of file.
fn check(kind: FileType, allowed: Allowed) -> io::Result<()> {
    let is_stream = kind.is_fifo() || kind.is_char_device();
    if kind.is_file() || (is_stream && allowed == Allowed::Given) {
        return Ok(());
    }
    if kind.is_dir() {
        return Err(Errno::ISDIR.into());
    }
    Err(Unreadable::Kind(name(kind)).into())
}

/// The name of a kind of file in messages.
fn name(kind: FileType) -> &'static str {
    match kind {
        kind if kind.is_fifo() => "a pipe",
        kind if kind.is_symlink() => "a symbolic link",
        kind if kind.is_socket() => "a socket",
        _ => "a device",
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use std::path::PathBuf;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    const LIMIT: u64 = 8;

    /// The result of a function, which must return soon: one that waits for a pipe never returns.
    fn at_once<T: Send + 'static>(read: impl FnOnce() -> T + Send + 'static) -> T {
        let (sender, answer) = mpsc::channel();
        thread::spawn(move || sender.send(read()));
        answer.recv_timeout(Duration::from_secs(20)).expect("it waits")
    }

    fn place(name: &str) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        (directory, path)
    }

    fn fifo(path: &Path) {
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    }

    #[test]
    fn other_kinds_of_file_are_refused_at_once_and_named() {
        let (_directory, pipe) = place("pipe");
        fifo(&pipe);
        let (_other, socket) = place("socket");
        let _listener = UnixListener::bind(&socket).unwrap();
        for (path, said) in [
            (pipe, "it is a pipe, and not a regular file"),
            (socket, "it is a socket, and not a regular file"),
            ("/dev/zero".into(), "it is a device, and not a regular file"),
            ("/".into(), "Is a directory (os error 21)"),
        ] {
            let error = at_once(move || read(&path, LIMIT)).unwrap_err();
            assert_eq!(error.to_string(), said);
        }
    }

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let (_directory, path) = place("file");
        fs::write(&path, "12345678").unwrap();
        assert_eq!(read(&path, LIMIT).unwrap(), b"12345678");
        assert_eq!(read_given(&path, LIMIT).unwrap(), b"12345678");
        fs::write(&path, "123456789").unwrap();
        let error = read(&path, LIMIT).unwrap_err();
        assert_eq!(error.to_string(), "it has more than 8 bytes");
        assert_eq!(read_given(&path, LIMIT).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn a_link_is_followed_only_by_open() {
        let (directory, path) = place("file");
        fs::write(&path, "1").unwrap();
        let link = directory.path().join("link");
        symlink("file", &link).unwrap();
        assert_eq!(read(&link, LIMIT).unwrap(), b"1");
        let error = open_without_link(&link).unwrap_err();
        assert_eq!(error.to_string(), "it is a symbolic link, and not a regular file");
        assert!(open_without_link(&path).is_ok());
    }

    #[test]
    fn a_given_pipe_is_read_if_it_has_a_writer() {
        let (_directory, path) = place("pipe");
        fifo(&path);
        let given = path.clone();
        let error = at_once(move || read_given(&given, LIMIT)).unwrap_err();
        assert_eq!(error.to_string(), "it is a pipe that nothing was written to");
        assert_eq!(read_given(Path::new("/dev/null"), LIMIT).unwrap(), b"");
        let error = at_once(|| read_given(Path::new("/dev/zero"), LIMIT)).unwrap_err();
        assert_eq!(error.to_string(), "it has more than 8 bytes");

        for (written, expected) in [("a key", Some("a key")), ("more than that", None)] {
            let given = path.clone();
            // The writer opens the pipe first, like that of `<(…)`. To read too, it need not wait for a reader.
            let mut pipe = File::options().read(true).write(true).open(&path).unwrap();
            let writer = thread::spawn(move || {
                thread::sleep(Duration::from_millis(200));
                let _ = pipe.write_all(written.as_bytes());
            });
            let bytes = at_once(move || read_given(&given, LIMIT)).ok();
            assert_eq!(bytes.as_deref(), expected.map(str::as_bytes));
            writer.join().unwrap();
        }
    }
}

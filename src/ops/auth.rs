//! `hexreg auth`: the file of those who may read is read and changed.
//!
//! A change is whole or not at all: written beside the file and renamed over it, under a lock on the
//! directory, and not where the file is another one by then. Comments, order, permissions and owner stay.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::Builder;

use crate::auth::{
    self, AuthFile, InvalidAuthFile, NoRandomness, PasswordHash, Token, TokenDigest, UserName,
};
use crate::regular_file;
use crate::store::{DirStore, Lock, LockOutcome, Store, StoreError, TEMPORARY, flush_folder};

/// The largest file, in bytes: a hundred thousand entries.
const MAX_FILE: u64 = 16 << 20;

/// How long to wait for somebody else who changes something in the same directory.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often whoever waits looks again.
const INTERVAL: Duration = Duration::from_millis(20);

/// Why a file could not be read or changed; then nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// What the system says.
    #[error("could not read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Larger than 16 MiB.
    #[error("{} is larger than 16 MiB: expected a text file with one entry a line", .0.display())]
    TooLarge(PathBuf),
    /// Lines at fault.
    #[error("{} has lines that cannot be used", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Which lines, and what is wrong with each.
        source: InvalidAuthFile,
    },
    /// What the system says.
    #[error("could not write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file belongs to somebody else, and whoever reads it now might not be able to any more.
    #[error("could not leave {} with its owner", path.display())]
    Owner {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no telling whether somebody else has the lock.
    #[error(transparent)]
    Lock(#[from] StoreError),
    /// Somebody else has it.
    #[error("somebody else has held the lock on {} for 10 seconds", .0.display())]
    Busy(PathBuf),
    /// Whoever changed it took no lock: an editor, `htpasswd`.
    #[error("{} was changed by another program at the same time", .0.display())]
    Changed(PathBuf),
    /// There is nothing to remove.
    #[error("{} has no entry of {name}", path.display())]
    NoEntry {
        /// The file.
        path: PathBuf,
        /// Whose.
        name: UserName,
    },
    /// Then there is no token either.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// What became of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// It is new, and its owner alone may read it.
    Created,
    /// It was there.
    Updated,
}

/// How much went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removed {
    /// One or none.
    pub passwords: usize,
    /// Any number.
    pub tokens: usize,
}

/// Reads a file, as [`Gate`](crate::auth::Gate) takes it.
///
/// # Errors
/// [`AuthError::Read`], [`AuthError::TooLarge`] or [`AuthError::Invalid`].
pub fn read(path: &Path) -> Result<AuthFile, AuthError> {
    parse(path, &read_bytes(path)?)
}

/// Makes a token and adds its digest, to a new file where there is none.
///
/// # Errors
/// [`AuthError`]; then the file is as it was.
pub fn add_token(path: &Path, name: &UserName) -> Result<(Token, Done), AuthError> {
    let token = Token::generate()?;
    let digest: TokenDigest = token.digest();
    let (done, ()) = change(path, true, |text| Ok((auth::with_token(text, name, &digest), ())))?;
    Ok((token, done))
}

/// Gives a name a password, in place of the one it had, in a new file where there is none. Tells whether
/// it had one.
///
/// # Errors
/// [`AuthError`]; then the file is as it was.
pub fn set_password(
    path: &Path,
    name: &UserName,
    password: &PasswordHash,
) -> Result<(Done, bool), AuthError> {
    change(path, true, |text| Ok(auth::with_password(text, name, password)))
}

/// Removes whatever a name has.
///
/// # Errors
/// [`AuthError::NoEntry`] where it has nothing, and the others; then the file is as it was.
pub fn remove(path: &Path, name: &UserName) -> Result<Removed, AuthError> {
    let (_, removed) = change(path, false, |text| match auth::without(text, name) {
        (_, 0, 0) => Err(AuthError::NoEntry { path: path.to_owned(), name: name.clone() }),
        (text, passwords, tokens) => Ok((text, Removed { passwords, tokens })),
    })?;
    Ok(removed)
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, AuthError> {
    // No pipe: a server reads it again each time that it changes.
    regular_file::read(path, MAX_FILE).map_err(|source| match source.kind() {
        io::ErrorKind::FileTooLarge => AuthError::TooLarge(path.to_owned()),
        _ => AuthError::Read { path: path.to_owned(), source },
    })
}

fn parse(path: &Path, bytes: &[u8]) -> Result<AuthFile, AuthError> {
    AuthFile::parse(bytes).map_err(|source| AuthError::Invalid { path: path.to_owned(), source })
}

/// A file with a line at fault is not changed: whoever reads it would go on with what it said before.
fn change<T>(
    path: &Path,
    create: bool,
    edit: impl FnOnce(&str) -> Result<(String, T), AuthError>,
) -> Result<(Done, T), AuthError> {
    // A link stays one; what it leads to is changed.
    let target = fs::canonicalize(path).unwrap_or_else(|_| behind_links(path));
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let failed = |source| AuthError::Write { path: path.to_owned(), source };
    // To take the lock would make it.
    fs::metadata(folder).map_err(failed)?;
    let _lock = wait(folder)?;
    let before = match read_bytes(path) {
        Err(AuthError::Read { source, .. })
            if create && source.kind() == io::ErrorKind::NotFound =>
        {
            None
        }
        read => Some(read?),
    };
    let bytes = before.as_deref().unwrap_or_default();
    parse(path, bytes)?;
    // Every line of it is UTF-8.
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let (after, what) = edit(text)?;

    let builder = &mut Builder::new();
    let mut new = builder
        .prefix(TEMPORARY.0)
        .suffix(TEMPORARY.1)
        .tempfile_in(folder)
        // tempfile's errors name the temporary file, which is nobody's business.
        .map_err(|error| failed(error.kind().into()))?;
    if before.is_some() {
        keep_owner(&target, new.as_file())
            .map_err(|source| AuthError::Owner { path: path.to_owned(), source })?;
    }
    new.write_all(after.as_bytes()).map_err(failed)?;
    new.as_file().sync_all().map_err(failed)?;
    let Some(before) = before else {
        new.persist_noclobber(&target).map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => AuthError::Changed(path.to_owned()),
            _ => failed(error.error),
        })?;
        flush_folder(folder).map_err(failed)?;
        return Ok((Done::Created, what));
    };
    if read_bytes(path)? != before {
        return Err(AuthError::Changed(path.to_owned()));
    }
    new.persist(&target).map_err(|error| failed(error.error))?;
    flush_folder(folder).map_err(failed)?;
    Ok((Done::Updated, what))
}

/// How many links the system follows, at most.
const MAX_LINKS: usize = 40;

/// Where a link leads that leads to no file: that is where a new one belongs.
fn behind_links(path: &Path) -> PathBuf {
    let mut at = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(next) = fs::read_link(&at) else { break };
        at = at.parent().unwrap_or(Path::new("")).join(next);
    }
    at
}

/// The lock on a directory. Where there is no such thing, what is left is to compare.
fn wait(folder: &Path) -> Result<Lock, AuthError> {
    let store = DirStore::new(folder);
    let began = Instant::now();
    loop {
        match store.lock()? {
            LockOutcome::Held(lock) => return Ok(lock),
            LockOutcome::Unsupported(_) => return Ok(Lock::of_nothing()),
            LockOutcome::Busy if began.elapsed() >= PATIENCE => {
                return Err(AuthError::Busy(folder.to_owned()));
            }
            LockOutcome::Busy => thread::sleep(INTERVAL),
        }
    }
}

/// Gives a new file the owner and the permissions of the one it will replace: a server that may read the
/// one must be able to read the other.
fn keep_owner(old: &Path, new: &File) -> io::Result<()> {
    let (found, ours) = (fs::metadata(old)?, new.metadata()?);
    let differing = |theirs: u32, ours: u32| (theirs != ours).then_some(theirs);
    let (user, group) = (differing(found.uid(), ours.uid()), differing(found.gid(), ours.gid()));
    if user.is_some() || group.is_some() {
        fchown(new, user, group)?;
    }
    // After the owner, for a change of owner takes some permissions away.
    new.set_permissions(found.permissions())
}

//! `hexreg auth`: reads and changes the file that says who may do what.
//!
//! A change is atomic: the new text is written to a temporary file, which is renamed over the file under a lock on
//! the directory. If the file has changed meanwhile, nothing is written. Comments, order, permissions and owner stay.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::Builder;

use crate::auth::{
    self, AccessToken, AuthFile, Grant, InvalidAuthFile, NoRandomness, PasswordHash, TokenId,
    UserName,
};
use crate::regular_file;
use crate::store::{DirStore, Lock, LockOutcome, Store, StoreError, TEMPORARY, flush_folder};

/// The largest file, in bytes: a hundred thousand entries.
const MAX_FILE: u64 = 16 << 20;

/// How long to wait for another program that holds the lock on the directory.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// How often to try to take the lock.
const LOCK_INTERVAL: Duration = Duration::from_millis(20);

/// Why a file could not be read or changed; it has not changed then.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message says what each variant and field is")]
pub enum AuthError {
    #[error("could not read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is larger than 16 MiB: expected a text file with one entry a line", .0.display())]
    TooLarge(PathBuf),
    #[error("{} has lines that cannot be used", path.display())]
    Invalid { path: PathBuf, source: InvalidAuthFile },
    #[error("could not write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    /// The file belongs to another user. With a new owner, a server that reads it now might not be able to any more.
    #[error("could not leave {} with its owner", path.display())]
    Owner { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Lock(#[from] StoreError),
    #[error("another program has held the lock on {} for 10 seconds", .0.display())]
    Busy(PathBuf),
    /// The other program took no lock: an editor, `htpasswd`.
    #[error("{} was changed by another program at the same time", .0.display())]
    Changed(PathBuf),
    #[error("{} has no entry of {name}", path.display())]
    NoEntry { path: PathBuf, name: UserName },
    #[error("{} has no token {id} of {name}", path.display())]
    NoToken { path: PathBuf, name: UserName, id: TokenId },
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// How the file was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is new, and readable by its owner alone.
    Created,
    /// It existed.
    Updated,
}

/// How many entries were removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemovedEntries {
    /// One or none.
    pub passwords: usize,
    /// Any number.
    pub tokens: usize,
}

/// Reads a file for an [`Authenticator`](crate::auth::Authenticator).
///
/// # Errors
/// [`AuthError::Read`], [`AuthError::TooLarge`] or [`AuthError::Invalid`].
pub fn read(path: &Path) -> Result<AuthFile, AuthError> {
    parse(path, &read_bytes(path)?)
}

/// Makes a token and adds its digest to the file, with what it permits. The file is created if it does not exist.
///
/// # Errors
/// [`AuthError`]; then the file is as it was.
pub fn add_token(
    path: &Path,
    name: &UserName,
    grant: &Grant,
) -> Result<(AccessToken, Written), AuthError> {
    let token = AccessToken::generate()?;
    let digest = token.digest();
    let edit = |text: &str| Ok((auth::with_token(text, name, &digest, grant), ()));
    let (written, ()) = change(path, true, edit)?;
    Ok((token, written))
}

/// Sets the password of a name in the file, which is created if it does not exist. Returns whether it replaced one.
///
/// # Errors
/// [`AuthError`]; then the file is as it was.
pub fn set_password(
    path: &Path,
    name: &UserName,
    password: &PasswordHash,
) -> Result<(Written, bool), AuthError> {
    change(path, true, |text| Ok(auth::with_password(text, name, password)))
}

/// Removes all entries of a name.
///
/// # Errors
/// [`AuthError::NoEntry`] where it has none, and the others; then the file is as it was.
pub fn remove(path: &Path, name: &UserName) -> Result<RemovedEntries, AuthError> {
    let (_, removed) = change(path, false, |text| match auth::without(text, name) {
        (_, 0, 0) => Err(AuthError::NoEntry { path: path.to_owned(), name: name.clone() }),
        (text, passwords, tokens) => Ok((text, RemovedEntries { passwords, tokens })),
    })?;
    Ok(removed)
}

/// Removes one token of a name.
///
/// # Errors
/// [`AuthError::NoToken`] where the name has none with this id, and the others; then the file is as it was.
pub fn remove_token(
    path: &Path,
    name: &UserName,
    id: TokenId,
) -> Result<RemovedEntries, AuthError> {
    let (_, removed) = change(path, false, |text| match auth::without_token(text, name, id) {
        (_, 0) => Err(AuthError::NoToken { path: path.to_owned(), name: name.clone(), id }),
        (text, tokens) => Ok((text, RemovedEntries { passwords: 0, tokens })),
    })?;
    Ok(removed)
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, AuthError> {
    // A pipe is refused: a server reads the file again each time it changes.
    regular_file::read(path, MAX_FILE).map_err(|source| match source.kind() {
        io::ErrorKind::FileTooLarge => AuthError::TooLarge(path.to_owned()),
        _ => AuthError::Read { path: path.to_owned(), source },
    })
}

fn parse(path: &Path, bytes: &[u8]) -> Result<AuthFile, AuthError> {
    AuthFile::parse(bytes).map_err(|source| AuthError::Invalid { path: path.to_owned(), source })
}

/// Changes the text of the file. A file with an invalid line is not changed: a server would keep its former entries.
fn change<T>(
    path: &Path,
    create: bool,
    edit: impl FnOnce(&str) -> Result<(String, T), AuthError>,
) -> Result<(Written, T), AuthError> {
    // A link stays a link; its target is changed.
    let target = fs::canonicalize(path).unwrap_or_else(|_| missing_target(path));
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let failed = |source| AuthError::Write { path: path.to_owned(), source };
    // Taking the lock would create the directory.
    fs::metadata(folder).map_err(failed)?;
    let _lock = lock(folder)?;
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
    // `parse` has refused a line that is not UTF-8.
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let (after, outcome) = edit(text)?;

    let builder = &mut Builder::new();
    let mut new = builder
        .prefix(TEMPORARY.0)
        .suffix(TEMPORARY.1)
        .tempfile_in(folder)
        // tempfile's errors name the temporary file, which means nothing to the user.
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
        return Ok((Written::Created, outcome));
    };
    if read_bytes(path)? != before {
        return Err(AuthError::Changed(path.to_owned()));
    }
    new.persist(&target).map_err(|error| failed(error.error))?;
    flush_folder(folder).map_err(failed)?;
    Ok((Written::Updated, outcome))
}

/// How many links the system follows at most.
const MAX_LINKS: usize = 40;

/// The target of a dangling link, where the new file is created.
fn missing_target(path: &Path) -> PathBuf {
    let mut at = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(next) = fs::read_link(&at) else { break };
        at = at.parent().unwrap_or(Path::new("")).join(next);
    }
    at
}

/// Locks a directory. Where the file system has no locks, only the comparison before the rename is left.
fn lock(folder: &Path) -> Result<Lock, AuthError> {
    let store = DirStore::new(folder);
    let began = Instant::now();
    loop {
        match store.lock()? {
            LockOutcome::Held(lock) => return Ok(lock),
            LockOutcome::Unsupported(_) => return Ok(Lock::of_nothing()),
            LockOutcome::Busy if began.elapsed() >= LOCK_TIMEOUT => {
                return Err(AuthError::Busy(folder.to_owned()));
            }
            LockOutcome::Busy => thread::sleep(LOCK_INTERVAL),
        }
    }
}

/// Gives a new file the owner and the permissions of the one that it will replace: a server that may read the one must
/// be able to read the other.
fn keep_owner(old: &Path, new: &File) -> io::Result<()> {
    let (found, ours) = (fs::metadata(old)?, new.metadata()?);
    let differing = |theirs: u32, ours: u32| (theirs != ours).then_some(theirs);
    let (user, group) = (differing(found.uid(), ours.uid()), differing(found.gid(), ours.gid()));
    if user.is_some() || group.is_some() {
        fchown(new, user, group)?;
    }
    // After the owner: a change of owner clears some permissions.
    new.set_permissions(found.permissions())
}

//! The folder of a mirrored repository, of which only objects and references are trusted.
//!
//! Other users may write to the disk of a mirror, and a mirror may have been on another machine. Git runs the hooks of a
//! repository and the programs that its configuration names, and files in it lead git to other directories. So before git
//! runs, hexreg checks that the repository belongs to the user or to root and that nothing in it leads elsewhere, and
//! writes its configuration anew. It opens the folder once, without following links, and passes the open folder to git
//! where the system has a path for it. A folder that replaces it meanwhile is not used.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::FileType;

use super::configuration::Configuration;
use crate::ops::mirror::file_error::FileError;
use crate::repository::Folder;
use crate::store::{FolderEntry, RealFolder, is_trusted_owner};

/// The folder of a mirrored repository.
pub(super) struct BareRepository {
    folder: RealFolder,
    git_dir: PathBuf,
    /// Child processes inherit it.
    _inherited: OwnedFd,
}

impl BareRepository {
    /// The repository at a path below the mirror, if there is one.
    pub fn find(directory: &Path, path: &str) -> Result<Option<Self>, FileError> {
        let opened = RealFolder::open(directory).map_err(|error| failed(directory, &error))?;
        let Some(mut folder) = opened else { return Ok(None) };
        for part in path.split('/') {
            match child(&folder, part)? {
                Some(next) => folder = next,
                None => return Ok(None),
            }
        }
        Self::of(folder).map(Some)
    }

    /// Creates a repository that is not served yet. Replaces what an earlier run left.
    pub fn create(directory: &Path, configuration: &Configuration) -> Result<Self, FileError> {
        let own = own_folder(directory)?;
        let path = own.path().join(NEW);
        own.remove_all(NEW).map_err(|error| failed(&path, &error))?;
        let made = own.child_or_new(NEW).and_then(|folder| {
            for name in ["objects", "refs"] {
                folder.child_or_new(name)?;
            }
            folder.write("HEAD", b"ref: refs/heads/main\n")?;
            Ok(folder)
        });
        let this = Self::of(made.map_err(|error| failed(&path, &error))?)?;
        this.check()?;
        this.configure(configuration)?;
        Ok(this)
    }

    /// Moves the new repository to its path below the mirror.
    pub fn publish(directory: &Path, path: &str) -> Result<(), FileError> {
        let own = own_folder(directory)?;
        let opened = RealFolder::open(directory).map_err(|error| failed(directory, &error))?;
        let Some(mut folder) = opened else { return Ok(()) };
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        for part in above.split('/') {
            let found = child(&folder, part)?.map_or_else(|| folder.child_or_new(part), Ok);
            folder = found.map_err(|error| failed(&folder.path().join(part), &error))?;
        }
        let moved = own.rename(NEW, &folder, name);
        moved.map_err(|error| failed(&folder.path().join(name), &error))
    }

    fn of(folder: RealFolder) -> Result<Self, FileError> {
        let inherited = folder.inheritable().map_err(|error| failed(folder.path(), &error))?;
        let open = PathBuf::from(format!("/proc/self/fd/{}", inherited.as_raw_fd()));
        let git_dir = if open.is_dir() { open } else { folder.path().to_owned() };
        Ok(Self { folder, git_dir, _inherited: inherited })
    }

    /// The path that git is given.
    pub fn git_dir(&self) -> &Path {
        &self.git_dir
    }

    /// The path in messages.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Checks that it belongs to the user or to root, and that nothing in it leads git elsewhere.
    pub fn check(&self) -> Result<(), FileError> {
        let owner = self.folder.status().map_err(|error| self.failed(&error))?.st_uid;
        if !is_trusted_owner(owner) {
            return Err(self.refused("", &format!("it belongs to user {owner}: {OTHER_OWNER}")));
        }
        let checked = self.folder.walk(&mut |path: &str, entry: &FolderEntry| {
            let problem = problem(path, entry);
            problem.map_or(Ok(()), |problem| Err(Refusal::Of(path.to_owned(), problem)))
        });
        checked.map_err(|refusal| match refusal {
            Refusal::Of(path, problem) => self.refused(&path, &problem),
            Refusal::Io(error) => self.failed(&error),
        })
    }

    /// What its configuration says.
    pub fn configuration(&self) -> Result<Configuration, FileError> {
        let text = self.configuration_text()?;
        Ok(Configuration::parse(&String::from_utf8_lossy(&text.unwrap_or_default())))
    }

    /// Whether its configuration is exactly this.
    pub fn is_configured(&self, configuration: &Configuration) -> Result<bool, FileError> {
        Ok(self
            .configuration_text()?
            .is_some_and(|text| text == configuration.to_string().as_bytes()))
    }

    /// Writes its configuration, and makes sure that no other user can change it.
    pub fn configure(&self, configuration: &Configuration) -> Result<(), FileError> {
        // Closing root's folder may be denied. Its owner is trusted.
        let closed = self.folder.close_to_others();
        match closed {
            Err(error) if error.kind() != io::ErrorKind::PermissionDenied => {
                return Err(self.failed(&error));
            }
            _ => {}
        }
        if self.is_configured(configuration)? {
            return Ok(());
        }
        let written = self.folder.write(CONFIG, configuration.to_string().as_bytes());
        written.map_err(|error| failed(&self.path().join(CONFIG), &error))
    }

    fn configuration_text(&self) -> Result<Option<Vec<u8>>, FileError> {
        let read = self.folder.read(CONFIG, MAX_CONFIG);
        read.map_err(|error| failed(&self.path().join(CONFIG), &error))
    }

    /// The size of its packs in bytes, also of those that are being fetched.
    pub fn size_of_packs(&self) -> u64 {
        let packs = self.folder.child("objects").ok().flatten();
        let packs = packs.and_then(|objects| objects.child("pack").ok().flatten());
        let entries = packs.and_then(|packs| packs.entries().ok()).unwrap_or_default();
        entries.iter().fold(0, |sum, entry| sum.saturating_add(entry.size))
    }

    fn failed(&self, error: &io::Error) -> FileError {
        failed(self.path(), error)
    }

    fn refused(&self, path: &str, problem: &str) -> FileError {
        // Joining an empty path would append a slash.
        let path = if path.is_empty() { self.path().to_owned() } else { self.path().join(path) };
        FileError::Git(format!("{}: {problem}", path.display()))
    }
}

/// The name of the folder of a new repository.
const NEW: &str = "git";

const CONFIG: &str = "config";

const MAX_CONFIG: u64 = 1 << 20;

const OTHER_OWNER: &str = "git would run what that user may put there; run hexreg as that user, make the repository \
                          yours with `chown -R`, or remove it to mirror it anew";

/// Files that lead git to other directories, or hide a part of a history. Git as hexreg runs it writes none of them.
const LEADING_ELSEWHERE: [&str; 7] = [
    "commondir",
    "config.worktree",
    "info/grafts",
    "objects/info/alternates",
    "objects/info/http-alternates",
    "remotes",
    "shallow",
];

enum Refusal {
    /// A path below the repository, and the problem with it.
    Of(String, String),
    Io(io::Error),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The problem with an entry of a repository, if it has one.
fn problem(path: &str, entry: &FolderEntry) -> Option<String> {
    // Some file systems ignore case.
    let is_leading = LEADING_ELSEWHERE.iter().any(|one| path.eq_ignore_ascii_case(one));
    let is_remote = path.to_ascii_lowercase().starts_with("branches/");
    let kind = match entry.kind {
        FileType::RegularFile | FileType::Directory => None,
        FileType::Symlink => Some("a symbolic link"),
        FileType::Fifo => Some("a pipe"),
        _ => Some("a socket or a device"),
    };
    if let Some(kind) = kind {
        return Some(format!("it is {kind}, and a mirrored repository has none: {REMOVE}"));
    }
    if is_leading || is_remote {
        return Some(format!(
            "it leads git elsewhere, and a mirrored repository has none: {REMOVE}"
        ));
    }
    let owner = entry.owner;
    (!is_trusted_owner(owner)).then(|| format!("it belongs to user {owner}: {OTHER_OWNER}"))
}

const REMOVE: &str =
    "see where it comes from, and remove it, or the whole repository to mirror it anew";

/// A folder on the way to a repository, if it exists.
fn child(folder: &RealFolder, part: &str) -> Result<Option<RealFolder>, FileError> {
    folder.child(part).map_err(|error| failed(&folder.path().join(part), &error))
}

/// hexreg's folder in the mirror.
fn own_folder(directory: &Path) -> Result<RealFolder, FileError> {
    let own = Folder::Mirror.path();
    let opened = RealFolder::open(directory)
        .and_then(|opened| opened.ok_or_else(|| io::ErrorKind::NotFound.into()));
    let opened = opened.and_then(|directory| directory.child_or_new(own.as_str()));
    opened.map_err(|error| failed(&directory.join(own.as_str()), &error))
}

fn failed(path: &Path, error: &io::Error) -> FileError {
    FileError::Git(format!("{}: {error}", path.display()))
}

//! Folders that are opened without following links. Everything in them is done through the open folder, so that a user who
//! may write beside it cannot lead it to another place, not even while it is done.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, RawMode, Stat};
use rustix::io::Errno;
use rustix::path::Arg;

use super::link;
use crate::regular_file;
use crate::store::file_name::TEMPORARY;

/// How deep folders may be nested, for a walk through all of them.
const MAX_DEPTH: usize = 64;

/// An open folder.
#[derive(Debug)]
pub(crate) struct RealFolder {
    open: OwnedFd,
    /// For messages, and for programs on a system without a better name for an open folder.
    path: PathBuf,
}

/// An entry of a folder, links not followed.
#[derive(Clone, Debug)]
pub(crate) struct FolderEntry {
    pub name: CString,
    pub kind: FileType,
    /// The user ID.
    pub owner: u32,
    pub size: u64,
}

impl RealFolder {
    /// Opens the folder that the user names, which may be behind a link. `None` if it is missing.
    pub fn open(path: &Path) -> io::Result<Option<Self>> {
        let opened = rustix::fs::openat(CWD, path, FOLDER, Mode::empty());
        Self::of(opened.map_err(io::Error::from), path.to_owned())
    }

    /// Opens a folder in this one, which must be no link. `None` if it is missing.
    pub fn child(&self, name: &str) -> io::Result<Option<Self>> {
        let opened = rustix::fs::openat(&self.open, name, FOLDER | OFlags::NOFOLLOW, Mode::empty());
        Self::of(opened.map_err(|errno| self.refusal(name, errno)), self.path.join(name))
    }

    /// As [`child`](Self::child), but creates a missing folder.
    pub fn child_or_new(&self, name: &str) -> io::Result<Self> {
        match rustix::fs::mkdirat(&self.open, name, Mode::from_raw_mode(NEW_FOLDER)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno.into()),
        }
        self.child(name)?.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn of(opened: io::Result<OwnedFd>, path: PathBuf) -> io::Result<Option<Self>> {
        match opened {
            Ok(open) => Ok(Some(Self { open, path })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The reason why a folder was not opened; says so if it is a link.
    fn refusal(&self, name: &str, errno: Errno) -> io::Error {
        let is_link = matches!(errno, Errno::NOTDIR | Errno::LOOP | Errno::MLINK)
            && self.stat(name).is_ok_and(|found| kind(&found) == FileType::Symlink);
        if is_link { link::refusal() } else { errno.into() }
    }

    /// Its path, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Another descriptor of the open folder, which child processes inherit.
    pub fn inheritable(&self) -> io::Result<OwnedFd> {
        Ok(rustix::io::dup(&self.open)?)
    }

    /// The metadata of the folder itself.
    pub fn status(&self) -> io::Result<Stat> {
        Ok(rustix::fs::fstat(&self.open)?)
    }

    /// Takes the right to change its content from all users but its owner.
    pub fn close_to_others(&self) -> io::Result<()> {
        let mode = self.status()?.st_mode;
        if mode & OTHERS_WRITE == 0 {
            return Ok(());
        }
        let mode = Mode::from_raw_mode(mode & !OTHERS_WRITE & PERMISSIONS);
        Ok(rustix::fs::fchmod(&self.open, mode)?)
    }

    /// Its entries, in any order.
    pub fn entries(&self) -> io::Result<Vec<FolderEntry>> {
        let mut entries = Vec::new();
        for entry in Dir::read_from(&self.open)? {
            let name = entry?.file_name().to_owned();
            if matches!(name.as_bytes(), b"." | b"..") {
                continue;
            }
            match self.stat(&name) {
                Ok(found) => entries.push(FolderEntry {
                    kind: kind(&found),
                    owner: found.st_uid,
                    size: u64::try_from(found.st_size).unwrap_or(0),
                    name,
                }),
                // It was removed after it was listed.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(entries)
    }

    /// Calls `look` for every entry at any depth, with its path below this folder. Links are not followed.
    pub fn walk<E: From<io::Error>>(
        &self,
        look: &mut impl FnMut(&str, &FolderEntry) -> Result<(), E>,
    ) -> Result<(), E> {
        self.walk_below("", MAX_DEPTH, look)
    }

    fn walk_below<E: From<io::Error>>(
        &self,
        above: &str,
        depth: usize,
        look: &mut impl FnMut(&str, &FolderEntry) -> Result<(), E>,
    ) -> Result<(), E> {
        let deeper = depth.checked_sub(1).ok_or_else(too_deep)?;
        for entry in self.entries()? {
            let name = entry.name.to_string_lossy();
            let path = if above.is_empty() { name.into_owned() } else { format!("{above}/{name}") };
            look(&path, &entry)?;
            if entry.kind == FileType::Directory {
                let opened = self.entered(&entry.name)?;
                opened.walk_below(&path, deeper, look)?;
            }
        }
        Ok(())
    }

    /// Reads a file, which must be no link. `None` if it is missing.
    pub fn read(&self, name: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file: File = match rustix::fs::openat(&self.open, name, flags, Mode::empty()) {
            Ok(opened) => opened.into(),
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(self.refusal_of_file(name, errno)),
        };
        refuse_other_kinds(&file)?;
        regular_file::read_to_limit(file, limit).map(Some)
    }

    /// Opens a file to write at its end, and creates it if it is missing. It must be no link.
    pub fn append(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE;
        let flags = flags | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(&self.open, name, flags, Mode::from_raw_mode(0o666));
        let file: File = opened.map_err(|errno| self.refusal_of_file(name, errno))?.into();
        refuse_other_kinds(&file)?;
        Ok(file)
    }

    fn refusal_of_file(&self, name: &str, errno: Errno) -> io::Error {
        let is_link = matches!(errno, Errno::LOOP | Errno::MLINK)
            && self.stat(name).is_ok_and(|found| kind(&found) == FileType::Symlink);
        if is_link { link::refusal() } else { errno.into() }
    }

    /// Writes a file that only its owner may change, in place of any other of that name.
    pub fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let temporary = format!("{}{:016x}{}", TEMPORARY.0, fastrand::u64(..), TEMPORARY.1);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(NEW_FILE);
        let mut file: File = rustix::fs::openat(&self.open, &temporary, flags, mode)?.into();
        let written = file
            .write_all(bytes)
            .and_then(|()| Ok(rustix::fs::renameat(&self.open, &temporary, &self.open, name)?));
        written.inspect_err(|_| {
            let _ = rustix::fs::unlinkat(&self.open, &temporary, AtFlags::empty());
        })
    }

    /// Removes a file. It is no error if the file is gone.
    pub fn remove_file(&self, name: &str) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.open, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Removes a file, or a folder with its content. Of a link it removes the link only.
    pub fn remove_all(&self, name: &str) -> io::Result<()> {
        self.remove_below(name, MAX_DEPTH)
    }

    fn remove_below(&self, name: impl Arg + Copy, depth: usize) -> io::Result<()> {
        let found = match rustix::fs::statat(&self.open, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(()),
            found => found?,
        };
        if kind(&found) != FileType::Directory {
            return Ok(rustix::fs::unlinkat(&self.open, name, AtFlags::empty())?);
        }
        let deeper = depth.checked_sub(1).ok_or_else(too_deep)?;
        let folder = self.entered(name)?;
        for entry in folder.entries()? {
            folder.remove_below(entry.name.as_c_str(), deeper)?;
        }
        Ok(rustix::fs::unlinkat(&self.open, name, AtFlags::REMOVEDIR)?)
    }

    /// Moves an entry into another folder of the same file system.
    pub fn rename(&self, name: &str, folder: &Self, new: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.open, name, &folder.open, new)?)
    }

    /// Whether there is an entry of this name, a link included.
    pub fn has(&self, name: &str) -> bool {
        self.stat(name).is_ok()
    }

    fn entered(&self, name: impl Arg) -> io::Result<Self> {
        let flags = FOLDER | OFlags::NOFOLLOW;
        let open = rustix::fs::openat(self.open.as_fd(), name, flags, Mode::empty())?;
        Ok(Self { open, path: self.path.clone() })
    }

    fn stat(&self, name: impl Arg) -> io::Result<Stat> {
        Ok(rustix::fs::statat(&self.open, name, AtFlags::SYMLINK_NOFOLLOW)?)
    }
}

/// The flags to open a folder: anything else is refused, and a pipe's writer is not waited for.
const FOLDER: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

const NEW_FOLDER: RawMode = 0o755;
const NEW_FILE: RawMode = 0o644;
const OTHERS_WRITE: RawMode = 0o022;
const PERMISSIONS: RawMode = 0o7777;

fn kind(found: &Stat) -> FileType {
    FileType::from_raw_mode(found.st_mode)
}

fn refuse_other_kinds(file: &File) -> io::Result<()> {
    regular_file::check_regular(file.metadata()?.file_type())
}

fn too_deep() -> io::Error {
    io::Error::other(format!("its folders are more than {MAX_DEPTH} deep"))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn folder() -> (tempfile::TempDir, RealFolder) {
        let directory = tempfile::tempdir().unwrap();
        let folder = RealFolder::open(directory.path()).unwrap().unwrap();
        (directory, folder)
    }

    #[test]
    fn no_link_is_followed() {
        let (directory, folder) = folder();
        let victim = tempfile::tempdir().unwrap();
        fs::write(victim.path().join("file"), "theirs").unwrap();
        symlink(victim.path(), directory.path().join("link")).unwrap();
        symlink(victim.path().join("file"), directory.path().join("journal")).unwrap();
        for error in [
            folder.child("link").unwrap_err(),
            folder.child_or_new("link").unwrap_err(),
            folder.read("journal", 10).unwrap_err(),
            folder.append("journal").unwrap_err(),
        ] {
            assert!(error.to_string().starts_with("it is a symbolic link"), "{error}");
        }
        // A file that is written replaces the link.
        folder.write("journal", b"ours").unwrap();
        assert_eq!(folder.read("journal", 10).unwrap().unwrap(), b"ours");
        assert_eq!(fs::read(victim.path().join("file")).unwrap(), b"theirs");
    }

    #[test]
    fn removing_a_folder_removes_links_and_not_their_targets() {
        let (directory, folder) = folder();
        let victim = tempfile::tempdir().unwrap();
        fs::write(victim.path().join("file"), "theirs").unwrap();
        let inner = directory.path().join("git/a/b");
        fs::create_dir_all(&inner).unwrap();
        fs::write(inner.join("file"), "").unwrap();
        symlink(victim.path(), inner.join("link")).unwrap();
        folder.remove_all("git").unwrap();
        folder.remove_all("git").unwrap();
        symlink(victim.path(), directory.path().join("git")).unwrap();
        folder.remove_all("git").unwrap();
        assert!(!folder.has("git"));
        assert_eq!(fs::read(victim.path().join("file")).unwrap(), b"theirs");
    }

    #[test]
    fn folders_nested_too_deep_are_an_error_and_no_overflow() {
        let (directory, folder) = folder();
        let deep = vec!["a"; 200].join("/");
        fs::create_dir_all(directory.path().join(deep)).unwrap();
        let said = "its folders are more than 64 deep";
        assert_eq!(folder.remove_all("a").unwrap_err().to_string(), said);
        let walked = folder.walk(&mut |_: &str, _: &FolderEntry| Ok::<_, io::Error>(()));
        assert_eq!(walked.unwrap_err().to_string(), said);
    }

    #[test]
    fn a_pipe_is_neither_read_nor_written() {
        let (directory, folder) = folder();
        let pipe = directory.path().join("journal");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert!(folder.read("journal", 10).is_err());
        assert!(folder.append("journal").is_err());
    }

    #[test]
    fn others_lose_the_right_to_write() {
        let (directory, folder) = folder();
        let mode = || fs::metadata(directory.path()).unwrap().permissions().mode() & 0o7777;
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o2777)).unwrap();
        folder.close_to_others().unwrap();
        assert_eq!(mode(), 0o2755);
    }
}

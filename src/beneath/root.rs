//! Opens files below a directory by path.
//!
//! Linux can resolve a path beneath a directory (`openat2` with `RESOLVE_BENEATH`). On other systems, and if a sandbox
//! forbids the call, this module resolves the path part by part. It opens each part in the folder before it without
//! following links, so a link that is created meanwhile is either refused or resolved by the same rules.

use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Mode, OFlags, openat, readlinkat};
use rustix::io::Errno;

#[cfg(target_os = "linux")]
use super::kernel;

/// The links below a directory that are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// Links whose target is below the directory.
    Inside,
    /// All links.
    Anywhere,
}

/// A link leads out of the directory. It is the source of an [`io::Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a link leads out of the directory")]
pub struct LeadsOut;

impl LeadsOut {
    /// Whether it is the source of an error.
    #[must_use]
    pub fn is_in(error: &io::Error) -> bool {
        error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Self>)
    }
}

impl From<LeadsOut> for io::Error {
    fn from(error: LeadsOut) -> Self {
        Self::other(error)
    }
}

/// A directory, and which links below it are followed. The directory itself may be a link, which is followed again for
/// each file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Root {
    path: PathBuf,
    links: Links,
}

/// The most links in one path, as on Linux.
const MAX_LINKS: usize = 40;

/// Opens a file to read it, without waiting for the writer of a pipe or making a terminal the controlling one.
pub(super) const READ: OFlags =
    OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// Opens a file for its metadata, or a folder to go through it. On Linux that needs no permission to read.
#[cfg(target_os = "linux")]
const LOOK: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
const LOOK: OFlags = READ;

pub(super) const FOLDER: OFlags = LOOK.union(OFlags::DIRECTORY);

impl Root {
    pub fn new(path: impl Into<PathBuf>, links: Links) -> Self {
        Self { path: path.into(), links }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn links(&self) -> Links {
        self.links
    }

    /// The path of a file below the directory.
    pub fn join(&self, path: &Path) -> PathBuf {
        // `join` would add a slash.
        if path.as_os_str().is_empty() { self.path.clone() } else { self.path.join(path) }
    }

    /// Opens a file to read it. A pipe is opened without waiting for its writer.
    ///
    /// # Errors
    /// The error of the system, or [`LeadsOut`].
    pub fn open(&self, path: &Path) -> io::Result<File> {
        Ok(self.resolve(path, READ)?.into())
    }

    /// The metadata of a file.
    ///
    /// # Errors
    /// See [`open`](Self::open).
    pub fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        match self.links {
            Links::Anywhere => fs::metadata(self.join(path)),
            Links::Inside => File::from(self.resolve(path, LOOK)?).metadata(),
        }
    }

    fn resolve(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        if self.links == Links::Anywhere || path.as_os_str().is_empty() {
            return Ok(rustix::fs::open(self.join(path), flags, Mode::empty())?);
        }
        let root = rustix::fs::open(&self.path, FOLDER, Mode::empty())?;
        #[cfg(target_os = "linux")]
        match rustix::fs::openat2(&root, path, flags, Mode::empty(), kernel::BENEATH) {
            // The kernel does not have the call, or a sandbox forbids it; or folders are being renamed; or a link is
            // absolute, whose target may still be below the directory.
            Err(Errno::NOSYS | Errno::INVAL | Errno::PERM | Errno::AGAIN | Errno::XDEV) => {}
            opened => return Ok(opened?),
        }
        self.walk(root, path, flags)
    }

    /// Resolves a path part by part.
    fn walk(&self, root: OwnedFd, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        let mut folders = vec![root];
        // The rest of the path, in reverse order.
        let mut rest = parts(path)?;
        let mut links = 0_usize;
        while let Some(part) = rest.pop() {
            let folder = folders.last().ok_or(LeadsOut)?;
            if part == ".." {
                folders.pop();
                if folders.is_empty() {
                    return Err(LeadsOut.into());
                }
                continue;
            }
            let target = match readlinkat(folder, part.as_os_str(), Vec::new()) {
                Ok(target) => PathBuf::from(OsString::from_vec(target.into_bytes())),
                // Not a link.
                Err(Errno::INVAL) => {
                    let is_last = rest.is_empty();
                    let flags = if is_last { flags } else { FOLDER };
                    let flags = flags.union(OFlags::NOFOLLOW);
                    match openat(folder, part.as_os_str(), flags, Mode::empty()) {
                        Ok(opened) if is_last => return Ok(opened),
                        Ok(opened) => folders.push(opened),
                        // It has become a link meanwhile.
                        Err(Errno::LOOP | Errno::MLINK | Errno::NOTDIR) if links < MAX_LINKS => {
                            links = links.saturating_add(1);
                            rest.push(part);
                        }
                        Err(error) => return Err(error.into()),
                    }
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            links = links.saturating_add(1);
            if links > MAX_LINKS {
                return Err(Errno::LOOP.into());
            }
            if target.is_absolute() {
                rest.extend(parts(&self.below(&target)?)?);
                folders.truncate(1);
            } else {
                rest.extend(parts(&target)?);
            }
        }
        // The path ends in a folder: its last part is a link to `.` or `..`.
        let folder = folders.last().ok_or(LeadsOut)?;
        Ok(openat(folder, ".", flags, Mode::empty())?)
    }

    /// The part of an absolute path below the directory. The path may begin with the directory as given or with its real
    /// path.
    fn below(&self, target: &Path) -> io::Result<PathBuf> {
        let given = std::path::absolute(&self.path)?;
        let mut roots = [given, fs::canonicalize(&self.path)?].into_iter();
        let below = roots.find_map(|root| target.strip_prefix(root).ok().map(Path::to_owned));
        below.ok_or_else(|| LeadsOut.into())
    }
}

/// The parts of a relative path in reverse order.
fn parts(path: &Path) -> Result<Vec<OsString>, LeadsOut> {
    let parts = path.components().rev().filter_map(|part| match part {
        Component::Normal(name) => Some(Ok(name.to_owned())),
        Component::ParentDir => Some(Ok("..".into())),
        Component::CurDir => None,
        Component::RootDir | Component::Prefix(_) => Some(Err(LeadsOut)),
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::symlink;

    use super::*;

    /// A way to open a file below a directory.
    type Open = fn(&Root, &Path) -> io::Result<File>;

    /// With the call of the kernel, and without it.
    const WAYS: [Open; 2] = [Root::open, |root, path| {
        let folder = rustix::fs::open(root.path(), FOLDER, Mode::empty())?;
        Ok(root.walk(folder, path, READ)?.into())
    }];

    /// `root/a/b/file`, and a file outside of `root`.
    fn tree() -> (tempfile::TempDir, Root) {
        let directory = tempfile::TempDir::new().unwrap();
        let root = directory.path().join("root");
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::write(root.join("a/b/file"), "inside").unwrap();
        fs::create_dir(directory.path().join("out")).unwrap();
        fs::write(directory.path().join("out/file"), "outside").unwrap();
        (directory, Root::new(root, Links::Inside))
    }

    fn text(file: io::Result<File>) -> io::Result<String> {
        let mut text = String::new();
        file?.read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn links_to_targets_below_the_directory_are_followed() {
        let (directory, root) = tree();
        let absolute = root.path().join("a/b/file");
        for (link, target) in [
            ("a/one", "b/file"),
            ("a/b/up", "../../a/b/file"),
            ("folder", "a/b"),
            ("chain", "a/one"),
            ("dot", "./a/./b/file"),
            ("here", "."),
            ("absolute", absolute.to_str().unwrap()),
        ] {
            symlink(target, root.path().join(link)).unwrap();
        }
        symlink(root.path(), directory.path().join("link")).unwrap();
        let through_link = Root::new(directory.path().join("link"), Links::Inside);
        let by_link = directory.path().join("link/a/b/file");
        symlink(by_link, root.path().join("by_link")).unwrap();
        for open in WAYS {
            for path in [
                "a/b/file",
                "a/one",
                "a/b/up",
                "folder/file",
                "folder/up",
                "chain",
                "dot",
                "here/here/a/one",
                "absolute",
            ] {
                assert_eq!(text(open(&root, Path::new(path))).unwrap(), "inside", "{path}");
                let opened = open(&through_link, Path::new(path));
                assert_eq!(text(opened).unwrap(), "inside", "{path}");
            }
            assert_eq!(text(open(&through_link, Path::new("by_link"))).unwrap(), "inside");
            assert!(open(&root, Path::new("here")).unwrap().metadata().unwrap().is_dir());
            for missing in ["a/none", "none/file", "a/b/file/x"] {
                let error = open(&root, Path::new(missing)).unwrap_err();
                let kinds = [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory];
                assert!(kinds.contains(&error.kind()), "{missing}: {error}");
            }
        }
        assert_eq!(root.metadata(Path::new("chain")).unwrap().len(), 6);
        assert!(root.metadata(Path::new("folder")).unwrap().is_dir());
        assert!(root.metadata(Path::new("")).unwrap().is_dir());
    }

    #[test]
    fn no_link_leads_out() {
        let (directory, root) = tree();
        let outside = directory.path().join("out/file");
        let below_by_name = root.path().join("../out/file");
        for (link, target) in [
            ("relative", "../out/file"),
            ("absolute", outside.to_str().unwrap()),
            ("by_name", below_by_name.to_str().unwrap()),
            ("folder", "../out"),
            ("a/folder", "../../out"),
            ("first", "a/second"),
            ("a/second", "../../out/file"),
            ("and_back", "../root/a/b/file"),
            ("up", ".."),
            ("passwd", "/etc/passwd"),
            ("process", "/proc/self/root/etc/passwd"),
        ] {
            symlink(target, root.path().join(link)).unwrap();
        }
        symlink("loop", root.path().join("loop")).unwrap();
        for open in WAYS {
            for path in [
                "relative",
                "absolute",
                "by_name",
                "folder/file",
                "a/folder/file",
                "first",
                "and_back",
                "up",
                "up/out/file",
                "passwd",
                "process",
                "../out/file",
                "a/../../out/file",
                "/etc/passwd",
            ] {
                let error = open(&root, Path::new(path)).unwrap_err();
                assert!(LeadsOut::is_in(&error), "{path}: {error:?}");
            }
            let circle = open(&root, Path::new("loop")).unwrap_err();
            assert_eq!(circle.raw_os_error(), Some(Errno::LOOP.raw_os_error()));
        }
        for path in ["relative", "absolute", "folder", "up"] {
            assert!(LeadsOut::is_in(&root.metadata(Path::new(path)).unwrap_err()), "{path}");
        }
        let anywhere = Root::new(root.path(), Links::Anywhere);
        assert_eq!(text(anywhere.open(Path::new("relative"))).unwrap(), "outside");
        assert_eq!(anywhere.metadata(Path::new("relative")).unwrap().len(), 7);
    }
}

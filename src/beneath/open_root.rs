//! Opens files from the caches of the kernel.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::Mode;

use super::root::{FOLDER, Links, READ, Root};

/// A directory that is kept open, so that opening a file below it takes one descriptor and one call.
pub(crate) struct OpenRoot {
    root: Root,
    #[cfg_attr(not(target_os = "linux"), expect(dead_code))]
    kept: Mutex<Option<OpenFolder>>,
}

/// An open folder. While it is open, no other folder gets its inode number.
#[cfg_attr(not(target_os = "linux"), expect(dead_code))]
struct OpenFolder {
    device: u64,
    inode: u64,
    folder: Arc<OwnedFd>,
}

impl OpenRoot {
    pub fn new(root: Root) -> Self {
        Self { root, kept: Mutex::new(None) }
    }

    pub fn root(&self) -> &Root {
        &self.root
    }

    /// Opens a file if that does not wait for a disk or a network; `None` if it would, or if the system cannot tell.
    #[cfg(target_os = "linux")]
    pub fn open_cached(&self, path: &Path) -> Option<io::Result<File>> {
        use rustix::fs::CWD;

        use super::kernel::{self, Resolve, cached};

        let opened = match self.root.links() {
            Links::Anywhere => cached(CWD, &self.root.join(path), READ, Resolve::empty())?,
            Links::Inside => cached(self.folder().ok()?, path, READ, kernel::BENEATH)?,
        };
        Some(opened.map(File::from))
    }

    #[cfg(not(target_os = "linux"))]
    pub fn open_cached(&self, _: &Path) -> Option<io::Result<File>> {
        None
    }

    /// The directory. It is opened again if another one is at its path.
    #[cfg(target_os = "linux")]
    fn folder(&self) -> io::Result<Arc<OwnedFd>> {
        use std::os::unix::fs::MetadataExt;

        let now = fs::metadata(self.root.path())?;
        let is_now = |kept: &&OpenFolder| (kept.device, kept.inode) == (now.dev(), now.ino());
        // The value is replaced at once, so a panic of another thread leaves it valid.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = kept.as_ref().filter(is_now) {
            return Ok(Arc::clone(&kept.folder));
        }
        let opened = File::from(rustix::fs::open(self.root.path(), FOLDER, Mode::empty())?);
        let found = opened.metadata()?;
        let folder = Arc::new(opened.into());
        let (device, inode) = (found.dev(), found.ino());
        *kept = Some(OpenFolder { device, inode, folder: Arc::clone(&folder) });
        Ok(folder)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::symlink;

    use super::*;

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

    #[cfg(target_os = "linux")]
    #[test]
    fn cached_files_are_opened_by_the_same_rules() {
        let (_directory, root) = tree();
        symlink("../out/file", root.path().join("relative")).unwrap();
        symlink("a/b/file", root.path().join("within")).unwrap();
        let kept = OpenRoot::new(root);
        let open = |path: &str| kept.open_cached(Path::new(path));
        // Some kernels and file systems do not support it.
        for path in ["a/b/file", "within"] {
            assert!(open(path).is_none_or(|file| text(file).unwrap() == "inside"), "{path}");
        }
        assert!(open("relative").is_none(), "another thread says what is wrong with it");
        assert!(open("none").is_none_or(|file| file.is_err()));
    }

    #[test]
    fn a_directory_that_is_a_link_is_followed_for_each_file() {
        let (directory, root) = tree();
        fs::create_dir_all(directory.path().join("next/a/b")).unwrap();
        fs::write(directory.path().join("next/a/b/file"), "next").unwrap();
        let current = directory.path().join("current");
        symlink(root.path(), &current).unwrap();
        let served = Root::new(&current, Links::Inside);
        let kept = OpenRoot::new(served.clone());
        let path = Path::new("a/b/file");
        assert!(kept.open_cached(path).is_none_or(|file| text(file).unwrap() == "inside"));
        assert_eq!(text(served.open(path)).unwrap(), "inside");
        symlink("next", directory.path().join("new")).unwrap();
        fs::rename(directory.path().join("new"), &current).unwrap();
        assert_eq!(text(served.open(path)).unwrap(), "next");
        assert!(kept.open_cached(path).is_none_or(|file| text(file).unwrap() == "next"));
    }
}

//! A file system with little room.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use super::tools;

/// A file system in memory, gone when dropped.
pub struct Disk(PathBuf);

impl Disk {
    /// `None` where this user may not mount one, which the test reports.
    pub fn mount(path: PathBuf, size: &str, test: &str) -> Option<Self> {
        fs::create_dir_all(&path).unwrap();
        let size = format!("size={size}");
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&path).output();
        if mount.is_ok_and(|mount| mount.status.success()) {
            return Some(Self(path));
        }
        tools::leave_out(&format!("{test} may not mount a file system here"));
        None
    }

    /// Takes up all room but so many pages.
    pub fn fill(&self, pages: usize) {
        let filler = self.0.join("filler");
        let mut file = fs::File::create(&filler).unwrap();
        while file.write(&[0; PAGE]).is_ok() {}
        let length = file.metadata().unwrap().len();
        file.set_len(length.saturating_sub((pages * PAGE) as u64)).unwrap();
    }

    pub fn make_room(&self) {
        fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Whatever still holds it: it is to be gone when its directory is removed.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// What a small file takes of a file system in memory.
const PAGE: usize = 4096;

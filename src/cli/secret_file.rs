//! Warnings about files that hold secrets: their permissions, and their place.

use std::fs::{self, Metadata};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// A warning if users other than the owner may read or change the file.
pub fn exposure(path: &Path) -> Option<String> {
    let mode = mode(path)?;
    (mode & 0o077 != 0).then(|| {
        format!(
            "{} can be read or changed by others (mode {:03o}): chmod 600 it",
            path.display(),
            mode & 0o777
        )
    })
}

/// A warning if users other than the owner may change the file.
#[cfg(feature = "serve")]
pub fn writable_by_others(path: &Path) -> Option<String> {
    let mode = mode(path)?;
    (mode & 0o022 != 0).then(|| {
        format!(
            "{} can be changed by others (mode {:03o}): chmod go-w it",
            path.display(),
            mode & 0o777
        )
    })
}

/// Whether the file, under any of its names, or a link to it lies below `directory` or a directory that is linked there.
pub fn lies_inside(path: &Path, directory: &Path) -> bool {
    let Ok(directory) = directory.canonicalize() else { return false };
    let target = path.canonicalize().ok();
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let place = parent.unwrap_or(Path::new(".")).canonicalize().ok();
    let places: Vec<PathBuf> = [target, place].into_iter().flatten().collect();
    let holds_it = |served: &Path| places.iter().any(|place| place.starts_with(served));
    if holds_it(&directory) {
        return true;
    }
    // Only a file with several hard links can have one of them in there.
    let file = fs::metadata(path).ok().filter(|found| found.nlink() > 1);
    let is_it = |found: &Metadata| {
        file.as_ref().is_some_and(|file| (file.dev(), file.ino()) == (found.dev(), found.ino()))
    };
    // Listings tell links from files, so a file with one name needs no further system calls.
    let mut entries = WalkDir::new(&directory).into_iter().filter_map(Result::ok);
    entries.any(|entry| match entry.file_type() {
        kind if kind.is_symlink() => entry.path().canonicalize().is_ok_and(|to| holds_it(&to)),
        kind if kind.is_file() => {
            file.is_some() && entry.metadata().is_ok_and(|found| is_it(&found))
        }
        _ => false,
    })
}

/// Whether the file, or what its path leads to, lies below `directory`.
#[cfg(feature = "serve")]
pub fn is_below(path: &Path, directory: &Path) -> bool {
    let [path, directory] = [path, directory].map(|one| one.canonicalize().ok());
    path.zip(directory).is_some_and(|(path, directory)| path.starts_with(directory))
}

fn mode(path: &Path) -> Option<u32> {
    let found = fs::metadata(path).ok()?;
    found.is_file().then(|| found.permissions().mode())
}

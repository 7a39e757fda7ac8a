//! Files that hold secrets: what is wrong with where they lie.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Says so where others than the owner may read or change the file.
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

/// Whether the file, or a link to it, lies below `directory` or what is linked to from there.
///
/// Links are looked for in the directory itself; those further down would take a walk through all
/// that is served.
pub fn lies_inside(path: &Path, directory: &Path) -> bool {
    let Ok(directory) = directory.canonicalize() else { return false };
    let linked = fs::read_dir(&directory).into_iter().flatten().flatten();
    let linked = linked.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_symlink()));
    let mut served: Vec<PathBuf> =
        linked.filter_map(|entry| entry.path().canonicalize().ok()).collect();
    served.push(directory);
    let target = path.canonicalize().ok();
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let place = parent.unwrap_or(Path::new(".")).canonicalize().ok();
    let mut places = [target, place].into_iter().flatten();
    places.any(|place| served.iter().any(|served| place.starts_with(served)))
}

fn mode(path: &Path) -> Option<u32> {
    let found = fs::metadata(path).ok()?;
    found.is_file().then(|| found.permissions().mode())
}

//! Where something is written, no link is followed.
//!
//! The directory that the user names may be a link, or be behind one. What lies in it may have been put there by
//! others: who may write to a shared disk, or delivers tarballs, could lead what is written or removed to any folder that
//! the user may write to. Who made a link does not tell: one that was copied with `cp -r`, or delivered by another
//! program of the same user, is the user's own.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::repository::RepositoryPath;

/// The root user, who may write everywhere without a link.
const ROOT: u32 = 0;

/// Why nothing is written through a link.
#[derive(Debug, thiserror::Error)]
#[error(
    "it is a symbolic link, and hexreg follows none there: remove it, or put the folder that it leads to in its \
     place, or mount it there (`mount --bind`)"
)]
pub(crate) struct RefusedLink;

pub(super) fn refusal() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, RefusedLink)
}

/// Whether what this user put somewhere may be relied on: it is the one who runs this program, or root.
pub(crate) fn is_trusted(owner: u32) -> bool {
    owner == ROOT || owner == rustix::process::geteuid().as_raw()
}

/// Makes sure that no link leads what is written to these folders elsewhere; tells which one does.
pub(super) fn check_folders(
    root: &Path,
    folders: &BTreeSet<RepositoryPath>,
) -> Result<(), (PathBuf, io::Error)> {
    for folder in folders {
        let mut path = root.to_owned();
        for part in folder.as_str().split('/').filter(|part| !part.is_empty()) {
            path.push(part);
            // One that is not there yet is made, and one that cannot be looked at cannot be written to.
            let Ok(found) = fs::symlink_metadata(&path) else { break };
            if found.is_symlink() {
                return Err((path, refusal()));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::repository::Folder;

    #[test]
    fn no_folder_is_written_to_behind_a_link() {
        let (directory, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let check = |folder: Folder| {
            check_folders(directory.path(), &BTreeSet::from([folder.path()]))
                .map_err(|(path, error)| format!("{}: {error}", path.display()))
        };
        for folder in [Folder::Root, Folder::Mirror, Folder::MirrorPackages, Folder::Tarballs] {
            assert_eq!(check(folder), Ok(()), "what is not there yet");
        }
        for link in ["tarballs", ".hexreg-mirror"] {
            symlink(elsewhere.path(), directory.path().join(link)).unwrap();
        }
        for (folder, link) in [
            (Folder::Tarballs, "tarballs"),
            (Folder::Mirror, ".hexreg-mirror"),
            (Folder::MirrorPackages, ".hexreg-mirror"),
        ] {
            let refused = check(folder).unwrap_err();
            assert!(refused.contains(&format!("/{link}: it is a symbolic link")), "{refused}");
        }
    }
}

//! Writes and removals follow no link.
//!
//! The directory that the user names may be a link, or be behind one. Its content may come from others: a person who may
//! write to a shared disk, or who delivers tarballs, could lead a write or a removal to any folder that the user may
//! write to. The owner of a link proves nothing: a link that was copied with `cp -r`, or delivered by another program of
//! the same user, belongs to the user.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::repository::RepositoryPath;

/// The root user, who needs no link to write anywhere.
const ROOT: u32 = 0;

/// Nothing is written through a link.
#[derive(Debug, thiserror::Error)]
#[error(
    "it is a symbolic link, and hexreg follows none there: remove it, or move the folder that it leads to to its \
     place, or mount it there (`mount --bind`)"
)]
pub(crate) struct RefusedLink;

pub(super) fn refusal() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, RefusedLink)
}

/// Whether files of this user are trusted: the user who runs this program, and root.
pub(crate) fn is_trusted(owner: u32) -> bool {
    owner == ROOT || owner == rustix::process::geteuid().as_raw()
}

/// Makes sure that these folders are behind no link; returns the path of the first link.
pub(super) fn check_folders(
    root: &Path,
    folders: &BTreeSet<RepositoryPath>,
) -> Result<(), (PathBuf, io::Error)> {
    for folder in folders {
        let mut path = root.to_owned();
        for part in folder.as_str().split('/').filter(|part| !part.is_empty()) {
            path.push(part);
            // A missing folder will be created, and a folder that cannot be inspected cannot be written to.
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
            assert_eq!(check(folder), Ok(()), "a missing folder");
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

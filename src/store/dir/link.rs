//! Which links are followed to where something is written.
//!
//! The directory that the user names may be a link, or be behind one. What lies in it may have been put there by
//! others: whoever may write to a shared disk could lead what is written to any folder that the user may write to.
//! So a folder of the tree is written to through a link only where the user or root made that link, as for
//! `tarballs/` on another disk; the system lets nobody make a link in another's name. hexreg's own folder, which
//! is also cleared, is never behind a link.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::repository::{Folder, RepositoryPath};

/// The root user, who may write everywhere without a link.
const ROOT: u32 = 0;

/// Why nothing is written through a link.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RefusedLink {
    /// No link is followed there.
    #[error(
        "it is a symbolic link, and hexreg follows none there: remove it, or put the folder that it leads to in \
         its place"
    )]
    Any,
    /// Another user made it.
    #[error(
        "it is a symbolic link that user {owner} made, and leads what is written elsewhere: remove it, or where \
         it is right, make it yours (`chown -h`)"
    )]
    OfAnother {
        /// Who.
        owner: u32,
    },
}

pub(super) fn refusal() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, RefusedLink::Any)
}

/// Whether an error says that a link was in the way.
pub(super) fn is_refusal(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<RefusedLink>)
}

/// Makes sure that a link is the user's own, or root's.
pub(super) fn check(owner: u32) -> io::Result<()> {
    if is_trusted(owner) {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::PermissionDenied, RefusedLink::OfAnother { owner }))
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
    let own = Folder::Mirror.path();
    for folder in folders {
        let is_own = Path::new(folder.as_str()).starts_with(own.as_str());
        let mut path = root.to_owned();
        for part in folder.as_str().split('/').filter(|part| !part.is_empty()) {
            path.push(part);
            // One that is not there yet is made, and one that cannot be looked at cannot be written to.
            let Ok(found) = fs::symlink_metadata(&path) else { break };
            if !found.is_symlink() {
                continue;
            }
            let checked = if is_own { Err(refusal()) } else { check(found.uid()) };
            checked.map_err(|error| (path.clone(), error))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn the_own_folder_of_hexreg_is_never_behind_a_link() {
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
        // The user's own.
        assert_eq!(check(Folder::Tarballs), Ok(()));
        for folder in [Folder::Mirror, Folder::MirrorPackages] {
            let refused = check(folder).unwrap_err();
            assert!(refused.contains("/.hexreg-mirror: it is a symbolic link"), "{refused}");
        }
    }
}

//! Who may read a file that replaces another one: the same users as before, as far as the system permits. Access control
//! lists are not copied; a default list on the folder applies to each new file.

use std::fs::{File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};

use crate::store::change::LostReaders;

/// The bits of a mode that say who may read, write and execute a file.
const PERMISSIONS: u32 = 0o777;

/// The root user, who may read everything.
const ROOT: u32 = 0;

/// The owner, the group and the mode, which decide who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileAccess {
    user: u32,
    group: u32,
    mode: u32,
}

/// Gives a new file, which is still empty, the owner, the group and the mode of the file that it will replace, as far as
/// the system permits. Returns the users who lose the right to read.
///
/// # Errors
/// The metadata of the new file cannot be read, or its owner may not set the mode.
pub(crate) fn keep(old: &Metadata, new: &File) -> io::Result<Option<LostReaders>> {
    let (was, is) = (FileAccess::of(old), FileAccess::of(&new.metadata()?));
    if was == is {
        return Ok(None);
    }
    let differing = |was: u32, is: u32| (was != is).then_some(was);
    let (user, group) = (differing(was.user, is.user), differing(was.group, is.group));
    // Only root gives files to another owner. A member of a group may give files to the group.
    let has_owner = user.is_some() && fchown(new, user, group).is_ok();
    if !has_owner && group.is_some() {
        let _ = fchown(new, None, group);
    }
    let is = FileAccess::of(&new.metadata()?);
    let mode = was.mode_in(is.group);
    if mode != is.mode {
        new.set_permissions(Permissions::from_mode(mode))?;
    }
    let is = FileAccess::of(&new.metadata()?);
    Ok(was.lost(is))
}

impl FileAccess {
    fn of(file: &Metadata) -> Self {
        Self { user: file.uid(), group: file.gid(), mode: file.mode() & PERMISSIONS }
    }

    /// The mode that allows no user more than this one does, for a file of another group.
    fn mode_in(self, group: u32) -> u32 {
        if group == self.group {
            return self.mode;
        }
        // A member of the new group was among the others before; a member of the old group is among them now.
        let both = (self.mode >> 3) & self.mode & 0o7;
        (self.mode & 0o700) | (both << 3) | both
    }

    /// The users who could read this file and may not be able to read that one.
    fn lost(self, now: Self) -> Option<LostReaders> {
        let reads = |mode: u32, bit: u32| mode & bit != 0;
        // The groups of a user are not looked up, so a user counts as a reader only if all users are.
        let all_others_read = reads(now.mode, 0o040) && reads(now.mode, 0o004);
        let user = match self.user {
            ROOT => false,
            _ if !reads(self.mode, 0o400) => false,
            user if user == now.user => !reads(now.mode, 0o400),
            _ => !all_others_read,
        };
        let group = match self.group {
            _ if !reads(self.mode, 0o040) => false,
            group if group == now.group => !reads(now.mode, 0o040),
            _ => !all_others_read,
        };
        let others = reads(self.mode, 0o004)
            && !(if self.group == now.group { reads(now.mode, 0o004) } else { all_others_read });
        (user || group || others).then_some(LostReaders {
            user: user.then_some(self.user),
            group: group.then_some(self.group),
            others,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_who_lose_the_right_to_read_are_named() {
        let access = |user, group, mode| FileAccess { user, group, mode };
        let lost = |user, group, others| Some(LostReaders { user, group, others });
        for (was, is, expected) in [
            (access(1, 1, 0o644), access(1, 1, 0o644), None),
            // All users still read it.
            (access(1, 1, 0o644), access(2, 2, 0o644), None),
            (access(1, 1, 0o600), access(2, 1, 0o600), lost(Some(1), None, false)),
            (access(1, 1, 0o640), access(1, 2, 0o600), lost(None, Some(1), false)),
            (access(1, 1, 0o640), access(2, 2, 0o600), lost(Some(1), Some(1), false)),
            (access(1, 1, 0o640), access(2, 1, 0o640), lost(Some(1), None, false)),
            (access(ROOT, 1, 0o640), access(2, 1, 0o640), None),
            (access(1, 1, 0o644), access(1, 1, 0o640), lost(None, None, true)),
            (access(1, 1, 0o644), access(1, 1, 0o600), lost(None, Some(1), true)),
            // Members of the new group were among the others.
            (access(1, 1, 0o604), access(1, 2, 0o604), lost(None, None, true)),
            (access(1, 1, 0o200), access(2, 2, 0o200), None),
        ] {
            assert_eq!(was.lost(is), expected, "{was:?} {is:?}");
        }
    }

    #[test]
    fn another_group_gets_no_right_that_it_did_not_have() {
        let mode = |mode, group| FileAccess { user: 1, group: 1, mode }.mode_in(group);
        assert_eq!(mode(0o640, 1), 0o640);
        assert_eq!(mode(0o640, 2), 0o600);
        assert_eq!(mode(0o664, 2), 0o644);
        assert_eq!(mode(0o644, 2), 0o644);
        // A group that was shut out stays shut out, among the others.
        assert_eq!(mode(0o604, 2), 0o600);
    }
}

//! Divides a batch into groups that one transaction each can write.

use std::collections::HashMap;

use super::change::{ReleaseChange, RequestedChange};
use crate::name::PackageName;

/// Consecutive changes, as many as possible in each group. No group both publishes and reverts releases of one package:
/// an index and the file of a package cannot change at the same moment, so the file would have to be written twice.
pub(super) fn groups(changes: &[RequestedChange]) -> Vec<&[RequestedChange]> {
    let (mut groups, mut rest) = (Vec::new(), changes);
    while !rest.is_empty() {
        let (group, others) = rest.split_at(first_group(rest));
        groups.push(group);
        rest = others;
    }
    groups
}

/// The length of the first group, which is at least one.
fn first_group(changes: &[RequestedChange]) -> usize {
    // Of each package that the group publishes or reverts releases of, whether it reverts them.
    let mut reverts: HashMap<&PackageName, bool> = HashMap::new();
    let conflict = changes.iter().position(|requested| {
        let is_revert = match &requested.change {
            ReleaseChange::Publish(_) => false,
            ReleaseChange::Revert(_) => true,
            _ => return false,
        };
        let package = &requested.change.release().package;
        *reverts.entry(package).or_insert(is_revert) != is_revert
    });
    conflict.unwrap_or(changes.len())
}

//! Compares what is published of one package, or the name of a repository, with what would be.

use std::collections::HashMap;

use super::kind::Breakage;
use crate::name::RepositoryName;
use crate::registry::{Releases, Resource};
use crate::repository::RepositoryPath;

/// Each release of a package that would be removed or replaced; and with `check_remarks`, each that would lose
/// remarks.
pub(super) fn package<'a>(
    was: &'a Releases,
    is: Option<&'a Releases>,
    check_remarks: bool,
) -> impl Iterator<Item = Breakage> + 'a {
    let releases = is.into_iter().flat_map(|is| &is.releases);
    let releases: HashMap<_, _> = releases.map(|release| (&release.version, release)).collect();
    was.releases.iter().filter_map(move |release| {
        let (package, version) = (was.package.clone(), release.version.clone());
        match releases.get(&version) {
            None => Some(Breakage::Removed { package, version }),
            Some(is) if is.outer_checksum != release.outer_checksum => {
                let (was, is) = (release.outer_checksum, is.outer_checksum);
                Some(Breakage::Replaced { package, version, was, is })
            }
            Some(is) if check_remarks && !is.remarks.include(&release.remarks) => {
                Some(Breakage::RemarksLost { package, version })
            }
            Some(_) => None,
        }
    })
}

/// A repository that would be published under another name, as `versions` tells.
pub(super) fn name(was: &RepositoryName, is: &RepositoryName) -> Option<Breakage> {
    (was != is).then(|| Breakage::Renamed {
        path: RepositoryPath::resource(&Resource::Versions),
        was: was.clone(),
        is: is.clone(),
    })
}

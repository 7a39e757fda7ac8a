//! Bridges: package files that hold both the releases that indexes name before a plan and those that they name after.
//!
//! An index and a package file cannot change at the same moment. So a package that loses releases keeps them until no
//! index names them; one that also gains releases is written twice.

use std::collections::{HashMap, HashSet};

use rayon::prelude::*;

use crate::key::{KeyError, PrivateKey};
use crate::name::PackageName;
use crate::package::Release;
use crate::registry::{Gzip, Releases};
use crate::repository::RepositoryPath;

/// For each package file that loses releases, what stands in between: nothing if it gains none, or a file that has
/// both.
pub(crate) type Bridges = HashMap<RepositoryPath, Option<Vec<u8>>>;

/// The releases whose version `others` has not.
pub(crate) fn lost_releases<'a>(was: &'a [Release], others: &[Release]) -> Vec<&'a Release> {
    let others: HashSet<_> = others.iter().map(|release| &release.version).collect();
    was.iter().filter(|release| !others.contains(&release.version)).collect()
}

/// Signs a bridge for each package that both loses and gains releases. Packages come as they were and as they are to
/// be.
pub(super) fn signed<'a>(
    packages: impl ParallelIterator<Item = (&'a Releases, Releases)>,
    key: &PrivateKey,
) -> Result<Bridges, KeyError> {
    let bridges = packages.filter_map(|(was, mut is)| {
        let lost = lost_releases(&was.releases, &is.releases);
        if lost.is_empty() {
            return None;
        }
        let gains = !lost_releases(&is.releases, &was.releases).is_empty();
        is.releases.extend(lost.into_iter().cloned());
        is.releases.sort_by(|a, b| a.version.cmp(&b.version));
        Some((RepositoryPath::package(&was.package), gains.then(|| is.encode())))
    });
    let signed = bridges.map(|(path, bridge)| {
        let signed = bridge.map(|bridge| bridge.sign(key)).transpose()?;
        Ok((path, signed.map(|signed| signed.to_gzip(&mut Gzip::new()))))
    });
    signed.collect()
}

/// The packages that lose releases and gain none. Used where no key is at hand that could sign a bridge for the
/// others.
pub(crate) fn shrinking<'a>(
    packages: impl Iterator<Item = (&'a PackageName, &'a Releases, &'a Releases)>,
) -> Bridges {
    let shrinking = packages.filter_map(|(name, was, is)| {
        let loses = !lost_releases(&was.releases, &is.releases).is_empty();
        let gains = !lost_releases(&is.releases, &was.releases).is_empty();
        (loses && !gains).then(|| (RepositoryPath::package(name), None))
    });
    shrinking.collect()
}

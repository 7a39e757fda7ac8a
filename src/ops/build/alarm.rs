//! What would break the lock files of users: a release that is no longer what it was.

use std::collections::BTreeMap;
use std::fmt;

use rayon::prelude::*;

use super::error::Error;
use super::options::Options;
use crate::checksum::OuterChecksum;
use crate::key::PublicKey;
use crate::name::PackageName;
use crate::ops::observer::{Observer, Warning};
use crate::registry::{MAX_FILE, Releases, Signed};
use crate::repository::{Action, Change, Folder, Plan, RepositoryPath};
use crate::store::Store;
use crate::version::Version;

/// A release that the present registry lists, validly signed, and the new one would not, or not as
/// it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// Its package.
    pub package: PackageName,
    /// Its version.
    pub version: Version,
    /// What clients have locked.
    pub was: OuterChecksum,
    /// What they would be offered, if anything.
    pub is: Option<OuterChecksum>,
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { package, version, was, is } = self;
        match is {
            Some(is) => write!(
                f,
                "{package} {version} is another tarball than the one that was published: its outer \
                 checksum was {}…, and is {}…",
                was.excerpt(),
                is.excerpt()
            ),
            None => write!(f, "{package} {version} was published, and is gone"),
        }
    }
}

/// Compares each package that changes with what it was, and warns, or refuses.
pub(super) fn raise(
    store: &dyn Store,
    options: &Options,
    plan: &Plan,
    observer: &dyn Observer,
) -> Result<(), Error> {
    let alarms = alarms(store, options.key.public_key(), plan)?;
    if options.immutable && !alarms.is_empty() {
        return Err(Error::Immutable(alarms));
    }
    for alarm in alarms {
        observer.warn(Warning::Alarm(alarm));
    }
    Ok(())
}

fn alarms(store: &dyn Store, signing: &PublicKey, plan: &Plan) -> Result<Vec<Alarm>, Error> {
    let is_package = |change: &&Change| change.path.folder() == Folder::Packages;
    let changes: Vec<&Change> = plan.changes.iter().filter(is_package).collect();
    if changes.is_empty() {
        return Ok(Vec::new());
    }
    let mut standing = Vec::new();
    store.read(&RepositoryPath::public_key(), MAX_FILE, &mut standing)?;
    let standing = PublicKey::from_pem(&String::from_utf8_lossy(&standing)).ok();
    let keys: Vec<&PublicKey> = standing.iter().chain([signing]).collect();
    let alarms = changes.into_par_iter().map(|change| {
        let mut file = Vec::new();
        let found = match change.action {
            Action::Update(_) | Action::Remove => store.read(&change.path, MAX_FILE, &mut file)?,
            Action::Create(_) | Action::CreateFolder => None,
        };
        let was = found.and_then(|_| releases(&file, &keys));
        // What lies elsewhere than clients look for it was never published.
        let was = was.filter(|was| RepositoryPath::package(&was.package) == change.path);
        let is = change.bytes().and_then(|bytes| releases(bytes, &keys));
        Ok(was.map_or_else(Vec::new, |was| compare(was, is)))
    });
    Ok(alarms.collect::<Result<Vec<_>, Error>>()?.concat())
}

/// What a file says, if one of the keys signed it.
fn releases(file: &[u8], keys: &[&PublicKey]) -> Option<Releases> {
    let signed = Signed::from_gzip(file).ok()?;
    let payload = keys.iter().find_map(|key| signed.clone().verify(key).ok())?;
    Releases::decode(&payload).ok()
}

fn compare(was: Releases, is: Option<Releases>) -> Vec<Alarm> {
    let present = is.map(|is| is.releases).unwrap_or_default().into_iter();
    let present: BTreeMap<_, _> =
        present.map(|release| (release.version, release.outer_checksum)).collect();
    let package = was.package;
    let alarms = was.releases.into_iter().filter_map(|release| {
        let is = present.get(&release.version).copied();
        let was = release.outer_checksum;
        let alarm = Alarm { package: package.clone(), version: release.version, was, is };
        (is != Some(was)).then_some(alarm)
    });
    alarms.collect()
}

//! From a working copy to a plan.

use rayon::prelude::*;

use super::error::Error;
use super::files::{FileChange, PlannedFile};
use super::options::Options;
use super::snapshot::{Snapshot, SnapshotFile, public_key};
use super::working_copy::WorkingCopy;
use crate::publish::breakage::{Bridges, lost_releases};
use crate::publish::sign::sign_if_changed;
use crate::publish::transaction::Attempt;
use crate::publish::{DesiredFile, Plan};
use crate::registry::{Gzip, Names, Payload, Releases, Versions};

/// What has to be done so that the registry says what the working copy does.
pub(super) fn plan(
    attempt: &Attempt<'_>,
    options: &Options,
    snapshot: &Snapshot,
    copy: &WorkingCopy,
    files: &[FileChange],
) -> Result<Plan, Error> {
    let repository = || options.repository.clone();
    let (mut desired, mut removed) = (Vec::new(), Vec::new());
    if snapshot.versions.document.is_none() {
        desired.extend(public_key(attempt.store(), options.key.public_key())?);
    }
    let planned = files.par_iter().map(|file| file.plan(attempt));
    for planned in planned.collect::<Result<Vec<_>, _>>()? {
        match planned {
            PlannedFile::Desired(file) => desired.push(file),
            PlannedFile::Removed(path) => removed.push((path, None)),
            PlannedFile::AlreadyGone => {}
        }
    }
    let mut shrinking = Bridges::new();
    for (name, file) in &snapshot.packages {
        let releases = copy.packages.get(name).cloned().unwrap_or_default();
        let was = file.document.as_ref().map(|was| was.releases.as_slice()).unwrap_or_default();
        if !lost_releases(was, &releases).is_empty() {
            shrinking.insert(file.path.clone(), None);
        }
        if !releases.is_empty() {
            let unknown = file.document.as_ref().map(|was| was.unknown.clone()).unwrap_or_default();
            let (repository, package) = (repository(), name.clone());
            let releases = Releases { repository, package, releases, unknown };
            desired.push(sign(file, options, &releases.encode())?);
        } else if file.bytes.is_some() {
            removed.push((file.path.clone(), file.stamp));
        }
    }
    let packages = copy.versions.clone().into_iter().collect();
    let unknown = snapshot.versions.document.as_ref().map(|was| was.unknown.clone());
    let unknown = unknown.unwrap_or_default();
    let versions = Versions { repository: repository(), packages, unknown };
    let packages = copy.names.clone().into_iter().collect();
    let unknown = snapshot.names.document.as_ref().map(|was| was.unknown.clone());
    let names = Names { repository: repository(), packages, unknown: unknown.unwrap_or_default() };
    desired.push(sign(&snapshot.versions, options, &versions.encode())?);
    desired.push(sign(&snapshot.names, options, &names.encode())?);

    let mut plan = Plan::between(&[], None, &[], desired.iter());
    plan.bridge(shrinking);
    plan.remove(removed);
    Ok(plan)
}

fn sign<D>(
    file: &SnapshotFile<D>,
    options: &Options,
    payload: &Payload,
) -> Result<DesiredFile, Error> {
    let published = file.bytes.as_deref();
    let state =
        sign_if_changed(&file.resource, payload, &options.key, &mut Gzip::new(), published)?;
    Ok(DesiredFile { path: file.path.clone(), state, over: file.stamp })
}

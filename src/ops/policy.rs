//! `hexreg policy`: publishes signed policies, lists and removes them. What a policy says is in [`crate::policy`].

pub use super::edit::{Error, Options, Report};

use super::edit::{self, DesiredPolicy};
use crate::key::PublicKey;
use crate::name::PolicyName;
use crate::package::{Remarks, Timestamp, UnixSeconds};
use crate::policy::{Candidate, Policy, PolicyFile};
use crate::publish::observer::Observer;
use crate::published::{DocumentError, Published, PublishedKey, Reader, TrustedKeys};
use crate::registry::{PUBLIC_REPOSITORY, Releases, Resource};
use crate::repository::{Folder, RepositoryPath};
use crate::store::{EntryKind, Store, StoreError};
use crate::tarball::FileName;
use crate::unknown_fields::UnknownFields;

/// Publishes a policy in the registry in `store`, in place of one of its name.
///
/// If the policy allows nothing by default, releases of the registry without a time of publication are not hidden. They
/// are an error, unless `accept_undated`.
///
/// # Errors
/// [`Error`]; unless it is [`Error::Write`], nothing was written.
pub fn set(
    store: &dyn Store,
    options: &Options,
    file: &PolicyFile,
    accept_undated: bool,
    observer: &dyn Observer,
) -> Result<Report, Error> {
    // Clients take no policy of it: `mix hex.config policy hexpm/…` is refused.
    if options.repository.as_str() == PUBLIC_REPOSITORY {
        return Err(Error::PolicyOfHexpm);
    }
    edit::refuse_missing_directory(store)?;
    let policy = &file.policy;
    let limit = Resource::Policy(policy.name.clone()).max_size();
    let size = policy.encode().as_bytes().len();
    if size > limit {
        return Err(Error::LargePolicy { size, limit });
    }
    let own = |name: &&String| {
        let organisation = name.strip_prefix("hexpm:").unwrap_or(name);
        organisation == options.repository.as_str()
    };
    let allow_lists: Vec<_> = file.deny_by_default.iter().filter(own).collect();
    let check = |releases: &Releases| {
        let of_list = |name: &&String| slip_through(policy, name, releases);
        allow_lists.iter().flat_map(of_list).collect()
    };
    let checks = !accept_undated && !allow_lists.is_empty();
    let desired = DesiredPolicy::Published(policy, checks.then_some(&check));
    edit::edit_policy(store, options, observer, desired)
}

/// Removes a policy from the registry in `store`. Projects that name it can resolve nothing new from then on.
///
/// # Errors
/// [`Error`]; unless it is [`Error::Write`], nothing was written.
pub fn remove(
    store: &dyn Store,
    options: &Options,
    name: &PolicyName,
    observer: &dyn Observer,
) -> Result<Report, Error> {
    edit::refuse_missing_directory(store)?;
    edit::edit_policy(store, options, observer, DesiredPolicy::Removed(name))
}

/// The releases that are not hidden only because it is not known when they were published.
fn slip_through(policy: &Policy, repository: &str, releases: &Releases) -> Vec<FileName> {
    let is_allowed = |release: &crate::package::Release, remarks: &Remarks| {
        let candidate = Candidate {
            repository,
            package: releases.package.as_str(),
            version: &release.version,
            remarks,
        };
        policy.verdict(&candidate, UnixSeconds(0)).is_allowed()
    };
    let undated = releases.releases.iter().filter(|release| {
        let now =
            Timestamp { seconds: UnixSeconds(0), nanos: 0, unknown: UnknownFields::default() };
        let dated = Remarks { published_at: Some(now), ..release.remarks.clone() };
        release.remarks.published_at.is_none()
            && is_allowed(release, &release.remarks)
            && !is_allowed(release, &dated)
    });
    let undated = undated.map(|release| FileName {
        package: releases.package.clone(),
        version: release.version.clone(),
    });
    undated.collect()
}

/// A policy of a registry.
#[derive(Debug)]
pub struct ListedPolicy {
    /// The name of its file.
    pub name: PolicyName,
    /// What it says, or why clients refuse it.
    pub contents: Result<Policy, DocumentError>,
}

/// The policies of the registry in `store`, by name, as clients with this key read them; by default with the key that is
/// published beside them.
///
/// # Errors
/// [`StoreError`] if a file cannot be read.
pub fn list(store: &dyn Store, key: Option<PublicKey>) -> Result<Vec<ListedPolicy>, StoreError> {
    let published = PublishedKey::read(store)?.and_then(|published| published.key.ok());
    let keys = key.or(published).map_or(TrustedKeys::Any, TrustedKeys::from);
    let reader = Reader::new(store, keys);
    let mut listed = Vec::new();
    for file in store.list(Folder::Policies)?.unwrap_or_default() {
        let path = Folder::Policies.file(&file.name);
        let resource = RepositoryPath::resource_at(path.as_str().as_ref());
        let Some(Resource::Policy(name)) = resource else { continue };
        if file.kind != EntryKind::File {
            continue;
        }
        let contents = match reader.policy(&name, &mut Vec::new())? {
            Published::Missing | Published::BeingRemoved { .. } => continue,
            Published::Unsound { error, .. } => Err(error),
            Published::Present { document, .. } => Ok(document),
        };
        listed.push(ListedPolicy { name, contents });
    }
    listed.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(listed)
}

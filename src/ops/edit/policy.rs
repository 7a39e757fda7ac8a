//! An edit of one policy. No index names policies, so nothing else is written, except for a new registry.

use std::iter;

use rayon::prelude::*;

use super::error::Error;
use super::options::{Options, Report};
use super::snapshot::{Snapshot, SnapshotFile, public_key, read_names};
use crate::name::PolicyName;
use crate::policy::Policy;
use crate::publish::observer::Observer;
use crate::publish::sign::sign_if_changed;
use crate::publish::transaction::{Attempt, Publication, Transaction};
use crate::publish::{DesiredFile, Plan};
use crate::published::open;
use crate::registry::{Gzip, Names, Releases, Resource, Versions};
use crate::repository::{Folder, RepositoryPath};
use crate::store::{self, Action, Change, Changed, EntryKind, Store, StoreError};
use crate::tarball::FileName;

/// Finds the releases of a package for which a policy must not be published.
pub(in crate::ops) type ReleaseCheck<'a> = dyn Fn(&Releases) -> Vec<FileName> + Sync + 'a;

/// A policy as it is to be.
#[derive(Clone, Copy)]
pub(in crate::ops) enum DesiredPolicy<'a> {
    /// Published, unless a check of all releases finds something.
    Published(&'a Policy, Option<&'a ReleaseCheck<'a>>),
    Removed(&'a PolicyName),
}

/// Publishes or removes a policy, in a transaction of its own.
pub(in crate::ops) fn edit_policy(
    store: &dyn Store,
    options: &Options,
    observer: &dyn Observer,
    desired: DesiredPolicy<'_>,
) -> Result<Report, Error> {
    let Options { lock_timeout, dry_run, .. } = *options;
    let transaction = Transaction::begin::<Error>(store, None, lock_timeout, dry_run, observer)?;
    let (_, mut changes) = transaction.run(&PolicyEdit { options, desired })?;
    changes.retain(|(path, _)| !store::is_temporary(path.file_name()));
    Ok(Report { changes })
}

struct PolicyEdit<'a> {
    options: &'a Options,
    desired: DesiredPolicy<'a>,
}

impl PolicyEdit<'_> {
    /// Signs the policy. A file that is at its path is replaced, whatever it is: the key is known to be that of clients.
    /// Returns that file too.
    fn publish(
        &self,
        attempt: &Attempt<'_>,
        names: &SnapshotFile<Names>,
        policy: &Policy,
    ) -> Result<(Plan, Option<Vec<u8>>), Error> {
        let store = attempt.store();
        let resource = Resource::Policy(policy.name.clone());
        let path = RepositoryPath::resource(&resource);
        let mut bytes = Vec::new();
        let found = store.read(&path, resource.max_size(), &mut bytes)?;
        let published = found.as_ref().map(|_| bytes.as_slice());
        let (payload, key) = (policy.encode(), &self.options.key);
        let state = sign_if_changed(&resource, &payload, key, &mut Gzip::new(), published)?;
        let over = found.as_ref().and_then(|found| found.stamp);
        let of_new_registry = match names.document {
            None => self.new_registry(store)?,
            Some(_) => Vec::new(),
        };
        let desired: Vec<_> =
            of_new_registry.into_iter().chain([DesiredFile { path, state, over }]).collect();
        let plan = Plan::between(&leftovers(attempt)?, None, &[], desired.iter());
        Ok((plan, found.map(|_| bytes)))
    }

    /// What a registry has besides its policies: the key; and, if it has no package, the indexes that clients, pages and
    /// `verify` ask for.
    fn new_registry(&self, store: &dyn Store) -> Result<Vec<DesiredFile>, Error> {
        let Options { repository, key, .. } = self.options;
        let mut files: Vec<_> = public_key(store, key.public_key())?.into_iter().collect();
        let is_there = |resource: &Resource| store.inspect(&RepositoryPath::resource(resource));
        let has_packages =
            store.list(Folder::Packages)?.is_some_and(|packages| !packages.is_empty());
        if has_packages || is_there(&Resource::Versions)?.is_some() {
            return Ok(files);
        }
        let names = Names::new(repository.clone(), Vec::new()).encode();
        let versions = Versions::new(repository.clone(), Vec::new()).encode();
        for (resource, payload) in [(Resource::Names, names), (Resource::Versions, versions)] {
            let state = sign_if_changed(&resource, &payload, key, &mut Gzip::new(), None)?;
            files.push(DesiredFile {
                path: RepositoryPath::resource(&resource),
                state,
                over: None,
            });
        }
        Ok(files)
    }

    fn remove(&self, attempt: &Attempt<'_>, name: &PolicyName) -> Result<Plan, Error> {
        let store = attempt.store();
        let resource = Resource::Policy(name.clone());
        let path = RepositoryPath::resource(&resource);
        let mut bytes = Vec::new();
        let mut plan = Plan::between(&leftovers(attempt)?, None, &[], iter::empty());
        match store.read(&path, resource.max_size(), &mut bytes)? {
            // What a later attempt does not find, an earlier one may have removed.
            None if attempt.has_changed(&path) => {}
            None => {
                let repository = self.options.repository.clone();
                return Err(Error::NoSuchPolicy { repository, name: name.clone() });
            }
            // The removal of another writer that was interrupted is completed.
            Some(_) if !attempt.is_first() && store::is_tombstone(&bytes) => {}
            Some(found) => plan.remove([(path, found.stamp)]),
        }
        Ok(plan)
    }

    /// Puts back what was at the path of the policy, as clients no longer hold the key that signed the policy. If another
    /// writer has replaced it meanwhile, it stays.
    fn take_back(&self, attempt: &Attempt<'_>, before: Option<&[u8]>) -> Result<(), Error> {
        let DesiredPolicy::Published(policy, _) = self.desired else { return Ok(()) };
        let (store, resource) = (attempt.store(), Resource::Policy(policy.name.clone()));
        let path = RepositoryPath::resource(&resource);
        let mut bytes = Vec::new();
        let found = store.read(&path, resource.max_size(), &mut bytes)?;
        let key = self.options.key.public_key();
        let is_own = open(&resource, &bytes).is_ok_and(|file| file.is_signed_by(key));
        let Some(found) = found.filter(|_| is_own) else { return Ok(()) };
        let (action, changed) = match before {
            None => (Action::Remove, Changed::Removed),
            Some(before) => (Action::Update(before.to_vec().into()), Changed::Updated),
        };
        let change = Change { path: path.clone(), action, over: found.stamp };
        let plan = Plan { changes: vec![change], unchanged: 0 };
        plan.apply(store, &|_| attempt.observer().changed(&path, changed))?;
        Ok(())
    }

    /// Fails if there are releases for which the policy must not be published.
    fn check_releases(
        &self,
        store: &dyn Store,
        names: &SnapshotFile<Names>,
        check: &ReleaseCheck<'_>,
    ) -> Result<(), Error> {
        let packages = names.document.iter().flat_map(|names| &names.packages);
        let packages: Vec<_> = packages.map(|(name, _)| name).collect();
        let found = packages.par_iter().map(|name| {
            let one = Snapshot::read_package(store, self.options, name)?;
            Ok(one.document.as_ref().map(check).unwrap_or_default())
        });
        let found: Vec<_> = found.collect::<Result<Vec<_>, Error>>()?;
        let releases: Vec<_> = found.into_iter().flatten().collect();
        if releases.is_empty() { Ok(()) } else { Err(Error::Undated { releases }) }
    }
}

impl Publication for PolicyEdit<'_> {
    /// The file that is replaced.
    type Planned = Option<Vec<u8>>;
    type Error = Error;

    fn plan(&self, attempt: &Attempt<'_>) -> Result<(Plan, Option<Vec<u8>>), Error> {
        // What the key signed tells that clients hold it.
        let names = read_names(attempt.store(), self.options)?;
        match self.desired {
            DesiredPolicy::Published(policy, check) => {
                if let Some(check) = check {
                    self.check_releases(attempt.store(), &names, check)?;
                }
                self.publish(attempt, &names, policy)
            }
            DesiredPolicy::Removed(name) => Ok((self.remove(attempt, name)?, None)),
        }
    }

    /// Another writer may have signed all anew, with another key, before the policy was there.
    fn confirm(
        &self,
        attempt: &Attempt<'_>,
        _: &Plan,
        before: &Option<Vec<u8>>,
    ) -> Result<(), Error> {
        let read = read_names(attempt.store(), self.options);
        if matches!(read, Err(Error::Signed { .. })) {
            self.take_back(attempt, before.as_deref())?;
        }
        read.map(drop)
    }
}

/// Temporary files that killed writers have left beside the policies. A registry of policies alone has no builds that
/// would remove them.
fn leftovers(attempt: &Attempt<'_>) -> Result<Vec<RepositoryPath>, StoreError> {
    if !attempt.is_alone() {
        return Ok(Vec::new());
    }
    let files = attempt.store().list(Folder::Policies)?.unwrap_or_default().into_iter();
    let leftovers =
        files.filter(|file| store::is_temporary(&file.name) && file.kind == EntryKind::File);
    Ok(leftovers.map(|file| Folder::Policies.file(&file.name)).collect())
}

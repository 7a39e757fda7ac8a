//! Policies: a build makes none, and signs those there are only if the key changes.

use std::sync::OnceLock;

use super::error::Error;
use super::options::Options;
use crate::publish::observer::{Observer, Warning};
use crate::publish::transaction::Attempt;
use crate::publish::{DesiredFile, FileState};
use crate::published::{DocumentError, Published, Reader, TrustedKeys, payload};
use crate::registry::{Gzip, Resource};
use crate::repository::{Folder, RepositoryPath};
use crate::store::{EntryKind, Store, StoreError};

/// The new key and the former one, if a build replaces the key.
#[derive(Default)]
pub(super) struct Rotation(OnceLock<TrustedKeys>);

impl Rotation {
    /// Notes the former key. A later attempt may find `public_key` replaced already.
    pub fn note(
        &self,
        store: &dyn Store,
        options: &Options,
        public_key: &DesiredFile,
    ) -> Result<(), StoreError> {
        if matches!(public_key.state, FileState::Different(_)) && self.0.get().is_none() {
            let keys = TrustedKeys::published_and(store, options.key.public_key())?;
            let _ = self.0.set(keys);
        }
        Ok(())
    }

    /// Checks that no other writer has published a policy with the former key since the policies were listed. A writer
    /// that publishes one later finds `names` signed with the new key.
    pub fn confirm(&self, attempt: &Attempt<'_>, options: &Options) -> Result<(), Error> {
        let late = sign_anew(attempt.store(), options, self, &())?;
        late.first().map_or(Ok(()), |policy| Err(attempt.undone(&policy.path).into()))
    }
}

/// Signs each policy again if the public key changes, as all resources are: a client that has the new key refuses a
/// policy of the old one, and with it every project that names the policy. A policy that the old key did not sign for
/// this repository is left alone, with a warning.
pub(super) fn sign_anew(
    store: &dyn Store,
    options: &Options,
    rotation: &Rotation,
    observer: &dyn Observer,
) -> Result<Vec<DesiredFile>, Error> {
    let Some(keys) = rotation.0.get() else { return Ok(Vec::new()) };
    let new = Reader::new(store, options.key.public_key().clone());
    let old = Reader::new(store, keys.clone()).of_repository(&options.repository);
    let mut bytes = Vec::new();
    let mut desired = Vec::new();
    for file in store.list(Folder::Policies)?.unwrap_or_default() {
        let path = Folder::Policies.file(&file.name);
        let resource = RepositoryPath::resource_at(path.as_str().as_ref());
        let Some(resource @ Resource::Policy(name)) = &resource else { continue };
        let is_signed_already = || -> Result<bool, StoreError> {
            let found = new.policy(name, &mut Vec::new())?;
            Ok(matches!(
                found,
                Published::Present { .. }
                    | Published::Unsound { error: DocumentError::OtherPolicy(_), .. }
            ))
        };
        if file.kind != EntryKind::File || is_signed_already()? {
            continue;
        }
        match old.policy(name, &mut bytes)? {
            Published::Present { .. } => {
                // The payload of a file that was just checked can always be read.
                let Ok(payload) = payload(resource, &bytes) else { continue };
                let bytes = payload.sign(&options.key)?.to_gzip(&mut Gzip::new());
                desired.push(DesiredFile {
                    path,
                    state: FileState::Different(bytes.into()),
                    over: file.stamp,
                });
            }
            Published::Missing | Published::BeingRemoved { .. } => {}
            Published::Unsound { .. } => {
                observer.warn(Warning::Policy { location: store.locate(&path) });
            }
        }
    }
    Ok(desired)
}

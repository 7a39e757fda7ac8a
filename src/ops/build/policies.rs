//! Policies: a build makes none, and signs those there are only if the key changes.

use super::error::Error;
use super::options::Options;
use crate::publish::observer::{Observer, Warning};
use crate::publish::{DesiredFile, FileState};
use crate::published::{DocumentError, Published, Reader, TrustedKeys, payload};
use crate::registry::{Gzip, Resource};
use crate::repository::{Folder, RepositoryPath};
use crate::store::{EntryKind, Store, StoreError};

/// Signs each policy again if the public key changes, as all resources are: a client that has the new key refuses a
/// policy of the old one, and with it every project that names the policy. A policy that the old key did not sign for
/// this repository is left alone, with a warning.
pub(super) fn sign_anew(
    store: &dyn Store,
    options: &Options,
    public_key: &DesiredFile,
    observer: &dyn Observer,
) -> Result<Vec<DesiredFile>, Error> {
    if !matches!(public_key.state, FileState::Different(_)) {
        return Ok(Vec::new());
    }
    let signing = options.key.public_key();
    let new = Reader::new(store, signing.clone());
    let old = Reader::new(store, TrustedKeys::published_and(store, signing)?)
        .of_repository(&options.repository);
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

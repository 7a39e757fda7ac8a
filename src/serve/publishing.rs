//! Which repositories are published to: those with a private key.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::api::publisher::{Publisher, PublisherOptions};
use super::error::Error;
use super::error_chain::chain;
use super::options::{MountKey, Options};
use super::overview::RepositoryState;
use super::repository::Repository;
use super::upload;
use crate::auth::BearerKey;
use crate::key::KeyError;
use crate::name::RepositoryName;
use crate::ops::batch;
use crate::store::DirStore;

/// The keys of bearer tokens. All servers that have one of the private keys accept the same bearer tokens.
pub(super) fn bearer_keys(keys: &[MountKey]) -> Result<Vec<BearerKey>, KeyError> {
    keys.iter().map(|one| BearerKey::of(&one.key)).collect()
}

/// Begins to publish to the repository of each key.
///
/// # Errors
/// A key is of no repository, or of one that it does not sign.
pub(super) fn start(
    runtime: &Handle,
    options: &Options,
    keys: Vec<MountKey>,
    repositories: &mut [Repository],
) -> Result<(), Error> {
    if !keys.is_empty() {
        remove_abandoned_uploads();
    }
    for MountKey { mount, key } in keys {
        let path = || mount.as_ref().map_or_else(|| "PUBLIC_DIR".to_owned(), ToString::to_string);
        let repository = repositories.iter_mut().find(|one| one.mount.name == mount);
        let repository = repository.ok_or_else(|| Error::KeyWithoutRepository(path()))?;
        if repository.publisher.is_some() {
            return Err(Error::TwoKeys(path()));
        }
        let signed = signed_name(repository, key.public_key().fingerprint())?;
        let store = DirStore::new(&repository.mount.directory).with_links(options.links());
        remove_leftovers(&store);
        let publisher = PublisherOptions {
            repository: signed,
            key,
            replace: options.replace,
            allow_public: options.allow_public.clone(),
        };
        repository.publisher =
            Some(Arc::new(Publisher::start(runtime, Box::new(store), publisher)));
    }
    Ok(())
}

/// Removes what an earlier server has left that was killed.
fn remove_leftovers(store: &DirStore) {
    match batch::remove_leftovers(store) {
        Ok(0) => {}
        Ok(number) => tracing::info!(number, "temporary files of killed processes were removed"),
        Err(error) => {
            tracing::warn!(
                error = chain(&error),
                "temporary files of killed processes were not removed"
            );
        }
    }
}

/// Removes the uploads of earlier servers that were killed.
fn remove_abandoned_uploads() {
    let folder = upload::folder();
    match upload::remove_abandoned(&folder) {
        Ok(0) => {}
        Ok(number) => tracing::info!(number, "uploads of killed servers were removed"),
        Err(error) => {
            let folder = folder.display();
            tracing::warn!(%error, %folder, "the folder for uploads could not be read");
        }
    }
}

/// The name in the signed files of a repository, which the key with this fingerprint signs.
fn signed_name(repository: &Repository, fingerprint: &str) -> Result<RepositoryName, Error> {
    let directory = &repository.mount.directory;
    let location = || directory.display().to_string();
    match &*repository.overview.current() {
        RepositoryState::Built(overview) if overview.key.fingerprint() == fingerprint => {
            Ok(overview.repository.clone())
        }
        RepositoryState::Built(overview) => Err(Error::OtherKey {
            fingerprint: overview.key.fingerprint().to_owned(),
            public_key: directory.join("public_key"),
        }),
        RepositoryState::NotBuilt => {
            Err(Error::NotBuilt { location: location(), directory: directory.clone() })
        }
        RepositoryState::Unsound(reason) => {
            Err(Error::Unsound { location: location(), reason: chain(reason) })
        }
    }
}

//! Pulls single files of an upstream into a store, as the clients of a server ask for them. START HERE.
//!
//! ```text
//! target     which files can be pulled
//! signed     what upstream's key has signed: indexes, packages, policies
//! versions   the index that has no times
//! tarballs   tarballs, and what replaces them
//! unsigned   what a signed file vouches for: tarballs; and what is checked for its form: documentation, installs
//! access     whether upstream lets this server read: else 403 would be a file that is missing
//! context    what both need: the client, the checks, and the store that they write to
//! held_file  checks what the store has already
//! pulled     what came of it
//! error      why a file was not pulled
//! ```
//!
//! A file is checked whole, as `hexreg mirror` checks it, before it is written and before a client gets any of it. What
//! has been pulled is a mirror: `hexreg mirror` goes on from it.

mod access;
mod context;
mod error;
mod held_file;
mod pulled;
mod signed;
mod tarballs;
mod target;
mod unsigned;
mod versions;

pub use error::PullError;
pub use pulled::{Pulled, PulledFile, Validator};
pub use target::Target;

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use super::error::Error;
use super::timeouts::Timeouts;
use super::upstream::Upstream;
use crate::name::PackageName;
use crate::package::UnixSeconds;
use crate::registry::Resource;
use crate::repository::RepositoryPath;
use crate::store::Store;
use context::PullContext;

/// Pulls files of one upstream into one store.
#[derive(Clone)]
pub struct Puller(Arc<PullContext>);

impl Puller {
    /// A puller into a store, which is to be read without a cache in front: what it holds is compared with upstream's
    /// files. The file of a package that is accepted is taken even if upstream lost or changed releases of it.
    ///
    /// # Errors
    /// [`Error::Client`] and [`Error::Proxy`].
    pub fn new(
        upstream: Upstream,
        accept: BTreeSet<PackageName>,
        timeouts: Timeouts,
        store: Box<dyn Store + Send + Sync>,
    ) -> Result<Self, Error> {
        Ok(Self(Arc::new(PullContext::new(upstream, accept, timeouts, store)?)))
    }

    /// Writes upstream's key where the store has none, and removes what a killed server left. May block.
    ///
    /// # Errors
    /// [`Error::OtherRegistry`] where the store has the registry of another key.
    pub fn prepare(&self, now: UnixSeconds) -> Result<(), Error> {
        self.0.prepare(now)
    }

    /// Checks a file that the store has at this path, which is that of the target or of its signature, as if upstream had
    /// sent it. May block.
    ///
    /// # Errors
    /// [`PullError::Upstream`] says what is wrong with it.
    pub fn check(
        &self,
        target: &Target,
        path: &RepositoryPath,
        bytes: &Bytes,
    ) -> Result<(), PullError> {
        held_file::check(&self.0, target, path, bytes)
    }

    /// How many bytes have come of a file that is being pulled.
    #[must_use]
    pub fn received(&self, target: &Target) -> u64 {
        self.0.client.received(target.path().as_str())
    }

    /// Whether the store has the very file that came with a validator.
    ///
    /// # Errors
    /// [`PullError::Store`] and [`PullError::Run`].
    pub async fn holds(&self, target: &Target, validator: &Validator) -> Result<bool, PullError> {
        let held = self.0.held(&target.path(), target.max_size()).await?;
        Ok(held.is_some_and(|held| validator.file().is_of(&held.bytes)))
    }

    /// Fetches a file, unless upstream still has the one that came with the validator, checks it and writes it. A tarball
    /// is checked by the file of its package that the store has.
    ///
    /// # Errors
    /// [`PullError`]: then nothing was written, and what the store has stays.
    pub async fn pull(
        &self,
        target: &Target,
        validator: Option<&Validator>,
        now: UnixSeconds,
    ) -> Result<Pulled, PullError> {
        let pulled = self.pull_file(target, validator, now).await;
        let is_index = matches!(target, Target::Signed(Resource::Names | Resource::Versions));
        match pulled {
            Ok(pulled) if is_index && !matches!(pulled.file, PulledFile::Missing) => {
                self.0.access.was_granted().await;
                Ok(pulled)
            }
            Err(error) if !is_index && error.is_forbidden() => {
                if self.0.is_missing_upstream(target).await? {
                    return Ok(Pulled::new(PulledFile::Missing));
                }
                Err(error)
            }
            pulled => pulled,
        }
    }

    async fn pull_file(
        &self,
        target: &Target,
        validator: Option<&Validator>,
        now: UnixSeconds,
    ) -> Result<Pulled, PullError> {
        let (context, validator) = (&self.0, validator.map(Validator::file));
        match target {
            Target::Signed(Resource::Package(name)) => {
                signed::package(context, name, validator, now).await
            }
            Target::Signed(Resource::Policy(name)) => {
                signed::policy(context, name, validator).await
            }
            Target::Signed(Resource::Versions) => versions::pull(context, validator, now).await,
            Target::Signed(index) => signed::index(context, index, validator, now).await,
            Target::Tarball(file) => unsigned::tarball(context, file, now).await,
            Target::Docs(file) => unsigned::docs(context, file, validator).await,
            Target::InstallList(list) => unsigned::install_list(context, list, validator).await,
            Target::Install(path) => unsigned::install(context, path).await,
        }
    }
}

//! What fetched bytes are, if upstream signed them or something that names them.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use flate2::bufread::GzDecoder;

use super::indexes::Index;
use super::task::{Outcome, PackageFile, TarballToFetch};
use super::file_error::{Disagreement, FileError};
use crate::checksum::OuterChecksum;
use crate::key::PublicKey;
use crate::name::{PackageName, PolicyName, RepositoryName};
use crate::policy::Policy;
use crate::published::{Document, TrustedKeys, UncheckedDocument, without_removal_mark};
use crate::registry::{Releases, Resource};
use crate::tarball::{self, Limits};

/// Who has to have signed what.
#[derive(Clone, Debug)]
pub(super) struct Checker {
    pub repository: RepositoryName,
    keys: TrustedKeys,
    pub limits: Limits,
    /// Who holds it inflates a large file: there are many jobs, and memory for few of those.
    large: Arc<Mutex<()>>,
}

/// In bytes: payloads above this are inflated one at a time.
const LARGE: usize = 1 << 20;

impl Checker {
    pub fn new(repository: RepositoryName, key: PublicKey, limits: Limits) -> Self {
        Self { repository, keys: key.into(), limits, large: Arc::default() }
    }

    /// `names` or `versions`.
    pub fn index(&self, resource: &Resource, bytes: &[u8]) -> Result<Index, FileError> {
        match resource {
            Resource::Names => self.document(&(), bytes).map(Index::Names),
            _ => self.document(&(), bytes).map(Index::Versions),
        }
    }

    /// `packages/NAME`. One that upstream is removing is taken as what clients read it as: the mark that it
    /// leaves is a bucket's own matter.
    pub fn package(&self, name: &PackageName, bytes: &Bytes) -> Result<PackageFile, FileError> {
        let releases: Releases = self.document(name, bytes)?;
        let unmarked = without_removal_mark(&Releases::resource(name), bytes)?;
        let bytes = unmarked.map_or_else(|| bytes.clone(), Bytes::from);
        Ok(PackageFile { releases, bytes, tag: None, is_held: false })
    }

    /// `policies/NAME`.
    pub fn policy(&self, name: &PolicyName, bytes: &[u8]) -> Result<Policy, FileError> {
        self.document(name, bytes)
    }

    fn document<D: Document>(&self, name: &D::Name, bytes: &[u8]) -> Result<D, FileError> {
        let file = UncheckedDocument::<D>::new(bytes, name)?;
        let _turn = self.turn(file.payload_size());
        Ok(file.check(&self.keys, Some(&self.repository))?)
    }

    /// A tarball: lock file, registry and file have to agree on both checksums. What else is in it is
    /// for whoever builds a registry from it to judge; upstream has signed for it.
    pub fn tarball(&self, wanted: &TarballToFetch, bytes: &[u8]) -> Result<(), FileError> {
        let outer = OuterChecksum::of(bytes);
        let read = tarball::inner_checksum(bytes, &self.limits);
        let is_wanted = outer == wanted.outer_checksum
            && read.as_ref().is_ok_and(|inner| *inner == wanted.inner_checksum);
        let pin = wanted.pin.as_ref();
        let is_pinned = pin.is_none_or(|pin| {
            pin.inner_checksum.is_none_or(|inner| inner == wanted.inner_checksum)
                && pin.outer_checksum.is_none_or(|outer| outer == wanted.outer_checksum)
        });
        if is_wanted && is_pinned {
            return Ok(());
        }
        match read {
            // It is the very file that upstream means, so what is wrong with it is upstream's.
            Err(error) if outer == wanted.outer_checksum && is_pinned => Err(error.into()),
            read => Err(FileError::Disagreement(Box::new(Disagreement {
                lock: pin.map(|pin| (pin.lock.clone(), pin.inner_checksum, pin.outer_checksum)),
                registry: (wanted.inner_checksum, wanted.outer_checksum),
                file: (read.ok(), outer),
            }))),
        }
    }

    /// What is to become of a tarball whose file stands already; nothing where it is to be fetched. One that
    /// is whole and another is not upstream's to replace: nobody knows who counts on it.
    pub fn standing(&self, wanted: &TarballToFetch, bytes: &[u8]) -> Option<Outcome> {
        if self.tarball(wanted, bytes).is_ok() {
            return Some(Outcome::Done);
        }
        let (held, said) = (OuterChecksum::of(bytes), wanted.outer_checksum);
        let is_another = held != said && tarball::inner_checksum(bytes, &self.limits).is_ok();
        let version = wanted.file.version.clone();
        let changed = FileError::Changed { version, held, said };
        (is_another && !wanted.is_accepted).then_some(Outcome::Failed(changed))
    }

    /// Waits until no other large file is inflated, if this one is large.
    fn turn(&self, payload_size: usize) -> Option<MutexGuard<'_, ()>> {
        // It guards nothing that a panic could leave half-way.
        let wait = || self.large.lock().unwrap_or_else(PoisonError::into_inner);
        (payload_size > LARGE).then(wait)
    }
}

/// In bytes: how much documentation may inflate to.
const MAX_DOCS: u64 = 1 << 30;

/// Documentation, which nobody signs: all that can be told is whether it came whole.
pub(super) fn docs(bytes: &[u8]) -> Result<(), FileError> {
    let mut stream = GzDecoder::new(bytes).take(MAX_DOCS);
    let inflated = io::copy(&mut stream, &mut io::sink());
    match inflated {
        Ok(MAX_DOCS) => Err(FileError::Docs(format!("it inflates to more than {MAX_DOCS} bytes"))),
        Ok(_) => Ok(()),
        Err(error) => Err(FileError::Docs(error.to_string())),
    }
}

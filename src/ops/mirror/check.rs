//! Checks fetched files: resources by upstream's signature, tarballs by the checksums in signed resources.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use flate2::bufread::GzDecoder;

use super::file_error::{ChecksumMismatch, FileError};
use super::indexes::Index;
use super::task::{Outcome, PackageFile, TarballToFetch};
use crate::checksum::OuterChecksum;
use crate::key::PublicKey;
use crate::name::{PackageName, PolicyName, RepositoryName};
use crate::policy::Policy;
use crate::published::{Document, TrustedKeys, UncheckedDocument, without_removal_mark};
use crate::registry::{Releases, Resource};
use crate::tarball::{self, Limits};

/// What files have to be signed with, and what limits they have.
#[derive(Clone, Debug)]
pub(super) struct Checker {
    pub repository: RepositoryName,
    keys: TrustedKeys,
    pub limits: Limits,
    /// Held while a large file is inflated: there are many jobs, and memory for few of those.
    large_file: Arc<Mutex<()>>,
}

/// In bytes: payloads above this are inflated one at a time.
const LARGE: usize = 1 << 20;

impl Checker {
    pub fn new(repository: RepositoryName, key: PublicKey, limits: Limits) -> Self {
        Self { repository, keys: key.into(), limits, large_file: Arc::default() }
    }

    /// `names` or `versions`.
    pub fn index(&self, resource: &Resource, bytes: &[u8]) -> Result<Index, FileError> {
        match resource {
            Resource::Names => self.document(&(), bytes).map(Index::Names),
            _ => self.document(&(), bytes).map(Index::Versions),
        }
    }

    /// `packages/NAME`. A tombstone, which upstream has in a bucket while it removes a package, becomes the empty
    /// package that clients read it as.
    pub fn package(&self, name: &PackageName, bytes: &Bytes) -> Result<PackageFile, FileError> {
        let releases: Releases = self.document(name, bytes)?;
        let unmarked = without_removal_mark(&Releases::resource(name), bytes)?;
        let bytes = unmarked.map_or_else(|| bytes.clone(), Bytes::from);
        Ok(PackageFile { releases, bytes, validator: None, is_held: false })
    }

    /// `policies/NAME`.
    pub fn policy(&self, name: &PolicyName, bytes: &[u8]) -> Result<Policy, FileError> {
        self.document(name, bytes)
    }

    fn document<D: Document>(&self, name: &D::Name, bytes: &[u8]) -> Result<D, FileError> {
        let file = UncheckedDocument::<D>::new(bytes, name)?;
        let _lock = self.lock_if_large(file.payload_size());
        Ok(file.check(&self.keys, Some(&self.repository))?)
    }

    /// A tarball: lock file, registry and file have to agree on both checksums. Its contents are not checked:
    /// upstream has signed its checksum, and a build checks what it reads.
    pub fn tarball(&self, expected: &TarballToFetch, bytes: &[u8]) -> Result<(), FileError> {
        let outer = OuterChecksum::of(bytes);
        let read = tarball::inner_checksum(bytes, &self.limits);
        let is_expected = outer == expected.outer_checksum
            && read.as_ref().is_ok_and(|inner| *inner == expected.inner_checksum);
        let pin = expected.pin.as_ref();
        let is_pinned =
            pin.is_none_or(|pin| pin.agrees(expected.inner_checksum, expected.outer_checksum));
        if is_expected && is_pinned {
            return Ok(());
        }
        match read {
            // It is the file that upstream has signed, so upstream's tarball is at fault.
            Err(error) if outer == expected.outer_checksum && is_pinned => Err(error.into()),
            read => Err(FileError::ChecksumMismatch(Box::new(ChecksumMismatch {
                lock: pin.map(|pin| (pin.lock.clone(), pin.inner_checksum, pin.outer_checksum)),
                registry: (expected.inner_checksum, expected.outer_checksum),
                file: (read.ok(), outer),
            }))),
        }
    }

    /// The outcome for a tarball that the mirror has; `None` where it has to be fetched. An intact tarball with
    /// another checksum than upstream's is never overwritten: projects may depend on it.
    pub fn tarball_on_disk(&self, expected: &TarballToFetch, bytes: &[u8]) -> Option<Outcome> {
        if self.tarball(expected, bytes).is_ok() {
            return Some(Outcome::Done);
        }
        let (held, said) = (OuterChecksum::of(bytes), expected.outer_checksum);
        let is_another = held != said && tarball::inner_checksum(bytes, &self.limits).is_ok();
        let version = expected.file.version.clone();
        let changed = FileError::Changed { version, held, said };
        (is_another && !expected.is_accepted).then_some(Outcome::Failed(changed))
    }

    /// Waits until no other large file is being inflated, if this one is large.
    fn lock_if_large(&self, payload_size: usize) -> Option<MutexGuard<'_, ()>> {
        // The mutex guards no value that a panic could leave half changed.
        let wait = || self.large_file.lock().unwrap_or_else(PoisonError::into_inner);
        (payload_size > LARGE).then(wait)
    }
}

/// In bytes: the most that documentation may inflate to.
const MAX_INFLATED_DOCS: u64 = 1 << 30;

/// Documentation, which is not signed: it is only checked that it came whole.
pub(super) fn docs(bytes: &[u8]) -> Result<(), FileError> {
    let mut stream = GzDecoder::new(bytes).take(MAX_INFLATED_DOCS);
    let inflated = io::copy(&mut stream, &mut io::sink());
    match inflated {
        Ok(MAX_INFLATED_DOCS) => {
            Err(FileError::Docs(format!("it inflates to more than {MAX_INFLATED_DOCS} bytes")))
        }
        Ok(_) => Ok(()),
        Err(error) => Err(FileError::Docs(error.to_string())),
    }
}

//! What was true of a registry's files the last time, so that it need not be found out again.
//!
//! A cache is never needed and never trusted further than it can be checked: absent, damaged, of
//! another version or made with other options, it is as if there were none. It says nothing of a file
//! by its name, only by its [`Stamp`]; and nothing of a file that was changed in the moment it was
//! looked at, for a second change in that moment could leave the same stamp (git calls such an entry
//! racily clean).
//!
//! ```text
//! MAGIC | length | head | BLAKE3 of these | BLAKE3 of what follows | tarballs and files
//! ```
//!
//! The head alone tells whether nothing has changed at all; the rest is read only where something has.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use crate::name::PackageName;
use crate::package::Release;
use crate::repository::RepositoryPath;
use crate::store::Stamp;

/// Another version may find other things true of the same bytes.
const MAGIC: &[u8] = concat!("hexreg cache 1 ", env!("CARGO_PKG_VERSION"), "\n").as_bytes();

/// How long a file must have been left alone before it is looked at, in nanoseconds: the coarsest
/// clock of a file system in use (FAT) ticks every two seconds.
const MOMENT: i64 = 2_000_000_000;

/// More than any head takes, in bytes.
const MAX_HEAD: u64 = 512;

/// The BLAKE3 hash of whatever an answer depends on.
pub type Fingerprint = [u8; 32];

/// The fingerprint of bytes.
#[must_use]
pub fn fingerprint(bytes: &[u8]) -> Fingerprint {
    blake3::hash(bytes).into()
}

/// Where a cache is kept.
#[derive(Clone, Debug)]
pub struct CacheFile(PathBuf);

/// What is told without looking at a single file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Of everything besides files that the rest depends on: key, options.
    pub context: Fingerprint,
    /// Of the listing in which everything stood as it should; `None` where it did not quite.
    pub settled: Option<Fingerprint>,
    /// How many packages there were.
    pub packages: usize,
    /// How many releases.
    pub releases: usize,
    /// How many files that are served, tarballs aside.
    pub files: usize,
}

/// What was found in a tarball.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownTarball {
    /// Its file name.
    pub name: String,
    /// By which it is known again.
    pub stamp: Stamp,
    /// Its package.
    pub package: PackageName,
    /// What it holds.
    pub release: Release,
}

/// The same, to be written: fields in the same order.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct KnownTarballRef<'a> {
    pub name: &'a str,
    pub stamp: Stamp,
    pub package: &'a PackageName,
    pub release: &'a Release,
}

/// What stood in a served file, validly signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownFile {
    /// Its path.
    pub path: RepositoryPath,
    /// By which it is known again.
    pub stamp: Stamp,
    /// Of its payload.
    pub payload: Fingerprint,
}

/// All that a cache holds besides its head.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Known {
    /// By file name, bytewise.
    pub tarballs: Vec<KnownTarball>,
    /// By path, bytewise.
    pub files: Vec<KnownFile>,
}

/// The same, to be written.
#[derive(Serialize)]
pub(crate) struct KnownRef<'a> {
    pub tarballs: Vec<KnownTarballRef<'a>>,
    pub files: Vec<KnownFile>,
}

/// Whether a file that was looked at at `seen`, in nanoseconds since 1970, would show by its stamp
/// that it was changed after.
#[must_use]
pub fn is_settled(stamp: &Stamp, seen: i64) -> bool {
    stamp.changed.saturating_add(MOMENT) <= seen
}

impl CacheFile {
    /// The cache of the registry in `public_dir`, which must exist, below `cache_dir`.
    ///
    /// # Errors
    /// The real path of `public_dir` cannot be told.
    pub fn of(cache_dir: &Path, public_dir: &Path) -> io::Result<Self> {
        let real = public_dir.canonicalize()?;
        let name = HEXLOWER.encode(&fingerprint(real.as_os_str().as_encoded_bytes()));
        Ok(Self(cache_dir.join(name).with_extension("cache")))
    }

    /// Reads the head, if it is there and sound.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        let mut start = Vec::new();
        File::open(&self.0).ok()?.take(MAX_HEAD).read_to_end(&mut start).ok()?;
        split(&start).map(|(head, _)| head)
    }

    /// Reads everything, if it is there, sound, and made in this context.
    #[must_use]
    pub fn load(&self, context: &Fingerprint) -> Option<Known> {
        let bytes = fs::read(&self.0).ok()?;
        let (head, rest) = split(&bytes)?;
        let (digest, body) = rest.split_first_chunk::<32>()?;
        if head.context != *context || fingerprint(body) != *digest {
            return None;
        }
        postcard::from_bytes(body).ok()
    }

    /// Writes a new cache in place of the old one, for its owner alone.
    ///
    /// # Errors
    /// It cannot be written; the old one, if there was one, still stands.
    pub(crate) fn save(&self, head: &Head, known: &KnownRef<'_>) -> io::Result<()> {
        let folder = self.0.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let head = postcard::to_stdvec(head).map_err(io::Error::other)?;
        let body = postcard::to_stdvec(known).map_err(io::Error::other)?;
        let length = u8::try_from(head.len()).map_err(io::Error::other)?;
        let start = [MAGIC, &[length], head.as_slice()].concat();
        // A temporary file is readable by its owner alone to begin with.
        let mut file = tempfile::Builder::new().prefix(".hexreg-").tempfile_in(folder)?;
        for part in [&start[..], &fingerprint(&start), &fingerprint(&body), &body] {
            file.write_all(part)?;
        }
        file.persist(&self.0)?;
        Ok(())
    }
}

/// The head, and what follows it, of a cache whose head is sound.
fn split(bytes: &[u8]) -> Option<(Head, &[u8])> {
    let (length, after) = bytes.strip_prefix(MAGIC)?.split_first()?;
    let (head, after) = after.split_at_checked(usize::from(*length))?;
    let (digest, rest) = after.split_first_chunk::<32>()?;
    let covered = bytes.get(..MAGIC.len() + 1 + head.len())?;
    let is_sound = fingerprint(covered) == *digest;
    Some((postcard::from_bytes(head).ok().filter(|_| is_sound)?, rest))
}

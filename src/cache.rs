//! What was true of a registry's files the last time, so that it need not be found out again.
//!
//! A cache is never needed and never trusted further than it can be checked: absent, damaged, of
//! another version or made with other options, it is as if there were none. It says nothing of a file
//! by its name, only by its [`Stamp`]; and nothing of a file that was changed in the moment it was
//! looked at, for a second change in that moment could leave the same stamp (git calls such an entry
//! racily clean). Such a change shows only where the file system keeps the time of the last change
//! itself, and its clock and ours are not seconds apart.
//!
//! ```text
//! MAGIC | length | head | digest of these | digest of what follows | what is known
//! ```
//!
//! The head alone tells whether nothing has changed at all; the rest is read only where something has.

use std::fs::{self, DirBuilder};
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize, Serializer};

use crate::key::PrivateKey;
use crate::regular_file;
use crate::store::{Stamp, keep_access};

/// Another version may find other things true of the same bytes.
const MAGIC: &[u8] = concat!("hexreg cache 4 ", env!("CARGO_PKG_VERSION"), "\n").as_bytes();

/// More than any head takes, in bytes.
const MAX_HEAD: u64 = 512;

/// In bytes: a cache of a million packages has as many. One that is larger is neither written nor read.
const MAX_CACHE: u64 = 2 << 30;

/// The BLAKE3 hash of whatever an answer depends on.
pub type Fingerprint = [u8; 32];

/// The fingerprint of bytes.
#[must_use]
pub fn fingerprint(bytes: &[u8]) -> Fingerprint {
    blake3::hash(bytes).into()
}

/// What a cache was made with, the signing key above all: its digests are keyed with it, so that a
/// cache of other options is as good as none, and nobody who lacks the key can make one that counts.
#[derive(Clone)]
pub struct Context([u8; 32]);

impl Context {
    /// The context of a key and whatever else answers depend on besides files; `None` for a key that
    /// cannot be written down.
    #[must_use]
    pub fn of(key: &PrivateKey, options: &str) -> Option<Self> {
        let mut hasher = blake3::Hasher::new_derive_key("hexreg cache");
        hasher.update(key.to_pem().ok()?.as_bytes());
        hasher.update(options.as_bytes());
        Some(Self(hasher.finalize().into()))
    }

    fn digest(&self, bytes: &[u8]) -> [u8; 32] {
        blake3::keyed_hash(&self.0, bytes).into()
    }
}

/// Where a cache is kept.
#[derive(Clone, Debug)]
pub struct CacheFile(PathBuf);

/// What is told without looking at a single file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheHead {
    /// Of the listing in which everything stood as it should; `None` where it did not quite.
    pub settled: Option<Fingerprint>,
    /// How many packages there were.
    pub packages: usize,
    /// How many releases.
    pub releases: usize,
    /// How many files that are served, tarballs aside.
    pub files: usize,
}

/// All that a cache holds besides its head, borrowed from its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheBody<'a> {
    /// By name, bytewise.
    #[serde(borrow)]
    pub packages: Vec<CachedPackage<'a>>,
    /// What stood in `versions`.
    pub versions: Option<CachedIndex>,
    /// What stood in `names`.
    pub names: Option<CachedIndex>,
}

/// A package whose tarballs were read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CachedPackage<'a> {
    /// Its name.
    pub name: &'a str,
    /// Those of its tarballs that had settled, by file name, bytewise.
    pub tarballs: Vec<CachedTarball<'a>>,
    /// Whether those are all that it had.
    pub complete: bool,
    /// What `packages/NAME` says of all that it had: the releases themselves.
    #[serde(serialize_with = "bytes")]
    pub payload: &'a [u8],
    /// Whether that remarks anything on a release.
    pub has_remarks: bool,
    /// Whether a dependency of a release is to be looked at again.
    pub has_doubtful_dependency: bool,
    /// The file that says so, validly signed, if it stood and had settled.
    pub served: Option<Stamp>,
    /// Upstream's file in the folder of a mirror, whose remarks it has, if there was one and it had settled.
    pub upstream: Option<Stamp>,
}

/// A tarball that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CachedTarball<'a> {
    /// Its file name.
    pub name: &'a str,
    /// By which it is known again.
    pub stamp: Stamp,
}

/// What stood in `names` or `versions`, validly signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CachedIndex {
    /// By which the file is known again.
    pub served: Stamp,
    /// Of its payload.
    pub payload: Fingerprint,
}

/// The same bytes that a sequence of numbers is, written at once.
fn bytes<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

impl<'a> CacheBody<'a> {
    /// What a cache says, if it is sound and was made in this context.
    #[must_use]
    pub fn parse(cache: &'a [u8], context: &Context) -> Option<Self> {
        let (_, rest) = split(cache, context)?;
        let (digest, body) = rest.split_first_chunk::<32>()?;
        let is_sound = context.digest(body) == *digest;
        is_sound.then(|| postcard::from_bytes(body).ok()).flatten()
    }
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

    /// The cache of the registry in a bucket, which may not exist, below `cache_dir`.
    #[must_use]
    pub fn of_bucket(cache_dir: &Path, url: &str, endpoint: Option<&str>) -> Self {
        // The real path of a directory begins with a slash, and no URL does.
        let whole = [url, endpoint.unwrap_or_default()].join("\0");
        let name = HEXLOWER.encode(&fingerprint(whole.as_bytes()));
        Self(cache_dir.join(name).with_extension("cache"))
    }

    /// Reads the head, if it is there, sound, and made in this context.
    #[must_use]
    pub fn head(&self, context: &Context) -> Option<CacheHead> {
        let mut start = Vec::new();
        let file = regular_file::open_without_link(&self.0).ok()?;
        file.take(MAX_HEAD).read_to_end(&mut start).ok()?;
        split(&start, context).map(|(head, _)| head)
    }

    /// Reads everything, if it is there and its head is sound. Another user who may write to the folder can put
    /// anything there but a sound head, so no more than a head is read of that.
    #[must_use]
    pub fn read(&self, context: &Context) -> Option<Vec<u8>> {
        let mut file = regular_file::open_without_link(&self.0).ok()?;
        let mut bytes = Vec::new();
        (&mut file).take(MAX_HEAD).read_to_end(&mut bytes).ok()?;
        split(&bytes, context)?;
        bytes.append(&mut regular_file::read_to_limit(file, MAX_CACHE).ok()?);
        Some(bytes)
    }

    /// Writes a new cache, for its owner alone, or in place of an old one for those who could read that.
    ///
    /// # Errors
    /// It cannot be written; the old one, if there was one, still stands.
    pub(crate) fn save(
        &self,
        context: &Context,
        head: &CacheHead,
        known: &CacheBody<'_>,
    ) -> io::Result<()> {
        let folder = self.0.parent().unwrap_or(Path::new("."));
        // It names private packages and their dependencies, so no other user is let in.
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let head = postcard::to_stdvec(head).map_err(io::Error::other)?;
        let body = postcard::to_stdvec(known).map_err(io::Error::other)?;
        if u64::try_from(body.len()).is_ok_and(|length| length > MAX_CACHE - MAX_HEAD) {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let length = u8::try_from(head.len()).map_err(io::Error::other)?;
        let start = [MAGIC, &[length], head.as_slice()].concat();
        // A temporary file is readable by its owner alone to begin with.
        let mut file = tempfile::Builder::new().prefix(".hexreg-").tempfile_in(folder)?;
        // Who may read what a link leads to says nothing of who could read the cache.
        if let Ok(old) = fs::symlink_metadata(&self.0).and_then(regular) {
            // A user who cannot read it has no cache, and loses nothing else.
            keep_access(&old, file.as_file())?;
        }
        for part in [&start[..], &context.digest(&start), &context.digest(&body), &body] {
            file.write_all(part)?;
        }
        file.persist(&self.0)?;
        Ok(())
    }
}

fn regular(found: fs::Metadata) -> io::Result<fs::Metadata> {
    regular_file::check_regular(found.file_type()).map(|()| found)
}

/// The head, and what follows it, of a cache whose head is sound.
fn split<'a>(bytes: &'a [u8], context: &Context) -> Option<(CacheHead, &'a [u8])> {
    let (length, after) = bytes.strip_prefix(MAGIC)?.split_first()?;
    let (head, after) = after.split_at_checked(usize::from(*length))?;
    let covered = bytes.get(..bytes.len().checked_sub(after.len())?)?;
    let (digest, rest) = after.split_first_chunk::<32>()?;
    let is_sound = context.digest(covered) == *digest;
    is_sound.then(|| Some((postcard::from_bytes(head).ok()?, rest))).flatten()
}

//! The cache of a build: what the last build read from each file.
//!
//! The cache can be deleted at any time. A cache that is damaged, of another version or made with other options is
//! ignored. A file is identified by its [`Stamp`], not by its name. A file that changed in the moment in which it was read
//! is not cached: a second change in that moment could leave the same stamp (git calls such an entry racily clean). That
//! is noticed only if the file system sets the time of the last change itself, with a clock that is at most seconds from
//! ours.
//!
//! ```text
//! MAGIC | length of the head | head | digest of these three | digest of the body | body
//! ```
//!
//! The head says whether anything has changed; the body is read only if so.

use std::fs::{self, DirBuilder};
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize, Serializer};

use crate::key::PrivateKey;
use crate::registry::DependencySummary;
use crate::regular_file;
use crate::store::{Stamp, keep_access};

/// The first bytes of the file. Another version may read other things from the same tarball.
const MAGIC: &[u8] = concat!("hexreg cache 5 ", env!("CARGO_PKG_VERSION"), "\n").as_bytes();

/// An upper bound of the size of a head, in bytes.
const MAX_HEAD: u64 = 512;

/// The largest cache that is written or read, in bytes: that of a million packages.
const MAX_CACHE: u64 = 2 << 30;

/// A BLAKE3 hash.
pub type Fingerprint = [u8; 32];

/// The BLAKE3 hash of bytes.
#[must_use]
pub fn fingerprint(bytes: &[u8]) -> Fingerprint {
    blake3::hash(bytes).into()
}

/// The signing key and the options that a cache was made with. The digests are keyed with them, so a cache of other
/// options is ignored, and only a holder of the signing key can make a valid one.
#[derive(Clone)]
pub(crate) struct Context([u8; 32]);

impl Context {
    /// The context of a key and the options on which the contents of the cache depend; `None` if the key cannot be
    /// encoded.
    #[must_use]
    pub(crate) fn of(key: &PrivateKey, options: &str) -> Option<Self> {
        let mut hasher = blake3::Hasher::new_derive_key("hexreg cache");
        hasher.update(key.to_pem().ok()?.as_bytes());
        hasher.update(options.as_bytes());
        Some(Self(hasher.finalize().into()))
    }

    fn digest(&self, bytes: &[u8]) -> [u8; 32] {
        blake3::keyed_hash(&self.0, bytes).into()
    }
}

/// The file of a cache.
#[derive(Clone, Debug)]
pub struct CacheFile(PathBuf);

/// The part of a cache that is read first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CacheHead {
    /// The fingerprint of a listing for which a build has nothing to do; `None` if the last build wrote anything.
    pub settled: Option<Fingerprint>,
    /// The number of packages.
    pub packages: usize,
    /// The number of releases.
    pub releases: usize,
    /// The number of served files other than tarballs.
    pub files: usize,
}

/// The part of a cache after its head, borrowed from its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CacheBody<'a> {
    /// Sorted by name, bytewise.
    #[serde(borrow)]
    pub packages: Vec<CachedPackage<'a>>,
    /// The published `versions`.
    pub versions: Option<CachedIndex>,
    /// The published `names`.
    pub names: Option<CachedIndex>,
}

/// A package and its tarballs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CachedPackage<'a> {
    /// The name of the package.
    pub name: &'a str,
    /// The tarballs that had not changed in the moment of reading, sorted by file name, bytewise.
    pub tarballs: Vec<CachedTarball<'a>>,
    /// Whether these are all tarballs of the package.
    pub complete: bool,
    /// The encoded `packages/NAME` of all its tarballs.
    #[serde(serialize_with = "bytes")]
    pub payload: &'a [u8],
    /// Whether the payload says anything that is in no tarball.
    pub has_remarks: bool,
    /// Whether a build must check the dependencies of the package again, and where the payload has them from.
    pub dependencies: DependencySummary,
    /// The stamp of the published file with this payload and a valid signature, if there was one and it had not changed
    /// in the moment of reading.
    pub served: Option<Stamp>,
    /// The stamp of upstream's file, in the folder of a mirror, whose remarks the payload has; under the same conditions.
    pub upstream: Option<Stamp>,
}

/// A tarball.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CachedTarball<'a> {
    /// The file name.
    pub name: &'a str,
    /// The stamp of the file when it was read.
    pub stamp: Stamp,
}

/// A published index with a valid signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CachedIndex {
    /// The stamp of the file when it was read.
    pub served: Stamp,
    /// The fingerprint of its payload.
    pub payload: Fingerprint,
}

/// Serializes bytes in one piece. The encoding is that of a sequence of numbers.
fn bytes<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

impl<'a> CacheBody<'a> {
    /// Parses a cache; `None` if it is damaged or of another context.
    #[must_use]
    pub(crate) fn parse(cache: &'a [u8], context: &Context) -> Option<Self> {
        let (_, rest) = split(cache, context)?;
        let (digest, body) = rest.split_first_chunk::<32>()?;
        let is_sound = context.digest(body) == *digest;
        is_sound.then(|| postcard::from_bytes(body).ok()).flatten()
    }
}

impl CacheFile {
    /// The cache in `cache_dir` for the registry in `public_dir`, which must exist.
    ///
    /// # Errors
    /// The real path of `public_dir` cannot be determined.
    pub fn of(cache_dir: &Path, public_dir: &Path) -> io::Result<Self> {
        let real = public_dir.canonicalize()?;
        let name = HEXLOWER.encode(&fingerprint(real.as_os_str().as_encoded_bytes()));
        Ok(Self(cache_dir.join(name).with_extension("cache")))
    }

    /// The cache in `cache_dir` for the registry in a bucket, which need not exist.
    #[must_use]
    pub fn of_bucket(cache_dir: &Path, url: &str, endpoint: Option<&str>) -> Self {
        // A URL does not begin with a slash, so it does not collide with the real path of a directory.
        let whole = [url, endpoint.unwrap_or_default()].join("\0");
        let name = HEXLOWER.encode(&fingerprint(whole.as_bytes()));
        Self(cache_dir.join(name).with_extension("cache"))
    }

    /// Reads the head; `None` if it is missing, damaged or of another context.
    #[must_use]
    pub(crate) fn head(&self, context: &Context) -> Option<CacheHead> {
        let mut start = Vec::new();
        let file = regular_file::open_without_link(&self.0).ok()?;
        file.take(MAX_HEAD).read_to_end(&mut start).ok()?;
        split(&start, context).map(|(head, _)| head)
    }

    /// Reads the whole cache; `None` if its head is missing, damaged or of another context. Another user who may write to
    /// the folder can put a file there, but not one with a valid head, so no more than a head is read of it.
    #[must_use]
    pub(crate) fn read(&self, context: &Context) -> Option<Vec<u8>> {
        let mut file = regular_file::open_without_link(&self.0).ok()?;
        let mut bytes = Vec::new();
        (&mut file).take(MAX_HEAD).read_to_end(&mut bytes).ok()?;
        split(&bytes, context)?;
        bytes.append(&mut regular_file::read_to_limit(file, MAX_CACHE).ok()?);
        Some(bytes)
    }

    /// Writes the cache. Only its owner may read a new file; one that replaces another keeps its permissions.
    ///
    /// # Errors
    /// The file cannot be written. An old one is unchanged.
    pub(crate) fn save(
        &self,
        context: &Context,
        head: &CacheHead,
        known: &CacheBody<'_>,
    ) -> io::Result<()> {
        let folder = self.0.parent().unwrap_or(Path::new("."));
        // The cache names private packages and their dependencies, so other users must not read it.
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let head = postcard::to_stdvec(head).map_err(io::Error::other)?;
        let body = postcard::to_stdvec(known).map_err(io::Error::other)?;
        if u64::try_from(body.len()).is_ok_and(|length| length > MAX_CACHE - MAX_HEAD) {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let length = u8::try_from(head.len()).map_err(io::Error::other)?;
        let start = [MAGIC, &[length], head.as_slice()].concat();
        // Only its owner may read a temporary file.
        let mut file = tempfile::Builder::new().prefix(".hexreg-").tempfile_in(folder)?;
        // A link is not followed: the permissions of its target are not those of the cache.
        if let Ok(old) = fs::symlink_metadata(&self.0).and_then(regular) {
            // A user who can no longer read the cache builds without it.
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

/// The head and the rest of a cache with a valid head.
fn split<'a>(bytes: &'a [u8], context: &Context) -> Option<(CacheHead, &'a [u8])> {
    let (length, after) = bytes.strip_prefix(MAGIC)?.split_first()?;
    let (head, after) = after.split_at_checked(usize::from(*length))?;
    let covered = bytes.get(..bytes.len().checked_sub(after.len())?)?;
    let (digest, rest) = after.split_first_chunk::<32>()?;
    let is_sound = context.digest(covered) == *digest;
    is_sound.then(|| Some((postcard::from_bytes(head).ok()?, rest))).flatten()
}

//! Entity tags, by which a client learns that its copy of a file is current.
//!
//! A tag is the digest of the bytes. So it is the same on every server that has the same file, whatever its times are,
//! and different for different bytes. Digests are cached by the file's [`Stamp`], so a file is read for its tag once. A
//! file that was changed a moment ago is read each time, as another change in that moment could leave the same stamp.
//!
//! As all bytes are read here, this is also where a private key is recognized.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use data_encoding::BASE64URL_NOPAD;
use headers::ETag;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::bounded_cache::BoundedCache;
use crate::serve::clock::unix_nanoseconds;
use crate::serve::files::secrets::{SecretFile, SecretFiles};
use crate::serve::files::source::OpenFile;
use crate::store::Stamp;

/// In bytes: above this size, which no file of a registry has, the tag is made of the stamp. It differs on another
/// server, but a git pack of gigabytes is not read before it is sent.
const MAX_READ: u64 = 64 << 20;

/// How many files are read at once for their tags.
const READERS: usize = 2;

/// How many tags are cached at least, of the files that were asked for last; at most twice as many.
const CACHED_TAGS: usize = 1 << 16;

/// In bytes: how much of a digest a tag has.
const DIGEST_LENGTH: usize = 16;

/// The entity tags of the files of a server.
pub(crate) struct EntityTags {
    /// `None` for a private key.
    digests: Mutex<BoundedCache<Stamp, Option<Digest>>>,
    readers: Arc<Semaphore>,
    secrets: SecretFiles,
}

/// A tag without its quotes.
type Digest = [u8; DIGEST_LENGTH];

impl EntityTags {
    pub fn new(secrets: SecretFiles) -> Self {
        let digests = Mutex::new(BoundedCache::new(CACHED_TAGS));
        Self { digests, readers: Arc::new(Semaphore::new(READERS)), secrets }
    }

    /// The files that have no tag, as no client may have them.
    pub fn secrets(&self) -> &SecretFiles {
        &self.secrets
    }

    /// The tag of an open file.
    ///
    /// # Errors
    /// The file cannot be read; [`SecretFile`] if no client may have it.
    pub async fn of(&self, opened: &OpenFile) -> io::Result<Option<ETag>> {
        let (stamp, read_at) = (opened.stamp(), unix_nanoseconds());
        // Object storage has made a tag of it already, and its source has refused private keys.
        if let Stamp::Object { tag: digest, .. } = stamp {
            let digest = digest.first_chunk().copied().unwrap_or_default();
            return Ok(tag(&digest, false));
        }
        if let Some(tag) = self.cached(&stamp) {
            return tag;
        }
        if self.secrets.include(&stamp) {
            return Err(SecretFile.into());
        }
        if opened.size() > MAX_READ {
            let mut bytes = Vec::new();
            stamp.extend(&mut bytes);
            // Weak while two changes in one moment might leave the same stamp.
            return Ok(tag(&shortened(&blake3::hash(&bytes)), !stamp.is_settled(read_at)));
        }
        let examined = if let Some(examined) = opened.examine_now() {
            examined?
        } else {
            let permit = Arc::clone(&self.readers).acquire_owned().await;
            let permit = permit.map_err(io::Error::other)?;
            // Another request may have read the same file meanwhile.
            if let Some(tag) = self.cached(&stamp) {
                return tag;
            }
            let file = opened.clone();
            let read = spawn_blocking(move || {
                let examined = file.examine();
                drop(permit);
                examined
            });
            read.await.map_err(io::Error::other)??
        };
        let digest = (!examined.holds_key).then(|| shortened(&examined.hash));
        if stamp.is_settled(read_at) && opened.is_unchanged()? {
            self.lock().insert(stamp, digest, 1);
        }
        strong(digest)
    }

    /// The tag, or the refusal, of a file that was read before.
    fn cached(&self, stamp: &Stamp) -> Option<io::Result<Option<ETag>>> {
        self.lock().get(stamp).map(strong)
    }

    fn lock(&self) -> MutexGuard<'_, BoundedCache<Stamp, Option<Digest>>> {
        // Its maps are valid after a panic too.
        self.digests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The strong tag of a digest.
fn strong(digest: Option<Digest>) -> io::Result<Option<ETag>> {
    Ok(tag(&digest.ok_or(SecretFile)?, false))
}

fn shortened(hash: &blake3::Hash) -> Digest {
    hash.as_bytes().first_chunk().copied().unwrap_or_default()
}

fn tag(digest: &Digest, is_weak: bool) -> Option<ETag> {
    let weak = if is_weak { "W/" } else { "" };
    format!("{weak}\"{}\"", BASE64URL_NOPAD.encode(digest)).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_valid_in_http() {
        let shown = |is_weak| format!("{:?}", tag(&[0xFF; DIGEST_LENGTH], is_weak).unwrap());
        assert!(shown(false).contains("_____________________w"), "{}", shown(false));
        assert!(tag(&[0; DIGEST_LENGTH], true).unwrap().is_weak());
    }
}

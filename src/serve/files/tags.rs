//! Entity tags: what tells a client that the copy it has is still the file.
//!
//! A tag is the digest of the file's bytes, so that it is the same on every server that has the same file,
//! whatever its times are, and another one for any other bytes. A digest is known again by the file's
//! [`Stamp`], so a file is read for its tag once; one that was changed a moment ago is read each time, since
//! another change in that moment could leave the same stamp.
//!
//! Who reads all of a file can tell whether it is a private key, so that is told here too.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use data_encoding::BASE64URL_NOPAD;
use headers::ETag;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::serve::files::bounded_cache::Remembered;
use crate::serve::files::open_file::Opened;
use crate::serve::files::secrets::{Secret, Secrets};
use crate::store::Stamp;

/// In bytes: above this size, which no file of a registry has, the tag is made of the stamp. It is another one
/// on another server, and a pack of git's that has gigabytes is not read before it is sent.
const MAX_READ: u64 = 64 << 20;

/// How many files are read at once for their tags.
const READERS: usize = 2;

/// How many tags are remembered at least, of the files that were asked for last; twice as many at most.
const REMEMBERED: usize = 1 << 16;

/// How much of a digest makes a tag, in bytes.
const LENGTH: usize = 16;

/// The tags of the files that a server has.
pub(crate) struct Tags {
    /// `None` of a file that is a secret.
    known: Mutex<Remembered<Stamp, Option<Digest>>>,
    readers: Arc<Semaphore>,
    secrets: Secrets,
}

/// A tag without its quotes.
type Digest = [u8; LENGTH];

impl Tags {
    pub fn new(secrets: Secrets) -> Self {
        let known = Mutex::new(Remembered::new(REMEMBERED));
        Self { known, readers: Arc::new(Semaphore::new(READERS)), secrets }
    }

    /// The tag of a file as it is open.
    ///
    /// # Errors
    /// What the system says of reading it; [`Secret`] of what no client is to be given.
    pub async fn of(&self, opened: &Opened) -> io::Result<Option<ETag>> {
        let (stamp, seen) = (opened.stamp(), now());
        if let Some(tag) = self.known(&stamp) {
            return tag;
        }
        if self.secrets.include(&stamp) {
            return Err(Secret.into());
        }
        if opened.size() > MAX_READ {
            let mut bytes = Vec::new();
            stamp.extend(&mut bytes);
            // Two changes in one moment might leave the same stamp.
            return Ok(tag(&shortened(&blake3::hash(&bytes)), !stamp.is_settled(seen)));
        }
        let examined = if let Some(examined) = opened.examine_now() {
            examined?
        } else {
            let permit = Arc::clone(&self.readers).acquire_owned().await;
            let permit = permit.map_err(io::Error::other)?;
            // Another request may have read the same file meanwhile.
            if let Some(tag) = self.known(&stamp) {
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
        if stamp.is_settled(seen) && opened.is_unchanged()? {
            self.lock().insert(stamp, digest, 1);
        }
        strong(digest)
    }

    /// What was found of a file before.
    fn known(&self, stamp: &Stamp) -> Option<io::Result<Option<ETag>>> {
        self.lock().get(stamp).map(strong)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Remembered<Stamp, Option<Digest>>> {
        // Each of its maps is whole at any moment.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The tag of a file with that digest.
fn strong(digest: Option<Digest>) -> io::Result<Option<ETag>> {
    Ok(tag(&digest.ok_or(Secret)?, false))
}

/// Nanoseconds since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
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
    fn a_tag_is_one_that_http_knows() {
        let shown = |is_weak| format!("{:?}", tag(&[0xFF; LENGTH], is_weak).unwrap());
        assert!(shown(false).contains("_____________________w"), "{}", shown(false));
        assert!(tag(&[0; LENGTH], true).unwrap().is_weak());
    }
}

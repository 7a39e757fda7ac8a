//! Entity tags: what tells a client that the copy it has is still the file.
//!
//! A tag is the digest of the file's bytes, so that it is the same on every server that has the same file,
//! whatever its times are, and another one for any other bytes. A digest is known again by the file's
//! [`Stamp`], so a file is read for its tag once; one that was changed a moment ago is read each time, since
//! another change in that moment could leave the same stamp.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use data_encoding::BASE64URL_NOPAD;
use headers::ETag;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::files::Opened;
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
pub(super) struct Tags {
    known: Mutex<Known>,
    readers: Arc<Semaphore>,
}

/// A tag without its quotes.
type Digest = [u8; LENGTH];

/// Once `recent` is full it becomes `former`, and what was asked for before that is forgotten.
#[derive(Default)]
struct Known {
    recent: HashMap<Stamp, Digest>,
    former: HashMap<Stamp, Digest>,
}

impl Known {
    fn get(&mut self, stamp: &Stamp) -> Option<Digest> {
        if let Some(digest) = self.recent.get(stamp) {
            return Some(*digest);
        }
        let digest = self.former.remove(stamp)?;
        self.insert(*stamp, digest);
        Some(digest)
    }

    fn insert(&mut self, stamp: Stamp, digest: Digest) {
        if self.recent.len() >= REMEMBERED {
            self.former = std::mem::take(&mut self.recent);
        }
        self.recent.insert(stamp, digest);
    }
}

impl Tags {
    pub fn new() -> Self {
        Self { known: Mutex::default(), readers: Arc::new(Semaphore::new(READERS)) }
    }

    /// The tag of a file as it is open.
    ///
    /// # Errors
    /// What the system says of reading it.
    pub async fn of(&self, opened: &Opened) -> io::Result<Option<ETag>> {
        let (stamp, seen) = (opened.stamp(), now());
        if let Some(digest) = self.known(&stamp) {
            return Ok(tag(&digest, false));
        }
        if opened.size() > MAX_READ {
            let mut bytes = Vec::new();
            stamp.extend(&mut bytes);
            // Two changes in one moment might leave the same stamp.
            return Ok(tag(&shortened(&blake3::hash(&bytes)), !stamp.is_settled(seen)));
        }
        let hash = if let Some(hash) = opened.hash_now() {
            hash?
        } else {
            let permit = Arc::clone(&self.readers).acquire_owned().await;
            let permit = permit.map_err(io::Error::other)?;
            // Another request may have read the same file meanwhile.
            if let Some(digest) = self.known(&stamp) {
                return Ok(tag(&digest, false));
            }
            let file = opened.clone();
            let read = spawn_blocking(move || {
                let hash = file.hash();
                drop(permit);
                hash
            });
            read.await.map_err(io::Error::other)??
        };
        let digest = shortened(&hash);
        if stamp.is_settled(seen) && opened.is_unchanged()? {
            self.lock().insert(stamp, digest);
        }
        Ok(tag(&digest, false))
    }

    fn known(&self, stamp: &Stamp) -> Option<Digest> {
        self.lock().get(stamp)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        // Each of its maps is whole at any moment.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nanoseconds since 1970.
pub(super) fn now() -> i64 {
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

    fn stamp(inode: u64) -> Stamp {
        Stamp::File { size: 1, modified: 0, changed: 0, inode, device: 0 }
    }

    #[test]
    fn what_was_asked_for_last_is_remembered_and_no_more() {
        let mut known = Known::default();
        let many = u64::try_from(REMEMBERED).unwrap();
        for inode in 0..3 * many {
            known.insert(stamp(inode), [1; LENGTH]);
            // This one is asked for again and again.
            assert!(inode == 0 || known.get(&stamp(0)).is_some());
        }
        assert!(known.recent.len() + known.former.len() <= 2 * REMEMBERED);
        assert_eq!(known.get(&stamp(1)), None);
        assert!(known.get(&stamp(3 * many - 1)).is_some());
    }

    #[test]
    fn a_tag_is_one_that_http_knows() {
        let shown = |is_weak| format!("{:?}", tag(&[0xFF; LENGTH], is_weak).unwrap());
        assert!(shown(false).contains("_____________________w"), "{}", shown(false));
        assert!(tag(&[0; LENGTH], true).unwrap().is_weak());
    }
}

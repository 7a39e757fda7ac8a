//! A cache of texts, of a bounded size, that keeps the entries that were used last.
//!
//! The bytes of all entries lie in two blocks. An allocation for each entry would lie among those of the files that are
//! read for it: what they leave is broken up, and not used again. 20,000 entries came to 450 MB in that way.

use std::collections::HashMap;
use std::hash::Hash;
use std::ops::Range;

/// Bytes by key. Once the recent ones are too many, they become the former ones, and the former ones before them are
/// dropped.
pub(crate) struct ByteCache<K> {
    /// In bytes: how much is kept at least; at most twice as much is.
    limit: usize,
    recent: Block<K>,
    former: Block<K>,
}

/// Entries that lie one after another.
struct Block<K> {
    ranges: HashMap<K, Range<usize>>,
    bytes: Vec<u8>,
}

impl<K: Copy + Eq + Hash> ByteCache<K> {
    pub fn new(limit: usize) -> Self {
        Self { limit, recent: Block::new(), former: Block::new() }
    }

    pub fn get(&mut self, key: &K) -> Option<&[u8]> {
        if !self.recent.ranges.contains_key(key) {
            let former = self.former.get(key)?.to_vec();
            self.insert(*key, &former);
        }
        self.recent.get(key)
    }

    /// Adds an entry. One that is above the limit by itself is not kept.
    pub fn insert(&mut self, key: K, value: &[u8]) {
        if self.recent.bytes.len().saturating_add(value.len()) > self.limit {
            self.former = std::mem::replace(&mut self.recent, Block::new());
        }
        if value.len() <= self.limit {
            self.recent.push(key, value);
        }
    }
}

impl<K: Eq + Hash> Block<K> {
    fn new() -> Self {
        Self { ranges: HashMap::new(), bytes: Vec::new() }
    }

    fn get(&self, key: &K) -> Option<&[u8]> {
        self.bytes.get(self.ranges.get(key)?.clone())
    }

    /// An entry that takes the place of another leaves its bytes behind: they count until the block is dropped.
    fn push(&mut self, key: K, value: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.ranges.insert(key, start..self.bytes.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entries_used_last_are_kept_and_no_more() {
        let mut cache = ByteCache::new(100);
        for key in 0..100_u8 {
            cache.insert(key, &[key; 10]);
            // This one is used again and again.
            assert_eq!(cache.get(&0), Some(&[0; 10][..]));
        }
        assert!(cache.recent.bytes.len() <= 100 && cache.former.bytes.len() <= 100);
        assert_eq!(cache.get(&1), None);
        assert_eq!(cache.get(&99), Some(&[99; 10][..]));
    }

    #[test]
    fn an_entry_is_replaced_and_one_that_is_too_large_is_not_kept() {
        let mut cache = ByteCache::new(100);
        cache.insert(1, b"a");
        cache.insert(1, b"bc");
        assert_eq!(cache.get(&1), Some(&b"bc"[..]));
        cache.insert(2, &[0; 101]);
        assert_eq!(cache.get(&2), None);
        // What it drove out is a former one.
        assert_eq!(cache.get(&1), Some(&b"bc"[..]));
        cache.insert(3, b"");
        assert_eq!(cache.get(&3), Some(&b""[..]));
    }
}

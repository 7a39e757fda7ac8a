//! A cache of a bounded size that keeps the entries that were used last.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// Entries that were dropped from a cache, with their weights.
pub(crate) type Evicted<K, V> = HashMap<K, (V, usize)>;

/// Values by key, each with a weight. Once the recent ones weigh too much, they become the former ones, and the former
/// ones before them are dropped.
pub(crate) struct BoundedCache<K, V> {
    /// The weight that is kept at least; at most twice as much is.
    limit: usize,
    recent: HashMap<K, (V, usize)>,
    /// The weight of all of `recent`.
    weight: usize,
    former: HashMap<K, (V, usize)>,
}

impl<K: Eq + Hash, V: Clone> BoundedCache<K, V> {
    pub fn new(limit: usize) -> Self {
        Self { limit, recent: HashMap::new(), weight: 0, former: HashMap::new() }
    }

    pub fn get<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        if let Some((value, _)) = self.recent.get(key) {
            return Some(value.clone());
        }
        let (key, (value, weight)) = self.former.remove_entry(key)?;
        self.insert(key, value.clone(), weight);
        Some(value)
    }

    /// How many entries there are.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.recent.len().saturating_add(self.former.len())
    }

    /// As [`get`](Self::get), to change the value. It keeps its weight.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.get(key)?;
        self.recent.get_mut(key).map(|(value, _)| value)
    }

    pub fn remove(&mut self, key: &K) {
        if let Some((_, weight)) = self.recent.remove(key) {
            self.weight = self.weight.saturating_sub(weight);
        }
        self.former.remove(key);
    }

    /// Keeps an entry. Returns those that had to make room: to drop them may take longer than a caller wants to hold a
    /// lock.
    pub fn insert(&mut self, key: K, value: V, weight: usize) -> Evicted<K, V> {
        let mut evicted = HashMap::new();
        if self.weight.saturating_add(weight) > self.limit {
            evicted = std::mem::replace(&mut self.former, std::mem::take(&mut self.recent));
            self.weight = 0;
        }
        let was = self.recent.insert(key, (value, weight)).map_or(0, |(_, weight)| weight);
        self.weight = self.weight.saturating_sub(was).saturating_add(weight);
        evicted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entries_used_last_are_kept_and_no_more() {
        let mut cache = BoundedCache::new(100);
        for key in 0..300 {
            cache.insert(key, key, 1);
            // This one is used again and again.
            assert_eq!(cache.get(&0), Some(0));
        }
        assert!(cache.len() <= 200);
        assert_eq!(cache.get(&1), None);
        assert_eq!(cache.get(&299), Some(299));
    }

    #[test]
    fn what_is_removed_weighs_nothing() {
        let mut cache = BoundedCache::new(100);
        for key in 0..1_000 {
            cache.insert(key, key, 60);
            cache.remove(&key);
            assert_eq!(cache.get(&key), None);
        }
        cache.insert(1, 1, 100);
        assert_eq!((cache.recent.len(), cache.former.len()), (1, 0));
    }

    #[test]
    fn heavy_entries_leave_less_room() {
        let mut cache = BoundedCache::new(100);
        for key in 0..10 {
            cache.insert(key, key, 40);
        }
        assert_eq!(cache.len(), 4);
        // An entry that is inserted again weighs no more.
        for _ in 0..10 {
            cache.insert(9, 9, 40);
        }
        assert_eq!(cache.get(&8), Some(8));
    }
}

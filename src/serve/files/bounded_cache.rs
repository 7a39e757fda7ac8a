//! What was found out about files, for the next request: bounded, and what was asked for last stays.

use std::collections::HashMap;
use std::hash::Hash;

/// Values by key, each of some weight. Once those that were asked for last weigh too much they become `former`, and
/// what was asked for before that is forgotten.
pub(crate) struct Remembered<K, V> {
    /// How much is remembered at least, by weight; twice as much at most.
    most: usize,
    recent: HashMap<K, (V, usize)>,
    /// The weight of all of `recent`.
    weight: usize,
    former: HashMap<K, (V, usize)>,
}

impl<K: Copy + Eq + Hash, V: Clone> Remembered<K, V> {
    pub fn new(most: usize) -> Self {
        Self { most, recent: HashMap::new(), weight: 0, former: HashMap::new() }
    }

    pub fn get(&mut self, key: &K) -> Option<V> {
        if let Some((value, _)) = self.recent.get(key) {
            return Some(value.clone());
        }
        let (value, weight) = self.former.remove(key)?;
        self.insert(*key, value.clone(), weight);
        Some(value)
    }

    pub fn insert(&mut self, key: K, value: V, weight: usize) {
        if self.weight.saturating_add(weight) > self.most {
            self.former = std::mem::take(&mut self.recent);
            self.weight = 0;
        }
        let was = self.recent.insert(key, (value, weight)).map_or(0, |(_, weight)| weight);
        self.weight = self.weight.saturating_sub(was).saturating_add(weight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_last_is_remembered_and_no_more() {
        let mut remembered = Remembered::new(100);
        for key in 0..300 {
            remembered.insert(key, key, 1);
            // This one is asked for again and again.
            assert_eq!(remembered.get(&0), Some(0));
        }
        assert!(remembered.recent.len() + remembered.former.len() <= 200);
        assert_eq!(remembered.get(&1), None);
        assert_eq!(remembered.get(&299), Some(299));
    }

    #[test]
    fn what_weighs_much_leaves_less_room() {
        let mut remembered = Remembered::new(100);
        for key in 0..10 {
            remembered.insert(key, key, 40);
        }
        assert_eq!(remembered.recent.len() + remembered.former.len(), 4);
        // Again and again the same, it weighs no more.
        for _ in 0..10 {
            remembered.insert(9, 9, 40);
        }
        assert_eq!(remembered.get(&8), Some(8));
    }
}

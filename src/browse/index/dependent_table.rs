//! Which packages depend on a package.

use std::collections::HashMap;

/// The numbers of packages by what they depend on, ascending.
#[derive(Clone, Debug, Default)]
pub(super) struct DependentTable {
    /// By packages of their own repository.
    own: HashMap<Box<str>, Vec<u32>>,
    /// By packages of other repositories: name, then repository.
    foreign: HashMap<Box<str>, HashMap<Box<str>, Vec<u32>>>,
}

impl DependentTable {
    /// The packages that depend on a package of this repository; their own one if it is `None`.
    pub(super) fn of(&self, repository: Option<&str>, name: &str) -> &[u32] {
        let found = match repository {
            None => self.own.get(name),
            Some(repository) => self.foreign.get(name).and_then(|them| them.get(repository)),
        };
        found.map_or(&[], Vec::as_slice)
    }

    /// The packages that depend on a package of this name in any repository.
    pub(super) fn of_any(&self, name: &str) -> impl Iterator<Item = u32> {
        let foreign = self.foreign.get(name).into_iter().flat_map(HashMap::values);
        self.own.get(name).into_iter().chain(foreign).flatten().copied()
    }

    pub(super) fn add(&mut self, repository: Option<&str>, name: &str, slot: u32) {
        let slots = match repository {
            None => self.own.entry(name.into()).or_default(),
            Some(it) => self.foreign.entry(name.into()).or_default().entry(it.into()).or_default(),
        };
        if let Err(at) = slots.binary_search(&slot) {
            slots.insert(at, slot);
        }
    }

    pub(super) fn remove(&mut self, repository: Option<&str>, name: &str, slot: u32) {
        let take = |slots: &mut Vec<u32>| {
            slots.retain(|other| *other != slot);
            slots.is_empty()
        };
        match repository {
            None => {
                if self.own.get_mut(name).is_some_and(take) {
                    self.own.remove(name);
                }
            }
            Some(repository) => {
                let Some(of_name) = self.foreign.get_mut(name) else { return };
                if of_name.get_mut(repository).is_some_and(take) {
                    of_name.remove(repository);
                }
                if of_name.is_empty() {
                    self.foreign.remove(name);
                }
            }
        }
    }

    /// About how many bytes of memory it takes.
    pub(super) fn memory(&self) -> usize {
        let of = |(name, slots): (&str, &Vec<u32>)| {
            let entry = size_of::<(Box<str>, Vec<u32>)>().saturating_add(name.len());
            entry.saturating_add(slots.capacity().saturating_mul(size_of::<u32>()))
        };
        let foreign = self.foreign.values().flatten();
        self.own
            .iter()
            .chain(foreign)
            .map(|(name, slots)| of((name, slots)))
            .fold(0, usize::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_what_was_removed() {
        let mut table = DependentTable::default();
        table.add(None, "plug", 3);
        table.add(None, "plug", 1);
        table.add(None, "plug", 3);
        table.add(Some("acme"), "plug", 2);
        assert_eq!(table.of(None, "plug"), [1, 3]);
        assert_eq!(table.of(Some("acme"), "plug"), [2]);
        assert_eq!(table.of_any("plug").collect::<Vec<_>>(), [1, 3, 2]);
        table.remove(None, "plug", 1);
        table.remove(None, "plug", 3);
        table.remove(Some("acme"), "plug", 2);
        table.remove(Some("acme"), "ecto", 2);
        assert_eq!(table.of_any("plug").count(), 0);
        assert!(table.own.is_empty() && table.foreign.is_empty());
    }
}

//! Changes of an index.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::inside_terms;
use super::name_table::NameTable;
use super::package::{IndexedPackage, Inside};
use super::package_index::{KnownPackage, NO_SEGMENT, PackageIndex, Slot};
use super::row::{StoredInside, StoredRow};
use super::segment::Segment;
use super::segment_builder::{SegmentBuilder, merge};
use crate::name::PackageName;

/// How many packages make a segment. Their words lie in memory as text until then.
const PACKAGES_OF_SEGMENT: usize = 256;

/// How many times as large a segment is as the next smaller one.
const GROWTH: usize = 4;

/// What an update has done so far.
#[derive(Default)]
struct Pending {
    builder: SegmentBuilder,
    slots: HashSet<u32>,
    /// Packages that the index did not have.
    added: HashMap<PackageName, u32>,
    /// What other packages depend on differs for these.
    depended_on: BTreeSet<Box<str>>,
}

impl PackageIndex {
    /// Adds packages, and replaces what is known of them.
    pub fn update(&mut self, packages: impl IntoIterator<Item = IndexedPackage>) {
        let mut pending = Pending::default();
        for package in packages {
            self.update_one(package, &mut pending);
        }
        self.make_segment(&mut pending);
        self.finish(pending);
    }

    /// Removes packages. Names that it does not have are ignored.
    pub fn remove<'a>(&mut self, names: impl IntoIterator<Item = &'a PackageName>) {
        let mut pending = Pending::default();
        for name in names {
            let Some(slot) = self.slot(name) else { continue };
            let Some(place) = Arc::make_mut(&mut self.places).get_mut(slot as usize) else {
                continue;
            };
            let Some(known) = place.package.take() else { continue };
            *place = Slot::default();
            self.forget_dependencies(slot, &known.row, &mut pending);
            self.set_home(slot, NO_SEGMENT);
            self.free.push(slot);
        }
        let places = Arc::clone(&self.places);
        let is_there =
            |slot: &u32| places.get(*slot as usize).is_some_and(|it| it.package.is_some());
        if self.by_name.iter().any(|slot| !is_there(slot)) {
            Arc::make_mut(&mut self.by_name).retain(is_there);
            self.name_again();
        }
        self.finish(pending);
    }

    fn update_one(&mut self, package: IndexedPackage, pending: &mut Pending) {
        let known = self.slot(&package.name);
        let slot = known.or_else(|| pending.added.get(&package.name).copied());
        let slot = slot.unwrap_or_else(|| {
            let slot = self.new_slot();
            pending.added.insert(package.name.clone(), slot);
            slot
        });
        if pending.slots.contains(&slot) || pending.builder.packages() >= PACKAGES_OF_SEGMENT {
            self.make_segment(pending);
        }
        let old = self.places.get(slot as usize).and_then(|place| place.package.clone());
        let old_row = old.as_ref().and_then(|known| StoredRow::decode(&known.row));
        let inside = match &package.inside {
            Inside::Unread => StoredInside::default(),
            Inside::Kept => old_row.map(|row| row.inside).unwrap_or_default(),
            Inside::Read(inside) => StoredInside::of(inside),
        };
        match &package.inside {
            Inside::Unread => self.set_home(slot, NO_SEGMENT),
            Inside::Kept => {}
            Inside::Read(inside) => {
                inside_terms::add(&mut pending.builder, slot, inside);
                pending.slots.insert(slot);
            }
        }
        let is_read = inside.is_read();
        let row = StoredRow::encode(&package, inside);
        if let Some(old) = &old {
            self.forget_dependencies(slot, &old.row, pending);
        }
        let dependents = Arc::make_mut(&mut self.dependents);
        for dependency in &package.dependencies {
            dependents.add(dependency.repository.as_deref(), &dependency.name, slot);
            pending.depended_on.insert(dependency.name.as_str().into());
        }
        pending.depended_on.insert(package.name.as_str().into());
        let date = StoredRow::decode(&row).map_or(i64::MIN, |row| row.date());
        if let Some(place) = Arc::make_mut(&mut self.places).get_mut(slot as usize) {
            place.package = Some(Arc::new(KnownPackage { name: package.name, row, is_read }));
            place.date = date;
        }
    }

    fn forget_dependencies(&mut self, slot: u32, row: &[u8], pending: &mut Pending) {
        let Some(row) = StoredRow::decode(row) else { return };
        let dependents = Arc::make_mut(&mut self.dependents);
        for (repository, name) in row.dependencies {
            dependents.remove(repository, name, slot);
            pending.depended_on.insert(name.into());
        }
    }

    /// Makes a segment of what waits.
    fn make_segment(&mut self, pending: &mut Pending) {
        let slots = std::mem::take(&mut pending.slots);
        if slots.is_empty() {
            return;
        }
        let segment = std::mem::take(&mut pending.builder).build();
        let id = if segment.bytes().is_empty() { NO_SEGMENT } else { self.push_segment(segment) };
        for slot in slots {
            self.set_home(slot, id);
        }
        while let [.., (_, larger), (_, smaller)] = &self.segments[..] {
            if smaller.memory().saturating_mul(GROWTH) < larger.memory() {
                break;
            }
            let count = self.segments.len().saturating_sub(2);
            let merged = self.segments.split_off(count);
            self.merge(&merged);
        }
    }

    /// Puts one segment in the place of some.
    fn merge(&mut self, merged: &[(u32, Arc<Segment>)]) {
        let ids: Vec<u32> = merged.iter().map(|(id, _)| *id).collect();
        let segments: Vec<&Segment> = merged.iter().map(|(_, segment)| &**segment).collect();
        let packages = self.homes.iter().filter(|home| ids.contains(home)).count();
        let homes = Arc::clone(&self.homes);
        let segment = merge(&segments, packages, |position, slot| {
            homes.get(slot as usize).is_some_and(|home| ids.get(position) == Some(home))
        });
        drop(homes);
        let id = self.push_segment(segment);
        for home in Arc::make_mut(&mut self.homes).iter_mut().filter(|home| ids.contains(home)) {
            *home = id;
        }
    }

    fn push_segment(&mut self, segment: Segment) -> u32 {
        let id = self.next_segment;
        self.next_segment = id.saturating_add(1);
        self.segments.push((id, Arc::new(segment)));
        id
    }

    /// What is done once after all changes.
    fn finish(&mut self, pending: Pending) {
        if !pending.added.is_empty() {
            let mut by_name = std::mem::take(&mut self.by_name);
            let order = Arc::make_mut(&mut by_name);
            order.extend(pending.added.values());
            order.sort_by_cached_key(|slot| self.name(*slot as usize));
            self.by_name = by_name;
            self.name_again();
        }
        for name in pending.depended_on {
            let count = self.dependents.of(None, &name).len();
            let slot = name.parse().ok().and_then(|name| self.slot(&name));
            let places = Arc::make_mut(&mut self.places);
            if let Some(place) = slot.and_then(|slot| places.get_mut(slot as usize)) {
                place.dependents = u32::try_from(count).unwrap_or(u32::MAX);
            }
        }
        // A segment of which more than half is of the past is written anew.
        for at in (0..self.segments.len()).rev() {
            let Some((id, segment)) = self.segments.get(at) else { continue };
            let alive = self.homes.iter().filter(|home| *home == id).count();
            if alive.saturating_mul(2) < segment.packages() {
                let old = self.segments.remove(at);
                if alive > 0 {
                    self.merge(&[old]);
                }
            }
        }
        self.segments.sort_by_key(|(_, segment)| Reverse(segment.memory()));
    }

    pub(super) fn new_slot(&mut self) -> u32 {
        if let Some(slot) = self.free.pop() {
            return slot;
        }
        let slot = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        Arc::make_mut(&mut self.places).push(Slot::default());
        Arc::make_mut(&mut self.homes).push(NO_SEGMENT);
        slot
    }

    fn set_home(&mut self, slot: u32, segment: u32) {
        if let Some(home) = Arc::make_mut(&mut self.homes).get_mut(slot as usize) {
            *home = segment;
        }
    }

    /// Makes the table of names.
    pub(super) fn name_again(&mut self) {
        let names = self
            .places
            .iter()
            .map(|place| place.package.as_ref().map_or("", |known| known.name.as_str()));
        self.names = Arc::new(NameTable::of(names));
    }
}

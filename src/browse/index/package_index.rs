//! The packages of one repository.

use std::cmp::Reverse;
use std::sync::Arc;

use super::dependent_table::DependentTable;
use super::name_table::NameTable;
use super::package::PackageRow;
use super::row::StoredRow;
use super::segment::Segment;
use crate::name::PackageName;

/// The segment of a package whose words are in none.
pub(super) const NO_SEGMENT: u32 = u32::MAX;

/// What is known of the packages of one repository.
///
/// A clone shares its parts with the original, and costs little.
#[derive(Clone, Debug, Default)]
pub struct PackageIndex {
    /// The packages by their numbers, which never change. A number is used again once its package is gone.
    pub(super) places: Arc<Vec<Slot>>,
    /// In which segment the words of each package are. In others they are of the past.
    pub(super) homes: Arc<Vec<u32>>,
    /// The numbers of the packages, by name.
    pub(super) by_name: Arc<Vec<u32>>,
    pub(super) names: Arc<NameTable>,
    pub(super) dependents: Arc<DependentTable>,
    /// With their numbers; from large to small.
    pub(super) segments: Vec<(u32, Arc<Segment>)>,
    /// Numbers without a package.
    pub(super) free: Vec<u32>,
    pub(super) next_segment: u32,
}

/// A number, and the package that has it.
#[derive(Clone, Debug, Default)]
pub(super) struct Slot {
    pub package: Option<Arc<KnownPackage>>,
    /// How many packages of this repository depend on it.
    pub dependents: u32,
    /// When its latest release was published.
    pub date: i64,
}

/// What is known of a package.
#[derive(Debug)]
pub(super) struct KnownPackage {
    pub name: PackageName,
    /// Encoded.
    pub row: Box<[u8]>,
    pub is_read: bool,
}

impl PackageIndex {
    /// An index without packages.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many packages it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether it has no package.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Of how many packages the tarball was not read yet.
    #[must_use]
    pub fn unread(&self) -> usize {
        self.known().filter(|known| !known.is_read).count()
    }

    /// All names, sorted.
    pub fn names_in_order(&self) -> impl Iterator<Item = &PackageName> {
        self.by_name.iter().filter_map(|slot| self.name(*slot as usize))
    }

    /// What is known of a package.
    #[must_use]
    pub fn get(&self, name: &PackageName) -> Option<PackageRow> {
        let slot = self.slot(name)?;
        let place = self.places.get(slot as usize)?;
        let known = place.package.as_ref()?;
        Some(StoredRow::decode(&known.row)?.show(&known.name, place.dependents as usize))
    }

    /// The packages of this repository that depend on a package of it: those on which most depend themselves come first,
    /// then those with the latest release.
    #[must_use]
    pub fn dependents(&self, name: &str) -> Vec<&PackageName> {
        self.in_order(self.dependents.of(None, name))
    }

    /// The packages of this repository that depend on a package of another one, in the same order.
    #[must_use]
    pub fn dependents_of_foreign(&self, repository: &str, name: &str) -> Vec<&PackageName> {
        self.in_order(self.dependents.of(Some(repository), name))
    }

    /// About how many bytes of memory it takes.
    #[must_use]
    pub fn memory(&self) -> usize {
        let of_package = |known: &KnownPackage| {
            size_of::<KnownPackage>()
                .saturating_add(known.name.as_str().len())
                .saturating_add(known.row.len())
        };
        let packages = self.known().map(of_package).fold(0, usize::saturating_add);
        let segments = self.segments.iter().map(|(_, segment)| segment.memory());
        let tables = size_of_val(&**self.places)
            .saturating_add(size_of_val(&**self.homes))
            .saturating_add(size_of_val(&**self.by_name));
        [packages, tables, self.names.memory(), self.dependents.memory()]
            .into_iter()
            .chain(segments)
            .fold(0, usize::saturating_add)
    }

    /// The number of a package.
    pub(super) fn slot(&self, name: &PackageName) -> Option<u32> {
        let found =
            self.by_name.binary_search_by(|slot| self.name(*slot as usize).cmp(&Some(name)));
        found.ok().and_then(|at| self.by_name.get(at)).copied()
    }

    pub(super) fn known(&self) -> impl Iterator<Item = &KnownPackage> {
        self.places.iter().filter_map(|place| place.package.as_deref())
    }

    fn in_order(&self, slots: &[u32]) -> Vec<&PackageName> {
        let mut slots: Vec<usize> = slots.iter().map(|slot| *slot as usize).collect();
        slots.sort_by_key(|slot| (Reverse(self.weight(*slot)), self.name(*slot)));
        slots.into_iter().filter_map(|slot| self.name(slot)).collect()
    }

    /// The name of the package with this number.
    pub(super) fn name(&self, slot: usize) -> Option<&PackageName> {
        Some(&self.places.get(slot)?.package.as_ref()?.name)
    }

    /// How many packages depend on the one with this number, and when its latest release was published.
    pub(super) fn weight(&self, slot: usize) -> (u32, i64) {
        self.places.get(slot).map_or((0, i64::MIN), |place| (place.dependents, place.date))
    }

    /// How many numbers there are, unused ones included.
    pub(super) fn slots(&self) -> usize {
        self.places.len()
    }

    pub(super) fn names(&self) -> &NameTable {
        &self.names
    }

    pub(super) fn dependent_table(&self) -> &DependentTable {
        &self.dependents
    }

    /// The segments with their numbers.
    pub(super) fn segments(&self) -> impl Iterator<Item = (u32, &Segment)> {
        self.segments.iter().map(|(id, segment)| (*id, &**segment))
    }

    /// Whether the words of a package are in this segment.
    pub(super) fn is_home(&self, slot: usize, segment: u32) -> bool {
        self.homes.get(slot) == Some(&segment)
    }
}

//! An index as the file of a cache.
//!
//! ```text
//! MAGIC | BLAKE3 digest of the rest | packages by number, segments
//! ```
//!
//! The digest finds damage. What has a right digest and is wrong nevertheless is refused, or is an index of other words:
//! nothing in it is trusted as a length or a place.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use super::package_index::{KnownPackage, NO_SEGMENT, PackageIndex, Slot};
use super::row::StoredRow;
use super::segment::Segment;

/// The first bytes of the file. Another version may find other words in the same package.
const MAGIC: &[u8] = concat!("hexreg index 1 ", env!("CARGO_PKG_VERSION"), "\n").as_bytes();

/// An index, borrowed from the bytes of the file.
#[derive(Serialize, Deserialize)]
struct StoredIndex<'a> {
    /// By number.
    #[serde(borrow)]
    packages: Vec<StoredPackage<'a>>,
    segments: Vec<StoredSegment<'a>>,
}

#[derive(Serialize, Deserialize)]
struct StoredPackage<'a> {
    /// Empty for a number without a package.
    name: &'a str,
    /// The number of the segment with its words.
    segment: u32,
    #[serde(serialize_with = "bytes")]
    row: &'a [u8],
}

#[derive(Serialize, Deserialize)]
struct StoredSegment<'a> {
    number: u32,
    packages: usize,
    #[serde(serialize_with = "bytes")]
    terms: &'a [u8],
}

impl PackageIndex {
    /// The bytes of the file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let packages = self.places.iter().zip(&**self.homes).map(|(place, home)| {
            let known = place.package.as_deref();
            StoredPackage {
                name: known.map_or("", |known| known.name.as_str()),
                segment: *home,
                row: known.map_or(&[], |known| &known.row),
            }
        });
        let segments = self.segments().map(|(number, segment)| StoredSegment {
            number,
            packages: segment.packages(),
            terms: segment.bytes(),
        });
        let index = StoredIndex { packages: packages.collect(), segments: segments.collect() };
        let start = [MAGIC, &[0; blake3::OUT_LEN]].concat();
        // Encoding into memory does not fail.
        let mut file = postcard::to_extend(&index, start).unwrap_or_default();
        if let Some((head, body)) =
            file.split_at_mut_checked(MAGIC.len().saturating_add(blake3::OUT_LEN))
        {
            let digest = blake3::hash(body);
            for (byte, of_digest) in head.iter_mut().skip(MAGIC.len()).zip(digest.as_bytes()) {
                *byte = *of_digest;
            }
        }
        file
    }

    /// Reads the bytes of a file; `None` if they are damaged, or of another version.
    #[must_use]
    pub fn decode(file: &[u8]) -> Option<Self> {
        let (digest, body) =
            file.strip_prefix(MAGIC)?.split_first_chunk::<{ blake3::OUT_LEN }>()?;
        if blake3::hash(body) != *digest {
            return None;
        }
        let stored: StoredIndex<'_> = postcard::from_bytes(body).ok()?;
        let mut index = Self::new();
        let mut numbers = HashMap::new();
        for (number, segment) in (0..).zip(&stored.segments) {
            numbers.insert(segment.number, number).is_none().then_some(())?;
            let read = Segment::parse(segment.terms, segment.packages)?;
            index.segments.push((number, Arc::new(read)));
        }
        index.next_segment = u32::try_from(index.segments.len()).ok()?;
        let (mut places, mut homes) = (Vec::new(), Vec::new());
        let (mut by_name, dependents) = (Vec::new(), Arc::make_mut(&mut index.dependents));
        for (slot, package) in (0..).zip(&stored.packages) {
            homes.push(numbers.get(&package.segment).copied().unwrap_or(NO_SEGMENT));
            if package.name.is_empty() {
                index.free.push(slot);
                places.push(Slot::default());
                continue;
            }
            let row = StoredRow::decode(package.row)?;
            for (repository, name) in &row.dependencies {
                dependents.add(*repository, name, slot);
            }
            let known = KnownPackage {
                name: package.name.parse().ok()?,
                row: package.row.into(),
                is_read: row.inside.is_read(),
            };
            by_name.push(slot);
            let date = row.date();
            places.push(Slot { package: Some(Arc::new(known)), dependents: 0, date });
        }
        for place in &mut places {
            let name = place.package.as_ref().map_or("", |known| known.name.as_str());
            place.dependents = u32::try_from(dependents.of(None, name).len()).ok()?;
        }
        index.places = Arc::new(places);
        index.homes = Arc::new(homes);
        by_name.sort_by(|a, b| index.name(*a as usize).cmp(&index.name(*b as usize)));
        let is_twice = |pair: &[u32]| match pair {
            [a, b] => index.name(*a as usize) == index.name(*b as usize),
            _ => false,
        };
        if by_name.windows(2).any(is_twice) {
            return None;
        }
        index.by_name = Arc::new(by_name);
        index.name_again();
        Some(index)
    }
}

/// Serializes bytes in one piece. The encoding is that of a sequence of numbers.
fn bytes<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

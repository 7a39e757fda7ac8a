//! Under which terms the inside of a package is found.

use super::definition;
use super::package::PackageInside;
use super::row::StoredInside;
use super::segment::Field;
use super::segment_builder::SegmentBuilder;
use super::words::{for_each_piece, is_worth_indexing};

/// How many words, and how many definitions, of a package are found.
const MAX_OF_PACKAGE: usize = 4_000;

/// Begins the term of a licence. No word has it.
pub(super) const LICENSE_MARK: char = '\u{1}';

/// Adds all terms of a package.
pub(super) fn add(builder: &mut SegmentBuilder, slot: u32, inside: &PackageInside) {
    builder.add_package();
    let stored = StoredInside::of(inside);
    for_each_piece(stored.description(), |piece| {
        if is_worth_indexing(piece) {
            builder.add(slot, piece, Field::Description);
        }
    });
    for definition in inside.definitions.iter().take(MAX_OF_PACKAGE) {
        definition::for_each_term(definition, |term| builder.add(slot, term, Field::Definition));
    }
    let words = inside.words.iter().filter(|word| !word.is_empty() && is_worth_indexing(word));
    for word in words.take(MAX_OF_PACKAGE) {
        builder.add(slot, word, Field::Readme);
    }
    for license in stored.licenses() {
        builder.add(slot, &license_term(license), Field::License);
        for_each_piece(license, |piece| builder.add(slot, &license_term(piece), Field::License));
    }
}

/// The term of a licence, or the beginning of one.
pub(super) fn license_term(license: &str) -> String {
    let license = license.trim().to_lowercase().replace(char::is_whitespace, "-");
    format!("{LICENSE_MARK}{license}")
}

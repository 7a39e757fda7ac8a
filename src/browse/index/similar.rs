//! Names that a misspelt word may mean.

use std::cmp::Reverse;

use super::edit_distance::{edit_distance, errors_allowed};
use super::match_kind::Strength;
use super::matching::Strengths;
use super::name_table::{LetterSet, name_words};
use super::package_index::PackageIndex;
use super::query_word::QueryWord;
use crate::name::PackageName;

/// Raises the packages whose names have a word that is nearly this one, or are nearly it, and returns the best word of
/// them: of the fewest errors, then of the package on which most depend. `None` if the word cannot be a misspelt name,
/// or no name is similar.
pub(super) fn match_similar(
    index: &PackageIndex,
    word: &QueryWord,
    visible: &dyn Fn(&PackageName) -> bool,
    into: &mut Strengths,
) -> Option<String> {
    let squash = |text: &str| -> Vec<u8> {
        let letters = text.bytes().filter(u8::is_ascii_alphanumeric);
        letters.map(|byte| byte.to_ascii_lowercase()).collect()
    };
    if !word.whole.is_ascii() || word.whole.is_empty() {
        return None;
    }
    let typed = squash(&word.whole);
    let allowed = errors_allowed(typed.len());
    if allowed == 0 {
        return None;
    }
    let mut best = None;
    let mut squashed = Vec::new();
    // Most names lack too many of the letters, and are not compared.
    for (slot, lower) in index.names().with_letters(LetterSet::of(&typed), allowed) {
        squashed.clear();
        squashed.extend(lower.bytes().filter(|byte| *byte != b'_'));
        let whole = edit_distance(&typed, &squashed, allowed).map(|errors| (errors, lower));
        let raw = index.name(slot).map_or("", |name| name.as_str());
        // Words of lower case are found without allocating.
        let of_word = |written: &str| {
            if written.bytes().any(|byte| byte.is_ascii_uppercase()) {
                edit_distance(&typed, written.to_ascii_lowercase().as_bytes(), allowed)
            } else {
                edit_distance(&typed, written.as_bytes(), allowed)
            }
        };
        let words = name_words(raw).filter_map(|it| Some((of_word(it)?, it)));
        let Some((errors, meant)) = whole.into_iter().chain(words).min_by_key(|(it, _)| *it) else {
            continue;
        };
        if !index.name(slot).is_some_and(visible) {
            continue;
        }
        into.raise(slot, Strength::Similar);
        let key = (errors, Reverse(index.weight(slot)), raw);
        if best.as_ref().is_none_or(|(least, _)| key < *least) {
            best = Some((key, meant));
        }
    }
    best.map(|(_, meant)| meant.to_ascii_lowercase())
}

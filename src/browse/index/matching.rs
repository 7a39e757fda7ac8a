//! How well one word matches each package.

use super::match_kind::Strength;
use super::name_table::{is_boundary, name_words};
use super::package_index::PackageIndex;
use super::query_word::QueryWord;
use super::segment::Field;
use super::synonyms::synonyms_of;
use crate::stem::stem;

/// How many terms that begin like a word are looked at. Real repositories have fewer.
const MAX_TERMS: usize = 20_000;

/// How long a word is before texts are searched for longer ones that begin so.
const MIN_BEGINNING: usize = 4;

/// The longest ending that a form of a word has beside its stem: `pings` of `mappings`.
const MAX_ENDING: usize = 5;

/// How well each package matches.
pub(super) struct Strengths(Vec<Strength>);

/// What a field is worth if it has the word, and if it has another form of it.
const EXACT: [Strength; 4] =
    [Strength::Description, Strength::Definition, Strength::Readme, Strength::None];
const ALIKE: [Strength; 4] =
    [Strength::DescriptionAlike, Strength::DefinitionAlike, Strength::ReadmeAlike, Strength::None];
const WHOLE: [Strength; 4] = [Strength::WholeDefinition; 4];
const BEGINNING: [Strength; 4] =
    [Strength::TextBeginning, Strength::TextBeginning, Strength::TextBeginning, Strength::None];

impl Strengths {
    pub(super) fn of(&self, slot: usize) -> Strength {
        self.0.get(slot).copied().unwrap_or_default()
    }

    /// How well each package matches, by number.
    pub(super) fn as_slice(&self) -> &[Strength] {
        &self.0
    }

    /// The packages that match, with how well.
    pub(super) fn matches(&self) -> impl Iterator<Item = (usize, Strength)> {
        let all = self.0.iter().copied().enumerate();
        all.filter(|(_, strength)| *strength != Strength::None)
    }

    pub(super) fn raise(&mut self, slot: usize, to: Strength) {
        if let Some(strength) = self.0.get_mut(slot) {
            *strength = (*strength).max(to);
        }
    }
}

/// How well each package matches a word. `is_open` says that more letters may follow.
pub(super) fn strengths(index: &PackageIndex, word: &QueryWord, is_open: bool) -> Strengths {
    let mut strengths = Strengths(vec![Strength::None; index.slots()]);
    if !word.whole.is_empty() {
        match_plain(index, &word.whole, is_open, &mut strengths);
    }
    match_pieces(index, &word.pieces, is_open, &mut strengths);
    let Some(definition) = &word.definition else { return strengths };
    let function = definition.function_with_arity();
    for (id, segment) in index.segments() {
        let postings =
            |term: &Option<String>| term.as_ref().map(|it| segment.postings(it.as_bytes()));
        match (postings(&definition.module), postings(&function)) {
            (Some(modules), Some(functions)) => {
                let mut functions = functions.map(|(slot, _)| slot).peekable();
                let both = modules.filter(|(module, _)| {
                    while functions.next_if(|function| function < module).is_some() {}
                    functions.peek() == Some(module)
                });
                raise_all(index, id, both, WHOLE, &mut strengths);
            }
            (Some(one), None) | (None, Some(one)) => {
                raise_all(index, id, one, WHOLE, &mut strengths);
            }
            (None, None) => {}
        }
    }
    strengths
}

/// A package that has all pieces matches as well as the piece that matches worst.
fn match_pieces(index: &PackageIndex, pieces: &[String], is_open: bool, into: &mut Strengths) {
    let mut worst: Option<Strengths> = None;
    for (at, piece) in pieces.iter().enumerate() {
        let is_last = at.checked_add(1) == Some(pieces.len());
        let mut strengths = Strengths(vec![Strength::None; index.slots()]);
        match_plain(index, piece, is_open && is_last, &mut strengths);
        if let Some(worst) = &mut worst {
            for (worst, strength) in worst.0.iter_mut().zip(strengths.0) {
                *worst = (*worst).min(strength);
            }
        } else {
            worst = Some(strengths);
        }
    }
    for (slot, strength) in worst.iter().flat_map(Strengths::matches) {
        into.raise(slot, strength);
    }
}

/// Matches one word without parts: as it is, in its other forms, and by its synonyms.
fn match_plain(index: &PackageIndex, word: &str, is_open: bool, into: &mut Strengths) {
    match_names(index, word, into);
    match_text(index, word, is_open, into);
    for synonym in synonyms_of(word) {
        for place in index.names().find(synonym) {
            let name = index.name(place.slot).map_or("", |name| name.as_str());
            let end = place.start.saturating_add(synonym.len());
            if is_boundary(name, place.start) && is_boundary(name, end) {
                into.raise(place.slot, Strength::NameAlike);
            }
        }
        let plural = format!("{synonym}s");
        for (id, segment) in index.segments() {
            for term in [synonym, &plural] {
                raise_all(index, id, segment.postings(term.as_bytes()), ALIKE, into);
            }
        }
    }
}

fn match_names(index: &PackageIndex, word: &str, into: &mut Strengths) {
    let stem = stem(word);
    for place in index.names().find(stem) {
        let name = index.name(place.slot).map_or("", |name| name.as_str());
        let lower = index.names().lower(place.slot);
        into.raise(place.slot, match_in_name(name, lower, place.start, word, stem));
    }
}

/// How well a word matches a name that has its stem at this place.
fn match_in_name(name: &str, lower: &str, start: usize, word: &str, stem: &str) -> Strength {
    let begins = is_boundary(name, start);
    let rest = lower.get(start..).unwrap_or_default();
    if rest.starts_with(word) {
        if begins && is_boundary(name, start.saturating_add(word.len())) {
            return Strength::NameWord;
        }
        if begins && word.len() > 1 {
            return Strength::NameAlike;
        }
        return if word.len() > 2 { Strength::NamePart } else { Strength::None };
    }
    let written = name.get(start..).and_then(|rest| name_words(rest).next()).unwrap_or_default();
    if begins && crate::stem::stem(&written.to_ascii_lowercase()) == stem {
        Strength::NameAlike
    } else {
        Strength::None
    }
}

fn match_text(index: &PackageIndex, word: &str, is_open: bool, into: &mut Strengths) {
    let stem = stem(word);
    let is_open = is_open && (word.len() >= MIN_BEGINNING || !word.is_ascii());
    let has_forms = word.len() >= MIN_BEGINNING && word.is_ascii();
    for (id, segment) in index.segments() {
        raise_all(index, id, segment.postings(word.as_bytes()), EXACT, into);
        if !is_open && !has_forms {
            continue;
        }
        let mut count = 0_usize;
        segment.for_each_word_beginning_with(stem.as_bytes(), |term, postings| {
            count = count.saturating_add(1);
            // Most terms are too long to be a form.
            let is_short = has_forms && term.len() <= stem.len().saturating_add(MAX_ENDING);
            let form = is_short.then(|| std::str::from_utf8(term).ok()).flatten();
            if form.is_some_and(|form| crate::stem::stem(form) == stem) {
                raise_all(index, id, postings, ALIKE, into);
            } else if is_open && term.starts_with(word.as_bytes()) && is_word(term) {
                raise_all(index, id, postings, BEGINNING, into);
            }
            count < MAX_TERMS
        });
    }
}

/// Whether a term is one word. The words of definitions are terms, too.
fn is_word(term: &[u8]) -> bool {
    !term.iter().any(|byte| matches!(byte, b'_' | b'.' | b'/' | b':'))
}

/// Raises the packages whose words are in this segment.
fn raise_all(
    index: &PackageIndex,
    segment: u32,
    postings: impl Iterator<Item = (u32, Field)>,
    worth: [Strength; 4],
    into: &mut Strengths,
) {
    let [description, definition, readme, license] = worth;
    for (slot, field) in postings {
        let slot = slot as usize;
        if index.is_home(slot, segment) {
            let strength = match field {
                Field::Description => description,
                Field::Definition => definition,
                Field::Readme => readme,
                Field::License => license,
            };
            into.raise(slot, strength);
        }
    }
}

//! The names of all packages in one text, in which a part of a name is found at the speed of memory.

use memchr::memmem;

/// The names in lower case, in the order of their numbers, each with a line feed after it.
#[derive(Debug, Default)]
pub(super) struct NameTable {
    text: String,
    /// Where each name begins, and the end.
    starts: Vec<u32>,
    /// The letters of each name.
    letters: Vec<LetterSet>,
}

/// Which letters a text has, in lower case. Some other characters count as letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LetterSet(u32);

impl LetterSet {
    pub(super) fn of(text: &[u8]) -> Self {
        Self(text.iter().fold(0, |set, byte| set | 1 << (byte & 31)))
    }

    /// How many letters the other text does not have.
    pub(super) fn missing_in(self, other: Self) -> usize {
        usize::try_from((self.0 & !other.0).count_ones()).unwrap_or(usize::MAX)
    }
}

/// A place in a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Occurrence {
    /// The number of the package.
    pub slot: usize,
    /// The bytes before it in the name.
    pub start: usize,
}

impl NameTable {
    /// A table of names; the number of a package that is gone has an empty one.
    pub(super) fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut table = Self { text: String::new(), starts: vec![0], letters: Vec::new() };
        for name in names {
            table.text.extend(name.chars().map(|c| c.to_ascii_lowercase()));
            table.text.push('\n');
            table.letters.push(LetterSet::of(name.as_bytes()));
            table.starts.push(u32::try_from(table.text.len()).unwrap_or(u32::MAX));
        }
        table.text.shrink_to_fit();
        table.starts.shrink_to_fit();
        table.letters.shrink_to_fit();
        table
    }

    /// The name with this number, in lower case.
    pub(super) fn lower(&self, slot: usize) -> &str {
        let bound = |at: usize| usize::try_from(*self.starts.get(at)?).ok();
        let name = bound(slot).zip(bound(slot.saturating_add(1))).and_then(|(start, end)| {
            // Without the line feed.
            self.text.get(start..end.checked_sub(1)?)
        });
        name.unwrap_or_default()
    }

    /// The first letter of the name with this number.
    pub(super) fn first_letter(&self, slot: usize) -> Option<u8> {
        let start = usize::try_from(*self.starts.get(slot)?).ok()?;
        self.text.as_bytes().get(start).copied()
    }

    /// The names, in lower case, that lack at most so many of these letters, with their numbers.
    pub(super) fn with_letters(
        &self,
        letters: LetterSet,
        lacking: usize,
    ) -> impl Iterator<Item = (usize, &str)> {
        let slots = self.letters.iter().enumerate();
        let slots = slots.filter(move |(_, of_name)| letters.missing_in(**of_name) <= lacking);
        slots.map(|(slot, _)| (slot, self.lower(slot)))
    }

    /// Where a text is in the names, in order.
    pub(super) fn find(&self, part: &str) -> impl Iterator<Item = Occurrence> {
        let mut slot = 0_usize;
        let places = memmem::find_iter(self.text.as_bytes(), part.as_bytes());
        places.map(move |place| {
            let starts_before = |start: &u32| usize::try_from(*start).is_ok_and(|it| it <= place);
            // Occurrences are in order, and most names have none.
            let rest = self.starts.get(slot..).unwrap_or_default();
            let near = rest.iter().take(16).take_while(|start| starts_before(start)).count();
            let ahead = if near < 16 { near } else { rest.partition_point(starts_before) };
            slot = slot.saturating_add(ahead.saturating_sub(1));
            let start = self.starts.get(slot).and_then(|start| usize::try_from(*start).ok());
            Occurrence { slot, start: place.saturating_sub(start.unwrap_or_default()) }
        })
    }

    /// The bytes of memory that it takes.
    pub(super) fn memory(&self) -> usize {
        let tables = size_of_val(&*self.starts).saturating_add(size_of_val(&*self.letters));
        self.text.len().saturating_add(tables)
    }
}

/// Whether a word of a name begins or ends before this byte. Words are separated by `_`, by a change of case, and where
/// letters and digits meet.
pub(super) fn is_boundary(name: &str, at: usize) -> bool {
    let byte = |at: usize| name.as_bytes().get(at).copied();
    let (Some(before), Some(after)) = (at.checked_sub(1).and_then(byte), byte(at)) else {
        return true;
    };
    is_boundary_between(before, after)
}

fn is_boundary_between(before: u8, after: u8) -> bool {
    !before.is_ascii_alphanumeric()
        || !after.is_ascii_alphanumeric()
        || before.is_ascii_digit() != after.is_ascii_digit()
        || before.is_ascii_lowercase() && after.is_ascii_uppercase()
}

/// The words of a name, as written.
pub(super) fn name_words(name: &str) -> impl Iterator<Item = &str> {
    let mut rest = name;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches('_');
        if rest.is_empty() {
            return None;
        }
        let mut neighbours = rest.bytes().zip(rest.bytes().skip(1));
        let last = neighbours.position(|(before, after)| is_boundary_between(before, after));
        let end = last.map_or(rest.len(), |last| last.saturating_add(1));
        let (word, after) = rest.split_at_checked(end)?;
        rest = after;
        Some(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_parts_of_names() {
        let table = NameTable::of(["http_cache", "", "addressBook", "xhttp", "a"].into_iter());
        let find = |part| {
            let found: Vec<_> = table.find(part).map(|it| (it.slot, it.start)).collect();
            found
        };
        assert_eq!(find("http"), [(0, 0), (3, 1)]);
        assert_eq!(find("book"), [(2, 7)]);
        assert_eq!(find("a"), [(0, 6), (2, 0), (4, 0)]);
        assert_eq!(find("zz"), []);
        assert_eq!(table.lower(2), "addressbook");
        assert_eq!((table.lower(1), table.lower(5), table.lower(99)), ("", "", ""));
        let similar = |text: &str, lacking| {
            let similar = table.with_letters(LetterSet::of(text.as_bytes()), lacking);
            similar.map(|(slot, _)| slot).collect::<Vec<_>>()
        };
        assert_eq!(similar("HTTP", 0), [0, 3]);
        assert_eq!(similar("hxtp", 1), [0, 3]);
        assert_eq!(similar("a", 1).len(), 5);
    }

    #[test]
    fn finds_all_in_many() {
        let names: Vec<String> = (0..1_000).map(|number| format!("name{number}")).collect();
        let table = NameTable::of(names.iter().map(String::as_str));
        let slots: Vec<usize> = table.find("99").map(|it| it.slot).collect();
        let expected: Vec<usize> = (0..1_000).filter(|it| it.to_string().contains("99")).collect();
        assert_eq!(slots, expected);
    }

    #[test]
    fn names_have_words() {
        let words = |name| name_words(name).collect::<Vec<_>>();
        assert_eq!(words("http_cache"), ["http", "cache"]);
        assert_eq!(words("addressBook"), ["address", "Book"]);
        assert_eq!(words("oauth2_client_"), ["oauth", "2", "client"]);
        assert_eq!(words("__"), [""; 0]);
    }
}

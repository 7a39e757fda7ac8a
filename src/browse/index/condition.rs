//! Conditions of a query that packages meet or not: `name:`, `depends:` and `license:`.

use super::inside_terms::license_term;
use super::package_index::PackageIndex;

/// A condition, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// The name has this text; with `*` at an end, it begins or ends with it.
    Name {
        /// Without its stars.
        text: String,
        /// Whether the text is the beginning of the name.
        begins: bool,
        /// Whether the text is the end of the name.
        ends: bool,
    },
    /// The recommended release depends on this package.
    DependsOn(String),
    /// A licence begins so, or a word of it.
    License(String),
}

impl Condition {
    /// The condition of `key:value`; `None` if the key is none of a condition.
    pub(super) fn parse(key: &str, value: &str) -> Option<Self> {
        let value = value.trim_matches('"');
        let after = |separators: [char; 2]| value.rsplit(separators).next().unwrap_or_default();
        match key {
            "name" => {
                let lower = value.to_lowercase();
                let text = lower.trim_matches('*').to_owned();
                let is_open = lower.contains('*');
                let begins = is_open && !lower.starts_with('*');
                let ends = is_open && !lower.ends_with('*');
                Some(Self::Name { text, begins, ends })
            }
            "depends" => Some(Self::DependsOn(after([':', '/']).to_owned())),
            "license" | "licence" => Some(Self::License(value.to_lowercase())),
            _ => None,
        }
    }

    /// Clears the marks of the packages that do not meet it.
    pub(super) fn retain(&self, index: &PackageIndex, marks: &mut [bool]) {
        let mut met = vec![false; marks.len()];
        let mut keep = |slot: usize| {
            if let Some(met) = met.get_mut(slot) {
                *met = true;
            }
        };
        match self {
            Self::Name { text, begins, ends } => {
                for place in index.names().find(text) {
                    let name = index.names().lower(place.slot);
                    if (!begins || place.start == 0) && (!ends || name.ends_with(text)) {
                        keep(place.slot);
                    }
                }
            }
            Self::DependsOn(name) => {
                index.dependent_table().of_any(name).for_each(|slot| keep(slot as usize));
            }
            Self::License(license) => {
                let term = license_term(license);
                for (id, segment) in index.segments() {
                    segment.for_each_beginning_with(term.as_bytes(), |_, postings| {
                        let slots = postings.map(|(slot, _)| slot as usize);
                        slots.filter(|slot| index.is_home(*slot, id)).for_each(&mut keep);
                        true
                    });
                }
            }
        }
        for (mark, met) in marks.iter_mut().zip(met) {
            *mark &= met;
        }
    }
}

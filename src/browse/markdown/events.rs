//! Changes the parsed document before it is written: headings get an id, as on the pages of code hosts.

use std::collections::{HashMap, VecDeque};

use pulldown_cmark::{CowStr, Event, Tag, TagEnd};

/// In characters: the longest id.
const MAX_ID: usize = 80;

/// The events of a document, with ids of headings.
pub(super) struct WithIds<'a, I> {
    events: I,
    /// What was read ahead.
    ahead: VecDeque<Event<'a>>,
    /// How often each id was given.
    given: HashMap<String, usize>,
}

impl<'a, I: Iterator<Item = Event<'a>>> WithIds<'a, I> {
    pub fn new(events: I) -> Self {
        Self { events, ahead: VecDeque::new(), given: HashMap::new() }
    }

    /// Reads up to the end of a heading, and returns its text.
    fn heading_text(&mut self) -> String {
        let mut text = String::new();
        for event in self.events.by_ref() {
            if let Event::Text(part) | Event::Code(part) = &event {
                text.push_str(part);
            }
            let is_end = matches!(event, Event::End(TagEnd::Heading(_)));
            self.ahead.push_back(event);
            if is_end {
                break;
            }
        }
        text
    }

    /// An id that no heading before has: `usage`, `usage-1` …
    fn unique(&mut self, id: String) -> String {
        let count = self.given.entry(id.clone()).or_default();
        let number = *count;
        *count = count.saturating_add(1);
        if number == 0 { id } else { format!("{id}-{number}") }
    }
}

impl<'a, I: Iterator<Item = Event<'a>>> Iterator for WithIds<'a, I> {
    type Item = Event<'a>;

    fn next(&mut self) -> Option<Event<'a>> {
        if let Some(event) = self.ahead.pop_front() {
            return Some(event);
        }
        let event = self.events.next()?;
        let Event::Start(Tag::Heading { level, id: None, classes, attrs }) = event else {
            return Some(event);
        };
        let id = slug(&self.heading_text());
        let id = (!id.is_empty()).then(|| CowStr::from(self.unique(id)));
        Some(Event::Start(Tag::Heading { level, id, classes, attrs }))
    }
}

/// The id of a heading, as GitHub makes it: small letters, digits, `-` and `_`, with `-` for a space.
fn slug(text: &str) -> String {
    let lowered = text.trim().chars().flat_map(char::to_lowercase);
    let kept = lowered.filter_map(|character| match character {
        ' ' => Some('-'),
        '-' | '_' => Some(character),
        letter => letter.is_alphanumeric().then_some(letter),
    });
    kept.take(MAX_ID).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_code_hosts() {
        for (text, id) in [
            ("Usage", "usage"),
            ("  What's `new` in 1.2? ", "whats-new-in-12"),
            ("a_b - c", "a_b---c"),
            ("Überblick 日本", "überblick-日本"),
            ("!?", ""),
        ] {
            assert_eq!(slug(text), id, "{text}");
        }
        assert_eq!(slug(&"a".repeat(1000)).len(), MAX_ID);
    }
}

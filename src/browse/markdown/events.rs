//! Changes the parsed document before it is written: headings get an id, as on the pages of code hosts, and code is
//! highlighted.

use std::collections::{HashMap, VecDeque};

use pulldown_cmark::{CodeBlockKind, CowStr, Event, Tag, TagEnd};

use super::super::highlight::{highlight, is_highlighted};

/// In characters: the longest id.
const MAX_ID: usize = 80;

/// The events of a document, with ids of headings and highlighted code.
pub(super) struct Prepared<'a, I> {
    events: I,
    /// What was read ahead.
    ahead: VecDeque<Event<'a>>,
    /// How often each id was given.
    given: HashMap<String, usize>,
}

impl<'a, I: Iterator<Item = Event<'a>>> Prepared<'a, I> {
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

    /// Reads up to the end of a block of code, and returns its HTML.
    fn code(&mut self, language: &str) -> Event<'a> {
        let mut text = String::new();
        for event in self.events.by_ref() {
            match event {
                Event::Text(part) => text.push_str(&part),
                Event::End(TagEnd::CodeBlock) => break,
                _ => {}
            }
        }
        let code = highlight(language, &text);
        let html = format!("<pre><code class=\"language-{language}\">{code}</code></pre>\n");
        Event::Html(html.into())
    }

    /// An id that no heading before has: `usage`, `usage-1` …
    fn unique(&mut self, id: String) -> String {
        let count = self.given.entry(id.clone()).or_default();
        let number = *count;
        *count = count.saturating_add(1);
        if number == 0 { id } else { format!("{id}-{number}") }
    }
}

impl<'a, I: Iterator<Item = Event<'a>>> Iterator for Prepared<'a, I> {
    type Item = Event<'a>;

    fn next(&mut self) -> Option<Event<'a>> {
        if let Some(event) = self.ahead.pop_front() {
            return Some(event);
        }
        let event = self.events.next()?;
        if let Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) = &event {
            let language = info.split([' ', ',', '{']).next().unwrap_or_default();
            let is_plain =
                language.chars().all(|next| next.is_ascii_alphanumeric() || "+-_".contains(next));
            if is_plain && is_highlighted(language) {
                return Some(self.code(language));
            }
        }
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

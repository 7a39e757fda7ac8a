//! One record of the search.

use super::limits;
use super::place::clean_place;
use super::plain::{beginning, plain_text_of};

/// What the search finds in documentation: a module, a function, a page, or a part of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DocsRecord {
    /// What it is, as its documentation says: `module`, `function`, `macro`, `type`, `extras`, `task`, …
    pub kind: String,
    /// Its name, as in `Enum.map/2`, or the heading.
    pub title: String,
    /// The module that it is of, as in `Enum`; empty if there is none.
    pub module: String,
    /// Where it is below the documentation, with a fragment, as in `Enum.html#map/2`. It has no scheme, no host, no `..`
    /// and no character that has to be escaped.
    pub place: String,
    /// What it says, without marks.
    pub text: String,
}

impl DocsRecord {
    /// A record of what a documentation says; `None` if it has no title, or its place leads elsewhere. The text is Markdown,
    /// HTML or plain.
    pub(super) fn read(
        kind: &str,
        title: &str,
        module: &str,
        place: &str,
        text: &str,
    ) -> Option<Self> {
        let title = one_line(title);
        let place = clean_place(place)?;
        if title.is_empty() {
            return None;
        }
        let module = match one_line(module) {
            module if module.is_empty() => module_of(kind, &title).to_owned(),
            module => module,
        };
        let kind = beginning(kind, limits::KIND).chars().filter(char::is_ascii_graphic).collect();
        Some(Self {
            kind,
            module,
            place,
            text: plain_text_of(beginning(text, limits::TEXT)),
            title,
        })
    }

    /// The function, type or macro with its arity, as in `map/2`; empty for what is none.
    #[must_use]
    pub fn function(&self) -> &str {
        let rest = self.title.strip_prefix(&self.module).filter(|_| !self.module.is_empty());
        rest.and_then(|rest| rest.strip_prefix(['.', ':'])).unwrap_or_default()
    }

    /// How much memory it takes, in bytes.
    #[must_use]
    pub fn weight(&self) -> usize {
        let texts = [&self.kind, &self.title, &self.module, &self.place, &self.text];
        texts.iter().fold(120, |sum, text| sum.saturating_add(text.len()))
    }
}

/// A text in one line, without characters that readers do not see.
fn one_line(text: &str) -> String {
    let text: String = beginning(text, limits::TITLE)
        .chars()
        .map(|c| if crate::printable::is_hidden(c) { ' ' } else { c })
        .collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The module of a title such as `Enum.map/2`, `:lists.map/2`, `lists:map/2`, or `Enum` itself.
fn module_of<'a>(kind: &str, title: &'a str) -> &'a str {
    match kind {
        "module" | "behaviour" | "protocol" | "exception" | "impl" if !title.contains(' ') => title,
        "extras" | "task" | "page" => "",
        _ if title.contains(' ') => "",
        _ => {
            let name = title.rsplit_once('/').map_or(title, |(name, _)| name);
            // The name of an operator may be of dots: `Kernel.../2`.
            let undotted = name.trim_end_matches('.');
            if undotted.len() < name.len() {
                return undotted;
            }
            let end = name.rfind(['.', ':']).unwrap_or(0);
            title.get(..end).unwrap_or_default().trim_end_matches(':')
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: &str, title: &str) -> (String, String) {
        let record = DocsRecord::read(kind, title, "", "a.html", "").unwrap();
        let function = record.function().to_owned();
        (record.module, function)
    }

    #[test]
    fn module_and_function_are_parts_of_the_title() {
        for (kind, title, module, function) in [
            ("module", "Plug.Conn", "Plug.Conn", ""),
            ("function", "Enum.map/2", "Enum", "map/2"),
            ("function", "Mix.Tasks.A.run/1", "Mix.Tasks.A", "run/1"),
            ("function", "lists:map/2", "lists", "map/2"),
            ("macro", "Kernel.../2", "Kernel", "../2"),
            ("function", "run/1", "", ""),
            ("extras", "Read me v1.0", "", ""),
            ("function", "Options - Enum.map/2", "", ""),
        ] {
            assert_eq!(record(kind, title), (module.to_owned(), function.to_owned()), "{title}");
        }
    }

    #[test]
    fn a_record_is_one_line_and_bounded() {
        let title = format!("A\n\u{202e}b {}", "x".repeat(500));
        let record = DocsRecord::read("module\u{0}<", &title, "", "a.html", &"é ".repeat(90_000));
        let record = record.unwrap();
        assert!(record.title.starts_with("A b x") && record.title.len() <= limits::TITLE);
        assert_eq!(record.kind, "module<");
        assert!(record.text.len() <= limits::TEXT);
        assert_eq!(DocsRecord::read("module", " \n", "", "a.html", ""), None);
        assert_eq!(DocsRecord::read("module", "A", "", "../a.html", ""), None);
    }
}

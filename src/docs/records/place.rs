//! Where a record is: a relative URL that stays in its documentation.

use std::fmt::Write as _;

use super::limits;

/// A place as a documentation names it, or `None` if it leads elsewhere or is too long. What a browser would escape is
/// escaped.
pub(super) fn clean_place(place: &str) -> Option<String> {
    let place = place.trim();
    let place = place.strip_prefix("./").unwrap_or(place);
    if place.len() > limits::PLACE {
        return None;
    }
    let (path, fragment) = place.split_once('#').unwrap_or((place, ""));
    let path = path.split('?').next().unwrap_or_default();
    // Browsers take `\` for `/`, ignore tabs and line ends, and read `%2e` as a dot.
    let lower = path.to_ascii_lowercase();
    let is_elsewhere = path.starts_with('/')
        || path.contains(['\\', ':', '\t', '\n', '\r', '\0'])
        || lower.replace("%2e", ".").split('/').any(|part| matches!(part, "." | ".."))
        || ["%2f", "%5c", "%00"].iter().any(|escaped| lower.contains(escaped));
    if is_elsewhere || (path.is_empty() && fragment.is_empty()) {
        return None;
    }
    let path = if path.is_empty() { "index.html" } else { path };
    let mut clean = escaped(path, "/");
    if !fragment.is_empty() {
        clean.push('#');
        clean += &escaped(fragment, "/:?!@$&'()*+,;=#");
    }
    (clean.len() <= limits::PLACE).then_some(clean)
}

/// A text with all escaped but letters, digits, what is escaped already, and these.
fn escaped(text: &str, plain: &str) -> String {
    let mut clean = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let is_escape = c == '%'
            && rest.get(1..3).is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let is_plain = c.is_ascii_alphanumeric() || "-._~".contains(c) || plain.contains(c);
        // An apostrophe would end an attribute of HTML, and `#` a fragment, in careless hands.
        if is_escape || (is_plain && !matches!(c, '\'' | '#' | '&')) {
            clean.push(c);
        } else {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                // Writing into a string does not fail.
                let _ = write!(clean, "%{byte:02X}");
            }
        }
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_documentation_stay() {
        for place in [
            "Enum.html",
            "Enum.html#map/2",
            "Kernel.html#%7C%3E/2",
            "Kernel.html#!=/2",
            "gleam/list.html#map",
            "a.html#c:init/1",
        ] {
            assert_eq!(clean_place(place).as_deref(), Some(place));
        }
        assert_eq!(clean_place("./a.html#b").as_deref(), Some("a.html#b"));
        assert_eq!(clean_place("#top").as_deref(), Some("index.html#top"));
        assert_eq!(clean_place("a b\".html#<x>").as_deref(), Some("a%20b%22.html#%3Cx%3E"));
        assert_eq!(clean_place("ä.html").as_deref(), Some("%C3%A4.html"));
        assert_eq!(clean_place("100%.html").as_deref(), Some("100%25.html"));
        assert_eq!(clean_place("a.html?x=1#y").as_deref(), Some("a.html#y"));
    }

    #[test]
    fn places_elsewhere_are_none() {
        for place in [
            "",
            "javascript:alert(1)",
            "https://example.com/",
            "//example.com/a",
            "/etc/passwd",
            "../other/1.0.0/a.html",
            "a/../../b.html",
            "a/%2E%2e/b.html",
            "a/.%2e/b.html",
            "a\\..\\b.html",
            "java\tscript:x",
            "a%2f..%2fb",
            "./../a.html",
        ] {
            assert_eq!(clean_place(place), None, "{place}");
        }
        assert_eq!(clean_place(&"a".repeat(500)), None);
        assert_eq!(clean_place(&"ä".repeat(190)), None);
    }
}

//! Finds the section of one version in a changelog.

/// The section of a changelog that is on a version: from the heading that names it to the next heading of the same
/// level or a higher one. The heading itself is left out.
#[must_use]
pub fn changelog_section<'a>(text: &'a str, version: &str) -> Option<&'a str> {
    let mut found: Option<(usize, u8)> = None;
    for heading in headings(text) {
        match found {
            None if names(heading.text, version) => found = Some((heading.after, heading.level)),
            Some((start, level)) if heading.level <= level => {
                return text.get(start..heading.start).map(str::trim);
            }
            _ => {}
        }
    }
    found.and_then(|(start, _)| text.get(start..)).map(str::trim)
}

struct Heading<'a> {
    level: u8,
    text: &'a str,
    /// Where its line begins, and where the line after it does.
    start: usize,
    after: usize,
}

/// The headings of Markdown, outside of fenced code.
fn headings(text: &str) -> impl Iterator<Item = Heading<'_>> {
    let mut lines = Lines { text, at: 0 };
    let mut fence: Option<&str> = None;
    // Where the line before begins, and its text, if a line of `=` or `-` makes it a heading.
    let mut before: Option<(usize, &str)> = None;
    std::iter::from_fn(move || {
        loop {
            let (start, line, after) = lines.next()?;
            let trimmed = line.trim();
            let mark = ["```", "~~~"].into_iter().find(|mark| trimmed.starts_with(mark));
            match (fence, mark) {
                (None, Some(mark)) => {
                    fence = Some(mark);
                    before = None;
                    continue;
                }
                (Some(open), mark) => {
                    fence = if mark == Some(open) { None } else { fence };
                    continue;
                }
                (None, None) => {}
            }
            let underlined = underline(trimmed).and_then(|level| Some((level, before.take()?)));
            if let Some((level, (start, text))) = underlined {
                return Some(Heading { level, text, start, after });
            }
            let rest = trimmed.trim_start_matches('#');
            let level = u8::try_from(trimmed.len().saturating_sub(rest.len())).unwrap_or(u8::MAX);
            before = (!trimmed.is_empty() && level == 0).then_some((start, trimmed));
            if is_bare_version(trimmed) && !lines.is_underlined() {
                return Some(Heading { level: LOWEST, text: trimmed, start, after });
            }
            if (1..=6).contains(&level)
                && rest.starts_with([' ', '\t'])
                && !line.starts_with("    ")
            {
                return Some(Heading { level, text: rest, start, after });
            }
        }
    })
}

/// The level of a line that has only a version. A section with a heading goes on after it.
const LOWEST: u8 = 6;

/// Whether a line is a version, as in `v1.2.3 (2024-01-01)`: some changelogs have no other headings.
fn is_bare_version(line: &str) -> bool {
    let (version, rest) = line.split_once(' ').unwrap_or((line, ""));
    let numbers = version.strip_prefix(['v', 'V']).unwrap_or(version);
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_version = numbers.split('.').count() >= 2 && numbers.split('.').take(2).all(is_number);
    let is_date = |next: char| next.is_ascii_digit() || " ()-/.".contains(next);
    is_version && rest.chars().all(is_date)
}

/// The level of the heading that a line of `=` or `-` makes of the line before.
fn underline(line: &str) -> Option<u8> {
    let is_of = |mark: char| line.len() >= 3 && line.chars().all(|next| next == mark);
    if is_of('=') { Some(1) } else { is_of('-').then_some(2) }
}

/// Lines, each with its place and that of the next.
struct Lines<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lines<'a> {
    /// Whether the next line makes the last one a heading.
    fn is_underlined(&self) -> bool {
        let mut rest = Lines { text: self.text, at: self.at };
        rest.next().is_some_and(|(_, line, _)| underline(line.trim()).is_some())
    }

    fn next(&mut self) -> Option<(usize, &'a str, usize)> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let line = rest.split_inclusive('\n').next()?;
        let start = self.at;
        self.at = start.saturating_add(line.len());
        Some((start, line, self.at))
    }
}

/// Whether a heading has a version as a word: `v1.2.3 (2024-01-01)` has 1.2.3, and neither 1.2 nor 1.2.3-rc.1.
fn names(heading: &str, version: &str) -> bool {
    heading.match_indices(version).any(|(at, _)| {
        let before = heading.get(..at).unwrap_or_default();
        let before = before.strip_suffix(['v', 'V']).unwrap_or(before);
        let after = heading.get(at.saturating_add(version.len())..).unwrap_or_default();
        let is_part = |next: char| next.is_alphanumeric() || "+-".contains(next);
        let continues = match after.strip_prefix('.') {
            Some(after) => after.starts_with(is_part),
            None => after.starts_with(is_part),
        };
        !version.is_empty() && !before.ends_with(|next| is_part(next) || next == '.') && !continues
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_section_of_a_version_is_found() {
        let text = "# Changelog for v1.2\n\nIntro\n\n## v1.2.10 (2024-01-02)\n\nten\n\n## [1.2.1] - 2024-01-01\n### Added\n- one\n\
                    ```\n## 1.2.0\n```\n\n## 1.2.1-rc.1\nrc\n\n1.2.0 / 2023\n---\nzero\n\n1.1.0\n====\nlast";
        for (version, expected) in [
            ("1.2.10", Some("ten")),
            ("1.2.1", Some("### Added\n- one\n```\n## 1.2.0\n```")),
            ("1.2.1-rc.1", Some("rc")),
            ("1.2.0", Some("zero")),
            ("1.1.0", Some("last")),
            (
                "1.2",
                Some(text.split_once("v1.2\n\n").unwrap().1.split_once("\n\n1.1.0\n").unwrap().0),
            ),
            ("2.0.0", None),
            ("", None),
        ] {
            assert_eq!(changelog_section(text, version), expected, "{version}");
        }
    }

    #[test]
    fn lines_that_are_only_versions_are_headings() {
        let text = "v2.7.0 (2026-05-06)\n- one\n- needs 2.6.1\n\nv2.6.1 (2025-12-09)\n- two\n\nv2.6.0\n======\nthree\n";
        assert_eq!(changelog_section(text, "2.7.0"), Some("- one\n- needs 2.6.1"));
        assert_eq!(changelog_section(text, "2.6.1"), Some("- two"));
        assert_eq!(changelog_section(text, "2.6.0"), Some("three"));
        let text = "## 2.0.0\nfrom\n1.0.0\nto\n## 1.0.0\nfirst";
        assert_eq!(changelog_section(text, "2.0.0"), Some("from\n1.0.0\nto"));
        for line in ["1", "1.2.3 and more", "1. 2", "x1.2", ""] {
            assert!(!is_bare_version(line), "{line}");
        }
    }

    #[test]
    fn headings_name_whole_versions() {
        for heading in
            ["1.2.3", "v1.2.3", "Version 1.2.3.", "[1.2.3]", "(1.2.3)", "1.2.3: x", "pkg-v1.2.3"]
        {
            assert_eq!(names(heading, "1.2.3"), !heading.starts_with("pkg"), "{heading}");
        }
        for heading in ["11.2.3", "1.2.3.4", "1.2.3-rc", "1.2.3+x", "0.1.2.3", "a1.2.3", "1.2.30"] {
            assert!(!names(heading, "1.2.3"), "{heading}");
        }
    }
}

//! Which files of a package are the README, the changelog and the licence, and the text of a file.

use std::borrow::Cow;

use crate::printable::is_hidden;
use crate::tarball::{PackageFile, PackageFiles};

/// The endings of a text for people, the better first. hex.pm takes the README in this order.
const ENDINGS: [&str; 4] = ["md", "markdown", "txt", ""];

/// The names of a changelog, without their endings. The first that exists is taken.
const CHANGELOGS: [&str; 7] =
    ["changelog", "changes", "history", "release_notes", "releases", "news", "changelogs"];

/// The beginnings of the name of a licence.
const LICENSES: [&str; 5] = ["license", "licence", "copying", "unlicense", "notice"];

/// The README at the root of a package: `README.md`, `readme.md`, `README.markdown` … `readme`, in the order of
/// hex.pm. Then other cases, and then other formats such as `README.rst`.
#[must_use]
pub fn readme(files: &PackageFiles) -> Option<&PackageFile> {
    named(files, "readme")
}

/// The changelog at the root of a package.
#[must_use]
pub fn changelog(files: &PackageFiles) -> Option<&PackageFile> {
    CHANGELOGS.iter().find_map(|name| named(files, name))
}

/// The files at the root of a package that have its licence, such as `LICENSE` and `LICENSE-MIT.txt`.
pub fn licenses(files: &PackageFiles) -> impl Iterator<Item = &PackageFile> {
    at_root(files).filter(|file| {
        let lowered = file.path.to_ascii_lowercase();
        let rest = LICENSES.iter().find_map(|name| lowered.strip_prefix(name));
        rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_alphanumeric()))
    })
}

/// Whether a file is Markdown, by its name.
#[must_use]
pub fn is_markdown(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let (_, ending) = name.rsplit_once('.').unwrap_or_default();
    ["md", "markdown", "livemd"].iter().any(|known| ending.eq_ignore_ascii_case(known))
}

/// The best file at the root whose name without its ending is `name`.
fn named<'a>(files: &'a PackageFiles, name: &str) -> Option<&'a PackageFile> {
    let candidates = at_root(files).filter_map(|file| {
        let lowered = file.path.to_ascii_lowercase();
        let rest = lowered.strip_prefix(name)?;
        let ending = rest.strip_prefix('.').or(rest.is_empty().then_some(""))?;
        let rank = ENDINGS.iter().position(|known| *known == ending).unwrap_or(ENDINGS.len());
        let stem = file.path.get(..name.len()).unwrap_or_default();
        let case = if stem == name.to_ascii_uppercase() {
            0
        } else if stem == name {
            1
        } else {
            2
        };
        Some(((rank, case, &file.path), file))
    });
    candidates.min_by_key(|(rank, _)| *rank).map(|(_, file)| file)
}

fn at_root(files: &PackageFiles) -> impl Iterator<Item = &PackageFile> {
    files.iter().filter(|file| !file.path.contains('/'))
}

/// Whether bytes are shown as text: they have no zero byte at their beginning. Bytes that are not UTF-8 may be text of
/// an old encoding.
#[must_use]
pub fn is_text(bytes: &[u8]) -> bool {
    const BEGINNING: usize = 8 << 10;
    !bytes.get(..BEGINNING).unwrap_or(bytes).contains(&0)
}

/// Bytes as text: what is not UTF-8 becomes U+FFFD. A byte order mark at the beginning goes.
#[must_use]
pub fn scrub(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes))
}

/// Text for a page, without control characters and characters that turn the direction of what follows
/// ([`is_removed`]). Line feeds and tabs stay.
#[must_use]
pub fn plain_text(text: &str) -> Cow<'_, str> {
    if text.contains(is_removed) {
        Cow::Owned(text.chars().filter(|character| !is_removed(*character)).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// As [`plain_text`], on one line: white space of any kind is one space.
#[must_use]
pub fn plain_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    plain_text(&words.join(" ")).into_owned()
}

/// Whether [`plain_text`] leaves a character out: it is [hidden](is_hidden) and does not belong to a text. Marks of
/// direction do, in Arabic and Hebrew (U+200E, U+200F, U+061C), and so do joiners, in emoji and several scripts, and
/// variation selectors of Mongolian. Embeddings, overrides and isolates (U+202A to U+202E, U+2066 to U+2069) do not:
/// with them, text that follows reads as another one.
#[must_use]
pub fn is_removed(character: char) -> bool {
    is_hidden(character)
        && !matches!(
            character,
            '\n' | '\t'
                | '\u{61C}'
                | '\u{AD}'
                | '\u{180B}'..='\u{180F}'
                | '\u{200B}'..='\u{200F}'
                | '\u{2060}'
                | '\u{E0020}'..='\u{E007F}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tarball::{self, Limits};

    fn package(paths: &[&str]) -> PackageFiles {
        let metadata = "{<<\"name\">>,<<\"a\">>}.\n{<<\"version\">>,<<\"1.0.0\">>}.\n{<<\"app\">>,<<\"a\">>}.\n\
                        {<<\"requirements\">>,[]}.\n";
        let files: Vec<(&str, &[u8])> = paths.iter().map(|path| (*path, &b"x"[..])).collect();
        let tarball = tarball::create(metadata, &files).unwrap();
        tarball::unpack_files(&tarball, &Limits::HEX).unwrap()
    }

    fn path(file: Option<&PackageFile>) -> Option<&str> {
        file.map(|file| file.path.as_str())
    }

    /// As hex.pm: by the ending first, then in capitals.
    #[test]
    fn the_first_readme_of_the_order_is_taken() {
        let mut names = vec![
            "README.md",
            "readme.md",
            "Readme.md",
            "README.markdown",
            "readme.markdown",
            "README.txt",
            "readme.txt",
            "README",
            "readme",
            "README.rst",
            "readme.zh.md",
        ];
        while !names.is_empty() {
            let mut shuffled = names.clone();
            shuffled.rotate_left(names.len() / 2);
            shuffled.extend(["README-old.md", "docs/README.md", "read", "readmes.md", "a.md"]);
            assert_eq!(path(readme(&package(&shuffled))), Some(names[0]));
            names.remove(0);
        }
        assert_eq!(readme(&package(&["docs/README.md", "READMEs"])), None);
    }

    #[test]
    fn changelogs_and_licences_are_found() {
        assert_eq!(
            path(changelog(&package(&["NEWS", "CHANGES.md", "History.md"]))),
            Some("CHANGES.md")
        );
        assert_eq!(
            path(changelog(&package(&["CHANGELOG", "ChangeLog.txt"]))),
            Some("ChangeLog.txt")
        );
        assert_eq!(changelog(&package(&["CHANGELOGGER.md"])), None);
        let found = package(&[
            "LICENSE",
            "LICENSE-MIT",
            "licence.md",
            "LICENSES.zip",
            "lib/LICENSE",
            "COPYING.txt",
        ]);
        let found: Vec<&str> = licenses(&found).map(|file| file.path.as_str()).collect();
        assert_eq!(found, ["COPYING.txt", "LICENSE", "LICENSE-MIT", "licence.md"]);
    }

    #[test]
    fn markdown_is_known_by_its_name() {
        for name in ["README.md", "a/b.MD", "a.markdown", "x.livemd"] {
            assert!(is_markdown(name), "{name}");
        }
        for name in ["README", "md", "a.md/b", "a.mdx", ".md/a.txt"] {
            assert!(!is_markdown(name), "{name}");
        }
    }

    #[test]
    fn bytes_become_text() {
        assert_eq!(scrub(b"\xEF\xBB\xBFa\xFFb\xE2\x82"), "a\u{FFFD}b\u{FFFD}");
        assert!(is_text(b"caf\xE9") && is_text(b"") && !is_text(b"a\0b"));
        assert!(!is_text(&[&[b'a'; 8000][..], b"\0"].concat()));
    }

    #[test]
    fn characters_that_deceive_are_removed_and_those_of_scripts_stay() {
        let evil = "a\0b\u{1b}[1m\u{202A}\u{202B}\u{202C}\u{202D}\u{202E}\u{2066}\u{2067}\u{2068}\u{2069}\u{7f}\u{9b}\rc\u{2028}";
        assert_eq!(plain_text(evil), "ab[1mc");
        let family = "\u{1F469}\u{200D}\u{1F469}\u{200D}\u{1F467}\n\t\u{645}\u{6CC}\u{200C}\u{62E}\u{200F}\u{61C}";
        assert!(matches!(plain_text(family), Cow::Borrowed(text) if text == family));
        assert_eq!(plain_line(" a\r\n\tb\u{202e}\u{2029}c "), "a b c");
    }
}

//! `rebar.lock`: Erlang terms. Either a list of locks alone, or a tuple of the format's version and that list, which a list of
//! the packages' checksums follows.

use std::borrow::Cow;
use std::collections::HashMap;

use super::builder::{LockFileBuilder, Precedence, RawEntry};
use super::error::{EntryError, Error};
use super::pins::{LockFile, OtherSource, Repeated};
use super::text::{LineCounter, excerpt};
use crate::erlang::{self, Term};

pub(super) fn parse(bytes: &[u8]) -> Result<LockFile, Error> {
    let text = erlang::decode(bytes);
    let text = without_comments(&text);
    let terms = erlang::parse_terms(&text)?;
    let lines = lines_of_tuples(&text);
    let (locks, attributes) = match terms.as_slice() {
        [] => (&[][..], &[][..]),
        [Term::List(locks)] => (locks.as_slice(), &[][..]),
        [first @ Term::Tuple(versioned), rest @ ..] => match (versioned.as_slice(), rest.first()) {
            ([_, Term::List(locks)], None) => (locks.as_slice(), &[][..]),
            ([_, Term::List(locks)], Some(Term::List(attributes))) => {
                (locks.as_slice(), attributes.as_slice())
            }
            ([_, Term::List(_)], Some(other)) => {
                return Err(form("a list of checksums after the locks", other));
            }
            _ => return Err(form("`{\"1.2.0\", [LOCK, …]}`", first)),
        },
        [other, ..] => return Err(form("`{\"1.2.0\", [LOCK, …]}` or `[LOCK, …]` alone", other)),
    };
    let mut builder = LockFileBuilder::new(Precedence::First);
    let inner = checksums(attributes, "pkg_hash", &mut builder)?;
    let outer = checksums(attributes, "pkg_hash_ext", &mut builder)?;
    for lock in locks {
        let Term::Tuple(elements) = lock else { return Err(form("a lock", lock)) };
        let [app, bound, ..] = elements.as_slice() else { return Err(form("a lock", lock)) };
        let app = text_of(app).ok_or_else(|| form("an application's name", app))?;
        let line = lines.get(app).copied();
        let added = entry_of(bound, inner.get(app).copied(), outer.get(app).copied())
            .and_then(|entry| builder.add(app, line, entry));
        if let Err(error) = added {
            return Err(Error::Entry { line, app: app.to_owned(), error });
        }
    }
    Ok(builder.finish())
}

/// The entry in `{pkg, Name, Version}`. Old formats have one or both checksums after it, which then count.
fn entry_of<'a>(
    term: &'a Term,
    inner: Option<&'a Term>,
    outer: Option<&'a Term>,
) -> Result<RawEntry<'a>, EntryError> {
    let parts = match term {
        Term::Tuple(parts) => parts.as_slice(),
        _ => &[],
    };
    let Some((Term::Atom(resource), parts)) = parts.split_first() else {
        return Err(unexpected("a resource such as `{pkg, …}`", Some(term)));
    };
    let part = |index: usize| parts.get(index);
    match resource.as_str() {
        "pkg" => Ok(RawEntry::Hex {
            package: required("a package's name", part(0))?,
            version: required("a version", part(1))?,
            repository: None,
            inner: optional("its inner checksum", part(2).or(inner))?,
            outer: optional("its outer checksum", part(3).or(outer))?,
        }),
        "git" | "git_subdir" => {
            Ok(RawEntry::Git { url: required("a URL", part(0))?, revision: revision(part(1))? })
        }
        "path" => Ok(RawEntry::Other(OtherSource::Path)),
        "hg" => Ok(RawEntry::Other(OtherSource::Hg)),
        other => Ok(RawEntry::Other(OtherSource::Other(excerpt(other)))),
    }
}

/// The commit in `{ref, "…"}`, or a branch or tag, which may move.
fn revision(term: Option<&Term>) -> Result<&str, EntryError> {
    let expected = "a commit, as `{ref, …}`";
    match term {
        Some(Term::Tuple(pair)) => required(expected, pair.get(1)),
        other => required(expected, other),
    }
}

/// The checksums under a key, by application. rebar3 takes the first one of each.
fn checksums<'a>(
    attributes: &'a [Term],
    key: &str,
    builder: &mut LockFileBuilder,
) -> Result<HashMap<&'a str, &'a Term>, Error> {
    let mut found = HashMap::new();
    for (name, value) in attributes.iter().filter_map(pair) {
        let Term::List(items) = value else { continue };
        if text_of(name) != Some(key) {
            continue;
        }
        for item in items {
            let named = pair(item).and_then(|(app, checksum)| Some((text_of(app)?, checksum)));
            let (app, checksum) = named.ok_or_else(|| form("an application's checksum", item))?;
            let taken = *found.entry(app).or_insert(checksum);
            if taken != checksum {
                let text = |term: &Term| format!("{key} {}", excerpt(&term.to_string()));
                let (taken, ignored) = (text(taken), text(checksum));
                builder.add_repeated(Repeated { app: app.to_owned(), taken, ignored });
            }
        }
    }
    Ok(found)
}

fn pair(term: &Term) -> Option<(&Term, &Term)> {
    match term {
        Term::Tuple(pair) => match pair.as_slice() {
            [key, value] => Some((key, value)),
            _ => None,
        },
        _ => None,
    }
}

fn required<'a>(expected: &'static str, term: Option<&'a Term>) -> Result<&'a str, EntryError> {
    term.and_then(text_of).ok_or_else(|| unexpected(expected, term))
}

fn optional<'a>(
    expected: &'static str,
    term: Option<&'a Term>,
) -> Result<Option<&'a str>, EntryError> {
    match term {
        None => Ok(None),
        Some(Term::Atom(nothing)) if nothing == "undefined" => Ok(None),
        some => required(expected, some).map(Some),
    }
}

/// The text of a term. Names are binaries. URLs and, in old formats, versions are strings.
fn text_of(term: &Term) -> Option<&str> {
    match term {
        Term::Binary(bytes) => std::str::from_utf8(bytes).ok(),
        Term::String(text) | Term::Atom(text) => Some(text),
        _ => None,
    }
}

fn unexpected(expected: &'static str, found: Option<&Term>) -> EntryError {
    let found = found.map_or("nothing".to_owned(), |term| excerpt(&term.to_string()));
    EntryError::Part { expected, found }
}

fn form(expected: &'static str, found: &Term) -> Error {
    Error::Form { expected, found: excerpt(&found.to_string()) }
}

/// The line of the first tuple that begins with each binary, such as `{<<"cowboy">>,`: parsed terms have no positions.
fn lines_of_tuples(text: &str) -> HashMap<&str, usize> {
    let (mut lines, mut counter) = (HashMap::new(), LineCounter::new(text.as_bytes()));
    for open in memchr::memchr_iter(b'{', text.as_bytes()) {
        let line = counter.line_at(open);
        let tuple = text.get(open.saturating_add(1)..).unwrap_or_default().trim_start();
        let binary = tuple.strip_prefix("<<\"").and_then(|binary| binary.split_once('"'));
        if let Some((name, _)) = binary {
            lines.entry(name).or_insert(line);
        }
    }
    lines
}

/// The text with spaces in place of comments: `file:consult` skips them, and `parse_terms` does not.
fn without_comments(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let (mut quote, mut escaped, mut comment) = (None, false, false);
    let blanked = text.chars().map(|character| {
        match (character, quote) {
            ('\n', None) => comment = false,
            _ if comment => return ' ',
            ('%', None) => {
                comment = true;
                return ' ';
            }
            ('"' | '\'', None) => quote = Some(character),
            (_, Some(_)) if escaped => escaped = false,
            ('\\', Some(_)) => escaped = true,
            (_, Some(open)) if character == open => quote = None,
            _ => {}
        }
        character
    });
    Cow::Owned(blanked.collect())
}

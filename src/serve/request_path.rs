//! The path of a request, before it is known what is there.

use std::borrow::Cow;

use super::mount::NAMED_REPOSITORIES;

/// The path with one slash where several follow each other.
///
/// mix and rebar3 join URL and path by a slash, so a URL that ends in one makes them ask for `//names`. Only literal
/// slashes count: an encoded one is part of a name, which no file has.
pub(super) fn without_empty_parts(path: &str) -> Cow<'_, str> {
    if !path.contains("//") {
        return Cow::Borrowed(path);
    }
    let mut short = String::with_capacity(path.len());
    for char in path.chars() {
        if char != '/' || !short.ends_with('/') {
            short.push(char);
        }
    }
    Cow::Owned(short)
}

/// The name of the repository in a path, and what follows it: `("NAME", "names")` of `/repos/NAME/names`, and
/// `(None, "names")` of `/names`.
pub(super) fn split(path: &str) -> Option<(Option<&str>, &str)> {
    match path.strip_prefix(NAMED_REPOSITORIES) {
        Some(named) => {
            let (name, rest) = named.split_once('/').unwrap_or((named, ""));
            Some((Some(name), rest))
        }
        None => Some((None, path.strip_prefix('/')?)),
    }
}

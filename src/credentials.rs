//! Hides the credentials in URLs. They are in no message, log, JSON or file name.

/// Replaces a credential.
pub const HIDDEN: &str = "******";

/// Schemes where a user without a password is no secret, as in `ssh://git@host/path`.
const PUBLIC_USER_SCHEMES: [&str; 4] = ["ssh", "git+ssh", "ssh+git", "sftp"];

/// Hides the credentials of a URL. The user of a web address may be a token and is hidden too, and so is what
/// follows `?` or `#`. An address of git such as `git@host:path` keeps its user.
///
/// ```
/// use hexreg::credentials::hide;
///
/// assert_eq!(hide("https://ci:secret@host/a.git"), "https://******@host/a.git");
/// assert_eq!(hide("ssh://git:secret@host/a.git"), "ssh://git:******@host/a.git");
/// assert_eq!(hide("git@host:a.git"), "git@host:a.git");
/// assert_eq!(hide("https://host/a?token=secret"), "https://host/a?******");
/// ```
#[must_use]
pub fn hide(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return hide_scp(url) };
    let (rest, query) = split_before(rest, &['?', '#']);
    let (user, place) = split_user(rest);
    let user = user.map(|user| match user.split_once(':') {
        None if PUBLIC_USER_SCHEMES.contains(&scheme) => format!("{user}@"),
        Some((name, _)) if PUBLIC_USER_SCHEMES.contains(&scheme) => format!("{name}:{HIDDEN}@"),
        _ => format!("{HIDDEN}@"),
    });
    let query = query.chars().next().map(|mark| format!("{mark}{HIDDEN}"));
    format!("{scheme}://{}{place}{}", user.unwrap_or_default(), query.unwrap_or_default())
}

/// Hides the credentials of each URL in a text. A URL that is cut off by `…` before its host ends is hidden whole, as
/// the rest of it may be a part of a password.
///
/// ```
/// use hexreg::credentials::hide_all;
///
/// let said = "fatal: unable to access 'https://token@host/a.git/': no route";
/// assert_eq!(hide_all(said), "fatal: unable to access 'https://******@host/a.git/': no route");
/// ```
#[must_use]
pub fn hide_all(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(mark) = rest.find("://") {
        let (before, after) = rest.split_at(mark);
        let start = before.rfind(|one| !is_of_scheme(one)).map_or(0, |at| {
            at.saturating_add(
                before.get(at..).and_then(|it| it.chars().next()).map_or(1, char::len_utf8),
            )
        });
        let (before, scheme) = before.split_at(start);
        let (url, following) = split_before(after, &ENDS);
        shown.push_str(before);
        let is_cut = following.trim_start_matches(QUOTES).starts_with('…');
        let names_host = url.trim_start_matches("://").contains(['/', '@']);
        if is_cut && !names_host {
            shown.push_str(scheme);
            shown.push_str("://");
            shown.push_str(HIDDEN);
        } else {
            shown.push_str(&hide(&format!("{scheme}{url}")));
        }
        rest = following;
    }
    shown.push_str(rest);
    shown
}

/// Characters that end a URL in a sentence.
const ENDS: [char; 12] = [' ', '\t', '\n', '\r', '"', '\'', '`', '<', '>', '…', '(', ')'];

/// Quotes that may stand between a URL that was cut off and `…`.
const QUOTES: [char; 3] = ['"', '\'', '`'];

fn is_of_scheme(character: char) -> bool {
    character.is_ascii_alphanumeric() || "+-.".contains(character)
}

/// The user before `@`, and the rest. If a password has a `/` that is not encoded, what is before it looks like a host with
/// an invalid port. Then all up to the last `@` is the user.
fn split_user(rest: &str) -> (Option<&str>, &str) {
    let (authority, _) = split_before(rest, &['/', '\\']);
    if let Some((user, _)) = authority.rsplit_once('@') {
        let place = rest.get(user.len().saturating_add(1)..).unwrap_or_default();
        return (Some(user), place);
    }
    let port = authority.rsplit_once(':').map(|(_, port)| port);
    let is_port = port.is_none_or(|port| {
        authority.ends_with(']') || port.bytes().all(|byte| byte.is_ascii_digit())
    });
    match rest.rsplit_once('@') {
        Some((user, place)) if !is_port => (Some(user), place),
        _ => (None, rest),
    }
}

/// Hides the credentials of `user@host:path`. A `:` before the `@` begins a password.
fn hide_scp(text: &str) -> String {
    let (text, query) = split_before(text, &['?']);
    let query = if query.is_empty() { String::new() } else { format!("?{HIDDEN}") };
    match text.split_once('@') {
        Some((user, place)) if user.contains(':') => format!("{HIDDEN}@{place}{query}"),
        _ => format!("{text}{query}"),
    }
}

/// Splits a text before the first of some characters, or at its end.
fn split_before<'a>(text: &'a str, ends: &[char]) -> (&'a str, &'a str) {
    text.split_at(text.find(ends).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_keeps_no_secret() {
        for (url, shown) in [
            ("https://host/a.git", "https://host/a.git"),
            ("https://SECRET@host/a.git", "https://******@host/a.git"),
            ("https://ci:SECRET@host:8443/a.git", "https://******@host:8443/a.git"),
            ("https://:SECRET@host", "https://******@host"),
            ("https://a@SECRET@host/b", "https://******@host/b"),
            ("https://ci:SEC/RET@host/a.git", "https://******@host/a.git"),
            ("https://host/@scope/a", "https://host/@scope/a"),
            ("https://host:8443/@scope/a", "https://host:8443/@scope/a"),
            ("https://[::1]:80/@scope/a", "https://[::1]:80/@scope/a"),
            ("https://host/a?private_token=SECRET", "https://host/a?******"),
            ("https://host?SECRET", "https://host?******"),
            ("https://host/a#SECRET", "https://host/a#******"),
            ("git+https://SECRET@host/a", "git+https://******@host/a"),
            ("git://SECRET@host/a", "git://******@host/a"),
            ("ssh://git@host/a.git", "ssh://git@host/a.git"),
            ("git+ssh://git@host:22/a.git", "git+ssh://git@host:22/a.git"),
            ("ssh://git:SECRET@host/a.git", "ssh://git:******@host/a.git"),
            ("git@host:a/b.git", "git@host:a/b.git"),
            ("host:a/b@v1.git", "******@v1.git"),
            ("git:SECRET@host:a/b.git", "******@host:a/b.git"),
            ("git@host:a?token=SECRET", "git@host:a?******"),
            ("file:///a", "file:///a"),
            ("", ""),
        ] {
            assert_eq!(hide(url), shown, "{url}");
        }
    }

    #[test]
    fn a_sentence_keeps_no_secret() {
        for (text, shown) in [
            ("", ""),
            ("nothing: / @ :", "nothing: / @ :"),
            ("://", "://"),
            ("é://SECRET@h", "é://******@h"),
            (
                "from https://SECRET@h/a, or git+ssh://git:SECRET@h/b?c",
                "from https://******@h/a, or git+ssh://git:******@h/b?******",
            ),
            ("found \"\\\"https://SECRETSECRE\"…", "found \"\\\"https://******\"…"),
            ("found https://SECRETSECRE…", "found https://******…"),
            ("asked https://host: no answer", "asked https://host: no answer"),
            ("Some(\"http://a:SECRET@proxy:1\")", "Some(\"http://******@proxy:1\")"),
        ] {
            assert_eq!(hide_all(text), shown, "{text}");
        }
    }
}

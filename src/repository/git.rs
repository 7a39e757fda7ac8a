//! Where git repositories lie beside a registry, bare: `git/HOST/PATH.git`.

/// The folder that they lie in.
pub(crate) const GIT: &str = "git";

/// By which the folder of a repository is told from what it lies in, and from what lies in it.
const END: &str = ".git";

/// Whether it can be a part of a repository's place: nothing but a name, and not hidden.
fn is_plain(part: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-~+".contains(&byte);
    !part.is_empty() && !part.starts_with('.') && part.bytes().all(is_plain)
}

/// The place of the repository that a host, with its port if it has one, has at a path.
pub(crate) fn place(host: &str, port: Option<u16>, path: &str) -> Option<String> {
    let path = path.trim_matches('/');
    let path = path.strip_suffix(END).unwrap_or(path);
    // One repository in the folder of another would be taken for a part of it.
    let is_plain = |part: &str| is_plain(part) && !part.ends_with(END);
    let port = port.map(|port| format!("_{port}")).unwrap_or_default();
    let is_plain = is_plain(host) && path.split('/').all(is_plain);
    is_plain.then(|| format!("{GIT}/{host}{port}/{path}{END}"))
}

/// What follows the folder of a repository in the parts of a path below [`GIT`].
pub(crate) fn within<'a, 'b>(parts: &'a [&'b str]) -> Option<&'a [&'b str]> {
    let end = parts.iter().position(|part| part.ends_with(END))?;
    let (place, within) = parts.split_at_checked(end.checked_add(1)?)?;
    (place.len() > 1 && place.iter().all(|part| is_plain(part))).then_some(within)
}

//! The paths of the bare git repositories beside a registry: `git/HOST/PATH.git`.

use super::path::Folder;

/// The ending of a git repository's folder. No other folder below `git` has it.
const ENDING: &str = ".git";

/// Whether it can be a part of a git repository's path: a plain name that is not hidden.
fn is_plain(part: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-~+".contains(&byte);
    !part.is_empty() && !part.starts_with('.') && part.bytes().all(is_plain)
}

/// The path for a git repository at a host, a port and a path; `None` if these cannot be names of folders.
pub(crate) fn repository_path(host: &str, port: Option<u16>, path: &str) -> Option<String> {
    let path = path.trim_matches('/');
    let path = path.strip_suffix(ENDING).unwrap_or(path);
    // A repository inside the folder of another would be taken for a part of that one.
    let is_plain = |part: &str| is_plain(part) && !part.ends_with(ENDING);
    let port = port.map(|port| format!("_{port}")).unwrap_or_default();
    let is_plain = is_plain(host) && path.split('/').all(is_plain);
    is_plain.then(|| format!("{}/{host}{port}/{path}{ENDING}", Folder::Git.as_str()))
}

/// The parts that follow a git repository's folder in the parts of a path below [`Folder::Git`].
pub(crate) fn path_in_repository<'a, 'b>(parts: &'a [&'b str]) -> Option<&'a [&'b str]> {
    let end = parts.iter().position(|part| part.ends_with(ENDING))?;
    let (repository, rest) = parts.split_at_checked(end.checked_add(1)?)?;
    (repository.len() > 1 && repository.iter().all(|part| is_plain(part))).then_some(rest)
}

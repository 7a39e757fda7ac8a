//! Git dependencies that lock files pin: bare repositories that any static server can serve, by git's
//! "dumb" HTTP protocol. The `git` program does it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use url::Url;

use super::holdings::OWN;
use super::wrong::Wrong;
use crate::lockfile::GitPin;

/// A repository that was mirrored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitMirror {
    /// As the lock file has it.
    pub url: String,
    /// What is pinned, in hex.
    pub revision: String,
    /// Below the mirror: `git/HOST/PATH.git`.
    pub path: String,
    /// Whether anything had to be fetched.
    pub is_new: bool,
}

/// The folder that repositories lie in.
const FOLDER: &str = "git";

/// Where a repository lies below the mirror.
pub(super) fn place(url: &str) -> Result<String, Wrong> {
    let refused = |why: &str| Wrong::Git(format!("{url}: {why}"));
    let parsed = Url::parse(url).map_err(|_| refused("only http and https URLs are mirrored"))?;
    let is_web = matches!(parsed.scheme(), "http" | "https");
    let host = parsed.host_str().filter(|_| is_web);
    let host = host.ok_or_else(|| refused("only http and https URLs are mirrored"))?;
    let port = parsed.port().map(|port| format!("_{port}")).unwrap_or_default();
    let path = parsed.path().trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let is_plain = |part: &str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-~+".contains(&byte);
        !part.starts_with('.') && !part.is_empty() && part.bytes().all(is_plain)
    };
    let is_whole = parsed.query().is_none() && parsed.fragment().is_none();
    if is_whole && path.split('/').all(is_plain) && is_plain(host) {
        Ok(format!("{FOLDER}/{host}{port}/{path}.git"))
    } else {
        Err(refused("its path is not one of plain names"))
    }
}

/// Has a repository at the revision that is pinned.
pub(super) fn mirror(directory: &Path, pin: &GitPin, dry_run: bool) -> Result<GitMirror, Wrong> {
    let GitPin { url, revision, .. } = pin;
    let path = place(url)?;
    let place = directory.join(&path);
    let is_new = !has(&place, revision);
    if is_new && !dry_run {
        if place.is_dir() {
            fetch(&place, url, revision)?;
        } else {
            let new = directory.join(OWN).join("git");
            let failed = |error| Wrong::Git(format!("{}: {error}", place.display()));
            clear(&new).map_err(failed)?;
            git(
                None,
                ["init", "--quiet", "--bare"].map(OsStr::new).into_iter().chain([new.as_os_str()]),
            )?;
            fetch(&new, url, revision)?;
            fs::create_dir_all(place.parent().unwrap_or(directory)).map_err(failed)?;
            fs::rename(&new, &place).map_err(failed)?;
        }
    }
    let (url, revision) = (url.clone(), revision.clone());
    Ok(GitMirror { url, revision, path, is_new })
}

fn clear(path: &PathBuf) -> std::io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// By which the revision stays reachable, whatever becomes of branches and tags.
fn reference(revision: &str) -> String {
    format!("refs/heads/hexreg/{revision}")
}

fn has(place: &Path, revision: &str) -> bool {
    let commit = format!("{}^{{commit}}", reference(revision));
    place.is_dir() && git(Some(place), ["cat-file", "-e", &commit].map(OsStr::new)).is_ok()
}

fn fetch(place: &Path, url: &str, revision: &str) -> Result<(), Wrong> {
    let run = |arguments: &[&str]| git(Some(place), arguments.iter().map(OsStr::new));
    let all = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];
    run(&["fetch", "--quiet", "--force", "--no-auto-gc", "--", url, all[0], all[1]])?;
    let commit = format!("{revision}^{{commit}}");
    if run(&["cat-file", "-e", &commit]).is_err() {
        // No branch leads there any more; some servers give it all the same.
        run(&["fetch", "--quiet", "--no-auto-gc", "--", url, revision])?;
    }
    run(&["update-ref", &reference(revision), &commit])?;
    // Whoever clones it all begins at upstream's own branch, where that can be told.
    let told = run(&["ls-remote", "--symref", "--", url, "HEAD"]).unwrap_or_default();
    let head = told.lines().find_map(|line| line.strip_prefix("ref: ")?.split_once('\t'));
    if let Some((head, _)) = head.filter(|(head, _)| head.starts_with("refs/heads/")) {
        run(&["symbolic-ref", "HEAD", head])?;
    }
    // What readers go by, once all that it names is there.
    run(&["update-server-info"]).map(|_| ())
}

/// Runs git, which asks nobody anything and talks to web servers alone.
fn git<'a>(
    place: Option<&Path>,
    arguments: impl IntoIterator<Item = &'a OsStr>,
) -> Result<String, Wrong> {
    let mut command = Command::new("git");
    for setting in [
        "protocol.allow=never",
        "protocol.http.allow=always",
        "protocol.https.allow=always",
        // A pack is one file to fetch, and what it would be unpacked to is a thousand.
        "fetch.unpackLimit=1",
        "credential.interactive=false",
    ] {
        command.args(["-c", setting]);
    }
    if let Some(place) = place {
        command.arg("--git-dir").arg(place);
    }
    command.args(arguments).env("GIT_TERMINAL_PROMPT", "0").stdin(Stdio::null());
    let ran = command.output().map_err(|error| Wrong::Git(format!("git: {error}")))?;
    if ran.status.success() {
        return Ok(String::from_utf8_lossy(&ran.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&ran.stderr);
    let said: Vec<_> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    Err(Wrong::Git(format!("git: {}", said.join("; "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_lies_where_its_url_says() {
        for (url, path) in [
            ("https://git.example/org/repo.git", "git/git.example/org/repo.git"),
            ("https://git.example/org/repo", "git/git.example/org/repo.git"),
            ("http://git.example:8080/a/b/c/", "git/git.example_8080/a/b/c.git"),
        ] {
            assert_eq!(place(url).unwrap(), path);
        }
    }

    #[test]
    fn a_url_that_leads_elsewhere_is_refused() {
        for url in [
            "git@git.example:org/repo.git",
            "ssh://git.example/org/repo",
            "file:///etc",
            "--upload-pack=x",
            "https://git.example/",
            "https://git.example/a%2fb",
            "https://git.example/.git/x",
            "https://git.example/a?b",
            "ext::sh -c x",
        ] {
            assert!(place(url).is_err(), "{url}");
        }
        // Resolved before anybody sees it.
        for url in ["https://git.example/../../x", "https://git.example/%2e%2e/x"] {
            assert_eq!(place(url).unwrap(), "git/git.example/x.git");
        }
    }
}

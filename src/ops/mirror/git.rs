//! Git dependencies that lock files pin: bare repositories that any static server can serve, by git's
//! "dumb" HTTP protocol. The `git` program does it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use url::Url;

use super::wrong::Wrong;
use crate::lockfile::GitPin;
use crate::repository;

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

/// Where a repository lies below the mirror.
pub(super) fn place(url: &str) -> Result<String, Wrong> {
    let refused = |why: &str| Err(Wrong::Git(format!("{}: {why}", url.escape_debug())));
    // What a shell would make something else of, when the line for clients is copied.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b":/@._-~+%".contains(&byte);
    let parsed = Url::parse(url).ok().filter(|parsed| matches!(parsed.scheme(), "http" | "https"));
    let Some(parsed) = parsed else {
        return refused("only repositories at http:// and https:// are mirrored");
    };
    let host = parsed.host_str().filter(|_| url.bytes().all(is_plain));
    let place = host.and_then(|host| repository::git::place(host, parsed.port(), parsed.path()));
    place.map_or_else(|| refused("it is not made of plain names"), Ok)
}

/// Has a repository at the revision that is pinned.
pub(super) fn mirror(
    directory: &Path,
    pin: &GitPin,
    stall: Duration,
    dry_run: bool,
) -> Result<GitMirror, Wrong> {
    let GitPin { url, revision, .. } = pin;
    let path = place(url)?;
    let place = directory.join(&path);
    let program = Program { revision, stall };
    let is_new = !program.has(&place);
    let found = GitMirror { url: url.clone(), revision: revision.clone(), path, is_new };
    if dry_run {
        return Ok(found);
    }
    if !is_new {
        // A run that was killed may have come no further.
        program.run(&place, &["update-server-info"])?;
    } else if place.is_dir() {
        program.fetch(&place, url)?;
    } else {
        let new = directory.join(repository::Folder::Mirror.path().as_str()).join("git");
        let failed = |error| Wrong::Git(format!("{}: {error}", place.display()));
        clear(&new).map_err(failed)?;
        fs::create_dir_all(&new).map_err(failed)?;
        program.run(&new, &["init", "--quiet", "--bare"])?;
        program.fetch(&new, url)?;
        fs::create_dir_all(place.parent().unwrap_or(directory)).map_err(failed)?;
        fs::rename(&new, &place).map_err(failed)?;
    }
    Ok(found)
}

fn clear(path: &PathBuf) -> std::io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The git program, for one revision.
struct Program<'a> {
    revision: &'a str,
    stall: Duration,
}

impl Program<'_> {
    /// By which the revision stays reachable, whatever becomes of branches and tags.
    fn reference(&self) -> String {
        format!("refs/heads/hexreg-{}", self.revision)
    }

    fn has(&self, place: &Path) -> bool {
        let commit = format!("{}^{{commit}}", self.reference());
        place.is_dir() && self.run(place, &["cat-file", "-e", &commit]).is_ok()
    }

    fn fetch(&self, place: &Path, url: &str) -> Result<(), Wrong> {
        let fetch = ["fetch", "--quiet", "--force", "--no-auto-gc", "--no-write-fetch-head"];
        let fetch = |what: &[&str]| self.run(place, &[&fetch[..], &["--", url], what].concat());
        fetch(&["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"])?;
        let commit = format!("{}^{{commit}}", self.revision);
        if self.run(place, &["cat-file", "-e", &commit]).is_err() {
            // No branch leads there any more; some servers give it all the same.
            fetch(&[self.revision]).map_err(|wrong| {
                Wrong::Git(format!("{url} does not have {}: {wrong}", self.revision))
            })?;
        }
        self.run(place, &["update-ref", &self.reference(), &commit])?;
        // Whoever clones it all begins at upstream's own branch, where that can be told.
        let told = self.run(place, &["ls-remote", "--symref", "--", url, "HEAD"]);
        let told = told.unwrap_or_default();
        let head = told.lines().find_map(|line| line.strip_prefix("ref: ")?.split_once('\t'));
        if let Some((head, _)) = head.filter(|(head, _)| head.starts_with("refs/heads/")) {
            self.run(place, &["symbolic-ref", "HEAD", head])?;
        }
        // What readers go by, once all that it names is there.
        self.run(place, &["update-server-info"]).map(|_| ())
    }

    /// Runs git, which asks nobody anything and talks to web servers alone.
    fn run(&self, place: &Path, arguments: &[&str]) -> Result<String, Wrong> {
        let mut command = Command::new("git");
        let stall = format!("http.lowSpeedTime={}", self.stall.as_secs());
        for setting in [
            // A pack is one file to fetch, and what it would be unpacked to is a thousand.
            "fetch.unpackLimit=1",
            "credential.interactive=false",
            "http.lowSpeedLimit=1",
            &stall,
        ] {
            command.args(["-c", setting]);
        }
        for variable in ELSEWHERE {
            command.env_remove(variable);
        }
        // Commits have names of 64 digits in repositories of their own kind.
        let hash = if self.revision.len() == 64 { "sha256" } else { "sha1" };
        command
            .arg("--git-dir")
            .arg(place)
            .args(arguments)
            .env("GIT_TERMINAL_PROMPT", "0")
            // Nobody's configuration allows more.
            .env("GIT_ALLOW_PROTOCOL", "http:https")
            .env("GIT_DEFAULT_HASH", hash)
            // What static servers serve.
            .env("GIT_DEFAULT_REF_FORMAT", "files")
            .stdin(Stdio::null());
        let ran = command.output().map_err(|error| Wrong::Git(format!("git: {error}")))?;
        if ran.status.success() {
            return Ok(String::from_utf8_lossy(&ran.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&ran.stderr);
        let said: Vec<_> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        Err(Wrong::Git(format!("git: {}", said.join("; "))))
    }
}

/// Where git would look besides; set where it is git that runs this program.
const ELSEWHERE: [&str; 8] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

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
            "https://git.example/a.git/objects",
            "https://$(x)@git.example/a",
            "https://git.example/a\nb",
            "https://git.example/a ",
        ] {
            assert!(place(url).is_err(), "{url}");
        }
        // Resolved before anybody sees it.
        for url in ["https://git.example/../../x", "https://git.example/%2e%2e/x"] {
            assert_eq!(place(url).unwrap(), "git/git.example/x.git");
        }
    }
}

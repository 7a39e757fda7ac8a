//! Runs the `git` program, with the user's configuration and without prompts.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write;
use std::io;
use std::process::Command;
use std::time::Duration;

use reqwest::header::HeaderValue;

use super::bare_repository::BareRepository;
use super::child::{self, ChildLimits, End};
use super::environment;
use crate::credentials::{self, HIDDEN};
use crate::lockfile::{GitUrl, is_commit};
use crate::ops::mirror::cancellation::Cancellation;
use crate::ops::mirror::file_error::FileError;

/// The git program, for one revision of one repository.
pub(super) struct GitProgram<'a> {
    pub url: &'a GitUrl,
    pub revision: &'a str,
    pub repository: &'a BareRepository,
    /// How long a fetch by HTTP may deliver no byte.
    pub stall: Duration,
    /// The `Authorization` header for upstream's registry, which git does not get.
    pub authorization: Option<&'a HeaderValue>,
    /// Ends a fetch.
    pub cancellation: &'a Cancellation,
}

/// How many stall timeouts git may print nothing while it talks to a server, which first counts objects.
const SILENCE: u32 = 4;

/// How many stall timeouts one fetch may take: four hours by default.
const TOTAL: u32 = 480;

/// In bytes: how much packs may grow in one fetch. No library's history is as large.
const MAX_FETCHED: u64 = 16 << 30;

/// The references that only hexreg writes. Each has the name of a pinned revision, and keeps its commit.
const PINS: &str = "refs/hexreg/";

/// The branches that show the same commits to clients, which fetch branches alone. Upstream may have branches with such
/// names too, so nothing is read from them.
const SHOWN: &str = "refs/heads/hexreg-";

/// The commit of each revision.
type Revisions = BTreeMap<String, String>;

/// The references that keep what lock files pin.
pub(super) struct Pins {
    own: Revisions,
    shown: Revisions,
}

impl GitProgram<'_> {
    /// Whether the repository has the revision: its reference names the commit, and the commit is there.
    pub fn has(&self, pins: &Pins) -> bool {
        let pinned = pins.own.get(self.revision);
        pinned.is_some_and(|pinned| self.commit().is_ok_and(|commit| commit == *pinned))
    }

    /// The commit of the revision.
    fn commit(&self) -> Result<String, FileError> {
        let commit = format!("{}^{{commit}}", self.revision);
        let found = self.run(&["rev-parse", "--quiet", "--verify", &commit])?;
        Ok(found.trim().to_owned())
    }

    /// The commit of the revision, if all of its objects are there. A fetch that was interrupted may have left some.
    fn whole_commit(&self) -> Result<String, FileError> {
        let commit = self.commit()?;
        self.run(&["rev-list", "--objects", "--quiet", &commit, "--not", "--all"])?;
        Ok(commit)
    }

    /// Reads the references that keep what lock files pin.
    pub fn pins(&self) -> Result<Pins, FileError> {
        let format = "--format=%(objectname) %(refname)";
        let patterns = [PINS.trim_end_matches('/'), &format!("{SHOWN}*")];
        let found = self.run(&["for-each-ref", format, patterns[0], patterns[1]])?;
        let under = |prefix: &str| {
            let found = found.lines().filter_map(|line| line.split_once(' '));
            let found =
                found.filter_map(|(commit, name)| Some((name.strip_prefix(prefix)?, commit)));
            let found = found.filter(|(name, _)| is_commit(name));
            found.map(|(name, commit)| (name.to_owned(), commit.to_owned())).collect()
        };
        Ok(Pins { own: under(PINS), shown: under(SHOWN) })
    }

    /// Adds references for the branches of mirrors that were made before hexreg wrote such references. A branch that does
    /// not lead to the revision in its name may be upstream's.
    pub fn adopt(&self, mut pins: Pins) -> Result<Pins, FileError> {
        let adopted = pins.shown.iter().filter(|(name, commit)| {
            name.eq_ignore_ascii_case(commit) && !pins.own.contains_key(*name)
        });
        let adopted: Revisions =
            adopted.map(|(name, commit)| (name.clone(), commit.clone())).collect();
        self.update_references(PINS, &adopted)?;
        pins.own.extend(adopted);
        Ok(pins)
    }

    /// Shows clients what is pinned, and then updates the files that "dumb" clients read.
    pub fn show(&self, pins: &Pins) -> Result<(), FileError> {
        let stale = pins.own.iter().filter(|(name, commit)| pins.shown.get(*name) != Some(commit));
        let stale = stale.map(|(name, commit)| (name.clone(), commit.clone())).collect();
        self.update_references(SHOWN, &stale)?;
        self.run(&["update-server-info"]).map(drop)
    }

    fn update_references(&self, prefix: &str, to: &Revisions) -> Result<(), FileError> {
        if to.is_empty() {
            return Ok(());
        }
        let mut updates = String::new();
        for (name, commit) in to {
            // Writing to a string cannot fail.
            let _ = writeln!(updates, "update {prefix}{name} {commit}");
        }
        self.output(self.command(&["update-ref", "--stdin"]), &updates, None).map(drop)
    }

    /// Fetches upstream's branches and tags, pins the revision and shows it to clients.
    pub fn fetch(&self) -> Result<(), FileError> {
        // --progress, as its output shows that the fetch goes on. --no-prune whatever the user's configuration says, as
        // a branch that is gone upstream may be pinned.
        let fetch = ["fetch", "--quiet", "--progress", "--force", "--no-auto-gc", "--no-prune"];
        let fetch = [&fetch[..], &["--no-write-fetch-head", "--no-recurse-submodules"]].concat();
        let url = self.url.with_credentials();
        let fetch = |what: &[&str]| self.run_remote(&[&fetch[..], &["--", url], what].concat());
        fetch(&["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"])?;
        // If no branch leads to the commit any more, some servers still send it.
        let by_name = || fetch(&[self.revision]).and_then(|_| self.whole_commit());
        let commit = self.whole_commit().or_else(|_| by_name()).map_err(|error| {
            FileError::Git(format!("{} does not have {}: {error}", self.url, self.revision))
        })?;
        self.update_references(PINS, &BTreeMap::from([(self.revision.to_owned(), commit)]))?;
        // A clone checks out upstream's default branch, if it is known.
        let remote_head = self.run_remote(&["ls-remote", "--symref", "--", url, "HEAD"]);
        let remote_head = remote_head.unwrap_or_default();
        let head =
            remote_head.lines().find_map(|line| line.strip_prefix("ref: ")?.split_once('\t'));
        if let Some((head, _)) = head.filter(|(head, _)| head.starts_with("refs/heads/")) {
            self.run(&["symbolic-ref", "HEAD", head])?;
        }
        // The fetch may have overwritten branches of these names.
        self.show(&self.pins()?)
    }

    /// Runs a git command that uses no network.
    fn run(&self, arguments: &[&str]) -> Result<String, FileError> {
        self.output(self.command(arguments), "", None)
    }

    /// Runs a git command that talks to a server.
    fn run_remote(&self, arguments: &[&str]) -> Result<String, FileError> {
        let mut command = self.command(arguments);
        let names_ssh =
            ["GIT_SSH_COMMAND", "GIT_SSH"].into_iter().any(|it| env::var_os(it).is_some())
                || self.run(&["config", "core.sshCommand"]).is_ok();
        if !names_ssh {
            command.env("GIT_SSH_COMMAND", "ssh -o BatchMode=yes");
        }
        let measure = || self.repository.size_of_packs();
        let limits = ChildLimits {
            silence: self.stall.saturating_mul(SILENCE),
            total: self.stall.saturating_mul(TOTAL),
            size: measure().saturating_add(MAX_FETCHED),
            measure: &measure,
            cancellation: self.cancellation,
        };
        self.output(command, "", Some(limits))
    }

    /// A git command in the repository, without prompts, hooks or programs that the repository names.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        let stall = format!("http.lowSpeedTime={}", self.stall.as_secs());
        for setting in [
            "core.hooksPath=/dev/null",
            "core.fsmonitor=false",
            // Clients fetch a pack as one file, and unpacked objects as a thousand files.
            "fetch.unpackLimit=1",
            "credential.interactive=false",
            // Git would follow a redirect from a public server to an address inside this network.
            "http.followRedirects=false",
            "http.lowSpeedLimit=1",
            &stall,
        ] {
            command.args(["-c", setting]);
        }
        command.arg("--git-dir").arg(self.repository.git_dir()).args(arguments);
        environment::prepare(&mut command, self.authorization);
        command
    }

    fn output(
        &self,
        mut command: Command,
        input: &str,
        limits: Option<ChildLimits<'_>>,
    ) -> Result<String, FileError> {
        let ran = child::run(&mut command, input, limits).map_err(|error| {
            let advice = match error.kind() {
                io::ErrorKind::NotFound => ": the git program is not installed",
                _ => "",
            };
            FileError::Git(format!("git: {error}{advice}"))
        });
        let (end, output) = ran?;
        let given_up = match end {
            End::Exited(status) if status.success() => {
                return Ok(String::from_utf8_lossy(&output.out).into_owned());
            }
            End::Exited(_) => {
                return Err(FileError::Git(self.complaint(&String::from_utf8_lossy(&output.err))));
            }
            End::Silent(silence) => format!("nothing came for {} s", silence.as_secs()),
            End::TooLong(total) => format!(
                "it did not end within {} s: on a slow line, that needs a longer stall timeout, of which it is \
                 {TOTAL} times as long",
                total.as_secs()
            ),
            End::Cancelled => "it was cancelled".to_owned(),
            End::TooLarge(_) => format!("it sent more than {MAX_FETCHED} bytes"),
        };
        Err(FileError::Git(with_advice(
            self.url.with_credentials(),
            format!("{}: {given_up}", self.url),
        )))
    }

    /// What git prints about an error, without progress and without credentials.
    fn complaint(&self, printed: &str) -> String {
        // ssh ends its lines with CR LF, and progress lines end with CR alone.
        let printed = printed.replace("\r\n", "\n");
        let lines = printed.split_inclusive(['\n', '\r']).filter(|line| !line.ends_with('\r'));
        let lines =
            lines.map(str::trim).filter(|line| !line.is_empty() && !line.ends_with("done."));
        let printed = lines.collect::<Vec<_>>().join("; ");
        let mut printed = credentials::hide_all(&printed);
        // git_dir() may be a path in /proc, which means nothing to the user.
        let path = self.repository.path().display().to_string();
        printed = printed.replace(&self.repository.git_dir().display().to_string(), &path);
        for secret in secrets(self.url.with_credentials()) {
            printed = printed.replace(secret, HIDDEN);
        }
        with_advice(self.url.with_credentials(), format!("git: {printed}"))
    }
}

fn with_advice(url: &str, message: String) -> String {
    match advice(url, &message) {
        Some(advice) => format!("{message} ({advice})"),
        None => message,
    }
}

/// What the user can do about an error.
fn advice(url: &str, message: &str) -> Option<String> {
    let has = |what: &str| message.contains(what);
    if has("Host key verification failed") {
        return Some("connect to that host once by hand, so that ssh knows its key".to_owned());
    }
    if has("Permission denied (") {
        return Some("ssh has no key that is taken there: see `ssh-add -l`".to_owned());
    }
    let asks = ["terminal prompts disabled", "could not read Username", "unable to get password"];
    if asks.into_iter().any(has) {
        let advice = "hexreg never asks for a password: configure a git credential helper";
        return Some(advice.to_owned());
    }
    if has("The requested URL returned error: 30") {
        return Some(
            "it redirects to another URL, which is not followed, as it may lead into this network: put the new URL \
             into the project's dependencies, or tell git of it with `git config --global url.NEW.insteadOf OLD`"
                .to_owned(),
        );
    }
    let git = url.strip_prefix("git://").and_then(|rest| rest.split_once('/'));
    if let Some((authority, _)) = git.filter(|_| has("unable to connect") || has("nothing came")) {
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        // Without --add, it would replace the user's rule.
        return Some(format!(
            "where that host no longer answers git://, `git config --global --add \
             url.https://{host}/.insteadOf git://{host}/` asks it by https"
        ));
    }
    None
}

/// The secret parts of a URL, as they are spelt in it.
fn secrets(url: &str) -> impl Iterator<Item = &str> {
    let authority = url.split_once("://").map_or("", |(_, rest)| rest);
    let user = authority.split(['/', '?', '#']).next().and_then(|it| it.rsplit_once('@'));
    let parts = user.map_or("", |(user, _)| user).split(':');
    // The user of ssh is no secret. A part of up to three characters may be any word in the message.
    let is_ssh = url.starts_with("ssh") || url.starts_with("git+ssh");
    parts.skip(usize::from(is_ssh)).filter(|part| part.len() > 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_names_the_host_and_no_credentials() {
        let expected = "where that host no longer answers git://, `git config --global --add \
                        url.https://git.example:9418/.insteadOf git://git.example:9418/` asks it by https";
        for url in [
            "git://git.example:9418/org/dep.git",
            "git://TOKEN@git.example:9418/org/dep.git",
            "git://ci:P@SSWORD@git.example:9418/org/dep.git",
        ] {
            for message in ["fatal: unable to connect to git.example", "nothing came for 4 s"] {
                assert_eq!(advice(url, message).as_deref(), Some(expected), "{url}");
            }
            assert_eq!(advice(url, "fatal: no such repository"), None);
        }
        assert_eq!(advice("https://git.example/dep.git", "fatal: unable to connect"), None);
    }
}

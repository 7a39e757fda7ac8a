//! The `git` program: with the user's own configuration, and without anybody to ask.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write;
use std::io;
use std::process::Command;
use std::time::Duration;

use reqwest::header::HeaderValue;

use super::child::{self, Bounds, End};
use super::environment;
use super::bare_repository::BareRepository;
use crate::credentials::{self, HIDDEN};
use crate::lockfile::GitUrl;
use crate::ops::mirror::file_error::FileError;

/// The git program, for one revision of one repository.
pub(super) struct GitProgram<'a> {
    pub url: &'a GitUrl,
    pub revision: &'a str,
    /// Where the mirror has it.
    pub place: &'a BareRepository,
    /// How long nothing may come of what is fetched by http.
    pub stall: Duration,
    /// What upstream of packages is sent, which is none of git's business.
    pub authorization: Option<&'a HeaderValue>,
}

/// How many times as long git may say nothing where it talks to another machine, which may have to count what it
/// is asked for.
const SILENCE: u32 = 4;

/// How many times as long git may take for one fetch: four hours by default.
const TOTAL: u32 = 480;

/// In bytes: how many packs may grow by in one fetch, which is more than any library's history.
const MAX_FETCHED: u64 = 16 << 30;

/// Where references lie that nothing but this program writes: each is called as what a lock file pins, and keeps it.
const PINS: &str = "refs/hexreg/";

/// How branches begin that show the same to clients: these fetch branches and nothing else. Upstream may have branches
/// that are called so, which are believed in nothing.
const SHOWN: &str = "refs/heads/hexreg-";

/// Revisions, and which commit each is.
type Revisions = BTreeMap<String, String>;

/// References of a repository that keep what lock files pin.
pub(super) struct Pins {
    own: Revisions,
    shown: Revisions,
}

impl GitProgram<'_> {
    /// Whether the mirror has the revision: its own reference leads to it, and the commit is there.
    pub fn has(&self, pins: &Pins) -> bool {
        let pinned = pins.own.get(self.revision);
        pinned.is_some_and(|pinned| self.commit().is_ok_and(|commit| commit == *pinned))
    }

    /// The commit that the revision is, if it is there.
    fn commit(&self) -> Result<String, FileError> {
        let commit = format!("{}^{{commit}}", self.revision);
        let found = self.run(&["rev-parse", "--quiet", "--verify", &commit])?;
        Ok(found.trim().to_owned())
    }

    /// The commit that the revision is, if it is there with all that it is made of. A fetch that was broken off may have
    /// left a part.
    fn whole_commit(&self) -> Result<String, FileError> {
        let commit = self.commit()?;
        self.run(&["rev-list", "--objects", "--quiet", &commit, "--not", "--all"])?;
        Ok(commit)
    }

    /// The references that keep what lock files pin, as they are.
    pub fn pins(&self) -> Result<Pins, FileError> {
        let format = "--format=%(objectname) %(refname)";
        let patterns = [PINS.trim_end_matches('/'), &format!("{SHOWN}*")];
        let found = self.run(&["for-each-ref", format, patterns[0], patterns[1]])?;
        let under = |prefix: &str| {
            let found = found.lines().filter_map(|line| line.split_once(' '));
            let found =
                found.filter_map(|(commit, name)| Some((name.strip_prefix(prefix)?, commit)));
            let found = found.filter(|(name, _)| is_revision(name));
            found.map(|(name, commit)| (name.to_owned(), commit.to_owned())).collect()
        };
        Ok(Pins { own: under(PINS), shown: under(SHOWN) })
    }

    /// Takes over what branches keep in a mirror that was made before references of its own were. One that does not lead
    /// to the very revision that it is called as may be upstream's.
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

    /// Shows clients what is pinned, and writes what they go by, once all that it names is there.
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
            // Writing to a text cannot fail.
            let _ = writeln!(updates, "update {prefix}{name} {commit}");
        }
        self.output(self.command(&["update-ref", "--stdin"]), &updates, None).map(drop)
    }

    /// Fetches what upstream has, pins the revision and shows it.
    pub fn fetch(&self) -> Result<(), FileError> {
        // Told what comes, however little is printed of it otherwise: it is what is waited for. Nothing is removed,
        // whatever the user's own configuration says: a branch that is gone upstream may be pinned.
        let fetch = ["fetch", "--quiet", "--progress", "--force", "--no-auto-gc", "--no-prune"];
        let fetch = [&fetch[..], &["--no-write-fetch-head", "--no-recurse-submodules"]].concat();
        let url = self.url.with_credentials();
        let fetch = |what: &[&str]| self.ask(&[&fetch[..], &["--", url], what].concat());
        fetch(&["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"])?;
        // Where no branch leads there any more, some servers give it all the same.
        let by_name = || fetch(&[self.revision]).and_then(|_| self.whole_commit());
        let commit = self.whole_commit().or_else(|_| by_name()).map_err(|wrong| {
            FileError::Git(format!("{} does not have {}: {wrong}", self.url, self.revision))
        })?;
        self.update_references(PINS, &BTreeMap::from([(self.revision.to_owned(), commit)]))?;
        // A clone begins at upstream's own branch, where that is known.
        let told = self.ask(&["ls-remote", "--symref", "--", url, "HEAD"]);
        let told = told.unwrap_or_default();
        let head = told.lines().find_map(|line| line.strip_prefix("ref: ")?.split_once('\t'));
        if let Some((head, _)) = head.filter(|(head, _)| head.starts_with("refs/heads/")) {
            self.run(&["symbolic-ref", "HEAD", head])?;
        }
        // Upstream may have written to branches of these names.
        self.show(&self.pins()?)
    }

    /// Runs a git command that uses no network.
    fn run(&self, arguments: &[&str]) -> Result<String, FileError> {
        self.output(self.command(arguments), "", None)
    }

    /// Runs git where it talks to another machine.
    fn ask(&self, arguments: &[&str]) -> Result<String, FileError> {
        let mut command = self.command(arguments);
        let names_ssh =
            ["GIT_SSH_COMMAND", "GIT_SSH"].into_iter().any(|it| env::var_os(it).is_some())
                || self.run(&["config", "core.sshCommand"]).is_ok();
        if !names_ssh {
            command.env("GIT_SSH_COMMAND", "ssh -o BatchMode=yes");
        }
        let measure = || self.place.size_of_packs();
        let bounds = Bounds {
            silence: self.stall.saturating_mul(SILENCE),
            total: self.stall.saturating_mul(TOTAL),
            size: measure().saturating_add(MAX_FETCHED),
            measure: &measure,
        };
        self.output(command, "", Some(bounds))
    }

    /// Git in a repository, without anybody to ask, and without anything that lies there being run.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        let stall = format!("http.lowSpeedTime={}", self.stall.as_secs());
        for setting in [
            "core.hooksPath=/dev/null",
            "core.fsmonitor=false",
            // A pack is one file to fetch, and what it would be unpacked to is a thousand.
            "fetch.unpackLimit=1",
            "credential.interactive=false",
            // Git would follow one from a public server to an address inside of this network.
            "http.followRedirects=false",
            "http.lowSpeedLimit=1",
            &stall,
        ] {
            command.args(["-c", setting]);
        }
        command.arg("--git-dir").arg(self.place.git_dir()).args(arguments);
        environment::prepare(&mut command, self.authorization);
        command
    }

    fn output(
        &self,
        mut command: Command,
        input: &str,
        bounds: Option<Bounds<'_>>,
    ) -> Result<String, FileError> {
        let ran = child::run(&mut command, input, bounds).map_err(|error| {
            let advice = match error.kind() {
                io::ErrorKind::NotFound => ": --git needs the git program",
                _ => "",
            };
            FileError::Git(format!("git: {error}{advice}"))
        });
        let (end, printed) = ran?;
        let given_up = match end {
            End::Exited(status) if status.success() => {
                return Ok(String::from_utf8_lossy(&printed.out).into_owned());
            }
            End::Exited(_) => {
                return Err(FileError::Git(self.complaint(&String::from_utf8_lossy(&printed.err))));
            }
            End::Silent(silence) => format!("nothing came for {} s", silence.as_secs()),
            End::TooLong(total) => format!(
                "it did not end within {} s: on a slow line, give a longer --stall-timeout, of which that is \
                 {TOTAL} times as long",
                total.as_secs()
            ),
            End::TooLarge(_) => format!("it sent more than {MAX_FETCHED} bytes"),
        };
        Err(FileError::Git(with_advice(
            self.url.with_credentials(),
            format!("{}: {given_up}", self.url),
        )))
    }

    /// What git complains of, without how far it came and without credentials.
    fn complaint(&self, said: &str) -> String {
        // ssh ends its lines as terminals do; what is written over ends in a carriage return alone.
        let said = said.replace("\r\n", "\n");
        let lines = said.split_inclusive(['\n', '\r']).filter(|line| !line.ends_with('\r'));
        let lines =
            lines.map(str::trim).filter(|line| !line.is_empty() && !line.ends_with("done."));
        let said = lines.collect::<Vec<_>>().join("; ");
        let mut said = credentials::hide_all(&said);
        // What git was given for it, with a number in it that means nothing to the user.
        let path = self.place.path().display().to_string();
        said = said.replace(&self.place.git_dir().display().to_string(), &path);
        for secret in secrets(self.url.with_credentials()) {
            said = said.replace(secret, HIDDEN);
        }
        with_advice(self.url.with_credentials(), format!("git: {said}"))
    }
}

fn with_advice(url: &str, said: String) -> String {
    match advice(url, &said) {
        Some(advice) => format!("{said} ({advice})"),
        None => said,
    }
}

/// What to do about a complaint.
fn advice(url: &str, said: &str) -> Option<String> {
    let has = |what: &str| said.contains(what);
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
    if let Some((place, _)) = git.filter(|_| has("unable to connect") || has("nothing came")) {
        let host = place.rsplit_once('@').map_or(place, |(_, host)| host);
        // Without --add, it would take the place of what is set.
        return Some(format!(
            "where that host no longer answers git://, `git config --global --add \
             url.https://{host}/.insteadOf git://{host}/` asks it by https"
        ));
    }
    None
}

/// The parts of a URL that are to be shown nowhere, as they are spelt.
fn secrets(url: &str) -> impl Iterator<Item = &str> {
    let authority = url.split_once("://").map_or("", |(_, rest)| rest);
    let user = authority.split(['/', '?', '#']).next().and_then(|it| it.rsplit_once('@'));
    let parts = user.map_or("", |(user, _)| user).split(':');
    // The user of ssh is none, and what is so short is a word.
    let is_ssh = url.starts_with("ssh") || url.starts_with("git+ssh");
    parts.skip(usize::from(is_ssh)).filter(|part| part.len() > 3)
}

/// Whether it can be the name of a commit.
fn is_revision(name: &str) -> bool {
    matches!(name.len(), 40 | 64) && name.bytes().all(|byte| byte.is_ascii_hexdigit())
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
            for said in ["fatal: unable to connect to git.example", "nothing came for 4 s"] {
                assert_eq!(advice(url, said).as_deref(), Some(expected), "{url}");
            }
            assert_eq!(advice(url, "fatal: no such repository"), None);
        }
        assert_eq!(advice("https://git.example/dep.git", "fatal: unable to connect"), None);
    }
}

//! The `git` program: with the user's own configuration, and without anybody to ask.

use std::io::{ErrorKind, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, io};

use crate::credentials::{self, HIDDEN};
use crate::lockfile::GitUrl;
use crate::ops::mirror::wrong::Wrong;

/// The git program, for one revision of one repository.
pub(super) struct Program<'a> {
    pub url: &'a GitUrl,
    pub revision: &'a str,
    /// How long nothing may come of what is fetched by http.
    pub stall: Duration,
}

/// How many times as long git may say nothing where it talks to another machine, which may have to count what it
/// is asked for.
const SILENCE: u32 = 4;

/// Under which a repository's own configuration says whose home directory it was fetched from.
const HOME: &str = "hexreg.home";

impl Program<'_> {
    /// By which the revision stays reachable, whatever becomes of branches and tags.
    fn reference(&self) -> String {
        format!("refs/heads/hexreg-{}", self.revision)
    }

    pub fn has(&self, place: &Path) -> bool {
        let commit = format!("{}^{{commit}}", self.reference());
        place.is_dir() && self.run(place, &["cat-file", "-e", &commit]).is_ok()
    }

    pub fn init(&self, place: &Path) -> Result<(), Wrong> {
        self.run(place, &["init", "--quiet", "--bare"]).map(drop)
    }

    pub fn fetch(&self, place: &Path) -> Result<(), Wrong> {
        // Told what comes, however little is printed of it otherwise: it is what is waited for.
        let fetch = ["fetch", "--quiet", "--progress", "--force", "--no-auto-gc"];
        let fetch = [&fetch[..], &["--no-write-fetch-head", "--no-recurse-submodules"]].concat();
        let url = self.url.with_credentials();
        let fetch = |what: &[&str]| self.ask(place, &[&fetch[..], &["--", url], what].concat());
        fetch(&["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"])?;
        let commit = format!("{}^{{commit}}", self.revision);
        if self.run(place, &["cat-file", "-e", &commit]).is_err() {
            // No branch leads there any more; some servers give it all the same.
            fetch(&[self.revision]).map_err(|wrong| {
                Wrong::Git(format!("{} does not have {}: {wrong}", self.url, self.revision))
            })?;
        }
        self.run(place, &["update-ref", &self.reference(), &commit])?;
        // A clone begins at upstream's own branch, where that is known.
        let told = self.ask(place, &["ls-remote", "--symref", "--", url, "HEAD"]);
        let told = told.unwrap_or_default();
        let head = told.lines().find_map(|line| line.strip_prefix("ref: ")?.split_once('\t'));
        if let Some((head, _)) = head.filter(|(head, _)| head.starts_with("refs/heads/")) {
            self.run(place, &["symbolic-ref", "HEAD", head])?;
        }
        self.update_server_info(place)
    }

    /// Notes whose home directory a repository is in.
    ///
    /// # Errors
    /// Where it was noted to be in another one's: two users may each have a repository of that name.
    pub fn keep_home(&self, place: &Path, user: &str, writes: bool) -> Result<(), Wrong> {
        match self.run(place, &["config", "--local", HOME]) {
            Ok(known) if known.trim() == user => Ok(()),
            Ok(known) => Err(Wrong::Git(format!(
                "{}: the mirror has the repository of that name in the home directory of {}: mirror this one \
                 into another directory",
                self.url,
                known.trim()
            ))),
            Err(_) if writes => self.run(place, &["config", "--local", HOME, user]).map(drop),
            Err(_) => Ok(()),
        }
    }

    /// Writes what readers go by, once all that it names is there.
    pub fn update_server_info(&self, place: &Path) -> Result<(), Wrong> {
        self.run(place, &["update-server-info"]).map(drop)
    }

    /// Runs a git command that uses no network.
    fn run(&self, place: &Path, arguments: &[&str]) -> Result<String, Wrong> {
        self.output(self.command(place, arguments), None)
    }

    /// Runs git where it talks to another machine.
    fn ask(&self, place: &Path, arguments: &[&str]) -> Result<String, Wrong> {
        let mut command = self.command(place, arguments);
        let names_ssh =
            ["GIT_SSH_COMMAND", "GIT_SSH"].into_iter().any(|it| env::var_os(it).is_some())
                || self.run(place, &["config", "core.sshCommand"]).is_ok();
        if !names_ssh {
            command.env("GIT_SSH_COMMAND", "ssh -o BatchMode=yes");
        }
        self.output(command, Some(self.stall.saturating_mul(SILENCE)))
    }

    /// Git in a repository, without anybody to ask.
    fn command(&self, place: &Path, arguments: &[&str]) -> Command {
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
            .envs(UNATTENDED)
            .env("GIT_DEFAULT_HASH", hash)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn output(&self, mut command: Command, silence: Option<Duration>) -> Result<String, Wrong> {
        let failed = |error: io::Error| {
            let advice = match error.kind() {
                ErrorKind::NotFound => ": --git needs the git program",
                _ => "",
            };
            Wrong::Git(format!("git: {error}{advice}"))
        };
        let mut child = command.spawn().map_err(failed)?;
        let (status, said) = listen(&mut child, silence).map_err(failed)?;
        let Some(status) = status else {
            let seconds = silence.unwrap_or_default().as_secs();
            let said = format!("{}: nothing came for {seconds} s", self.url);
            return Err(Wrong::Git(with_advice(self.url.with_credentials(), said)));
        };
        if status.success() {
            return Ok(String::from_utf8_lossy(&said.out).into_owned());
        }
        Err(Wrong::Git(self.complaint(&String::from_utf8_lossy(&said.err))))
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
    if has("terminal prompts disabled") || has("could not read Username") {
        let advice = "hexreg never asks for a password: configure a git credential helper";
        return Some(advice.to_owned());
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

/// How git is kept from asking, at a terminal or in a window, and what it may talk by: no configuration allows
/// more, whatever it makes of a URL.
const UNATTENDED: [(&str, &str); 7] = [
    ("GIT_TERMINAL_PROMPT", "0"),
    // Nothing is run where this is empty.
    ("GIT_ASKPASS", ""),
    // ssh runs this in place of asking at a terminal, and takes what it says for a refusal.
    ("SSH_ASKPASS", "false"),
    ("SSH_ASKPASS_REQUIRE", "force"),
    ("LC_ALL", "C"),
    // What static servers serve.
    ("GIT_DEFAULT_REF_FORMAT", "files"),
    // No lock file's URL leads to a file: only what the user's own configuration makes of one may.
    ("GIT_ALLOW_PROTOCOL", "http:https:ssh:git:file"),
];

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

/// What a program printed.
#[derive(Default)]
struct Said {
    out: Vec<u8>,
    err: Vec<u8>,
}

enum Heard {
    Out(Vec<u8>),
    Err(Vec<u8>),
}

/// How often it is seen to whether a program has ended whose pipes a child holds open, such as an ssh that
/// keeps its connection.
const LOOK: Duration = Duration::from_millis(200);

/// Waits for a program to end, and hears what it says; one that says nothing for so long is killed, and then
/// there is no status.
fn listen(child: &mut Child, silence: Option<Duration>) -> io::Result<(Option<ExitStatus>, Said)> {
    let (sender, heard) = mpsc::channel();
    if let Some(out) = child.stdout.take() {
        pass_on(out, sender.clone(), Heard::Out);
    }
    if let Some(err) = child.stderr.take() {
        pass_on(err, sender, Heard::Err);
    }
    let mut said = Said::default();
    let mut last = Instant::now();
    loop {
        match heard.recv_timeout(LOOK) {
            Ok(chunk) => {
                said.take(chunk);
                last = Instant::now();
            }
            Err(RecvTimeoutError::Disconnected) => return Ok((Some(child.wait()?), said)),
            Err(RecvTimeoutError::Timeout) => {
                if let Some(status) = child.try_wait()? {
                    said.take_all(&heard);
                    return Ok((Some(status), said));
                }
                if silence.is_some_and(|silence| last.elapsed() > silence) {
                    // What it runs ends with it: nothing is at the other end of its pipes.
                    child.kill()?;
                    child.wait()?;
                    return Ok((None, said));
                }
            }
        }
    }
}

impl Said {
    fn take(&mut self, heard: Heard) {
        match heard {
            Heard::Out(bytes) => self.out.extend(bytes),
            Heard::Err(bytes) => self.err.extend(bytes),
        }
    }

    fn take_all(&mut self, heard: &Receiver<Heard>) {
        // The last of it may be on its way still.
        while let Ok(chunk) = heard.recv_timeout(LOOK) {
            self.take(chunk);
        }
    }
}

/// Passes on what comes through a pipe, on a thread of its own, until it is closed.
fn pass_on(
    mut pipe: impl Read + Send + 'static,
    heard: Sender<Heard>,
    as_heard: fn(Vec<u8>) -> Heard,
) {
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = pipe.read(&mut buffer) {
            let bytes = buffer.get(..count).unwrap_or_default().to_vec();
            if heard.send(as_heard(bytes)).is_err() {
                break;
            }
        }
    });
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

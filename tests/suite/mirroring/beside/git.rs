//! `--git`

mod hostile;
mod secrets;
mod transports;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::clients::nginx::Nginx;
use crate::support::hexreg::Ran;
use crate::support::repository::TestRepository;
use crate::support::server::Server;
use crate::support::tools;

/// The git program without a user's configuration.
struct Git(PathBuf);

impl Git {
    fn find(test: &str) -> Option<Self> {
        tools::find("git", test).map(Self)
    }

    fn command(&self, directory: &Path) -> Command {
        let mut command = Command::new(&self.0);
        command
            .current_dir(directory)
            .envs([("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null")])
            .envs([("GIT_AUTHOR_NAME", "a"), ("GIT_AUTHOR_EMAIL", "a@example.com")])
            .envs([("GIT_COMMITTER_NAME", "a"), ("GIT_COMMITTER_EMAIL", "a@example.com")])
            .env("GIT_TERMINAL_PROMPT", "0");
        command
    }

    #[track_caller]
    fn run(&self, directory: &Path, arguments: &[&str]) -> String {
        said(self.command(directory).args(arguments))
    }
}

#[track_caller]
fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A repository that a static server serves.
struct Upstream {
    git: Git,
    repository: TestRepository,
    server: Server,
}

impl Upstream {
    fn new(git: Git) -> Self {
        let repository = TestRepository::new().samples();
        repository.build(&[]).ok();
        let server = Server::of(&repository, &[]);
        let this = Self { git, repository, server };
        fs::create_dir(this.work()).unwrap();
        this.git.run(&this.work(), &["init", "--quiet", "--initial-branch=trunk"]);
        this
    }

    fn work(&self) -> PathBuf {
        self.repository.path("work")
    }

    /// A commit on a branch, and its name.
    fn commit(&self, branch: &str, text: &str) -> String {
        let run = |arguments: &[&str]| self.git.run(&self.work(), arguments);
        run(&["checkout", "--quiet", "-B", branch]);
        self.repository.write("work/src/dep.erl", text.as_bytes());
        run(&["add", "."]);
        run(&["commit", "--quiet", "-m", text]);
        run(&["rev-parse", "HEAD"])
    }

    /// Publishes the current state.
    fn publish(&self) {
        let place = self.repository.path("public/git/git.example/org/dep.git");
        let _ = fs::remove_dir_all(&place);
        self.git.run(&self.work(), &["clone", "--quiet", "--bare", ".", place.to_str().unwrap()]);
        self.git.run(&place, &["update-server-info"]);
    }

    fn url(&self) -> String {
        format!("{}/git/git.example/org/dep.git", self.server.url())
    }

    /// Its path in the mirror.
    fn path(&self) -> String {
        let port = self.server.address.port();
        format!("git/127.0.0.1_{port}/git/git.example/org/dep.git")
    }

    fn lock(&self, url: &str, revision: &str) {
        let lock = format!("%{{\n  \"dep\": {{:git, \"{url}\", \"{revision}\", []}},\n}}\n");
        self.repository.write("mix.lock", lock.as_bytes());
    }

    fn mirror(&self, more: &[&str]) -> Ran {
        let path = self.git.0.parent().unwrap().to_str().unwrap();
        let url = self.server.url();
        let usual = ["mirror", "copy", "--lock=mix.lock", "--git", "--upstream", &url];
        let acme = ["--upstream-name=acme", "--upstream-key=public/public_key"];
        let hexreg = self.repository.hexreg().env("PATH", path);
        hexreg.run(usual.iter().chain(&acme).chain(more).copied())
    }

    #[track_caller]
    fn report(&self) -> Value {
        let ran = self.mirror(&["--json"]);
        serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}", ran.transcript()))
    }

    /// Clones this revision from a mirror, with the printed lines.
    #[track_caller]
    fn clones(&self, printed: &str, mirror: &str, revision: &str, text: &str) {
        self.clones_as(&self.url(), printed, mirror, revision, text);
    }

    /// The same with another URL in the project.
    #[track_caller]
    fn clones_as(&self, url: &str, printed: &str, mirror: &str, revision: &str, text: &str) {
        let clone = self.repository.path("clone");
        let _ = fs::remove_dir_all(&clone);
        let configuration = self.repository.path("gitconfig");
        let _ = fs::remove_file(&configuration);
        for rule in printed.lines().filter(|line| line.starts_with("git config ")) {
            let rule = rule.replace("MIRROR", mirror);
            let arguments: Vec<_> = rule.split(' ').skip(1).collect();
            let mut command = self.git.command(self.repository.root());
            said(command.args(arguments).env("GIT_CONFIG_GLOBAL", &configuration));
        }
        let mut command = self.git.command(self.repository.root());
        command
            .args(["clone", "--quiet", "--no-checkout", url, "clone"])
            .env("GIT_ALLOW_PROTOCOL", "http")
            .env("GIT_CONFIG_GLOBAL", &configuration);
        said(&mut command);
        self.git.run(&clone, &["checkout", "--quiet", revision]);
        assert_eq!(self.repository.read("clone/src/dep.erl"), text.as_bytes());
        // HEAD leads to a branch.
        assert_eq!(
            self.git.run(&clone, &["rev-parse", "--abbrev-ref", "origin/HEAD"]),
            "origin/trunk"
        );
    }
}

#[test]
fn git_clones_from_the_mirror_once_upstream_is_gone() {
    let test = "git_clones_from_the_mirror_once_upstream_is_gone";
    let Some(git) = Git::find(test) else { return };
    let nginx = tools::find("nginx", test);
    let upstream = Upstream::new(git);
    let first = upstream.commit("trunk", "the first");
    upstream.commit("trunk", "the second");
    let aside = upstream.commit("aside", "beside it");
    upstream.git.run(&upstream.work(), &["checkout", "--quiet", "trunk"]);
    upstream.publish();
    upstream.lock(&upstream.url(), &aside);
    let of_aside = upstream.mirror(&[]).ok().stdout;

    // A branch was removed, and an older commit is pinned.
    upstream.git.run(&upstream.work(), &["branch", "--quiet", "-D", "aside"]);
    let third = upstream.commit("trunk", "the third");
    upstream.publish();
    upstream.lock(&upstream.url(), &first);
    let said = upstream.report();
    assert_eq!((&said["requests"], &said["git"][0]["is_new"]), (&json!(0), &json!(true)), "{said}");
    let printed = upstream.mirror(&[]).ok().stdout;
    assert_eq!(printed.lines().next(), of_aside.lines().next());
    assert!(printed.contains(&upstream.path()), "{printed}");

    // Upstream is gone.
    fs::remove_dir_all(upstream.repository.path("public/git")).unwrap();
    let said = upstream.report();
    let git = json!([{
        "url": upstream.url(), "revision": first, "path": upstream.path(), "is_new": false,
        "spellings": [upstream.url()],
    }]);
    assert_eq!((&said["git"], &said["failures"]), (&git, &json!([])), "{said}");
    let ours = Server::run(upstream.repository.root(), &["--repo=acme=copy"]);
    let mut mirrors = vec![format!("{}/repos/acme", ours.url())];
    let static_server = nginx.map(|nginx| Nginx::serve(&nginx, &upstream.repository.path("copy")));
    mirrors.extend(static_server.as_ref().map(Nginx::url));
    for mirror in mirrors {
        for (revision, text) in
            [(&first, "the first"), (&aside, "beside it"), (&third, "the third")]
        {
            upstream.clones(&printed, &mirror, revision, text);
        }
    }
}

#[test]
fn a_killed_run_is_completed() {
    let Some(git) = Git::find("a_killed_run_is_completed") else { return };
    let upstream = Upstream::new(git);
    let first = upstream.commit("trunk", "the first");
    upstream.publish();
    upstream.lock(&upstream.url(), &first);
    upstream.repository.write("copy/.hexreg-mirror/git/HEAD", b"half of one");
    upstream.mirror(&[]).ok();
    let place = format!("copy/{}", upstream.path());
    let refs = upstream.repository.read(&format!("{place}/info/refs"));
    upstream.repository.remove(&format!("{place}/info/refs"));
    upstream.repository.remove(&format!("{place}/objects/info/packs"));
    assert_eq!(upstream.report()["git"][0]["is_new"], false);
    assert_eq!(upstream.repository.read(&format!("{place}/info/refs")), refs);
    upstream.repository.read(&format!("{place}/objects/info/packs"));
}

#[test]
fn a_missing_commit_or_repository_is_a_failure() {
    let Some(git) = Git::find("a_missing_commit_or_repository_is_a_failure") else { return };
    let upstream = Upstream::new(git);
    let first = upstream.commit("trunk", "the first");
    upstream.publish();
    let nowhere = format!("{}/git/git.example/nobody/nothing.git", upstream.server.url());
    let absent = "0123456789012345678901234567890123456789";
    let which = "only repositories at https://, http://, ssh://, git:// and USER@HOST:PATH are";
    for (url, revision, reason) in [
        (upstream.url().as_str(), absent, absent),
        (&nowhere, &first, "not found"),
        ("file:///etc", &first, which),
        ("/srv/dep.git", &first, which),
        ("ext::sh -c x", &first, which),
        ("--upload-pack=x", &first, which),
        ("-oProxyCommand=x:a", &first, "it is not made of plain names"),
        ("ssh://-oProxyCommand=x/a", &first, "it is not made of plain names"),
        ("https://git.example/a;b.git", &first, "it is not made of plain names"),
    ] {
        upstream.lock(url, revision);
        let ran = upstream.mirror(&[]);
        assert_eq!(ran.code, 1, "{}", ran.transcript());
        assert!(ran.stderr.contains("  git: dep: "), "{}", ran.transcript());
        assert!(ran.stderr.contains(reason), "{}", ran.transcript());
        assert!(
            ran.stderr.contains("hint: the rest was mirrored; fix this and run it again"),
            "{}",
            ran.stderr
        );
        assert!(!ran.stdout.contains("git config"), "{}", ran.stdout);
        assert!(!upstream.repository.path("copy/git").exists());
    }
}

#[test]
fn a_dry_run_and_one_without_git_write_nothing() {
    let Some(git) = Git::find("a_dry_run_and_one_without_git_write_nothing") else { return };
    let upstream = Upstream::new(git);
    let first = upstream.commit("trunk", "the first");
    upstream.publish();
    upstream.lock(&upstream.url(), &first);
    upstream.mirror(&["--dry-run"]).ok();
    assert!(!upstream.repository.path("copy").exists());

    let only = ["--upstream-name=acme", "--upstream-key=public/public_key"];
    let url = upstream.server.url();
    let usual = ["mirror", "copy", "--lock=mix.lock", "--only=welcome", "--upstream", &url];
    let ran = upstream.repository.hexreg().run(usual.into_iter().chain(only)).ok();
    let left_out = format!("left out: dep, from git ({}) (mix.lock)", upstream.url());
    assert!(ran.stdout.contains(&left_out), "{}", ran.stdout);
    assert!(!upstream.repository.path("copy/git").exists());
}

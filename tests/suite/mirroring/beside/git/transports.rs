//! Repositories by ssh and by git's own protocol, in each spelling.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Git, Upstream};
use crate::support::hexreg::{Hexreg, Ran};
use crate::support::server::{Server, free_address};

/// Replaces ssh: logs its arguments, and runs the command locally.
const SSH: &str = "#!/bin/sh
printf '%s\\n' \"$*\" >> \"$SSH_LOG\"
printf 'askpass %s %s\\n' \"$SSH_ASKPASS\" \"$SSH_ASKPASS_REQUIRE\" >> \"$SSH_LOG\"
for last in \"$@\"; do :; done
cd \"$SSH_ROOT\" && exec sh -c \"$(printf '%s' \"$last\" | sed \"s:'/*:'./:\")\"
";

impl Upstream {
    /// Publishes it at the path on a server: `served/org/dep.git`.
    fn publish_at(&self) -> PathBuf {
        let place = self.repository.path("served/org/dep.git");
        let _ = fs::remove_dir_all(&place);
        self.git.run(&self.work(), &["clone", "--quiet", "--bare", ".", place.to_str().unwrap()]);
        place
    }

    fn path_variable(&self) -> String {
        format!("{}:/usr/bin:/bin", self.git.0.parent().unwrap().to_str().unwrap())
    }

    /// hexreg with a replacement for ssh.
    fn over_ssh(&self) -> Hexreg {
        let ssh = self.repository.path("bin/ssh");
        self.repository.write("bin/ssh", SSH.as_bytes());
        fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:{}", ssh.parent().unwrap().display(), self.path_variable());
        let log = self.repository.path("ssh.log");
        let root = self.repository.path("served");
        self.repository
            .hexreg()
            .env("PATH", &path)
            .env("SSH_LOG", log.to_str().unwrap())
            .env("SSH_ROOT", root.to_str().unwrap())
    }

    fn ssh_log(&self) -> String {
        let log = self.repository.path("ssh.log");
        let said = fs::read_to_string(&log).unwrap_or_default();
        let _ = fs::remove_file(log);
        said
    }

    fn mirror_with(&self, hexreg: Hexreg, more: &[&str]) -> Ran {
        let url = self.server.url();
        let usual = ["mirror", "copy", "--lock=mix.lock", "--git", "--upstream", &url];
        let acme = ["--upstream-name=acme", "--upstream-key=public/public_key"];
        hexreg.run(usual.iter().chain(&acme).chain(more).copied())
    }
}

/// An upstream with one commit, and its name.
fn upstream(git: Git) -> (Upstream, String) {
    let upstream = Upstream::new(git);
    let first = upstream.commit("trunk", "the first");
    upstream.publish_at();
    (upstream, first)
}

#[test]
fn each_spelling_is_mirrored_over_ssh_and_served_to_the_others() {
    let test = "each_spelling_is_mirrored_over_ssh_and_served_to_the_others";
    let Some(git) = Git::find(test) else { return };
    let (upstream, first) = upstream(git);
    for (url, called) in [
        ("git@git.example:org/dep.git", "git@git.example git-upload-pack 'org/dep.git'"),
        ("git@git.example:/org/dep.git", "git@git.example git-upload-pack '/org/dep.git'"),
        ("ssh://git@git.example/org/dep.git", "git@git.example git-upload-pack '/org/dep.git'"),
        ("git+ssh://git@git.example/org/dep.git", "git@git.example git-upload-pack '/org/dep.git'"),
        ("ssh://git.example/org/dep.git", "-o BatchMode=yes"),
        ("org-1@git.example:org/dep.git", "org-1@git.example git-upload-pack 'org/dep.git'"),
        ("ssh://git@git.example:22/org/dep.git", "-p 22 git@git.example git-upload-pack"),
    ] {
        let _ = fs::remove_dir_all(upstream.repository.path("copy"));
        upstream.lock(url, &first);
        let printed = upstream.mirror_with(upstream.over_ssh(), &[]);
        assert_eq!(printed.code, 0, "{url}: {}", printed.transcript());
        let log = upstream.ssh_log();
        assert!(log.contains(called), "{url}: {log}");
        // ssh never prompts: two settings prevent it.
        assert!(log.lines().next().unwrap().starts_with("-o BatchMode=yes "), "{url}: {log}");
        assert!(log.contains("askpass false force"), "{url}: {log}");
        assert!(upstream.repository.path("copy/git/git.example/org/dep.git").is_dir(), "{url}");
        let printed = printed.stdout;
        let server = Server::run(upstream.repository.root(), &["--repo=acme=copy"]);
        let mirror = format!("{}/repos/acme", server.url());
        for project in [
            url,
            "git@git.example:org/dep.git",
            "ssh://git@git.example/org/dep.git",
            "git+ssh://git@git.example/org/dep.git",
            "git://git.example/org/dep.git",
            "https://git.example/org/dep.git",
            "http://git.example/org/dep.git",
            "git.example:org/dep.git",
            "ssh://git.example/org/dep.git",
        ] {
            upstream.clones_as(project, &printed, &mirror, &first, "the first");
        }
    }
}

/// Both would have the same path.
#[test]
fn repositories_in_two_home_directories_are_distinguished() {
    let test = "repositories_in_two_home_directories_are_distinguished";
    let Some(git) = Git::find(test) else { return };
    let (upstream, first) = upstream(git);
    let mirror = |url: &str, more: &[&str]| {
        upstream.lock(url, &first);
        upstream.mirror_with(upstream.over_ssh(), more)
    };
    mirror("alice@git.example:org/dep.git", &[]).ok();
    mirror("alice@git.example:org/dep.git", &[]).ok();
    for more in [&[][..], &["--dry-run"]] {
        let ran = mirror("bob@git.example:org/dep.git", more);
        assert_eq!(ran.code, 1, "{}", ran.transcript());
        let said = "bob@git.example:org/dep.git: the mirror has the repository of that name in the home directory \
                    of alice: mirror this one into another directory";
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    }
    // The user `git` has all repositories of a host.
    mirror("git@git.example:org/dep.git", &[]).ok();
}

#[test]
fn a_port_has_a_path_of_its_own() {
    let Some(git) = Git::find("a_port_has_a_path_of_its_own") else { return };
    let (upstream, first) = upstream(git);
    let url = "ssh://git@git.example:2222/org/dep.git";
    upstream.lock(url, &first);
    let ran = upstream.mirror_with(upstream.over_ssh(), &["--json"]).ok();
    let said: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(said["git"][0]["path"], "git/git.example_2222/org/dep.git", "{said}");
    let spellings = ["ssh", "git+ssh", "ssh+git"].map(|scheme| {
        ["git@", ""].map(|user| format!("{scheme}://{user}git.example:2222/org/dep.git"))
    });
    let spellings = spellings.concat();
    assert_eq!(said["git"][0]["spellings"], json!(spellings), "{said}");
    assert!(upstream.ssh_log().contains("-p 2222 git@git.example "));
}

/// The user's configuration of ssh and git is used.
#[test]
fn the_users_own_configuration_is_used() {
    let Some(git) = Git::find("the_users_own_configuration_is_used") else { return };
    let (upstream, first) = upstream(git);
    let url = "git@git.example:org/dep.git";
    upstream.lock(url, &first);
    let root = upstream.repository.path("served");
    let ssh = format!("{} -i a-key", upstream.repository.path("bin/ssh").display());
    let configured = |key: &str, value: &str| {
        let configuration = upstream.repository.path(&format!("users-{}", key.len()));
        let file = configuration.to_str().unwrap();
        upstream.git.run(upstream.repository.root(), &["config", "--file", file, key, value]);
        upstream.over_ssh().env("GIT_CONFIG_GLOBAL", file)
    };
    let instead = format!("url.file://{}/.insteadOf", root.display());
    for (hexreg, begins) in [
        (upstream.over_ssh().env("GIT_SSH_COMMAND", &ssh), "-i a-key "),
        (configured("core.sshCommand", &ssh), "-i a-key "),
        (configured(&instead, "git@git.example:"), ""),
        (configured("url.ssh://other.example/.insteadOf", "git@git.example:"), "-o BatchMode=yes "),
    ] {
        let _ = fs::remove_dir_all(upstream.repository.path("copy"));
        let ran = upstream.mirror_with(hexreg.env("GIT_SSH_VARIANT", "ssh"), &[]);
        assert_eq!(ran.code, 0, "{}", ran.transcript());
        let log = upstream.ssh_log();
        assert!(log.starts_with(begins) && log.is_empty() == begins.is_empty(), "{begins}: {log}");
        assert!(upstream.repository.path("copy/git/git.example/org/dep.git").is_dir());
    }
}

#[test]
fn repositories_at_git_urls_are_mirrored() {
    let Some(git) = Git::find("repositories_at_git_urls_are_mirrored") else { return };
    let (upstream, first) = upstream(git);
    let address = free_address();
    // `git daemon` does not stop its child when it is killed.
    let programs = upstream.git.run(upstream.repository.root(), &["--exec-path"]);
    let mut daemon = Command::new(PathBuf::from(programs).join("git-daemon"));
    let base = upstream.repository.path("served");
    daemon
        .args(["--export-all", "--reuseaddr", "--listen=127.0.0.1"])
        .arg(format!("--port={}", address.port()))
        .arg(format!("--base-path={}", base.display()))
        .arg(&base);
    let _daemon = Server::other(&mut daemon, address);
    let url = format!("git://{address}/org/dep.git");
    upstream.lock(&url, &first);
    let printed = upstream.mirror(&[]).ok().stdout;
    let place = format!("copy/git/127.0.0.1_{}/org/dep.git", address.port());
    assert!(upstream.repository.path(&place).is_dir(), "{printed}");
    let ours = Server::run(upstream.repository.root(), &["--repo=acme=copy"]);
    let mirror = format!("{}/repos/acme", ours.url());
    upstream.clones_as(&url, &printed, &mirror, &first, "the first");
}

#[test]
fn a_silent_server_is_given_up_and_an_unreachable_one_gets_advice() {
    let test = "a_silent_server_is_given_up_and_an_unreachable_one_gets_advice";
    let Some(git) = Git::find(test) else { return };
    let (upstream, first) = upstream(git);
    // The server accepts connections, and sends nothing.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    upstream.lock(&format!("git://{address}/org/dep.git"), &first);
    let began = Instant::now();
    let ran = upstream.mirror(&["--stall-timeout=1"]);
    assert_eq!(ran.code, 1, "{}", ran.transcript());
    assert!(ran.stderr.contains("/org/dep.git: nothing came for 4 s"), "{}", ran.stderr);
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    let advice = format!("url.https://{address}/.insteadOf git://{address}/");
    assert!(ran.stderr.contains(&advice), "{}", ran.stderr);
    drop(listener);

    let failing = |text: &str| {
        // ssh ends its lines with CR LF.
        let script = format!("#!/bin/sh\nprintf '%s\\r\\n' '{text}' >&2\nexit 255\n");
        upstream.repository.write("failing", script.as_bytes());
        let path = upstream.repository.path("failing");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let hexreg = upstream.repository.hexreg().env("PATH", &upstream.path_variable());
        let hexreg = hexreg.env("GIT_SSH_COMMAND", path.to_str().unwrap());
        let ran = upstream.mirror_with(hexreg.env("GIT_SSH_VARIANT", "ssh"), &[]);
        assert_eq!(ran.code, 1, "{}", ran.transcript());
        ran.stderr
    };
    upstream.lock("git@git.example:org/dep.git", &first);
    for (text, advice) in [
        ("Host key verification failed.", "connect to that host once by hand"),
        ("git@git.example: Permission denied (publickey).", "ssh has no key that is taken there"),
        ("something else", "something else"),
    ] {
        let stderr = failing(text);
        assert!(stderr.contains(text) && stderr.contains(advice), "{stderr}");
    }
    // It needs the git program.
    let ran = upstream.mirror_with(upstream.repository.hexreg().env("PATH", "/nowhere"), &[]);
    assert!(ran.stderr.contains("the git program is not installed"), "{}", ran.stderr);
}

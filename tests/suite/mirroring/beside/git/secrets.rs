//! Credentials in the URLs of git repositories: they are used, and never shown.

use std::fs;

use serde_json::Value;
use walkdir::WalkDir;

use super::{Git, Upstream};
use crate::support::server::{Server, free_address};

const SECRETS: [&str; 2] = ["SECRET-TOKEN", "SECRET-PASSWORD"];

#[track_caller]
fn shows_nothing(text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{text}");
    }
}

/// An upstream whose server requires the password in the URL.
fn guarded() -> Option<(Upstream, Server, String)> {
    let git = Git::find("guarded")?;
    let upstream = Upstream::new(git);
    let first = upstream.commit("trunk", "the first");
    upstream.publish();
    let added = upstream.repository.hexreg();
    let added =
        added.input(b"SECRET-PASSWORD\n").run(["auth", "add", "--password", "readers", "ci"]);
    assert_eq!(added.code, 0, "{}", added.transcript());
    let server = Server::of(&upstream.repository, &["--auth-file=readers"]);
    let url = format!("http://ci:SECRET-PASSWORD@{}/git/git.example/org/dep.git", server.address);
    upstream.lock(&url, &first);
    Some((upstream, server, first))
}

#[test]
fn credentials_of_a_git_url_are_used_and_never_shown() {
    let Some((upstream, server, first)) = guarded() else { return };
    let shown = format!("http://******@{}/git/git.example/org/dep.git", server.address);
    let dry = upstream.mirror(&["--dry-run", "--json"]).ok();
    shows_nothing(&dry.transcript());
    let ran = upstream.mirror(&[]).ok();
    shows_nothing(&ran.transcript());
    // The printed lines work in a shell without changes.
    let rule = format!(".insteadOf '{shown}'");
    let mut rules = ran.stdout.lines().filter(|line| line.contains("******"));
    assert!(
        rules.all(|line| line.starts_with("# put in the credentials: ") && line.ends_with(&rule))
    );
    assert!(ran.stdout.contains(&rule), "{}", ran.stdout);
    let ran = upstream.mirror(&["--json"]).ok();
    shows_nothing(&ran.transcript());
    let said: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(said["git"][0]["url"], *shown, "{said}");
    assert_eq!(said["git"][0]["revision"], *first, "{said}");
    // Neither served files nor the state have them.
    let mut files = 0;
    for entry in WalkDir::new(upstream.repository.path("copy")).into_iter().map(Result::unwrap) {
        shows_nothing(&entry.path().display().to_string());
        if entry.file_type().is_file() {
            shows_nothing(&String::from_utf8_lossy(&fs::read(entry.path()).unwrap()));
            files += 1;
        }
    }
    assert!(files > 5, "{files}");
    // The other rules are for projects without these credentials.
    let plain = shown.replace("******@", "");
    let ours = Server::run(upstream.repository.root(), &["--repo=acme=copy"]);
    let printed = upstream.mirror(&[]).ok().stdout;
    let mirror = format!("{}/repos/acme", ours.url());
    upstream.clones_as(&plain, &printed, &mirror, &first, "the first");

    let left_out = upstream.repository.hexreg();
    let url = upstream.server.url();
    let usual = ["mirror", "copy", "--lock=mix.lock", "--only=welcome", "--upstream", &url];
    let acme = ["--upstream-name=acme", "--upstream-key=public/public_key"];
    let ran = left_out.run(usual.into_iter().chain(acme)).ok();
    shows_nothing(&ran.transcript());
    let said = format!("left out: dep, from git ({shown}) (mix.lock)");
    assert!(ran.stdout.contains(&said), "{}", ran.stdout);
}

#[test]
fn credentials_are_not_shown_in_errors() {
    let Some(git) = Git::find("credentials_are_not_shown_in_errors") else { return };
    let upstream = Upstream::new(git);
    let first = upstream.commit("trunk", "the first");
    upstream.publish();
    let dead = free_address();
    let there = upstream.server.address;
    for url in [
        format!("http://SECRET-TOKEN@{dead}/org/dep.git"),
        format!("http://ci:SECRET-PASSWORD@{dead}/org/dep.git"),
        format!("http://ci:SECRET-PASSWORD@{there}/nothing.git"),
        format!("git://SECRET-TOKEN@{dead}/org/dep.git"),
        format!("ssh://git:SECRET-PASSWORD@{dead}/org/dep.git"),
        format!("http://{there}/dep.git?token=SECRET-TOKEN"),
        format!("http://ci:SECRET-PASSWORD@{there}/a b.git"),
        "ftp://ci:SECRET-PASSWORD@git.example/org/dep.git".to_owned(),
        "ci:SECRET-PASSWORD@git.example:org/dep.git".to_owned(),
        "ext::sh -c 'curl https://SECRET-TOKEN@git.example'".to_owned(),
    ] {
        upstream.lock(&url, &first);
        for more in [&[][..], &["--json"]] {
            let ran = upstream.mirror(more);
            assert_eq!(ran.code, 1, "{}", ran.transcript());
            shows_nothing(&ran.transcript());
            assert!(
                format!("{}{}", ran.stdout, ran.stderr).contains("git: "),
                "{}",
                ran.transcript()
            );
        }
    }
    // An upstream without the commit.
    let absent = "0123456789012345678901234567890123456789";
    upstream.lock(&upstream.url().replace("http://", "http://SECRET-TOKEN@"), absent);
    let ran = upstream.mirror(&[]);
    assert!(ran.stderr.contains(&format!("does not have {absent}")), "{}", ran.stderr);
    shows_nothing(&ran.transcript());
}

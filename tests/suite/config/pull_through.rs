//! Repositories that are pulled through: what the file and the arguments of `hexreg serve` take, and what is said.

use std::fmt::Write;

use super::reloading::wait_until;
use super::repository;
use crate::support::repository::TestRepository;
use crate::support::server::{Server, free_address};

/// The upstream, where that is not what is wrong.
const UPSTREAM: &str =
    "upstream = \"https://hex.example.com\"\nupstream-key = \"public/public_key\"\n";

/// What is wrong in a repository that has a `name` and an `at`.
const WRONG: &[&str] = &[
    "pull-through = 1",
    "pull-through = \"yes\"",
    "pull_through = true",
    "pull-through = { size = \"10GB\" }",
    "pull-through = { size = 10 }",
    "pull-through = { sise = \"10GiB\" }",
    "pull-through = { locks = [\"*.lock\"] }",
    "pull-through = { size = \"1GiB\", locks = [\"[.lock\"] }",
    "pull-through = { size = \"1GiB\", accept = [\"foo\"] }",
    "private-key = \"key.pem\"\npull-through = true",
    "private-key = \"key.pem\"\npull-through = true\nmirror = { every = \"1h\", all = true }",
    "upstream-auth = \"SECRET\"\npull-through = true",
    "upstream-auth = \"env:UNSET\"\npull-through = true",
    "upstream-auth = \"file:none\"\npull-through = true",
    "upstream-auth = \"file:lines\"\npull-through = true",
    "upstream-auth = \"${LINES}\"\npull-through = true",
    "upstream-auth = \"netrc\"\npull-through = true",
    "accept = [\"A B\"]\npull-through = true",
    "#upstream =\npull-through = true",
    "upstream = \"https://hex.example.com\"\npull-through = true",
    "upstream = \"hex.example.com\"\nupstream-key = \"public/public_key\"\npull-through = { size = \"1GiB\" }",
    "upstream-key = \"none.pem\"\nupstream = \"https://hex.example.com\"\npull-through = true",
];

fn with_files() -> TestRepository {
    let repository = repository();
    repository.write("lines", b"one SECRET\ntwo\n");
    repository.write("netrc", b"machine other.example.com login me password SECRET\n");
    repository
}

/// What `config check` says of a repository with these lines.
fn check(repository: &TestRepository, at: &str, lines: &str) -> (i32, String) {
    let config = format!("[[repository]]\nname = \"acme\"\nat = \"{at}\"\n{lines}\n");
    repository.write("hexreg.toml", config.as_bytes());
    let hexreg = repository.hexreg().env("LINES", "one SECRET\ntwo").env("NETRC", "netrc");
    let ran = hexreg.run(["config", "check", "hexreg.toml"]);
    assert!(!ran.stderr.contains("SECRET"), "{}", ran.stderr);
    (ran.code, ran.stderr)
}

#[test]
fn problems_have_their_lines_and_what_to_do() {
    let repository = with_files();
    let mut told = String::new();
    for wrong in WRONG {
        let upstream = if wrong.contains("upstream =") { "" } else { UPSTREAM };
        let (code, said) = check(&repository, "copy", &format!("{upstream}{wrong}"));
        assert_eq!(code, 1, "{wrong}: {said}");
        let says_what_to_do = |line: &str| {
            ["; ", "expected ", ": write ", "Pattern syntax error"]
                .iter()
                .any(|text| line.contains(text))
        };
        assert!(said.lines().skip(1).all(says_what_to_do), "{wrong}: {said}");
        writeln!(told, "{wrong}\n{said}").unwrap();
    }
    insta::assert_snapshot!(told.replace("SECRET", "(a secret)"));
}

#[cfg(feature = "buckets")]
#[test]
fn nothing_is_removed_from_a_bucket() {
    let repository = repository();
    let lines = format!("{UPSTREAM}pull-through = {{ size = \"1GiB\" }}");
    let (code, said) = check(&repository, "s3://bucket/acme", &lines);
    let expected = "hexreg.toml:6: `size` is for directories: nothing is removed from a bucket; \
        leave it out, or give a directory as `at`";
    assert!(code == 1 && said.contains(expected), "{said}");
}

#[test]
fn what_can_be_used() {
    let repository = with_files();
    repository.write("token", b"secret\n");
    repository.write("locks/mix.lock", b"%{}\n");
    let hexreg = "upstream-name = \"hexpm\"\n";
    for lines in [
        format!("{UPSTREAM}pull-through = true"),
        format!("{UPSTREAM}pull-through = {{}}"),
        format!("{UPSTREAM}pull-through = {{ size = \"50GiB\", locks = [\"locks/*.lock\"] }}"),
        format!("{UPSTREAM}accept = [\"foo\"]\npull-through = {{ size = \"50GiB\" }}"),
        format!("{UPSTREAM}upstream-auth = \"file:token\"\npull-through = true"),
        format!("{UPSTREAM}pull-through = true\nmirror = {{ every = \"1h\", all = true }}"),
        // Clients have the URL and the key of hex.pm, and so does hexreg.
        format!("{hexreg}pull-through = true"),
    ] {
        let (code, said) = check(&repository, "copy", &lines);
        assert_eq!((code, said.as_str()), (0, ""), "{lines}");
    }
    // It can be switched off without losing the rest, and then needs its directory.
    let (code, said) = check(
        &repository,
        "public",
        &format!("{UPSTREAM}pull-through = false\naccept = [\"foo\"]"),
    );
    assert_eq!((code, said.as_str()), (0, ""));
    let (code, said) = check(&repository, "copy", &format!("{UPSTREAM}pull-through = false"));
    assert!(code == 1 && said.contains("copy is not a directory"), "{said}");
}

/// A credential that is exchanged is taken while the server runs.
#[test]
fn the_file_of_the_credentials_is_read_again() {
    let repository = with_files();
    repository.write("token", b"first\n");
    let upstream =
        UPSTREAM.replace("https://hex.example.com", &format!("http://{}", free_address()));
    let config = format!(
        "listen = \"127.0.0.1:0\"\n[[repository]]\nname = \"acme\"\nroot = true\nat = \"public\"\n{upstream}\
         upstream-auth = \"file:token\"\npull-through = true\n"
    );
    repository.write("hexreg.toml", config.as_bytes());
    let server = Server::run(repository.root(), &["--config=hexreg.toml"]);
    let log = || String::from_utf8(repository.read("serve.log")).unwrap();
    // Only a file that is read shows its fault.
    repository.write("token", b"second\nline\n");
    wait_until(&repository, "the file is read", || {
        log().contains("`upstream-auth`: the credentials in ")
    });
    assert!(!log().contains("second"), "{}", log());
    drop(server);
}

#[test]
fn arguments() {
    let repository = repository();
    let refused = |arguments: &[&str]| {
        let ran = repository.hexreg().run(["serve"].iter().chain(arguments).copied());
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(!ran.stderr.contains("SECRET"), "{}", ran.stderr);
        ran.stderr
    };
    for (arguments, expected) in [
        (
            &["--upstream=hexpm", "--repo=acme=public"][..],
            "--upstream is for DEST, and there are only repositories of --repo\n\
             hint: give the directory in which",
        ),
        (&["--upstream=hexpm"], "the following required arguments were not provided"),
        (&["cache", "--upstream-key=public/public_key"], "--upstream <URL>"),
        (&["cache", "--accept=foo"], "--upstream <URL>"),
        (&["cache", "--upstream=hex.example.com"], "--upstream has no scheme: write https://"),
        (
            &["cache", "--upstream=https://me:SECRET@hex.example.com"],
            "credentials do not belong in --upstream\nhint: give --upstream-auth",
        ),
        (
            &["cache", "--upstream=https://hex.example.com", "--upstream-name=acme"],
            "the public key of `acme` is not known\nhint: give --upstream-key=PATH",
        ),
        (
            &["cache", "--upstream=hexpm", "--upstream-auth=SECRET"],
            "--upstream-auth is neither env:NAME, file:PATH nor netrc",
        ),
        (&["cache", "--upstream=hexpm", "--upstream-auth=env:UNSET"], "UNSET is not set"),
        (
            &["public", "--upstream=hexpm", "--private-key=key.pem"],
            "--private-key and --upstream are for different repositories\n\
             hint: leave --private-key out",
        ),
    ] {
        let said = refused(arguments);
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
}

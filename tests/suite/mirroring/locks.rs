//! Lock files: of organisations, with repeated entries, empty ones, from standard input, and of other tools.

use std::fs;

use hexreg::checksum::OuterChecksum;

use super::{mirror, report};
use crate::support::hexreg::Ran;
use crate::support::repository::TestRepository;
use crate::support::server::{Server, free_address};
use crate::support::tarball::Tarball;

/// An entry of a mix.lock.
fn entry(package: &str, version: &str, repository: &str, outer: &str) -> String {
    format!(
        "  \"{package}\": {{:hex, :{package}, \"{version}\", nil, [:mix], [], {repository}, {outer}}},\n"
    )
}

fn write_lock(repository: &TestRepository, entries: &[String]) {
    repository.write("mix.lock", format!("%{{\n{}}}\n", entries.concat()).as_bytes());
}

fn outer(repository: &TestRepository, file: &str) -> String {
    format!("\"{}\"", OuterChecksum::of(&repository.read(&format!("public/tarballs/{file}"))))
}

/// An organisation with the name `acme`, at `/repos/acme`.
fn organization() -> (TestRepository, Server) {
    let repository = TestRepository::new().samples();
    repository.build(&[]).ok();
    let server = Server::run(repository.root(), &["--repo=acme=public"]);
    (repository, server)
}

fn tarballs(repository: &TestRepository) -> Vec<String> {
    let Ok(listed) = fs::read_dir(repository.path("copy/tarballs")) else { return Vec::new() };
    let mut names: Vec<_> =
        listed.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn pins_of_an_organisation_match_its_repository() {
    let (repository, server) = organization();
    let url = format!("{}/repos/acme", server.url());
    let mirror = |name: &str, more: &[&str]| {
        let _ = fs::remove_dir_all(repository.path("copy"));
        let usual = ["mirror", "copy", "--lock=mix.lock", "--upstream", &url, "--upstream-name"];
        let key = [name, "--upstream-key=public/public_key"];
        repository.hexreg().run(usual.iter().chain(&key).chain(more).copied())
    };
    let welcome = outer(&repository, "welcome-0.1.0.tar");
    for (pinned, name, is_mirrored) in [
        ("\"hexpm:acme\"", "acme", true),
        ("\"hexpm:acme\"", "hexpm:acme", true),
        (":\"hexpm:acme\"", "hexpm:acme", true),
        ("\"other:acme\"", "acme", true),
        ("\"other:acme\"", "hexpm:acme", false),
        ("\"acme\"", "acme", true),
        ("\"acme\"", "hexpm:acme", false),
        ("\"hexpm:acme_2\"", "acme", false),
        ("\"acme:hexpm\"", "acme", false),
        ("\"hexpm\"", "hexpm:acme", false),
    ] {
        write_lock(&repository, &[entry("welcome", "0.1.0", pinned, &welcome)]);
        let ran = mirror(name, &[]);
        let what = format!("{pinned} of {name}: {}", ran.transcript());
        if is_mirrored {
            assert_eq!(ran.code, 0, "{what}");
            assert_eq!(tarballs(&repository), ["welcome-0.1.0.tar"], "{what}");
        } else {
            assert_eq!(ran.code, 1, "{what}");
            assert!(ran.stderr.contains("nothing that was asked for is in"), "{what}");
            assert!(
                ran.stderr.contains("--upstream-name is the repository's name in lock files"),
                "{what}"
            );
            assert!(!repository.path("copy/names").exists(), "{what}");
        }
    }
    // Pins of other repositories are left out, and reported.
    let public = entry("greeting", "1.0.0", "\"hexpm\"", "nil");
    let welcome = entry("welcome", "0.1.0", "\"hexpm:acme\"", &welcome);
    write_lock(&repository, &[public, welcome]);
    let ran = mirror("hexpm:acme", &[]).ok();
    let left_out = "left out: greeting, of the repository hexpm (mix.lock)";
    assert!(ran.stdout.contains(left_out), "{}", ran.stdout);
    // A wrong checksum is an error here too.
    let wrong = format!("\"{}\"", "ab".repeat(32));
    write_lock(&repository, &[entry("welcome", "0.1.0", "\"hexpm:acme\"", &wrong)]);
    let ran = mirror("hexpm:acme", &[]);
    assert_eq!(ran.code, 1, "{}", ran.transcript());
    assert!(ran.stderr.contains("checksums disagree; mix.lock: "), "{}", ran.stderr);
}

#[test]
fn an_organisation_of_hexpm_has_its_url_and_key() {
    let (repository, server) = organization();
    write_lock(&repository, &[entry("welcome", "0.1.0", "\"hexpm:acme\"", "nil")]);
    let dead = format!("http://{}", free_address());
    let run = |more: &[&str]| {
        let usual = ["mirror", "copy", "--lock=mix.lock", "--retries=0"];
        let hexreg = repository.hexreg().env("ALL_PROXY", &dead).env("NO_PROXY", "127.0.0.1");
        hexreg.run(usual.iter().chain(more).copied())
    };
    // Each request goes to a proxy that does not exist, so that the error names its URL.
    for (more, asked) in [
        (&["--upstream-name=hexpm:acme"][..], "https://repo.hex.pm/repos/acme/names"),
        (
            &["--upstream-name=acme", "--upstream=http://repo.hex.pm/repos/acme"],
            "http://repo.hex.pm/repos/acme/names",
        ),
        (
            &["--upstream-name=hexpm:acme", "--upstream=http://hex.example/acme"],
            "http://hex.example/acme/names",
        ),
        (&["--upstream-name=hexpm", "--only=jason"], "https://repo.hex.pm/names"),
    ] {
        let ran = run(more);
        assert_eq!(ran.code, 1, "{more:?}: {}", ran.transcript());
        let said = format!("{asked} through the proxy {dead} (ALL_PROXY): ");
        assert!(ran.stderr.contains(&said), "{more:?}: {}", ran.stderr);
    }
    for (more, said) in [
        (&["--upstream-name=acme"][..], "the URL of the repository `acme` is not known"),
        (&["--upstream-name=other:acme"], "the URL of the repository `acme` is not known"),
        (
            &["--upstream-name=acme", "--upstream=http://nothex.pm/acme"],
            "the public key of `acme` is not known",
        ),
        (&["--upstream-name=hexpm:"], "is not a repository name"),
        (&["--upstream-name=a:b:c"], "is not a repository name"),
    ] {
        let ran = run(more);
        assert_eq!(ran.code, 2, "{more:?}: {}", ran.transcript());
        assert!(ran.stderr.contains(said), "{more:?}: {}", ran.stderr);
    }
    let url = format!("--upstream={}/repos/acme", server.url());
    let ran = run(&["--upstream-name=hexpm:acme", &url]);
    assert_eq!(ran.code, 1, "{}", ran.transcript());
    let key = "not that of SHA256:O1LOYhHFW4kcrblKAxROaDEzLD8bn1seWbe5tq8TRsk";
    assert!(ran.stderr.contains(key), "{}", ran.stderr);
}

#[test]
fn of_two_entries_the_build_tools_choice_is_mirrored() {
    let (repository, server) = super::samples();
    let twice = |first: &str, second: &str| {
        let _ = fs::remove_dir_all(repository.path("copy"));
        let pin = |version| entry("greeting", version, "\"acme\"", "nil");
        write_lock(&repository, &[pin(first), pin(second)]);
        report(&repository, &server.url(), &["--lock=mix.lock"])
    };
    let told = twice("1.0.0", "1.1.0");
    assert_eq!(tarballs(&repository), ["greeting-1.1.0.tar"], "{told}");
    let warning = "mix.lock: `greeting` is locked twice: using greeting 1.1.0 of acme, as the build \
                   tool does; ignoring greeting 1.0.0 of acme";
    assert_eq!(told["warnings"], serde_json::json!([warning]));
    let told = twice("1.1.0", "1.0.0");
    assert_eq!(tarballs(&repository), ["greeting-1.0.0.tar"], "{told}");
    let told = twice("1.0.0", "1.0.0");
    assert_eq!(tarballs(&repository), ["greeting-1.0.0.tar"], "{told}");
    assert_eq!(told["warnings"], serde_json::json!([]));

    let rebar = |first: &str, second: &str| {
        let _ = fs::remove_dir_all(repository.path("copy"));
        let pin =
            |version| format!("{{<<\"greeting\">>,{{pkg,<<\"greeting\">>,<<\"{version}\">>}},0}}");
        let lock = format!("{{\"1.2.0\",[{},\n{}]}}.\n", pin(first), pin(second));
        repository.write("rebar.lock", lock.as_bytes());
        mirror(&repository, &server.url(), &["--lock=rebar.lock"]).ok()
    };
    let ran = rebar("1.0.0", "1.1.0");
    assert_eq!(tarballs(&repository), ["greeting-1.0.0.tar"], "{}", ran.transcript());
    assert!(
        ran.stderr.contains("warning: rebar.lock: `greeting` is locked twice: "),
        "{}",
        ran.stderr
    );
    let ran = rebar("1.0.0", "1.0.0");
    assert_eq!(tarballs(&repository), ["greeting-1.0.0.tar"], "{}", ran.transcript());
    assert_eq!(ran.stderr, "");
}

/// A project without dependencies is no error.
#[test]
fn a_lock_file_that_pins_nothing_makes_no_request() {
    let (repository, server) = super::samples();
    // No request is made.
    let nowhere = format!("http://{}", free_address());
    for (name, text) in [
        ("mix.lock", "%{\n}\n"),
        ("mix.lock", ""),
        ("rebar.lock", "[].\n"),
        ("rebar.lock", ""),
        ("empty.lock", ""),
        ("manifest.toml", ""),
        ("manifest.toml", "packages = [\n]\n\n[requirements]\n"),
        ("mix.lock", "%{\"near\": {:path, \"../near\"}}\n"),
    ] {
        repository.write(name, text.as_bytes());
        let ran = mirror(&repository, &nowhere, &[&format!("--lock={name}")]).ok();
        assert!(
            ran.stdout.ends_with("0 packages, 0 releases; nothing has changed; 0 requests, 0 B\n")
        );
        assert!(!repository.path("copy/names").exists(), "{name}: {}", ran.transcript());
    }
    // The other options are respected.
    mirror(&repository, &server.url(), &["--only=welcome"]).ok();
    // A command that failed may leave such a file.
    for (name, text) in
        [("mix.lock", &b""[..]), ("rebar.lock", b"\xEF\xBB\xBF"), ("a.lock", b"\r\n")]
    {
        repository.write(name, text);
        let ran = mirror(&repository, &server.url(), &[&format!("--lock={name}"), "--prune"]);
        assert_eq!(ran.code, 1, "{}", ran.transcript());
        let said = format!("error: {name} is empty, and --prune would remove all that is mirrored");
        assert!(ran.stderr.contains(&said), "{}", ran.stderr);
        assert_eq!(tarballs(&repository), ["welcome-0.1.0.tar"]);
    }
    for (name, text) in
        [("mix.lock", "%{}\n"), ("rebar.lock", "[].\n"), ("manifest.toml", "packages = []\n")]
    {
        mirror(&repository, &server.url(), &["--only=welcome"]).ok();
        repository.write(name, text.as_bytes());
        mirror(&repository, &server.url(), &[&format!("--lock={name}"), "--prune"]).ok();
        assert_eq!(tarballs(&repository), [""; 0], "{name}");
    }
    repository.write("mix.lock", b"%{}\n");
    mirror(&repository, &server.url(), &["--lock=mix.lock", "--only=welcome"]).ok();
    assert_eq!(tarballs(&repository), ["welcome-0.1.0.tar"]);
}

#[test]
fn a_lock_file_comes_from_standard_input_too() {
    let (repository, server) = super::samples();
    let run = |input: &str, more: &[&str]| -> Ran {
        let _ = fs::remove_dir_all(repository.path("copy"));
        let options = super::upstream(&server.url());
        let usual = ["mirror", "copy"].into_iter().chain(options.iter().map(String::as_str));
        repository.hexreg().input(input.as_bytes()).run(usual.chain(more.iter().copied()))
    };
    let outer = outer(&repository, "welcome-0.1.0.tar");
    let mix = format!("%{{\n{}}}\n", entry("welcome", "0.1.0", "\"acme\"", &outer));
    let rebar = "{\"1.2.0\",[{<<\"welcome\">>,{pkg,<<\"welcome\">>,<<\"0.1.0\">>},0}]}.\n";
    for input in [mix.as_str(), rebar] {
        run(input, &["--lock=-"]).ok();
        assert_eq!(tarballs(&repository), ["welcome-0.1.0.tar"], "{input}");
    }
    run("%{}", &["--lock=-"]).ok();
    let damaged = mix.replace(&outer, &format!("\"{}\"", "ab".repeat(32)));
    let conflict = format!("<<<<<<< HEAD\n{mix}");
    for (input, more, code, said) in [
        (damaged.as_str(), &["--lock=-"][..], 1, "checksums disagree; standard input: "),
        (&conflict, &["--lock=-"], 1, "standard input: line 1: `<<<<<<<` is the mark of a merge"),
        ("", &["--lock=-"], 0, ""),
        ("\n", &["--lock=-", "--prune"], 1, "standard input is empty, and --prune would remove"),
        ("", &["--lock=-", "--prune"], 1, "standard input is empty, and --prune would remove"),
        ("{\"lockfileVersion\": 3}", &["--lock=-"], 1, "standard input is npm's lock file"),
        ("what?", &["--lock=-"], 1, "standard input: line 1: "),
        ("?", &["--lock=-"], 1, "standard input is not a supported lock file"),
        (&mix, &["--lock=-", "--lock=-"], 2, "--lock=- is given twice"),
        (&mix, &["--lock=-", "--upstream-key=-"], 2, "the argument '--upstream-key"),
    ] {
        let ran = run(input, more);
        assert_eq!(ran.code, code, "{input}: {}", ran.transcript());
        assert!(ran.stderr.contains(said), "{input}: {}", ran.stderr);
    }
    let run = repository.hexreg().input(mix.as_bytes());
    let ran = run.run(["mirror", "copy", "--lock=-", "--upstream-key=-"]);
    assert_eq!(ran.code, 2, "{}", ran.transcript());
    let said = "standard input cannot be both a lock file and a key";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
}

#[test]
fn a_lock_file_of_another_tool_is_named() {
    let (repository, server) = super::samples();
    for (name, text, said) in [
        ("package-lock.json", "{\"lockfileVersion\": 3}", "package-lock.json is npm's lock file"),
        ("Cargo.lock", "version = 4\n", "Cargo.lock is Cargo's lock file"),
        ("yarn.lock", "# yarn lockfile v1\n", "yarn.lock is Yarn's lock file"),
        ("poetry.lock", "package = []\n", "poetry.lock is Poetry's lock file"),
        ("Gemfile.lock", "GEM\n", "Gemfile.lock is Bundler's lock file"),
        ("go.sum", "", "go.sum is Go's list of checksums"),
        ("mix.exs", "defmodule A do end\n", "and mix.lock is its lock file"),
        ("renamed.lock", "# @generated by Cargo\n", "renamed.lock is Cargo's lock file"),
        ("other.lock", "?", "other.lock is not a supported lock file"),
    ] {
        repository.write(name, text.as_bytes());
        let ran = mirror(&repository, &server.url(), &[&format!("--lock={name}")]);
        assert_eq!(ran.code, 1, "{}", ran.transcript());
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
        let hint = "hint: expected a mix.lock, a rebar.lock or a manifest.toml";
        assert!(ran.stderr.contains(hint), "{}", ran.stderr);
    }
}

/// Each has the indexes of all packages, of its time, and the files of its own.
#[test]
fn mirrors_of_lock_files_are_pushed_one_after_the_other() {
    let repository = TestRepository::new()
        .release("foo", "1.0.0")
        .release("bar", "1.0.0")
        .release("baz", "1.0.0");
    repository.build(&[]).ok();
    let server = Server::of(&repository, &[]);
    let url = server.url();
    let push = |directory: &str, package: &str, version: &str| {
        let outer = outer(&repository, &format!("{package}-{version}.tar"));
        write_lock(&repository, &[entry(package, version, "\"acme\"", &outer)]);
        let upstream = super::upstream(&url);
        let arguments = ["mirror", directory, "--lock=mix.lock"].into_iter();
        let upstream = upstream.iter().map(String::as_str);
        repository.hexreg().run(arguments.chain(upstream)).ok();
        repository.hexreg().run(["push", directory, "served"])
    };
    let release = |name: &str, version: &str| {
        let tarball = Tarball::new(name, version).build();
        repository.write_tarball(&format!("{name}-{version}.tar"), &tarball);
    };
    push("one", "foo", "1.0.0").ok();
    // Upstream publishes releases, and takes one back that was never mirrored.
    release("bar", "1.1.0");
    release("baz", "1.1.0");
    repository.remove_tarball("baz-1.0.0.tar");
    repository.build(&[]).ok();
    push("two", "bar", "1.1.0").ok();
    assert_eq!(repository.read("served/versions"), repository.read("public/versions"));
    for (directory, package) in [("one", "foo"), ("two", "bar")] {
        let path = format!("packages/{package}");
        let pushed = repository.read(&format!("served/{path}"));
        assert_eq!(pushed, repository.read(&format!("{directory}/{path}")));
    }
    repository.hexreg().run(["verify", "served", "--partial"]).ok();

    // One that clients were given is not lost without a word.
    release("foo", "1.1.0");
    repository.remove_tarball("foo-1.0.0.tar");
    repository.build(&[]).ok();
    let refused = push("three", "baz", "1.1.0");
    assert_eq!(refused.code, 1, "{}", refused.transcript());
    assert!(refused.stderr.contains("foo 1.0.0"), "{}", refused.transcript());
    assert!(!refused.stderr.contains("baz"), "{}", refused.transcript());
}

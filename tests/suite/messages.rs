//! Snapshots of what each command says that is not tested beside what it does.

use std::fs;

use crate::support::hexreg::has_command;
use crate::support::repository::TestRepository;
use crate::support::tarball::Tarball;

#[test]
fn help() {
    let repository = TestRepository::new();
    for (name, arguments) in [
        ("help-build", &["build", "--help"][..]),
        ("help-verify", &["verify", "--help"]),
        ("help-check", &["check", "--help"]),
        ("help-add", &["add", "--help"]),
        ("help-remove", &["remove", "--help"]),
        ("help-retire", &["retire", "--help"]),
        ("help-unretire", &["unretire", "--help"]),
        ("help-push", &["push", "--help"]),
        ("help-policy", &["policy", "--help"]),
        ("help-policy-set", &["policy", "set", "--help"]),
        ("help-policy-list", &["policy", "list", "--help"]),
        ("help-policy-remove", &["policy", "remove", "--help"]),
        ("help-site", &["site", "--help"]),
        ("help-inspect", &["inspect", "--help"]),
        ("help-serve", &["serve", "--help"]),
        ("help-mirror", &["mirror", "--help"]),
        ("help-key", &["key", "--help"]),
        ("help-key-new", &["key", "new", "--help"]),
        ("help-key-show", &["key", "show", "--help"]),
        ("help-auth", &["auth", "--help"]),
        ("help-auth-add", &["auth", "add", "--help"]),
        ("help-auth-list", &["auth", "list", "--help"]),
        ("help-auth-remove", &["auth", "remove", "--help"]),
        ("help-completions", &["completions", "--help"]),
        ("help-man", &["man", "--help"]),
    ] {
        if has_command(arguments[0]) {
            let ran = repository.hexreg().run(arguments.iter().copied()).ok();
            let name = match name {
                // Sites are checked by a program that has pages.
                "help-verify" if cfg!(not(feature = "web")) => "help-verify-without-web",
                // Credentials are for URLs, which the client of the mirror reads.
                "help-check" if cfg!(not(feature = "mirror")) => "help-check-without-mirror",
                name => name,
            };
            insta::assert_snapshot!(name, ran.stdout);
        }
    }
}

/// It lists the commands of the features that are on.
#[test]
fn help_of_all_commands() {
    let name = match (cfg!(feature = "serve"), cfg!(feature = "mirror")) {
        _ if cfg!(not(feature = "web")) && cfg!(all(feature = "serve", feature = "mirror")) => {
            "help-without-web"
        }
        (true, true) => "help",
        (true, false) => "help-without-mirror",
        (false, true) => "help-without-serve",
        (false, false) => "help-without-features",
    };
    insta::assert_snapshot!(name, TestRepository::new().hexreg().run(["--help"]).ok().stdout);
}

#[test]
fn without_arguments_there_is_help_and_code_2() {
    let ran = TestRepository::new().hexreg().run([]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("Usage: hexreg <COMMAND>"), "{}", ran.stderr);
}

#[test]
fn a_bad_repository_name() {
    let ran = TestRepository::new().hexreg().run(["build", "public", "--name=a b"]);
    insta::assert_snapshot!(ran.transcript(), @r#"
    exit code: 2
    --- stdout
    --- stderr
    error: invalid value 'a b' for '--name <NAME>': "a b" is not a repository name: expected letters, digits, _, . or -

    For more information, try '--help'.
    "#);
}

#[test]
fn quiet_prints_errors_alone() {
    let repository = TestRepository::new().release("foo", "1.0.0");
    repository.write_tarball("README", b"");
    let ran = repository.build(&["--quiet"]).ok();
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    repository.write_tarball("bar-1.0.0.tar", b"");
    let ran = repository.build(&["--quiet"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("bar-1.0.0.tar: it is empty"), "{}", ran.stderr);
}

#[test]
fn json_of_a_build() {
    let repository = TestRepository::new().release("foo", "1.0.0").release("bar", "1.0.0");
    repository.build(&[]).ok();
    repository.remove_tarball("bar-1.0.0.tar");
    repository.write_tarball("README", b"");
    let baz = Tarball::new("baz", "1.0.0").build();
    repository.write_tarball("baz-1.0.0.tar", &baz);
    let ran = repository.build(&["--json", "--no-cache"]).ok();
    assert_eq!(ran.stderr, "");
    insta::assert_snapshot!(ran.stdout, @r#"{"repository":"acme","fingerprint":"SHA256:roYMrL1Q60Kv7n0/VbgT2yw879NgEa+QKFvEt0/wKtU","packages":2,"releases":2,"read":2,"dry_run":false,"unchanged":2,"created":["packages/baz"],"updated":["versions","names"],"removed":["packages/bar"],"warnings":["public/tarballs/README passed over: it does not end in .tar","bar 1.0.0 was published, and is gone: projects that have locked it can no longer fetch it"]}"#);
}

#[test]
fn json_of_a_failure() {
    let repository = TestRepository::new().tarball("foo-1.0.0.tar", b"").tarball("README", b"");
    let ran = repository.build(&["--json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""));
    insta::assert_snapshot!(ran.stdout, @r#"{"error":"failed to build `acme`: 1 of 1 tarball rejected","rejected":[{"path":"public/tarballs/foo-1.0.0.tar","reason":"it is empty (0 bytes)"}],"hint":"nothing was written; remove or replace these files and build again","created":[],"updated":[],"removed":[],"warnings":["public/tarballs/README passed over: it does not end in .tar"]}"#);
}

#[test]
fn completions_for_every_shell() {
    let repository = TestRepository::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = repository.hexreg().run(["completions", shell]).ok().stdout;
        assert!(script.contains("no-check-contents"), "{shell}");
    }
}

#[test]
fn manual_pages() {
    let repository = TestRepository::new();
    let ran = repository.hexreg().run(["man", "man1"]).ok();
    insta::assert_snapshot!(ran.stdout, @"* creating man1/hexreg.1 and one page per command");
    let mut pages: Vec<String> = fs::read_dir(repository.path("man1"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    pages.sort();
    let mut expected = vec!["hexreg.1".to_owned()];
    let always = "add build check completions inspect key key-new key-show man policy policy-list \
        policy-remove policy-set policy-show policy-why push remove retire unretire verify";
    let serve = if cfg!(feature = "serve") {
        "auth auth-add auth-list auth-remove config config-check serve"
    } else {
        ""
    };
    let mirror = if cfg!(feature = "mirror") { "mirror" } else { "" };
    let web = if cfg!(feature = "web") { "site" } else { "" };
    let commands = [always, serve, web, mirror].into_iter().flat_map(str::split_whitespace);
    expected.extend(commands.map(|command| format!("hexreg-{command}.1")));
    expected.sort();
    assert_eq!(pages, expected);
    let build = String::from_utf8(repository.read("man1/hexreg-build.1")).unwrap();
    assert!(build.contains("SOURCE_DATE_EPOCH"), "{build}");
}

/// What commands say, one after the other, each with its exit code. `ACME` stands for a registry in
/// `public/` and its key.
fn dialogue(repository: &TestRepository, commands: &[&str]) -> String {
    let acme = "--to public --name=acme --private-key=key.pem";
    let told = commands.iter().map(|command| {
        // Or `names` would change with the second in which something is added.
        let hexreg = repository.hexreg().env("SOURCE_DATE_EPOCH", "1700000000");
        let ran = hexreg.run(command.replace("ACME", acme).split(' '));
        format!("$ hexreg {command}\n{}{}[{}]\n", ran.stdout, ran.stderr, ran.code)
    });
    told.collect()
}

/// A directory with tarballs of `foo` and `bar`, and no registry yet.
fn with_tarballs() -> TestRepository {
    let repository = TestRepository::new();
    for (name, version) in [("foo", "1.0.0"), ("foo", "1.1.0"), ("bar", "0.1.0")] {
        let tarball = Tarball::new(name, version).build();
        repository.write(&format!("{name}-{version}.tar"), &tarball);
    }
    repository
}

#[test]
fn additions() {
    let repository = with_tarballs();
    let said = dialogue(
        &repository,
        &[
            "add foo-1.0.0.tar ACME --dry-run",
            "add foo-1.0.0.tar ACME",
            "add foo-1.0.0.tar foo-1.1.0.tar bar-0.1.0.tar ACME",
            "add foo-1.0.0.tar foo-1.1.0.tar ACME",
            "add foo-1.0.0.tar ACME --quiet",
        ],
    );
    insta::assert_snapshot!(said, @r"
    $ hexreg add foo-1.0.0.tar ACME --dry-run
    * creating public/public_key
    * creating public/tarballs/foo-1.0.0.tar
    * creating public/packages/foo
    * creating public/versions
    * creating public/names
    acme: 1 release added (dry run: nothing was written)
    published_at is now: clients that set HEX_COOLDOWN wait before they use it, unless they set HEX_COOLDOWN_EXCLUDE_REPOS=acme
    [0]
    $ hexreg add foo-1.0.0.tar ACME
    * creating public/public_key
    * creating public/tarballs/foo-1.0.0.tar
    * creating public/packages/foo
    * creating public/versions
    * creating public/names
    acme: 1 release added
    published_at is now: clients that set HEX_COOLDOWN wait before they use it, unless they set HEX_COOLDOWN_EXCLUDE_REPOS=acme
    [0]
    $ hexreg add foo-1.0.0.tar foo-1.1.0.tar bar-0.1.0.tar ACME
    * creating public/tarballs/foo-1.1.0.tar
    * creating public/tarballs/bar-0.1.0.tar
    * creating public/packages/bar
    * updating public/packages/foo
    * updating public/versions
    * updating public/names
    acme: 2 releases added, 1 there already
    published_at is now: clients that set HEX_COOLDOWN wait before they use it, unless they set HEX_COOLDOWN_EXCLUDE_REPOS=acme
    [0]
    $ hexreg add foo-1.0.0.tar foo-1.1.0.tar ACME
    acme: nothing has changed
    [0]
    $ hexreg add foo-1.0.0.tar ACME --quiet
    [0]
    ");
    repository.remove_tarball("foo-1.0.0.tar");
    let said = dialogue(&repository, &["add foo-1.0.0.tar foo-1.1.0.tar ACME"]);
    insta::assert_snapshot!(said, @r"
    $ hexreg add foo-1.0.0.tar foo-1.1.0.tar ACME
    * creating public/tarballs/foo-1.0.0.tar
    acme: 2 releases there already, and repaired
    [0]
    ");
    repository.remove("public/packages/foo");
    let said = dialogue(&repository, &["add foo-1.0.0.tar ACME", "remove foo 1.0.0 ACME"]);
    insta::assert_snapshot!(said, @r"
    $ hexreg add foo-1.0.0.tar ACME
    error: failed to add to `acme`: public/packages/foo lacks 1.1.0, which versions names
    hint: nothing was written; `hexreg build` builds it again from its tarballs
    [1]
    $ hexreg remove foo 1.0.0 ACME
    error: failed to remove from `acme`: public/packages/foo lacks 1.1.0, which versions names
    hint: nothing was written; `hexreg build` builds it again from its tarballs
    [1]
    ");
}

#[test]
fn additions_that_are_refused() {
    let repository = with_tarballs();
    repository.write_key("other.pem", "golden/keys/acme-4096.pem");
    let other = Tarball::new("foo", "1.0.0").requires("bar", "~> 0.1").build();
    repository.write("other/foo-1.0.0.tar", &other);
    repository.write("new/foo-2.0.0.tar", &Tarball::new("foo", "1.0.0").build());
    repository.write("oops-1.0.0.tar", b"oops");
    repository.write("public/tarballs/foo-1.1.0.tar", &other);
    let said = dialogue(
        &repository,
        &[
            "add foo-1.0.0.tar ACME --quiet",
            "add other/foo-1.0.0.tar ACME",
            "add foo-1.0.0.tar other/foo-1.0.0.tar ACME",
            "add foo-1.1.0.tar ACME",
            "add oops-1.0.0.tar new/foo-2.0.0.tar nowhere.tar public bar-0.1.0.tar ACME",
            "add foo-1.1.0.tar --to public --name=acne --private-key=key.pem",
            "add foo-1.1.0.tar --to public --name=acme --private-key=other.pem",
            "add bar-0.1.0.tar --to public --name=acme",
            "add bar-0.1.0.tar ACME --published-at=yesterday",
            "add bar-0.1.0.tar ACME --private",
            "add other/foo-1.0.0.tar ACME --replace",
        ],
    );
    insta::assert_snapshot!(said, @r"
    $ hexreg add foo-1.0.0.tar ACME --quiet
    [0]
    $ hexreg add other/foo-1.0.0.tar ACME
    error: failed to add to `acme`: foo 1.0.0 is published with another tarball: its outer checksum is 464B0B381770…, that of the given one 482F1EB7B3CA…
    hint: nothing was written; publish it under a new version, or give --replace, which breaks the lock files of projects that have this one
    [1]
    $ hexreg add foo-1.0.0.tar other/foo-1.0.0.tar ACME
    error: failed to add to `acme`: 1 of 2 tarballs rejected
      other/foo-1.0.0.tar: foo 1.0.0 comes twice
    hint: nothing was written; replace these files, or leave them out
    [1]
    $ hexreg add foo-1.1.0.tar ACME
    error: failed to add to `acme`: public/tarballs/foo-1.1.0.tar is there, is another tarball, and no release names it
    hint: nothing was written; another writer may be adding it, or was interrupted: try again, and if it is still there, give --replace
    [1]
    $ hexreg add oops-1.0.0.tar new/foo-2.0.0.tar nowhere.tar public bar-0.1.0.tar ACME
    error: failed to add to `acme`: 4 of 5 tarballs rejected
      oops-1.0.0.tar: it is not a tar archive
      new/foo-2.0.0.tar: its metadata says foo-1.0.0: clients ask for that as foo-1.0.0.tar
      nowhere.tar: it cannot be read: No such file or directory (os error 2)
      public: it is a directory: expected a tar archive
    hint: nothing was written; replace these files, or leave them out
    [1]
    $ hexreg add foo-1.1.0.tar --to public --name=acne --private-key=key.pem
    error: failed to add to `acne`: public/packages/foo is of the repository acme, not of acne
    hint: nothing was written; did you mean --name=acme?
    [1]
    $ hexreg add foo-1.1.0.tar --to public --name=acme --private-key=other.pem
    error: failed to add to `acme`: public/packages/foo is not signed with this key: its signature is not that of SHA256:bUESh9wmx18yY9JtcpqOqn6e0Z2Wcb9Ro4nfpdG8MNs
    hint: nothing was written; sign with the key that clients know, or repair the registry with `hexreg build`
    [1]
    $ hexreg add bar-0.1.0.tar --to public --name=acme
    error: there is no private key to sign with
    hint: give --private-key=PATH, --private-key=- for standard input, or the key itself in HEXREG_PRIVATE_KEY; `hexreg key new PATH` makes one
    [2]
    $ hexreg add bar-0.1.0.tar ACME --published-at=yesterday
    error: invalid value 'yesterday' for '--published-at <TIME>': expected `now`, a time such as 2026-11-21T12:00:00Z, or whole seconds since 1970, or `none`

    For more information, try '--help'.
    [2]
    $ hexreg add bar-0.1.0.tar ACME --private
    error: --private is for buckets, and public is a directory
    hint: write s3://BUCKET/PREFIX, gs:// or az://, or leave it out
    [2]
    $ hexreg add other/foo-1.0.0.tar ACME --replace
    * updating public/tarballs/foo-1.0.0.tar
    * updating public/packages/foo
    acme: 1 release added
    published_at is now: clients that set HEX_COOLDOWN wait before they use it, unless they set HEX_COOLDOWN_EXCLUDE_REPOS=acme
    [0]
    ");
    repository.remove("public/versions");
    let said = dialogue(&repository, &["add bar-0.1.0.tar ACME"]);
    insta::assert_snapshot!(said, @r"
    $ hexreg add bar-0.1.0.tar ACME
    error: failed to add to `acme`: public/versions is missing, and there are packages that it should name
    hint: nothing was written; `hexreg build` builds it again from its tarballs
    [1]
    ");
}

#[test]
fn removals_and_retirements() {
    let repository = with_tarballs();
    let said = dialogue(
        &repository,
        &[
            "add foo-1.0.0.tar foo-1.1.0.tar ACME --quiet",
            "retire foo 1.0.0 --reason=security --message=use_1.1.0 ACME",
            "retire foo 1.0.0 --reason=security --message=use_1.1.0 ACME",
            "unretire foo 1.0.0 ACME --dry-run",
            "unretire foo 1.0.0 ACME",
            "unretire foo 1.0.0 ACME",
            "unretire foo 9.0.0 ACME",
            "retire bar 0.1.0 --reason=other ACME",
            "retire foo 1.0.0 --reason=other --message=two\nlines ACME",
            "retire foo 1.0.0 --reason=old ACME",
            "retire foo 1.0 --reason=other ACME",
            "remove foo 1.0.0 ACME --dry-run",
            "remove foo 1.0.0 ACME",
            "remove foo 1.0.0 ACME",
            "remove foo 1.1.0 ACME",
        ],
    );
    insta::assert_snapshot!(said, @r#"
    $ hexreg add foo-1.0.0.tar foo-1.1.0.tar ACME --quiet
    [0]
    $ hexreg retire foo 1.0.0 --reason=security --message=use_1.1.0 ACME
    * updating public/packages/foo
    * updating public/versions
    acme: foo 1.0.0 retired (security)
    [0]
    $ hexreg retire foo 1.0.0 --reason=security --message=use_1.1.0 ACME
    acme: nothing has changed
    [0]
    $ hexreg unretire foo 1.0.0 ACME --dry-run
    * updating public/packages/foo
    * updating public/versions
    acme: foo 1.0.0 is retired no longer (dry run: nothing was written)
    [0]
    $ hexreg unretire foo 1.0.0 ACME
    * updating public/packages/foo
    * updating public/versions
    acme: foo 1.0.0 is retired no longer
    [0]
    $ hexreg unretire foo 1.0.0 ACME
    acme: nothing has changed
    [0]
    $ hexreg unretire foo 9.0.0 ACME
    error: failed to change `acme`: acme has no foo 9.0.0
    hint: nothing was written; it may be removed already, or be spelled differently
    [1]
    $ hexreg retire bar 0.1.0 --reason=other ACME
    error: failed to change `acme`: acme has no bar 0.1.0
    hint: nothing was written; it may be removed already, or be spelled differently
    [1]
    $ hexreg retire foo 1.0.0 --reason=other --message=two
    lines ACME
    error: invalid value 'two
    lines' for '--message <TEXT>': expected one line, without control characters

    For more information, try '--help'.
    [2]
    $ hexreg retire foo 1.0.0 --reason=old ACME
    error: invalid value 'old' for '--reason <REASON>'
      [possible values: other, invalid, security, deprecated, renamed]

    For more information, try '--help'.
    [2]
    $ hexreg retire foo 1.0 --reason=other ACME
    error: invalid value '1.0' for '<VERSION>': "1.0" is not a version: expected MAJOR.MINOR.PATCH, optionally followed by -PRE

    For more information, try '--help'.
    [2]
    $ hexreg remove foo 1.0.0 ACME --dry-run
    * updating public/versions
    * updating public/packages/foo
    * removing public/tarballs/foo-1.0.0.tar
    acme: foo 1.0.0 removed (dry run: nothing was written)
    [0]
    $ hexreg remove foo 1.0.0 ACME
    * updating public/versions
    * updating public/packages/foo
    * removing public/tarballs/foo-1.0.0.tar
    acme: foo 1.0.0 removed
    [0]
    $ hexreg remove foo 1.0.0 ACME
    error: failed to remove from `acme`: acme has no foo 1.0.0
    hint: nothing was written; it may be removed already, or be spelled differently
    [1]
    $ hexreg remove foo 1.1.0 ACME
    * updating public/versions
    * updating public/names
    * removing public/packages/foo
    * removing public/tarballs/foo-1.1.0.tar
    acme: foo 1.1.0 removed
    [0]
    "#);
}

#[test]
fn what_is_removed_from_nothing_leaves_nothing_there() {
    let repository = TestRepository::new();
    let said = dialogue(&repository, &["remove foo 1.0.0 ACME"]);
    insta::assert_snapshot!(said, @r"
    $ hexreg remove foo 1.0.0 ACME
    error: failed to remove from `acme`: there is no registry at public
    hint: nothing was written; check that --to is right
    [1]
    ");
    assert_eq!(repository.files("public", |_| true).len(), 0);
}

#[test]
fn json_of_changes() {
    let repository = with_tarballs();
    repository.write("oops-1.0.0.tar", b"oops");
    let said = dialogue(
        &repository,
        &[
            "add foo-1.0.0.tar ACME --json",
            "add oops-1.0.0.tar ACME --json",
            "retire foo 1.0.0 --reason=renamed ACME --json --dry-run",
            "push public served --json",
            "remove foo 1.0.0 ACME --json",
            "remove foo 1.0.0 ACME --json",
            "push public served --json",
        ],
    );
    insta::assert_snapshot!(said, @r#"
    $ hexreg add foo-1.0.0.tar ACME --json
    {"repository":"acme","fingerprint":"SHA256:roYMrL1Q60Kv7n0/VbgT2yw879NgEa+QKFvEt0/wKtU","dry_run":false,"created":["public_key","tarballs/foo-1.0.0.tar","packages/foo","versions","names"],"updated":[],"removed":[],"warnings":[]}
    [0]
    $ hexreg add oops-1.0.0.tar ACME --json
    {"error":"failed to add to `acme`: 1 of 1 tarball rejected","rejected":[{"path":"oops-1.0.0.tar","reason":"it is not a tar archive"}],"hint":"nothing was written; replace these files, or leave them out","created":[],"updated":[],"removed":[],"warnings":[]}
    [1]
    $ hexreg retire foo 1.0.0 --reason=renamed ACME --json --dry-run
    {"repository":"acme","fingerprint":"SHA256:roYMrL1Q60Kv7n0/VbgT2yw879NgEa+QKFvEt0/wKtU","dry_run":true,"created":[],"updated":["packages/foo","versions"],"removed":[],"warnings":[]}
    [0]
    $ hexreg push public served --json
    {"repository":"acme","fingerprint":"SHA256:roYMrL1Q60Kv7n0/VbgT2yw879NgEa+QKFvEt0/wKtU","packages":1,"releases":1,"dry_run":false,"unchanged":0,"created":["public_key","tarballs/foo-1.0.0.tar","packages/foo","versions","names"],"updated":[],"removed":[],"warnings":[]}
    [0]
    $ hexreg remove foo 1.0.0 ACME --json
    {"repository":"acme","fingerprint":"SHA256:roYMrL1Q60Kv7n0/VbgT2yw879NgEa+QKFvEt0/wKtU","dry_run":false,"created":[],"updated":["versions","names"],"removed":["packages/foo","tarballs/foo-1.0.0.tar"],"warnings":[]}
    [0]
    $ hexreg remove foo 1.0.0 ACME --json
    {"error":"failed to remove from `acme`: acme has no foo 1.0.0","hint":"nothing was written; it may be removed already, or be spelled differently","created":[],"updated":[],"removed":[],"warnings":[]}
    [1]
    $ hexreg push public served --json
    {"error":"failed to push public to served: published data would be overwritten or removed in 1 place","rejected":[{"path":"served/tarballs/foo-1.0.0.tar","reason":"foo 1.0.0 is there, and not here"}],"hint":"nothing was written; another writer may have changed it there: bring those releases here and build again, retire here what is retired there, or give --overwrite to lose them","created":[],"updated":[],"removed":[],"warnings":[]}
    [1]
    "#);
}

#[test]
fn pushes() {
    let repository = with_tarballs();
    repository.write("public/notes.txt", b"");
    repository.write("public/tarballs/baz-1.0.0.tar", b"");
    let said = dialogue(
        &repository,
        &[
            "add foo-1.0.0.tar ACME --quiet",
            "push public served --dry-run",
            "push public served",
            "push public served --quiet",
            "add bar-0.1.0.tar ACME --quiet",
            "push public served",
        ],
    );
    insta::assert_snapshot!(said, @r"
    $ hexreg add foo-1.0.0.tar ACME --quiet
    [0]
    $ hexreg push public served --dry-run
    * creating served/public_key
    * creating served/tarballs/foo-1.0.0.tar
    * creating served/packages/foo
    * creating served/versions
    * creating served/names
    acme: 1 package, 1 release; 5 created, 0 updated, 0 removed (dry run: nothing was written)
    warning: public/notes.txt left out: no client asks for it
    warning: public/tarballs/baz-1.0.0.tar left out: no release names it
    [0]
    $ hexreg push public served
    * creating served/public_key
    * creating served/tarballs/foo-1.0.0.tar
    * creating served/packages/foo
    * creating served/versions
    * creating served/names
    acme: 1 package, 1 release; 5 created, 0 updated, 0 removed
    warning: public/notes.txt left out: no client asks for it
    warning: public/tarballs/baz-1.0.0.tar left out: no release names it
    [0]
    $ hexreg push public served --quiet
    [0]
    $ hexreg add bar-0.1.0.tar ACME --quiet
    [0]
    $ hexreg push public served
    * creating served/tarballs/bar-0.1.0.tar
    * creating served/packages/bar
    * updating served/versions
    * updating served/names
    acme: 2 packages, 2 releases; 2 created, 2 updated, 0 removed
    warning: public/notes.txt left out: no client asks for it
    warning: public/tarballs/baz-1.0.0.tar left out: no release names it
    [0]
    ");
}

/// As of a mirror of a part.
#[test]
fn a_push_counts_what_it_cannot_bring() {
    let repository = with_tarballs();
    dialogue(&repository, &["add foo-1.0.0.tar foo-1.1.0.tar bar-0.1.0.tar ACME"]);
    repository.remove_tarball("foo-1.1.0.tar");
    let ran = repository.hexreg().run(["push", "public", "served"]).ok();
    let expected = "warning: 1 of 3 releases have no tarball here, nor there: clients that ask for one will not get it\n";
    assert_eq!(ran.stderr, expected);
    assert!(repository.path("served/tarballs/foo-1.0.0.tar").exists());
}

#[test]
fn a_mistyped_directory_does_not_come_to_be() {
    let repository = with_tarballs();
    for command in ["retire foo 1.0.0 --reason=other", "unretire foo 1.0.0", "remove foo 1.0.0"] {
        let command = format!("{command} --to nowhere --name=acme --private-key=key.pem");
        let ran = repository.hexreg().run(command.split(' '));
        assert_eq!(ran.code, 1, "{}", ran.transcript());
        assert!(ran.stderr.contains("no registry at nowhere"), "{}", ran.transcript());
        assert!(!repository.path("nowhere").exists(), "{command}");
    }
}

#[cfg(feature = "buckets")]
#[test]
fn pushes_to_what_is_no_bucket() {
    let said = dialogue(
        &TestRepository::new(),
        &["push public https://hex.example.com", "push public s3:bucket"],
    );
    insta::assert_snapshot!(said, @r"
    $ hexreg push public https://hex.example.com
    error: invalid value 'https://hex.example.com' for '<DEST>': `https:` is no kind of bucket: write s3://BUCKET/PREFIX, gs:// or az://, or a directory

    For more information, try '--help'.
    [2]
    $ hexreg push public s3:bucket
    error: invalid value 's3:bucket' for '<DEST>': write s3://BUCKET/PREFIX, with two slashes; a directory of this name is ./s3:…

    For more information, try '--help'.
    [2]
    ");
}

/// Without their feature, each URL of a bucket is refused, and none is quoted: it may have a password in it.
#[cfg(not(feature = "buckets"))]
#[test]
fn a_bucket_takes_its_feature() {
    let repository = TestRepository::new();
    for arguments in [
        &["push", "public", "s3://key:secret@acme/hex"][..],
        &["verify", "gs://acme"],
        &["build", "az://acme", "--name=acme", "--private-key=key.pem"],
    ] {
        let ran = repository.hexreg().run(arguments.iter().copied());
        assert_eq!(ran.code, 2, "{}", ran.transcript());
        let expected = "error: this hexreg cannot open buckets, as it is built without the feature `buckets`: build it \
                        with `--features buckets`, or name a directory\n";
        assert!(ran.stderr.starts_with(expected), "{}", ran.transcript());
        assert!(!ran.stderr.contains("secret"), "{}", ran.transcript());
    }
}

#[test]
fn pushes_that_are_refused() {
    let repository = with_tarballs();
    repository.write_key("other.pem", "golden/keys/acme-4096.pem");
    repository.write("empty/notes.txt", b"");
    let said = dialogue(
        &repository,
        &[
            "push nowhere served",
            "push empty served",
            "add foo-1.0.0.tar ACME --quiet",
            "push public public",
            "push public served --endpoint=https://s3.example",
            "push public served --quiet",
            "add foo-1.0.0.tar --to other --name=acme --private-key=other.pem --quiet",
            "push other served",
            "add foo-1.0.0.tar --to another --name=acne --private-key=key.pem --quiet",
            "push another served",
        ],
    );
    insta::assert_snapshot!(said, @r"
    $ hexreg push nowhere served
    error: failed to push nowhere to served: there is no such directory
    hint: name the directory that `hexreg build` wrote to
    [2]
    $ hexreg push empty served
    error: failed to push empty to served: empty/public_key cannot be pushed: it is missing
    hint: nothing was written; `hexreg build` makes a registry, and `hexreg verify` checks one
    [1]
    $ hexreg add foo-1.0.0.tar ACME --quiet
    [0]
    $ hexreg push public public
    error: failed to push public to public: they are the same directory
    [2]
    $ hexreg push public served --endpoint=https://s3.example
    error: --endpoint is for buckets, and served is a directory
    hint: write s3://BUCKET/PREFIX, gs:// or az://, or leave it out
    [2]
    $ hexreg push public served --quiet
    [0]
    $ hexreg add foo-1.0.0.tar --to other --name=acme --private-key=other.pem --quiet
    [0]
    $ hexreg push other served
    error: failed to push other to served: served/public_key is another key than the one that signed what is pushed, SHA256:bUESh9wmx18yY9JtcpqOqn6e0Z2Wcb9Ro4nfpdG8MNs
    hint: nothing was written; give --overwrite if all clients get the new key
    [1]
    $ hexreg add foo-1.0.0.tar --to another --name=acne --private-key=key.pem --quiet
    [0]
    $ hexreg push another served
    error: failed to push another to served: published data would be overwritten or removed in 1 place
      served/versions: the repository was published as acme, and would be acne
    hint: nothing was written; check that DEST is right: another repository is served there; to replace it, give --overwrite
    [1]
    ");
}

#[test]
fn pushes_that_would_lose_something() {
    let repository = with_tarballs();
    let served = "--to served --name=acme --private-key=key.pem";
    let said = dialogue(
        &repository,
        &[
            "add foo-1.0.0.tar ACME --quiet",
            "push public served --quiet",
            &format!("add foo-1.1.0.tar bar-0.1.0.tar {served} --quiet"),
            &format!("retire foo 1.0.0 --reason=security {served} --quiet"),
            "push public served",
            "push public served --overwrite",
        ],
    );
    insta::assert_snapshot!(said, @r"
    $ hexreg add foo-1.0.0.tar ACME --quiet
    [0]
    $ hexreg push public served --quiet
    [0]
    $ hexreg add foo-1.1.0.tar bar-0.1.0.tar --to served --name=acme --private-key=key.pem --quiet
    [0]
    $ hexreg retire foo 1.0.0 --reason=security --to served --name=acme --private-key=key.pem --quiet
    [0]
    $ hexreg push public served
    error: failed to push public to served: published data would be overwritten or removed in 3 places
      served/tarballs/bar-0.1.0.tar: bar 0.1.0 is there, and not here
      served/packages/foo: what is said of foo 1.0.0 there is not said here: that it is retired, when it was published, or which advisories concern it
      served/tarballs/foo-1.1.0.tar: foo 1.1.0 is there, and not here
    hint: nothing was written; another writer may have changed it there: bring those releases here and build again, retire here what is retired there, or give --overwrite to lose them
    [1]
    $ hexreg push public served --overwrite
    * updating served/versions
    * updating served/names
    * updating served/packages/foo
    * removing served/packages/bar
    * removing served/tarballs/bar-0.1.0.tar
    * removing served/tarballs/foo-1.1.0.tar
    acme: 1 package, 1 release; 0 created, 3 updated, 3 removed
    warning: bar 0.1.0 was published, and is gone: projects that have locked it can no longer fetch it
    warning: what is said of foo 1.0.0 there is not said here: that it is retired, when it was published, or which advisories concern it: clients no longer warn of it
    warning: foo 1.1.0 was published, and is gone: projects that have locked it can no longer fetch it
    [0]
    ");
}

#[test]
fn a_push_of_another_tarball_than_is_signed() {
    let repository = with_tarballs();
    dialogue(&repository, &["add foo-1.0.0.tar ACME"]);
    repository.write_tarball("foo-1.0.0.tar", &Tarball::new("foo", "1.1.0").build());
    let said = dialogue(&repository, &["push public served"]);
    insta::assert_snapshot!(said, @r"
    $ hexreg push public served
    error: failed to push public to served: public/tarballs/foo-1.0.0.tar cannot be pushed: its outer checksum is 1762064E4AA0…, and the registry says 464B0B381770…
    hint: nothing was written; `hexreg build` makes a registry, and `hexreg verify` checks one
    [1]
    ");
}

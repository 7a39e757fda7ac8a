//! Snapshots of what each command says that is not tested beside what it does.

use std::fs;

use crate::support::repository::TestRepository;

#[test]
fn help() {
    let repository = TestRepository::new();
    for (name, arguments) in [
        ("help", &["--help"][..]),
        ("help-build", &["build", "--help"]),
        ("help-verify", &["verify", "--help"]),
        ("help-inspect", &["inspect", "--help"]),
        ("help-serve", &["serve", "--help"]),
        ("help-mirror", &["mirror", "--help"]),
        ("help-key", &["key", "--help"]),
        ("help-key-new", &["key", "new", "--help"]),
        ("help-key-show", &["key", "show", "--help"]),
        ("help-auth", &["auth", "--help"]),
        ("help-auth-add", &["auth", "add", "--help"]),
        ("help-auth-remove", &["auth", "remove", "--help"]),
        ("help-completions", &["completions", "--help"]),
        ("help-man", &["man", "--help"]),
    ] {
        let ran = repository.hexreg().run(arguments.iter().copied()).ok();
        insta::assert_snapshot!(name, ran.stdout);
    }
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
    let baz = crate::support::tarball::Tarball::new("baz", "1.0.0").build();
    repository.write_tarball("baz-1.0.0.tar", &baz);
    let ran = repository.build(&["--json", "--no-cache"]).ok();
    assert_eq!(ran.stderr, "");
    insta::assert_snapshot!(ran.stdout, @r#"{"repository":"acme","fingerprint":"SHA256:roYMrL1Q60Kv7n0/VbgT2yw879NgEa+QKFvEt0/wKtU","packages":2,"releases":2,"read":2,"dry_run":false,"unchanged":2,"created":["packages/baz"],"updated":["versions","names"],"removed":["packages/bar"],"warnings":["public/tarballs/README passed over: it does not end in .tar","bar 1.0.0 was published, and is gone: whoever has locked it cannot fetch it any more"]}"#);
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
    insta::assert_snapshot!(ran.stdout, @"* creating man1/hexreg.1 and one page a command");
    let mut pages: Vec<String> = fs::read_dir(repository.path("man1"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    pages.sort();
    insta::assert_snapshot!(pages.join(" "));
    let build = String::from_utf8(repository.read("man1/hexreg-build.1")).unwrap();
    assert!(build.contains("SOURCE_DATE_EPOCH"), "{build}");
}

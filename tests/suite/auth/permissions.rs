//! What a token permits, as `hexreg auth` says, lists and takes away.

use std::process::Command;

use serde_json::{Value, json};

use super::{admitted, run, user};
use crate::support::repository::TestRepository;
use crate::support::tools;

/// Adds a token, and returns it with its id.
fn add(repository: &TestRepository, arguments: &[&str]) -> (String, String) {
    let ran = run(repository, &[&["add", "readers"], arguments, &["--json"]].concat()).ok();
    let value: Value = serde_json::from_str(&ran.stdout).unwrap();
    ["token", "id"].map(|key| value[key].as_str().unwrap().to_owned()).into()
}

#[test]
fn a_token_may_publish_what_its_line_says() {
    let repository = TestRepository::new();
    let publishing = ["--can=publish", "--packages=acme_*", "--until=2999-01-31"];
    let ran = run(
        &repository,
        &[&["add", "readers", "release"], &publishing[..], &["--packages", "tools,x"]].concat(),
    )
    .ok();
    insta::assert_snapshot!(ran.stderr, @r#"
    * creating readers
    The token of release is on standard output, and shown only now: readers keeps only its SHA-256.
    It may read, and publish acme_*,tools,x, in every repository of the server, until the end of 2999-01-31 (UTC).
    mix:    mix hex.repo add REPO URL --public-key=public_key --auth-key TOKEN
    rebar3: repo_key => <<"TOKEN">> beside the repository's repo_url
    publish: HEX_API_KEY=TOKEN HEX_API_URL=URL/api mix hex.publish
             (HEX_API_URL=URL/api/repos/NAME for a repository that is served with --repo=NAME=DEST)
    "#);
    let text = String::from_utf8(repository.read("readers")).unwrap();
    let fields = ":can=publish:packages=acme_*,tools,x:until=2999-01-31\n";
    assert!(text.starts_with("release:$sha256$") && text.ends_with(fields), "{text}");
    let grant = user(&repository, ran.stdout.trim_end()).unwrap().grant;
    for (package, expected) in
        [("acme_web", true), ("tools", true), ("x", true), ("tool", false), ("xacme_", false)]
    {
        assert_eq!(grant.may_publish(&package.parse().unwrap()), expected, "{package}");
    }
    assert!(!grant.is_admin());

    let said = |arguments: &[&str]| {
        let ran = run(&repository, &[&["add", "readers", "x"], arguments].concat()).ok();
        ran.stderr.lines().nth(2).unwrap().to_owned()
    };
    insta::assert_snapshot!(
        [
            said(&["--can=publish"]),
            said(&["--can=admin"]),
            said(&["--can=admin", "--until=2999-01-31"]),
            said(&["--can=read", "--until=2999-01-31"]),
        ]
        .join("\n"),
        @r"
    It may read, and publish all packages, in every repository of the server.
    It may read, publish all packages, and replace and revert releases at any time, in every repository of the server.
    It may read, publish all packages, and replace and revert releases at any time, in every repository of the server, until the end of 2999-01-31 (UTC).
    It may read, until the end of 2999-01-31 (UTC).
    "
    );
}

#[test]
fn contradictions_are_refused_and_nothing_is_written() {
    let repository = TestRepository::new();
    let refusals = [
        &["--can=write"][..],
        &["--packages=acme_*"],
        &["--can=admin", "--packages=acme_*"],
        &["--can=publish", "--packages=acme-*"],
        &["--can=publish", "--packages="],
        &["--can=publish", "--packages=a,"],
        &["--until=2020-01-31"],
        &["--until=tomorrow"],
        &["--password", "--can=read"],
        &["--password", "--packages=acme"],
        &["--password", "--until=2999-01-31"],
    ]
    .map(|arguments| {
        let ran = run(&repository, &[&["add", "readers", "ci"], arguments].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{arguments:?}");
        let said = ran.stderr.split("\n\nUsage:").next().unwrap().trim_end().to_owned();
        said.replace("\n\nFor more information, try '--help'.", "")
    });
    assert!(!repository.path("readers").exists());
    insta::assert_snapshot!(refusals.join("\n"), @r"
    error: invalid value 'write' for '--can <PERMISSION>'
      [possible values: read, publish, admin]
    error: --packages limits what --can=publish permits, and does not go with --can=read
    hint: give --can=publish, or leave out --packages
    error: --packages limits what --can=publish permits, and does not go with --can=admin
    hint: give --can=publish, or leave out --packages
    error: invalid value 'acme-*' for '--packages <NAMES>': expected the name of a package, with `*` for any characters, such as acme_*
    error: invalid value '' for '--packages <NAMES>': expected the name of a package, with `*` for any characters, such as acme_*
    error: invalid value '' for '--packages <NAMES>': expected the name of a package, with `*` for any characters, such as acme_*
    error: --until=2020-01-31 is in the past (UTC)
    hint: give the last day on which the token is valid
    error: invalid value 'tomorrow' for '--until <DATE>': expected a date such as 2027-01-31
    error: the argument '--password' cannot be used with '--can <PERMISSION>'
    error: the argument '--password' cannot be used with '--packages <NAMES>'
    error: the argument '--password' cannot be used with '--until <DATE>'
    ");
}

#[test]
fn the_list_has_every_entry_and_no_hash() {
    let repository = TestRepository::new();
    let digest = |character: &str| format!("$sha256${}", character.repeat(64));
    let bcrypt = "$2y$05$bGxgEP6Q/HIaVz3wn9.FROVisJk7gCAB5L77Dz6ptinkgyTTCRJf.";
    repository.write(
        "readers",
        format!(
            "# who\nann:{bcrypt}\nci:{}\nrelease:{}:can=publish:packages=acme_*,tools:until=2999-01-31\n\
             release:{}:until=2020-01-31:can=publish\nünd x:{}:can=admin\n",
            digest("a"),
            digest("b"),
            digest("c"),
            digest("D"),
        )
        .as_bytes(),
    );
    repository.chmod("readers", 0o600);
    insta::assert_snapshot!(run(&repository, &["list", "readers"]).ok().transcript(), @r"
    exit code: 0
    --- stdout
    ann      password        read
    ci       token aaaaaaaa  read
    release  token bbbbbbbb  publish acme_*,tools, until 2999-01-31
    release  token cccccccc  publish, until 2020-01-31: expired
    ünd x    token dddddddd  admin
    --- stderr
    ");
    let ran = run(&repository, &["list", "readers", "--json"]).ok();
    let value: Value = serde_json::from_str(&ran.stdout).unwrap();
    let token = |name: &str, id: &str, more: Value| {
        let mut entry = json!({"name": name, "kind": "token", "id": id, "is_expired": false});
        entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        entry
    };
    assert_eq!(
        value,
        json!({"file": "readers", "entries": [
            {"name": "ann", "kind": "password", "can": "read", "is_expired": false},
            token("ci", "aaaaaaaa", json!({"can": "read"})),
            token("release", "bbbbbbbb", json!({
                "can": "publish", "packages": ["acme_*", "tools"], "until": "2999-01-31"
            })),
            token("release", "cccccccc", json!({
                "can": "publish", "until": "2020-01-31", "is_expired": true
            })),
            token("ünd x", "dddddddd", json!({"can": "admin"})),
        ]})
    );

    repository.write("empty", b"# nobody yet\n");
    repository.chmod("empty", 0o644);
    insta::assert_snapshot!(run(&repository, &["list", "empty"]).ok().transcript(), @r"
    exit code: 0
    --- stdout
    --- stderr
    hint: empty has no entry: `hexreg auth add` makes one
    warning: empty can be read or changed by others (mode 644): chmod 600 it
    ");
    insta::assert_snapshot!(run(&repository, &["list", "nowhere"]).transcript(), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: could not read nowhere: No such file or directory (os error 2)
    ");
}

#[test]
fn one_token_is_removed_by_its_id() {
    let repository = TestRepository::new();
    let [(old, old_id), (new, _)] = [(); 2].map(|()| add(&repository, &["ci", "--can=publish"]));
    let (other, other_id) = add(&repository, &["other"]);
    let ran = run(&repository, &["remove", "readers", "ci", "--token", &old_id]).ok();
    assert_eq!(ran.stdout, format!("* updating readers\nci: token {old_id} removed\n"));
    assert_eq!(admitted(&repository, &old), None);
    for (token, name) in [(&new, "ci"), (&other, "other")] {
        assert_eq!(admitted(&repository, token).as_deref(), Some(name));
    }
    // It is another name's.
    let ran = run(&repository, &["remove", "readers", "ci", "--token", &other_id]);
    assert_eq!(ran.code, 1);
    let said = ran.stderr.replace(&other_id, "ID");
    insta::assert_snapshot!(said, @r"
    error: readers has no token ID of ci
    hint: `hexreg auth list readers` shows the tokens of each name
    ");
    let ran = run(&repository, &["remove", "readers", "ci", "--token=xyz"]);
    insta::assert_snapshot!(ran.stderr, @r"
    error: invalid value 'xyz' for '--token <ID>': expected 8 hex digits, as `hexreg auth list` prints them

    For more information, try '--help'.
    ");
    let ran = run(&repository, &["remove", "readers", "other", "--token", &other_id, "--json"]);
    let expected = r#"{"name":"other","file":"readers","passwords":0,"tokens":1}"#;
    assert_eq!(ran.ok().stdout.trim_end(), expected);
}

/// `htpasswd` reads the rest of a long line as another line, and refuses the file.
#[test]
fn a_line_that_htpasswd_cannot_read_is_warned_of() {
    let test = "a_line_that_htpasswd_cannot_read_is_warned_of";
    let Some(htpasswd) = tools::find("htpasswd", test) else { return };
    // `ci:$sha256$`, 43 characters, `:can=publish:packages=`, and names of packages.
    for (names, is_warned_of) in [("a".repeat(255 - 76), false), ("a".repeat(256 - 76), true)] {
        let repository = TestRepository::new();
        let packages = format!("--packages={names}");
        let ran = run(&repository, &["add", "readers", "ci", "--can=publish", &packages]).ok();
        let longest = repository.read("readers").len() - 1;
        let warning = format!(
            "warning: `htpasswd` no longer changes readers: the line of this token has {longest} bytes, and it \
             reads 255\n"
        );
        assert_eq!(ran.stderr.ends_with(&warning), is_warned_of, "{}", ran.stderr);
        let mut htpasswd = Command::new(&htpasswd);
        let htpasswd = htpasswd.args(["-bB", "readers", "ann", "open sesame"]);
        let output = htpasswd.current_dir(repository.root()).output().unwrap();
        assert_eq!(output.status.success(), !is_warned_of, "{output:?}");
        assert_eq!(admitted(&repository, ran.stdout.trim_end()).as_deref(), Some("ci"));
    }
}

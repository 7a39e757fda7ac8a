//! The file that says who may do what, as hexreg and `htpasswd` change it.

mod permissions;
mod properties;

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::{Command, Stdio};
use std::thread;

use data_encoding::BASE64;
use hexreg::auth::{AuthFile, Authentication, Authenticator, User};
use hexreg::ops::auth;
use hexreg::package::UnixSeconds;

use crate::support::hexreg::Ran;
use crate::support::repository::TestRepository;
use crate::support::tools;

fn run(repository: &TestRepository, arguments: &[&str]) -> Ran {
    repository.hexreg().run(["auth"].iter().chain(arguments).copied())
}

/// The user whose credentials this header carries, in January 2027.
fn user(repository: &TestRepository, header: &str) -> Option<User> {
    let file = auth::read(&repository.path("readers")).unwrap();
    let authenticator = Authenticator::new(file, Vec::new()).unwrap();
    match authenticator.authenticate(Some(header.as_bytes()), UnixSeconds(1_800_000_000)) {
        Authentication::User(user) => Some(user),
        Authentication::Unchecked(check) => check.run().unwrap(),
        Authentication::Expired(_) | Authentication::Refused | Authentication::NoCredentials => {
            None
        }
    }
}

/// The name of that user.
fn admitted(repository: &TestRepository, header: &str) -> Option<String> {
    user(repository, header).map(|user| user.name.to_string())
}

fn basic(name: &str, secret: &str) -> String {
    format!("Basic {}", BASE64.encode(format!("{name}:{secret}").as_bytes()))
}

#[test]
fn a_token_is_printed_once_and_authenticates_its_name() {
    let repository = TestRepository::new();
    let ran = run(&repository, &["add", "readers", "ci"]).ok();
    let token = ran.stdout.trim_end();
    assert!(token.starts_with("hexreg_") && token.len() == 50, "{token}");
    insta::assert_snapshot!(ran.stderr, @r#"
    * creating readers
    The token of ci is on standard output, and shown only now: readers keeps only its SHA-256.
    It may read.
    mix:    mix hex.repo add REPO URL --public-key=public_key --auth-key TOKEN
    rebar3: repo_key => <<"TOKEN">> beside the repository's repo_url
    "#);
    let mode = fs::metadata(repository.path("readers")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = String::from_utf8(repository.read("readers")).unwrap();
    assert!(text.starts_with("ci:$sha256$") && !text.contains(token), "{text}");
    for header in [
        token,
        &format!("Bearer {token}"),
        &basic("ci", token),
        &basic("ann", token),
        &basic(token, ""),
    ] {
        assert_eq!(admitted(&repository, header).as_deref(), Some("ci"), "{header}");
    }

    let second = run(&repository, &["add", "readers", "ci"]).ok();
    assert!(second.stderr.starts_with("* updating readers\n"), "{}", second.stderr);
    for token in [token, second.stdout.trim_end()] {
        assert_eq!(admitted(&repository, token).as_deref(), Some("ci"));
    }
}

#[test]
fn a_change_leaves_the_rest_of_the_file_as_it_was() {
    let repository = TestRepository::new();
    let entries = || fs::read_dir(repository.root()).unwrap().count();
    let others = entries();
    let before = "# the readers of acme\r\n\n  # nobody yet";
    repository.write("real", before.as_bytes());
    repository.chmod("real", 0o640);
    symlink("real", repository.path("readers")).unwrap();
    let ran = run(&repository, &["add", "readers", "ci"]).ok();
    let warning = "warning: readers can be read or changed by others (mode 640): chmod 600 it\n";
    assert!(ran.stderr.ends_with(warning), "{}", ran.stderr);
    let after = String::from_utf8(repository.read("real")).unwrap();
    assert!(after.starts_with(&format!("{before}\r\nci:$sha256$")), "{after}");
    assert!(repository.path("readers").is_symlink());
    assert_eq!(fs::metadata(repository.path("real")).unwrap().mode() & 0o777, 0o640);
    run(&repository, &["remove", "readers", "ci"]).ok();
    assert_eq!(repository.read("real"), format!("{before}\r\n").as_bytes());
    // The file and the link to it.
    assert_eq!(entries(), others + 2);
}

/// Only root can change the owner of a file.
#[test]
fn a_file_keeps_its_owner() {
    let repository = TestRepository::new();
    repository.write("readers", b"");
    let path = repository.path("readers");
    if std::os::unix::fs::chown(&path, Some(1234), Some(1234)).is_err() {
        return tools::leave_out("a_file_keeps_its_owner needs to be run by root");
    }
    run(&repository, &["add", "readers", "ci"]).ok();
    let found = fs::metadata(path).unwrap();
    assert_eq!((found.uid(), found.gid()), (1234, 1234));
}

#[test]
fn the_target_of_a_dangling_link_is_created() {
    let repository = TestRepository::new();
    fs::create_dir(repository.path("secrets")).unwrap();
    symlink("secrets/link", repository.path("readers")).unwrap();
    symlink("readers", repository.path("secrets/link")).unwrap();
    let ran = run(&repository, &["add", "readers", "ci"]).ok();
    assert!(ran.stderr.starts_with("* creating readers\n"), "{}", ran.stderr);
    let lies = |path: &str| fs::symlink_metadata(repository.path(path)).unwrap();
    assert!(lies("readers").is_symlink() && lies("secrets/link").is_symlink());
    assert!(lies("secrets/readers").is_file());
    let token = ran.stdout.trim_end();
    assert_eq!(admitted(&repository, token).as_deref(), Some("ci"));

    // A target in a missing directory, and a link to itself.
    symlink("nowhere/readers", repository.path("astray")).unwrap();
    symlink("circle", repository.path("circle")).unwrap();
    let said = ["astray", "circle"].map(|path| {
        let ran = run(&repository, &["add", path, "ci"]);
        assert_eq!(ran.code, 2, "{}", ran.transcript());
        ran.stderr
    });
    insta::assert_snapshot!(said.concat(), @r"
    error: could not write astray: No such file or directory (os error 2)
    error: could not read circle: Too many levels of symbolic links (os error 40)
    ");
}

#[test]
fn a_password_is_read_from_standard_input_and_replaces_the_former() {
    let repository = TestRepository::new();
    let set = |password: &str| {
        let hexreg = repository.hexreg().input(password.as_bytes());
        hexreg.run(["auth", "add", "readers", "ann", "--password"])
    };
    insta::assert_snapshot!(set("open sesame\r\nignored").ok().transcript(), @r"
    exit code: 0
    --- stdout
    * creating readers
    ann has a password
    --- stderr
    ");
    assert_eq!(admitted(&repository, &basic("ann", "open sesame")).as_deref(), Some("ann"));
    assert_eq!(admitted(&repository, "open sesame"), None);
    let ran = set("ünd noch eins").ok();
    assert_eq!(ran.stdout, "* updating readers\nann has another password\n");
    assert_eq!(admitted(&repository, &basic("ann", "open sesame")), None);
    assert_eq!(admitted(&repository, &basic("ann", "ünd noch eins")).as_deref(), Some("ann"));
    let before = repository.read("readers");
    assert!(before.starts_with(b"ann:$argon2id$v=19$"));
    for (bad, why) in [
        ("", "the password is empty"),
        ("a\tb", "the password has a control character in it"),
        (&"a".repeat(5000), "the password is longer than 1024 bytes"),
    ] {
        let ran = set(bad);
        assert_eq!((ran.code, ran.stderr), (1, format!("error: {why}\n")));
    }
    assert_eq!(repository.read("readers"), before);
}

/// `script` gives hexreg a terminal and types on it.
#[test]
fn a_password_is_asked_for_twice_on_a_terminal() {
    let test = "a_password_is_asked_for_twice_on_a_terminal";
    let Some(script) = tools::find("script", test) else { return };
    let repository = TestRepository::new();
    let type_in = |lines: &str| {
        let hexreg = assert_cmd::cargo::cargo_bin!("hexreg").display();
        let mut child = Command::new(&script)
            .args(["-qec", &format!("'{hexreg}' auth add readers ann --password"), "/dev/null"])
            .current_dir(repository.root())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, shown) = type_in("open sesame\nopen sesam\n");
    assert_eq!(code, Some(1), "{shown}");
    assert!(shown.contains("the two passwords differ"), "{shown}");
    assert!(!repository.path("readers").exists());
    let (code, shown) = type_in("open sesame\nopen sesame\n");
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("Again, the password of ann: "), "{shown}");
    assert_eq!(admitted(&repository, &basic("ann", "open sesame")).as_deref(), Some("ann"));
}

#[test]
fn removing_a_name_removes_all_its_entries() {
    let repository = TestRepository::new();
    run(&repository, &["add", "readers", "ci"]).ok();
    run(&repository, &["add", "readers", "ci"]).ok();
    let other = run(&repository, &["add", "readers", "ci2"]).ok();
    let password = repository.hexreg().input(b"open sesame\n");
    password.run(["auth", "add", "readers", "ci", "--password"]).ok();
    let ran = run(&repository, &["remove", "readers", "ci"]).ok();
    assert_eq!(ran.stdout, "* updating readers\nci: 1 password and 2 tokens removed\n");
    assert_eq!(admitted(&repository, other.stdout.trim_end()).as_deref(), Some("ci2"));
    insta::assert_snapshot!(run(&repository, &["remove", "readers", "ci"]).transcript(), @r"
    exit code: 1
    --- stdout
    --- stderr
    error: readers has no entry of ci
    ");
    insta::assert_snapshot!(run(&repository, &["remove", "nowhere", "ci"]).transcript(), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: could not read nowhere: No such file or directory (os error 2)
    ");
}

#[test]
fn a_file_with_invalid_lines_is_not_changed() {
    let repository = TestRepository::new();
    let text = "# x\nann:hunter2\nhunter2\nbob:$apr1$x$hunter2\n";
    repository.write("readers", text.as_bytes());
    insta::assert_snapshot!(run(&repository, &["add", "readers", "ci"]).transcript(), @r"
    exit code: 1
    --- stdout
    --- stderr
    error: readers has 3 lines that cannot be used
      readers:2: what follows the name is plain text or an unknown hash: expected bcrypt ($2y$), argon2id ($argon2id$) or a token's SHA-256 ($sha256$); hash it again with `htpasswd -B` or `hexreg auth add --password`
      readers:3: it has no `:`: expected NAME:HASH, or a `#` before a comment
      readers:4: its password is hashed with MD5: expected bcrypt or argon2id; hash it again with `htpasswd -B` or `hexreg auth add --password`
    ");
    let ran = run(&repository, &["remove", "readers", "ann", "--json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""));
    assert!(
        ran.stdout.contains(r#"{"path":"readers:3","reason":"it has no `:`"#),
        "{}",
        ran.stdout
    );
    assert!(!ran.stdout.contains("hunter2"));
    assert_eq!(repository.read("readers"), text.as_bytes());
}

#[test]
fn invalid_names_and_paths_are_refused() {
    let repository = TestRepository::new();
    insta::assert_snapshot!(run(&repository, &["add", "readers", "a:b"]).transcript(), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: invalid value 'a:b' for '<NAME>': the name has a `:` in it, which would end it

    For more information, try '--help'.
    ");
    for name in ["", "a\nb", "#a", " a"] {
        assert_eq!(run(&repository, &["add", "readers", name]).code, 2, "{name:?}");
    }
    insta::assert_snapshot!(run(&repository, &["add", "no/such/readers", "ci"]).transcript(), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: could not write no/such/readers: No such file or directory (os error 2)
    ");
    fs::create_dir(repository.path("folder")).unwrap();
    let ran = run(&repository, &["add", "folder", "ci"]);
    assert_eq!(ran.stderr, "error: could not read folder: Is a directory (os error 21)\n");
}

#[test]
fn json_output() {
    let repository = TestRepository::new();
    let ran = run(&repository, &["add", "readers", "ci", "--json"]).ok();
    assert_eq!(ran.stderr, "");
    let value: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let token = value["token"].as_str().unwrap();
    let id = value["id"].as_str().unwrap();
    assert_eq!(
        ran.stdout,
        format!(
            "{{\"name\":\"ci\",\"token\":\"{token}\",\"id\":\"{id}\",\"can\":\"read\",\"file\":\"readers\"}}\n"
        )
    );
    assert_eq!(admitted(&repository, token).as_deref(), Some("ci"));
    let password = repository.hexreg().input(b"open sesame\n");
    let ran = password.run(["auth", "add", "readers", "ann", "--password", "--json"]).ok();
    insta::assert_snapshot!(ran.stdout, @r#"{"name":"ann","can":"read","file":"readers"}"#);
    let ran = run(&repository, &["remove", "readers", "ci", "--json"]).ok();
    insta::assert_snapshot!(ran.stdout, @r#"{"name":"ci","file":"readers","passwords":0,"tokens":1}"#);
}

/// No token is lost, those of the process that created the file included.
#[test]
fn many_processes_add_at_once() {
    let repository = TestRepository::new();
    let tokens: Vec<String> = thread::scope(|scope| {
        let runs: Vec<_> = (0..16)
            .map(|number| {
                let repository = &repository;
                scope.spawn(move || {
                    let ran = run(repository, &["add", "readers", &format!("ci{number}")]).ok();
                    ran.stdout.trim_end().to_owned()
                })
            })
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    for (number, token) in tokens.iter().enumerate() {
        assert_eq!(admitted(&repository, token), Some(format!("ci{number}")));
    }
    let file = AuthFile::parse(&repository.read("readers")).unwrap();
    assert_eq!(file.users().count(), tokens.len());
}

#[test]
fn htpasswd_and_hexreg_change_the_same_file() {
    let test = "htpasswd_and_hexreg_change_the_same_file";
    let Some(htpasswd) = tools::find("htpasswd", test) else { return };
    let repository = TestRepository::new();
    let htpasswd = |arguments: &[&str]| {
        let mut command = Command::new(&htpasswd);
        let output = command.args(arguments).current_dir(repository.root()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    htpasswd(&["-cbB", "readers", "ann", "pä:ss wörd"]);
    let token = run(&repository, &["add", "readers", "ci"]).ok().stdout;
    let publishing = ["--can=publish", "--packages=acme_*,tools", "--until=2999-12-31"];
    let added = run(&repository, &[&["add", "readers", "release"], &publishing[..]].concat());
    let release = added.ok().stdout;
    htpasswd(&["-bB", "-C", "6", "readers", "bob", "another"]);
    let user = user(&repository, release.trim_end()).unwrap();
    assert_eq!(user.name.as_str(), "release");
    let [ours, other] = ["acme_web", "phoenix"].map(|name| name.parse().unwrap());
    assert!(user.grant.may_publish(&ours) && !user.grant.may_publish(&other));
    let admitted = |header: &str| admitted(&repository, header);
    assert_eq!(admitted(&basic("ann", "pä:ss wörd")).as_deref(), Some("ann"));
    assert_eq!(admitted(&basic("bob", "another")).as_deref(), Some("bob"));
    assert_eq!(admitted(&basic("bob", "pä:ss wörd")), None);
    assert_eq!(admitted(token.trim_end()).as_deref(), Some("ci"));

    htpasswd(&["-bm", "readers", "eve", "apr1"]);
    let error = auth::read(&repository.path("readers")).unwrap_err();
    let hexreg = run(&repository, &["remove", "readers", "bob"]);
    assert!(hexreg.stderr.contains("readers:5: its password is hashed with MD5"), "{error}");
}

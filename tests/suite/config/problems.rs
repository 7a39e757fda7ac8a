//! Wrong configurations: each is told with its line, and with what to do.

use std::fmt::Write;

use super::repository;
use crate::support::read_fixture;
use crate::support::repository::TestRepository;

/// A repository that is right, below other lines.
const RIGHT: &str = "[[repository]]\nname = \"acme\"\nat = \"public\"\n";

/// What is wrong in a file of the root, above [`RIGHT`].
const IN_FILE: &[&str] = &[
    "listen = ",
    "listen = 127.0.0.1:8000",
    "quiet = true\nquiet = true",
    "[[repository]",
    "listen = 8000",
    "quiet = \"yes\"",
    "max-connections = \"many\"",
    "max-connections = 0",
    "trusted-proxy = [1]",
    "allow-public = [\"Not A Name\"]",
    "listenn = \"127.0.0.1:8000\"",
    "auth_file = \"readers\"",
    "colour = \"red\"",
    "anonymous = true",
    "listen = \"8000\"",
    "listen = \"0.0.0.0:8000\"",
    "metrics-listen = \"9568\"",
    "metrics-listen = \"127.0.0.1:8000\"",
    "listen = \"127.0.0.1:9568\"\nmetrics-listen = \"0.0.0.0:9568\"",
    "docs-listen = \"127.0.0.1:8000\"",
    "docs-listen = \"127.0.0.1:9568\"\nmetrics-listen = \"0.0.0.0:9568\"",
    "url = \"https://hex.example.com\"\ndocs-url = \"https://hex.example.com:443/docs\"",
    "listen = \"0.0.0.0:8000\"\nallow-anonymous = true\ndocs-url = \"https://docs.example.com\"",
    "docs-url = \"docs.example.com\"",
    "url = \"hex.example.com\"",
    "url = \"https://user:secret@hex.example.com\"",
    "trusted-proxy = \"192.0.2.0/33\"",
    "idle-timeout = \"30s\"",
    "idle-timeout = 4000",
    "cache-size = \"10GB\"",
    "cache-size = \"20000000TiB\"",
    "log-format = \"xml\"",
    "replace = \"sometimes\"",
    "tls-cert = \"cert.pem\"",
    "tls-key = \"cert.pem\"",
    "tls-cert = \"cert.pem\"\ntls-key = \"none.pem\"",
    "auth-file = \"none\"",
    "auth-file = \"bad-readers\"",
    "auth-file = \"public/readers\"",
    "auth-file = \"\"",
    "url = \"https://${UNSET}\"",
    "url = \"https://${UNSET\"",
    "url = \"https://${A B}\"",
    "repository = 1",
    "[repository]",
];

/// What is wrong in repositories alone.
const REPOSITORIES: &[&str] = &[
    "",
    "[[repositories]]\nname = \"acme\"\nat = \"public\"",
    "[[repository]]\nat = \"public\"",
    "[[repository]]\nnam = \"acme\"\nat = \"public\"",
    "[[repository]]\nname = \"acme\"",
    "[[repository]]\nname = \"a b\"\nat = \"public\"",
    "[[repository]]\nname = \"a\"\nroot = true\nat = \"public\"\n[[repository]]\nroot = true\nat = \"public\"",
    "[[repository]]\nname = \"a\"\nat = \"public\"\n[[repository]]\nname = \"a\"\nat = \"public\"",
    "[[repository]]\nname = \"a\"\nat = \"nowhere\"",
    "[[repository]]\nname = \"a\"\nat = \"key.pem\"",
    "[[repository]]\nname = \"a\"\nat = \"public\"\nlisten = \"127.0.0.1:8000\"",
    "[[repository]]\nname = \"a\"\nat = \"public\"\nprivat-key = \"key.pem\"",
    "[[repository]]\nname = \"a\"\nat = \"public\"\nprivate-key = \"other.pem\"",
    "[[repository]]\nname = \"a\"\nat = \"public\"\nprivate-key = \"damaged.pem\"",
    "[[repository]]\nname = \"a\"\nat = \"public\"\nprivate-key = \"none.pem\"",
    "[[repository]]\nname = \"a\"\nat = \"public\"\nprivate-key = \"file:none.pem\"",
    "[[repository]]\nname = \"a\"\nat = \"public\"\nprivate-key = \"public/public_key\"",
    "[[repository]]\nname = \"a\"\nat = \"public\"\nprivate-key = \"public/inside.pem\"",
    "[[repository]]\nname = \"a\"\nat = \"public\"\nprivate-key = \"encrypted.pem\"",
    "[[repository]]\nname = \"a\"\nat = \"public\"\nprivate-key = \"\"\"\n-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n\"\"\"",
    "[[repository]]\nname = \"a\"\nat = \"empty\"\nprivate-key = \"key.pem\"",
    "[[repository]]\nname = \"a\"\nat = \"public\"\nreplace = \"within=1x\"",
    "[[repository]]\nname = \"a\"\nat = \"public\"\nendpoint = \"http://127.0.0.1:9000\"",
    "[[repository]]\nname = \"a\"\nat = \"links\"",
];

/// Of buckets.
const BUCKETS: &[&str] = &[
    "[[repository]]\nname = \"a\"\nat = \"s3://user:secret@bucket/acme\"",
    "[[repository]]\nname = \"a\"\nat = \"s3://\"",
    "[[repository]]\nname = \"a\"\nat = \"s4://bucket/acme\"",
    "[[repository]]\nname = \"a\"\nat = \"s3://bucket/acme?secret\"",
    "[[repository]]\nname = \"a\"\nat = \"s3://bucket/acme\"",
    "[[repository]]\nname = \"a\"\nat = \"s3://bucket/acme\"\nendpoint = \"nonsense\"",
    "[[repository]]\nname = \"a\"\nat = \"az://bucket/acme\"\nprivate = 1",
];

/// With the files that the tables name.
fn with_files() -> TestRepository {
    let repository = repository();
    repository.write_key("encrypted.pem", "golden/keys/acme-2048-encrypted.pem");
    repository.write_key("other.pem", "golden/keys/acme-4096.pem");
    repository.write_key("public/inside.pem", "golden/keys/acme-2048.pem");
    let key = read_fixture("golden/keys/acme-2048.pem");
    repository.write("damaged.pem", &key[..key.len() / 2]);
    repository.write("cert.pem", b"junk");
    repository.write("bad-readers", b"# fine\nann:plain\nben:$1$md5\n");
    repository.write("public/readers", b"");
    repository.write("outside/tarballs/a.tar", b"");
    std::fs::create_dir(repository.path("empty")).unwrap();
    std::fs::create_dir(repository.path("links")).unwrap();
    std::os::unix::fs::symlink("../outside/tarballs", repository.path("links/tarballs")).unwrap();
    repository
}

/// What is said of each text, below the text.
fn said_of(repository: &TestRepository, texts: impl Iterator<Item = String>) -> String {
    let mut said = String::new();
    for text in texts {
        repository.write("hexreg.toml", text.as_bytes());
        let ran = repository.hexreg().run(["config", "check", "hexreg.toml"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{text}\n{}", ran.stderr);
        let mut lines = ran.stderr.lines();
        assert!(lines.next().unwrap().starts_with("error: hexreg.toml has "), "{}", ran.stderr);
        let shown = text.strip_suffix(RIGHT).unwrap_or(&text).trim_end();
        let _ = writeln!(said, "{}", shown.replace('\n', " ⏎ "));
        for line in lines {
            let has_place = line.starts_with("  hexreg.toml:");
            assert!(has_place, "{text}: no place: {line}");
            let _ = writeln!(said, "{line}");
        }
        // A server does not start, and says the same.
        let started = repository.hexreg().run(["serve", "--config=hexreg.toml"]);
        assert!(started.stderr.contains(&ran.stderr), "{text}: {}", started.stderr);
    }
    assert!(!said.contains("plain") || said.contains("readers:2"));
    said
}

#[test]
fn each_problem_of_the_file_is_told_with_line_and_hint() {
    let repository = with_files();
    let texts = IN_FILE.iter().map(|text| format!("{text}\n{RIGHT}"));
    insta::assert_snapshot!(said_of(&repository, texts));
}

#[test]
fn each_problem_of_a_repository_is_told_with_line_and_hint() {
    let repository = with_files();
    let texts = REPOSITORIES.iter().map(|text| format!("{text}\n"));
    insta::assert_snapshot!(said_of(&repository, texts));
}

#[cfg(feature = "buckets")]
#[test]
fn each_problem_of_a_bucket_is_told_and_no_password() {
    let repository = with_files();
    let texts = BUCKETS.iter().map(|text| format!("{text}\n"));
    let said = said_of(&repository, texts);
    let told = said.lines().filter(|line| line.starts_with("  ")).collect::<String>();
    assert!(!told.contains("secret"), "{told}");
    insta::assert_snapshot!(said);
}

/// What can be used, and is likely not what was meant, is no problem: `serve` warns of it too.
#[test]
fn what_is_likely_not_meant_is_warned_of() {
    let repository = with_files();
    repository.write("tls-key.pem", &read_fixture("golden/keys/acme-2048.pem"));
    repository.write("users", b"");
    let check = |text: &str, more: &[&str]| {
        repository.write("hexreg.toml", text.as_bytes());
        repository.chmod("hexreg.toml", 0o600);
        let arguments = ["config", "check", "hexreg.toml"];
        let hexreg = repository.hexreg().env("HEXREG_LISTN", "127.0.0.1:1");
        hexreg.run(arguments.iter().chain(more).copied()).ok()
    };
    let misspelled = "HEXREG_LISTN has no effect; did you mean HEXREG_LISTEN?";
    let key = format!("{RIGHT}private-key = \"key.pem\"\n");
    repository.chmod("key.pem", 0o600);
    let said = check(&key, &[]).stderr;
    assert!(said.contains(&format!("warning: {misspelled}\n")), "{said}");
    assert!(said.contains("warning: `private-key` has no effect without `auth-file`"), "{said}");
    let json: serde_json::Value = serde_json::from_str(&check(&key, &["--json"]).stdout).unwrap();
    assert_eq!(json["warnings"].as_array().unwrap().len(), 2, "{json}");

    repository.chmod("users", 0o640);
    repository.chmod("key.pem", 0o604);
    let said = check(&format!("auth-file = \"users\"\n{key}"), &[]).stderr;
    assert!(said.contains("warning: users can be read or changed by others"), "{said}");
    assert!(said.contains("warning: key.pem can be read or changed by others"), "{said}");
    assert!(!said.contains("has no effect without"), "{said}");
}

/// The file is right, and what is wrong is elsewhere.
#[test]
fn a_wrong_variable_is_not_blamed_on_the_file() {
    let repository = with_files();
    repository.write("hexreg.toml", RIGHT.as_bytes());
    let hexreg = repository.hexreg().env("HEXREG_LISTEN", "8000");
    let ran = hexreg.run(["config", "check", "hexreg.toml"]);
    let said = "error: the environment has 1 problem\n  HEXREG_LISTEN: `listen` is \"8000\"";
    assert!(ran.code == 1 && ran.stderr.starts_with(said), "{}", ran.stderr);
}

#[test]
fn all_problems_are_told_at_once() {
    let repository = with_files();
    let text = "listen = 1\nurl = \"x\"\nquiet = 1\nmax-connections = 0\nlisten2 = 1\nreplace = \"x\"\n\
        auth-file = \"none\"\nname = \"acme\"\n[[repository]]\nat = \"none\"\n[[repository]]\nname = \"b\"\nat = 1\n";
    repository.write("hexreg.toml", text.as_bytes());
    let ran =
        repository.hexreg().env("HEXREG_LOG_FORMAT", "xml").run(["config", "check", "hexreg.toml"]);
    insta::assert_snapshot!(ran.stderr);
}

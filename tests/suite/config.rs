//! The configuration file of `hexreg serve`: what it takes, and what it says of a wrong one.

mod problems;
#[cfg(feature = "mirror")]
mod pull_through;
mod reloading;
mod slow;

use crate::support::repository::TestRepository;
use crate::support::server::Server;

/// `public`, built, with a token in `readers`.
fn repository() -> TestRepository {
    let repository = TestRepository::new().samples();
    repository.build(&[]).ok();
    repository
}

#[test]
fn a_file_that_can_be_used() {
    let repository = repository();
    let text = "[[repository]]\nname = \"acme\"\nroot = true\nat = \"public\"\n";
    repository.write("hexreg.toml", text.as_bytes());
    repository.chmod("hexreg.toml", 0o644);
    let ran = repository.hexreg().run(["config", "check", "hexreg.toml"]).ok();
    assert_eq!(
        (ran.stdout.as_str(), ran.stderr.as_str()),
        ("hexreg.toml can be used: 1 repository\n", "")
    );
    let ran = repository.hexreg().run(["config", "check", "hexreg.toml", "--json"]).ok();
    assert_eq!(ran.stdout, "{\"file\":\"hexreg.toml\",\"repositories\":1}\n");
    repository.chmod("hexreg.toml", 0o664);
    let ran = repository.hexreg().run(["config", "check", "hexreg.toml"]).ok();
    assert_eq!(
        ran.stderr,
        "warning: hexreg.toml can be changed by others (mode 664): chmod go-w it\n"
    );
}

#[test]
fn problems_as_json() {
    let repository = repository();
    repository.write("hexreg.toml", b"listen = 1\n[[repository]]\nroot = true\nat = \"public\"\n");
    let ran = repository.hexreg().run(["config", "check", "hexreg.toml", "--json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""));
    insta::assert_snapshot!(ran.stdout);
}

/// A systemd unit starts in `/`.
#[test]
fn paths_are_relative_to_the_file_and_variables_to_the_working_directory() {
    let repository = repository();
    repository.hexreg().run(["auth", "add", "readers", "ci"]).ok();
    let text = "auth-file = \"../readers\"\nlisten = \"127.0.0.1:0\"\n\
        [[repository]]\nname = \"acme\"\nat = \"../public\"\nprivate-key = \"file:../key.pem\"\n";
    repository.write("etc/hexreg.toml", text.as_bytes());
    let file = repository.path("etc/hexreg.toml");
    let file = file.to_str().unwrap();
    let mut elsewhere = repository.hexreg().command();
    assert!(elsewhere.args(["config", "check", file]).current_dir("/").status().unwrap().success());
    let check = |readers: &str| {
        let hexreg = repository.hexreg().env("HEXREG_AUTH_FILE", readers);
        hexreg.run(["config", "check", "etc/hexreg.toml"])
    };
    check("readers").ok();
    let ran = check("../readers");
    assert!(
        ran.stderr.contains("HEXREG_AUTH_FILE: `auth-file`: could not read ../readers"),
        "{}",
        ran.stderr
    );
}

#[test]
fn variables_take_the_place_of_keys_and_of_parts_of_values() {
    let repository = repository();
    let text = "listen = \"127.0.0.1:1\"\ntrusted-proxy = [\"192.0.2.1\"]\nquiet = true\n\
        [[repository]]\nname = \"${NAME:-acme}\"\nat = \"${DIR}lic\"\nprivate-key = \"${KEY}\"\n";
    repository.write("hexreg.toml", text.as_bytes());
    let key = String::from_utf8(repository.read("key.pem")).unwrap();
    for key in [key.as_str(), &key.replace('\n', "\\n"), "key.pem", "file:key.pem\n"] {
        let hexreg =
            repository.hexreg().env("DIR", "pub").env("KEY", key).env("HEXREG_QUIET", "false");
        hexreg
            .env("HEXREG_TRUSTED_PROXY", "192.0.2.2, 192.0.2.0/24")
            .run(["config", "check", "hexreg.toml"])
            .ok();
    }
    let hexreg = || repository.hexreg().env("DIR", "pub").env("KEY", "key.pem");
    for (name, value, expected) in [
        ("HEXREG_LISTEN", "8000", "HEXREG_LISTEN: `listen` is \"8000\": invalid socket address"),
        (
            "HEXREG_MAX_CONNECTIONS",
            "0",
            "HEXREG_MAX_CONNECTIONS: `max-connections` is 0: expected a number from 1",
        ),
        ("HEXREG_QUIET", "yes", "HEXREG_QUIET: \"yes\" is neither `true` nor `false`"),
        (
            "HEXREG_TRUSTED_PROXY",
            "192.0.2.1,x",
            "HEXREG_TRUSTED_PROXY: `trusted-proxy` is \"x\": expected an address",
        ),
    ] {
        let ran = hexreg().env(name, value).run(["config", "check", "hexreg.toml"]);
        assert!(ran.code == 1 && ran.stderr.contains(expected), "{}", ran.stderr);
    }
    // No variable takes the place of the repositories.
    hexreg().env("HEXREG_REPOSITORY", "x").run(["config", "check", "hexreg.toml"]).ok();
}

#[test]
fn hints_name_keys_where_there_is_a_file() {
    let repository = repository();
    let text = "listen = \"127.0.0.1:0\"\n[[repository]]\nroot = true\nat = \"public\"\nprivate-key = \"key.pem\"\n";
    repository.write("hexreg.toml", text.as_bytes());
    let server = Server::run(repository.root(), &["--config=hexreg.toml"]);
    assert!(server.said.contains("as behind a proxy, give `url`"), "{}", server.said);
    let log = String::from_utf8(repository.read("serve.log")).unwrap();
    let warning = "`private-key` has no effect without `auth-file`: clients publish with tokens.";
    assert!(log.contains(warning), "{log}");
    assert!(!server.said.contains("give --") && !log.contains("give --"));
}

#[test]
fn a_file_of_another_kind_is_refused_at_once() {
    let repository = repository();
    let pipe = repository.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    repository.write("large.toml", &vec![b'\n'; (4 << 20) + 1]);
    repository.write("binary.toml", b"a = \"\xff\"");
    for (file, said) in [
        ("none", "could not read none: No such file or directory (os error 2)"),
        ("pipe", "could not read pipe: it is a pipe that nothing was written to"),
        ("public", "could not read public: Is a directory (os error 21)"),
        ("/dev/zero", "could not read /dev/zero: it has more than 4194304 bytes"),
        ("large.toml", "could not read large.toml: it has more than 4194304 bytes"),
        ("binary.toml", "could not read binary.toml: it is not UTF-8"),
    ] {
        for arguments in [&["config", "check", file][..], &["serve", "--config", file]] {
            let ran = repository.hexreg().run(arguments.iter().copied());
            assert_eq!((ran.code, ran.stderr.trim_end()), (2, format!("error: {said}").as_str()));
        }
    }
}

/// A password in the URL of a bucket is repeated by no message, not by clap either.
#[cfg(feature = "buckets")]
#[test]
fn buckets_as_arguments() {
    let repository = repository();
    let refused = |arguments: &[&str]| {
        let ran = repository.hexreg().run(["serve"].iter().chain(arguments).copied());
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(!ran.stderr.contains("secret"), "{}", ran.stderr);
        ran.stderr
    };
    let url = "s3://user:secret@bucket/acme";
    for arguments in
        [&[url][..], &["--repo", &format!("acme={url}")], &[&format!("--repo=acme={url}")]]
    {
        let said = refused(arguments);
        assert!(said.contains("it contains a user name or a password"), "{said}");
    }
    let said = refused(&["--repo", &format!("a b={url}")]);
    assert!(said.contains("\"a b\" is not a repository name"), "{said}");
    let said = refused(&["public", "--endpoint=http://127.0.0.1:1"]);
    assert!(said.contains("--endpoint is for buckets, and public is a directory"), "{said}");
    let said = refused(&["--repo=acme=public", "--assume-single-writer"]);
    assert!(said.contains("--assume-single-writer is for buckets, and public is"), "{said}");
    let said = refused(&["s3://bucket/acme", "--endpoint=nonsense"]);
    assert!(said.contains("--endpoint is `nonsense`, which is no endpoint"), "{said}");
    let said = refused(&["s3://bucket/acme", "--cache-size=1GB"]);
    assert!(said.contains("expected a number of bytes, as in 512MiB or 10GiB"), "{said}");
}

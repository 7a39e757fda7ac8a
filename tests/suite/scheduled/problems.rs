//! Wrong configurations of mirrors: each is told with its line, and with what to do.

use std::fmt::Write;

use crate::support::repository::TestRepository;

/// The upstream, where that is not what is wrong.
const UPSTREAM: &str =
    "upstream = \"https://hex.example.com\"\nupstream-key = \"public/public_key\"\n";

/// What is wrong in a repository that has a `name` and an `at`.
const WRONG: &[&str] = &[
    "mirror = { all = true }",
    "mirror = { every = \"1h\" }",
    "mirror = { every = \"1h\", locks = [] }",
    "mirror = { every = \"1h\", all = true, locks = [\"*.lock\"] }",
    "mirror = { every = \"1h\", all = true, only = [\"foo\"] }",
    "mirror = { every = \"1h\", locks = [\"[.lock\"] }",
    "mirror = { every = \"1h\", only = [\"foo@>>1\"] }",
    "mirror = { every = \"soon\", all = true }",
    "mirror = { every = \"0s\", all = true }",
    "mirror = { every = 60, all = true }",
    "mirror = { every = \"1h\", all = \"yes\" }",
    "mirror = { every = \"1h\", all = true, jobs = 0 }",
    "mirror = { every = \"1h\", all = true, docz = true }",
    "mirror = { every = \"1h\", all = true, accept = [\"foo\"] }",
    "mirror = { evry = \"1h\", al = true }",
    "mirror = { every = \"1h\", onyl = [\"foo\"] }",
    "upstream = \"https://repo.hex.pm\"\nmirror = { every = \"1h\", all = true }",
    "upstream = \"https://repo.hex.pm/\"\nupstream-name = \"other\"\nmirror = { every = \"1h\", all = true }",
    "mirror = \"1h\"",
    "upstream = \"https://hex.example.com\"",
    "accept = [\"foo\"]",
    "private-key = \"key.pem\"\nmirror = { every = \"1h\", all = true }",
    "upstream = \"https://hex.example.com\"\nmirror = { every = \"1h\", all = true }",
    "upstream = \"hex.example.com\"\nupstream-key = \"public/public_key\"\nmirror = { every = \"1h\", all = true }",
    "upstream = \"https://me:SECRET@hex.example.com\"\nupstream-key = \"public/public_key\"\nmirror = { every = \"1h\", all = true }",
    "upstream-auth = \"SECRET\"\nupstream = \"https://hex.example.com\"\nupstream-key = \"public/public_key\"\nmirror = { every = \"1h\", all = true }",
    "upstream-auth = \"Bearer SECRET\"\nmirror = { evry = \"1h\", all = true }",
    "upstream-key = \"none.pem\"\nupstream = \"https://hex.example.com\"\nmirror = { every = \"1h\", all = true }",
    "mirror = { every = \"1h\", all = true }\nupstream-name = \"hexpm\"\nupstream-auth = \"\"",
    "upstream-name = \"a b\"\nmirror = { every = \"1h\", all = true }",
    "accept = [\"A B\"]\nmirror = { every = \"1h\", all = true }",
];

#[test]
fn problems_have_their_lines_and_what_to_do() {
    let repository = TestRepository::new().samples();
    repository.build(&[]).ok();
    let mut told = String::new();
    for wrong in WRONG {
        let has_upstream = wrong.contains("upstream =") || !wrong.contains("mirror = {");
        let upstream = if has_upstream { "" } else { UPSTREAM };
        let config = format!("[[repository]]\nname = \"acme\"\nat = \"copy\"\n{upstream}{wrong}\n");
        repository.write("hexreg.toml", config.as_bytes());
        let ran = repository.hexreg().run(["config", "check", "hexreg.toml"]);
        assert_eq!(ran.code, if ran.stderr.contains("problem") { 1 } else { 2 }, "{wrong}");
        assert!(!ran.stderr.contains("SECRET"), "{}", ran.stderr);
        writeln!(told, "{wrong}\n{}", ran.stderr.replace("SECRET", "???")).unwrap();
    }
    insta::assert_snapshot!(told.replace("me:SECRET", "me:???").replace("SECRET", "(a secret)"));
}

/// It may come later, and a run without it fails.
#[test]
fn lock_files_that_are_not_there_yet_are_warned_of() {
    let repository = TestRepository::new().samples();
    repository.build(&[]).ok();
    let config = format!(
        "[[repository]]\nname = \"acme\"\nat = \"copy\"\n{UPSTREAM}\
         mirror = {{ every = \"1h\", locks = [\"locks/*.lock\"] }}\n"
    );
    repository.write("hexreg.toml", config.as_bytes());
    let check = || repository.hexreg().run(["config", "check", "hexreg.toml"]).ok().stderr;
    let said = check();
    let warning =
        "warning: hexreg.toml:6: `locks`: no lock file matches locks/*.lock yet; copy one there";
    assert!(said.contains(warning), "{said}");
    repository.write("locks/a.lock", b"%{}\n");
    assert!(!check().contains("no lock file"));
}

/// A mirror removes what no lock file pins, also if a client has asked for it.
#[test]
fn pruning_what_clients_have_fetched_is_warned_of() {
    let repository = TestRepository::new().samples();
    repository.build(&[]).ok();
    repository.write("locks/a.lock", b"%{}\n");
    let warned = |pull: &str, prune: &str| {
        let config = format!(
            "[[repository]]\nname = \"acme\"\nat = \"copy\"\n{UPSTREAM}{pull}\
             mirror = {{ every = \"1h\", locks = [\"locks/*.lock\"]{prune} }}\n"
        );
        repository.write("hexreg.toml", config.as_bytes());
        let said = repository.hexreg().run(["config", "check", "hexreg.toml"]).ok().stderr;
        said.contains("`prune` removes what no lock file pins, also what clients have fetched")
    };
    assert!(warned("pull-through = true\n", ", prune = true"));
    assert!(warned("pull-through = { size = \"1GiB\" }\n", ", prune = true"));
    assert!(!warned("pull-through = true\n", ""));
    assert!(!warned("pull-through = false\n", ", prune = true"));
    assert!(!warned("", ", prune = true"));
}

/// The files that a service manager hands over are named by a variable.
#[test]
fn a_variable_may_name_the_folder_of_the_credentials() {
    let repository = TestRepository::new().samples();
    repository.build(&[]).ok();
    for auth in ["file:${CREDENTIALS_DIRECTORY}/hex", "${KEY}", "netrc", "env:KEY"] {
        let config = format!(
            "[[repository]]\nname = \"acme\"\nat = \"copy\"\nupstream = \"https://hex.example.com\"\n\
             upstream-key = \"public/public_key\"\nupstream-auth = \"{auth}\"\n\
             mirror = {{ every = \"1h\", all = true }}\n"
        );
        repository.write("hexreg.toml", config.as_bytes());
        let hexreg = repository.hexreg().env("CREDENTIALS_DIRECTORY", "/run/credentials");
        hexreg.env("KEY", "secret").run(["config", "check", "hexreg.toml"]).ok();
    }
}

//! Each rule by itself, and what a policy accepts.

use super::company::{Company, STRICT};
use crate::support::hexreg::Ran;
use crate::support::signed::name_releases;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// Checks a `mix.lock` with these entries by this policy, against both registries.
pub fn check(company: &Company, policy: &str, entries: &[&str]) -> Ran {
    company.repository.write("strict.toml", policy.as_bytes());
    company.repository.write("mix.lock", format!("%{{\n{}}}\n", entries.concat()).as_bytes());
    company.check("mix.lock", &["--from=public"])
}

/// The rules that are broken.
pub fn broken(ran: &Ran) -> Vec<&str> {
    let headlines = ran.stdout.lines().filter(|line| !line.starts_with("  "));
    let marked = headlines.filter_map(|line| line.strip_suffix(']')?.rsplit_once('['));
    marked.map(|(_, rule)| rule).collect()
}

const ALLOW_ALL: &str = "[[repository]]\nname = \"hexpm\"\n";

#[test]
fn a_sound_lock_file_has_no_finding() {
    let company = Company::new();
    let sound = company.mix_entry("sound", "1.0.0", "hexpm");
    let either = company.mix_entry("either", "1.0.0", "hexpm");
    let tool = company.mix_entry("tool", "1.0.0", "acme");
    insta::assert_snapshot!(check(&company, STRICT, &[&sound, &either, &tool]).transcript(), @r"
exit code: 0
--- stdout
1 lock file, 3 dependencies: no finding
--- stderr
");
}

#[test]
fn a_lock_file_without_an_entry() {
    let company = Company::new();
    assert_eq!(
        check(&company, STRICT, &[]).ok().stdout,
        "1 lock file, 0 dependencies: nothing to check\n"
    );
    company.repository.write("mix.lock", b"");
    assert_eq!(
        company.check("mix.lock", &[]).ok().stdout,
        "1 lock file, 0 dependencies: nothing to check\n"
    );
}

#[test]
fn an_allow_list_names_what_is_not_on_it() {
    let company = Company::new();
    let policy =
        "[[repository]]\nname = \"hexpm\"\ndefault = \"deny\"\nallow = [{ package = \"sound\" }]\n";
    let entries = ["sound", "either"].map(|name| company.mix_entry(name, "1.0.0", "hexpm"));
    let ran = check(&company, policy, &[&entries[0], &entries[1]]);
    insta::assert_snapshot!(ran.transcript(), @r"
    exit code: 1
    --- stdout
    mix.lock:3: hexpm/either 1.0.0: policy strict.toml does not allow it: it is not on its list [not-allowed]
      no version of it is allowed: use another package, or add an exception to the policy
    1 lock file, 2 dependencies: 1 finding
    --- stderr
    ");
}

/// Releases, git dependencies and others, each in its line.
#[test]
fn findings_are_in_the_order_of_the_file() {
    let company = Company::new();
    let git =
        format!("  \"fork\": {{:git, \"https://git.example.com/fork.git\", \"{COMMIT}\", []}},\n");
    let entries = [
        "  \"local\": {:path, \"../local\"},\n",
        &git,
        &company.mix_entry("denied", "1.0.0", "hexpm"),
        "  \"mercurial\": {:hg, \"https://hg.example.com/a\", \"tip\"},\n",
        &company.mix_entry("retired", "1.0.0", "hexpm"),
    ];
    let ran = check(&company, STRICT, &entries);
    assert_eq!(broken(&ran), ["other-source", "git", "denied", "other-source", "retired"]);
}

#[test]
fn what_is_beyond_a_policy_may_be_accepted() {
    let company = Company::new();
    let policy = r#"git = [{ app = "fork", url = "https://git.example.com/fork.git" }]
[[repository]]
name = "hexpm"
licenses = ["MIT", "Apache-2.0", "GPL-3.0-only"]
except = [{ package = "unlicensed", requirement = "== 1.0.0", license = true }]
allow-public = ["secretlib"]
[[repository]]
name = "acme"
allow-public = ["secretlib"]
"#;
    company.repository.write("strict.toml", policy.as_bytes());
    for lock in ["mix.lock", "rebar.lock", "manifest.toml"] {
        company.check(lock, &["--from=public"]).ok();
    }
}

#[test]
fn a_git_dependency_is_accepted_by_its_name_and_url() {
    let company = Company::new();
    let entry = |url: &str| format!("  \"fork\": {{:git, \"{url}\", \"{COMMIT}\", []}},\n");
    let accepted = "git = [{ app = \"APP\", url = \"https://git.example.com/fork.git\" }]\n";
    let findings = |app: &str, url: &str| {
        let policy = accepted.replace("APP", app) + ALLOW_ALL;
        check(&company, &policy, &[&entry(url)])
    };
    findings("fork", "https://git.example.com/fork.git").ok();
    findings("fork", "https://ci:secret@git.example.com/fork.git").ok();
    assert_eq!(broken(&findings("tool", "https://git.example.com/fork.git")), ["git"]);
    assert_eq!(broken(&findings("fork", "https://git.example.com/fork.git.evil.example")), ["git"]);
    let secret = findings("tool", "https://ci:secret@git.example.com/fork.git?token=secret");
    assert!(!secret.transcript().contains("secret"), "{}", secret.transcript());
    // What hides a secret is no URL that a policy can accept.
    assert!(secret.stdout.contains("  use a release of a registry\n"), "{}", secret.stdout);
}

#[test]
fn one_commit_of_a_git_dependency_is_accepted() {
    let company = Company::new();
    let entry =
        format!("  \"fork\": {{:git, \"git@git.example.com:fork.git\", \"{COMMIT}\", []}},\n");
    let findings = |commit: &str| {
        let git = format!(
            "git = [{{ app = \"fork\", url = \"git@git.example.com:fork.git\", commit = \"{commit}\" }}]\n"
        );
        check(&company, &(git + ALLOW_ALL), &[&entry])
    };
    findings(COMMIT).ok();
    assert_eq!(broken(&findings(&"a".repeat(40))), ["git"]);
}

/// git takes what is before a `:` for the host.
#[test]
fn another_host_in_the_place_of_a_user_is_not_accepted() {
    let company = Company::new();
    let policy = format!(
        "git = [{{ app = \"fork\", url = \"git@git.example.com:x/fork.git\" }}]\n{ALLOW_ALL}"
    );
    for url in [
        "evil.example:b@git@git.example.com:x/fork.git",
        "evil.example:y/******@git@git.example.com:x/fork.git",
        "ssh://git@git.example.com/x/fork.git",
    ] {
        let entry = format!("  \"fork\": {{:git, \"{url}\", \"{COMMIT}\", []}},\n");
        assert_eq!(broken(&check(&company, &policy, &[&entry])), ["git"], "{url}");
    }
}

#[test]
fn dependencies_from_elsewhere() {
    let company = Company::new();
    let entries = [
        "  \"branch\": {:git, \"https://git.example.com/a.git\", \"main\", []},\n",
        "  \"mercurial\": {:hg, \"https://hg.example.com/a\", \"tip\"},\n",
        "  \"local\": {:path, \"../local\"},\n",
        "  \"odd\": {:fossil, \"https://example.com/a\"},\n",
    ];
    insta::assert_snapshot!(check(&company, ALLOW_ALL, &entries).transcript(), @r#"
    exit code: 1
    --- stdout
    mix.lock:2: branch: it comes from git at "main", which is no commit and may move [git]
      let the build tool lock a commit, or use a release of a registry
    mix.lock:3: mercurial: it comes from Mercurial [other-source]
      use a release of a registry
    mix.lock:4: local: it is a directory, which the build tool never locks [other-source]
      remove the entry: it may hide the package that is fetched
    mix.lock:5: odd: it comes from `fossil`, which hexreg does not know [other-source]
      use a release of a registry
    1 lock file, 4 dependencies: 4 findings
    --- stderr
    warning: strict.toml:1: this [[repository]] restricts nothing; add a rule, such as minimum-severity = "high", or remove it
    "#);
}

/// Gleam locks directories of the project, such as the other packages of a monorepo.
#[test]
fn a_directory_of_a_gleam_project() {
    let company = Company::new();
    let local = "{ name = \"ours\", version = \"1.0.0\", build_tools = [\"gleam\"], requirements = [], source = \"local\", path = \"../ours\" }";
    company.repository.write("manifest.toml", format!("packages = [\n  {local},\n]\n").as_bytes());
    let ran = company.check("manifest.toml", &[]).ok();
    assert_eq!(ran.stdout, "1 lock file, 1 dependency: no finding\n");
}

#[test]
fn a_checksum_that_differs_from_the_registry() {
    let company = Company::new();
    let outer = company.outer("hex", "sound", "1.0.0");
    let entry = company.mix_entry("sound", "1.0.0", "hexpm").replace(&outer, &"a".repeat(64));
    insta::assert_snapshot!(check(&company, STRICT, &[&entry]).transcript(), @r"
    exit code: 1
    --- stdout
    mix.lock:2: hexpm/sound 1.0.0: its outer checksum is AAAAAAAAAAAA… in the lock file and C6DAFADD8C2F… in hexpm [checksum]
      find out whether the lock file or the release was changed, before you lock it anew
    1 lock file, 1 dependency: 1 finding
    --- stderr
    ");
    let inner = format!("\"1.0.0\", \"{}\"", "b".repeat(64));
    let entry = company.mix_entry("sound", "1.0.0", "hexpm").replace("\"1.0.0\", nil", &inner);
    let ran = check(&company, STRICT, &[&entry]);
    assert_eq!(broken(&ran), ["checksum"]);
    assert!(
        ran.stdout.contains("its inner checksum is BBBBBBBBBBBB… in the lock file"),
        "{}",
        ran.stdout
    );
}

#[test]
fn what_no_registry_has() {
    let company = Company::new();
    let sound = company.mix_entry("sound", "1.0.0", "hexpm");
    let version = sound.replace("\"1.0.0\"", "\"9.9.9\"");
    let package = sound.replace("sound", "absent");
    let repository = sound.replace("\"sound\"", "\"other\"").replace("hexpm", "other");
    let ran = check(&company, STRICT, &[&version, &package, &repository]);
    insta::assert_snapshot!(ran.transcript(), @r"
    exit code: 1
    --- stdout
    mix.lock:2: hexpm/sound 9.9.9: hexpm has no sound 9.9.9 (in hex) [unknown-release]
      lock another version, or find out where this one comes from: it may have been reverted
    mix.lock:3: hexpm/absent 1.0.0: hexpm has no such package (in hex) [unknown-release]
      lock another version, or find out where this one comes from: it may have been reverted
    mix.lock:4: other/sound 1.0.0: it is not judged: no --from is the repository other [unknown-repository]
      add --from with a directory, bucket or URL of other
    1 lock file, 3 dependencies: 3 findings
    --- stderr
    ");
}

#[test]
fn an_application_that_is_locked_twice() {
    let company = Company::new();
    let old = company.mix_entry("vulnerable", "1.0.0", "hexpm");
    let new = company.mix_entry("vulnerable", "1.0.1", "hexpm");
    // mix takes the last entry.
    insta::assert_snapshot!(check(&company, STRICT, &[&old, &new]).transcript(), @r"
    exit code: 1
    --- stdout
    mix.lock:3: vulnerable: `vulnerable` is locked twice: using vulnerable 1.0.1 of hexpm (46B4FBF5BA8D…), as the build tool does; ignoring vulnerable 1.0.0 of hexpm (48E3F105D58A…) [locked-twice]
      remove the entry that is wrong; let the build tool lock anew if in doubt
    1 lock file, 1 dependency: 1 finding
    --- stderr
    ");
}

/// A package that forgets `repo:` takes the one of hex.pm.
#[test]
fn the_public_package_of_a_private_name_is_found() {
    let company = Company::new();
    let entry = company.mix_entry("secretlib", "9.0.0", "hexpm");
    insta::assert_snapshot!(check(&company, STRICT, &[&entry]).transcript(), @r#"
    exit code: 1
    --- stdout
    mix.lock:2: hexpm/secretlib 9.0.0: hexpm and acme both have a package secretlib; hexpm is locked [namesake]
      if that of acme is meant, write `repo: "acme"` in mix.exs, also in packages of yours that need it; if hex.pm's is meant, accept it in the policy, below name = "hexpm": allow-public = ["secretlib"]
    1 lock file, 1 dependency: 1 finding
    --- stderr
    "#);
}

/// A name that is accepted while the package of the company is locked is not accepted for a stranger's.
#[test]
fn a_public_name_is_accepted_for_the_locked_repository_alone() {
    let company = Company::new();
    let policy = "[[repository]]\nname = \"acme\"\nallow-public = [\"secretlib\"]\n";
    let own = company.mix_entry("secretlib", "1.0.0", "acme");
    check(&company, policy, &[&own]).ok();
    let public = company.mix_entry("secretlib", "9.0.0", "hexpm");
    assert_eq!(broken(&check(&company, policy, &[&public])), ["namesake"]);
}

/// The package would be compiled as another application, in the place of that one's package.
#[test]
fn a_package_that_is_locked_as_another_application() {
    let company = Company::new();
    let entry = company.mix_entry("sound", "1.0.0", "hexpm").replacen("\"sound\"", "\"tool\"", 1);
    insta::assert_snapshot!(check(&company, STRICT, &[&entry]).transcript(), @r#"
    exit code: 1
    --- stdout
    mix.lock:2: hexpm/sound 1.0.0: it is locked as the application tool, and acme has a package tool [namesake]
      check that sound is meant, and then accept it in the policy, below name = "hexpm": allow-public = ["tool"]
    1 lock file, 1 dependency: 1 finding
    --- stderr
    "#);
    let accepted = "[[repository]]\nname = \"hexpm\"\nallow-public = [\"tool\"]\n";
    check(&company, accepted, &[&entry]).ok();
    // No registry has a package of this name.
    let alias = company.mix_entry("sound", "1.0.0", "hexpm").replacen("\"sound\"", "\"alias\"", 1);
    check(&company, STRICT, &[&alias]).ok();
}

/// hex.pm signs the packages of `hexpm:acme` as those of `acme`.
#[test]
fn an_organisation_of_hex_pm() {
    let company = Company::new();
    let entry = company.mix_entry("tool", "1.0.0", "acme").replace("\"acme\"", "\"hexpm:acme\"");
    for name in ["acme", "hexpm:acme"] {
        let policy =
            format!("[[repository]]\nname = \"{name}\"\ndeny = [{{ package = \"tool\" }}]\n");
        let ran = check(&company, &policy, &[&entry]);
        assert_eq!(broken(&ran), ["denied"], "{}", ran.transcript());
        assert!(ran.stdout.contains(" hexpm:acme/tool 1.0.0: "), "{}", ran.stdout);
    }
}

/// `rebar.lock` does not name the repository; the checksum says which is meant.
#[test]
fn rebar3_took_the_package_whose_checksum_is_locked() {
    let company = Company::new();
    let lock = |registry: &str, version: &str| {
        let outer = company.outer(registry, "secretlib", version);
        let lock = format!(
            "{{\"1.2.0\",[{{<<\"secretlib\">>,{{pkg,<<\"secretlib\">>,<<\"{version}\">>}},0}}]}}.\n\
             [{{pkg_hash_ext,[{{<<\"secretlib\">>,<<\"{outer}\">>}}]}}].\n"
        );
        company.repository.write("rebar.lock", lock.as_bytes());
        company.check("rebar.lock", &["--from=public"])
    };
    let public = lock("hex", "9.0.0");
    assert!(public.stdout.contains("rebar.lock:1: hexpm/secretlib 9.0.0: "), "{}", public.stdout);
    let own = lock("public", "1.0.0");
    assert!(own.stdout.contains("rebar.lock:1: acme/secretlib 1.0.0: "), "{}", own.stdout);
    assert_eq!((broken(&public), broken(&own)), (vec!["namesake"], vec!["namesake"]));
}

#[test]
fn without_the_tarball_a_licence_is_not_known() {
    let company = Company::new();
    company.repository.remove("hex/tarballs/sound-1.0.0.tar");
    let tarball = company.outer("hex", "either", "1.0.0");
    let entry = company.mix_entry("either", "1.0.0", "hexpm").replace("either", "sound");
    let signed =
        crate::support::signed::release(&company.repository, "hex/packages/sound", "1.0.0");
    let entry = entry.replace(&tarball, &signed.outer_checksum.to_string().to_lowercase());
    insta::assert_snapshot!(check(&company, STRICT, &[&entry]).transcript(), @r"
    exit code: 1
    --- stdout
    mix.lock:2: hexpm/sound 1.0.0: policy strict.toml: its licence is not known: hex has no tarball of it [license]
      give a --from that has the tarballs
    1 lock file, 1 dependency: 1 finding
    --- stderr
    ");
}

/// Its metadata, and so its licence, is believed only of the tarball that was signed.
#[test]
fn another_tarball_than_the_signed_one_stops_the_check() {
    let company = Company::new();
    let entry = company.mix_entry("copyleft", "1.0.0", "hexpm");
    let other = company.repository.read("hex/tarballs/sound-1.0.0.tar");
    company.repository.write("hex/tarballs/copyleft-1.0.0.tar", &other);
    insta::assert_snapshot!(check(&company, STRICT, &[&entry]).transcript(), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: could not read hex/tarballs/copyleft-1.0.0.tar: its checksum is C6DAFADD8C2F…, and that of its release AB5D6F5716C2…
    hint: check the registry with `hexreg verify`
    ");
}

/// A package whose file another key signed says nothing.
#[test]
fn a_file_of_another_key_stops_the_check() {
    let company = Company::new();
    name_releases(&company.repository, "hex", "sound", &["1.0.0"]);
    let entry = company.mix_entry("sound", "1.0.0", "hexpm");
    insta::assert_snapshot!(check(&company, STRICT, &[&entry]).transcript(), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: could not read hex/packages/sound: its signature is not that of SHA256:bUESh9wmx18yY9JtcpqOqn6e0Z2Wcb9Ro4nfpdG8MNs
    hint: give the --public-key that signed it, if that is another one
    ");
}

//! What is found in the lock files of mix, rebar3 and Gleam: a denied, a vulnerable, a retired, a young and an unlicensed
//! release, a name that two repositories have, and a git dependency.

use super::company::Company;

/// The output, with the day on which the young release is old enough blanked.
fn check(lock: &str) -> String {
    let ran = Company::new().check(lock, &["--from=public"]);
    let transcript = ran.transcript();
    match transcript.split_once("old enough on ") {
        Some((before, after)) => format!("{before}old enough on DATE{}", &after[10..]),
        None => transcript,
    }
}

#[test]
fn of_mix() {
    insta::assert_snapshot!(check("mix.lock"), @r#"
    exit code: 1
    --- stdout
    mix.lock:3: hexpm/denied 1.0.0: policy strict.toml denies it (deny denied < 1.1.0: SEC-12) [denied]
      1.1.0 is the newest version that is allowed: require it in mix.exs, and run `mix deps.update denied`
    mix.lock:4: hexpm/vulnerable 1.0.0: policy strict.toml: it has a security advisory of severity high or above: GHSA-1 [advisory]
      1.0.1 is the newest version that is allowed: require it in mix.exs, and run `mix deps.update vulnerable`
    mix.lock:5: hexpm/retired 1.0.0: policy strict.toml: it is retired (security) [retired]
      no version of it is allowed: use another package, or add an exception to the policy
    mix.lock:6: hexpm/young 2.0.0: policy strict.toml: it was published less than 7d ago: old enough on DATE [cooldown]
      1.0.0 is the newest version that is allowed: require it in mix.exs, and run `mix deps.update young`
    mix.lock:7: hexpm/unlicensed 1.0.0: policy strict.toml: it has no licence [license]
      use another package, or accept it: except = [{ package = "unlicensed", license = true }]
    mix.lock:8: hexpm/copyleft 1.0.0: policy strict.toml: its licence is not accepted: "GPL-3.0-only" [license]
      use another package, or add "GPL-3.0-only" to `licenses`, or accept it: except = [{ package = "copyleft", license = true }]
    mix.lock:10: acme/secretlib 1.0.0: acme and hexpm both have a package secretlib; acme is locked [namesake]
      check that mix.exs says `repo: "acme"`, also in packages of yours that need it, and then accept it in the policy, below name = "acme": allow-public = ["secretlib"]
    mix.lock:11: fork: it comes from git, https://git.example.com/fork.git at 0123456789ab, which no registry vouches for [git]
      use a release of a registry, or accept it in the policy: git = [{ app = "fork", url = "https://git.example.com/fork.git" }]
    1 lock file, 10 dependencies: 8 findings
    --- stderr
    "#);
}

#[test]
fn of_rebar3() {
    insta::assert_snapshot!(check("rebar.lock"), @r#"
    exit code: 1
    --- stdout
    rebar.lock:3: hexpm/denied 1.0.0: policy strict.toml denies it (deny denied < 1.1.0: SEC-12) [denied]
      1.1.0 is the newest version that is allowed: require it in rebar.config, and run `rebar3 upgrade denied`
    rebar.lock:4: hexpm/vulnerable 1.0.0: policy strict.toml: it has a security advisory of severity high or above: GHSA-1 [advisory]
      1.0.1 is the newest version that is allowed: require it in rebar.config, and run `rebar3 upgrade vulnerable`
    rebar.lock:5: hexpm/retired 1.0.0: policy strict.toml: it is retired (security) [retired]
      no version of it is allowed: use another package, or add an exception to the policy
    rebar.lock:6: hexpm/young 2.0.0: policy strict.toml: it was published less than 7d ago: old enough on DATE [cooldown]
      1.0.0 is the newest version that is allowed: require it in rebar.config, and run `rebar3 upgrade young`
    rebar.lock:7: hexpm/unlicensed 1.0.0: policy strict.toml: it has no licence [license]
      use another package, or accept it: except = [{ package = "unlicensed", license = true }]
    rebar.lock:8: hexpm/copyleft 1.0.0: policy strict.toml: its licence is not accepted: "GPL-3.0-only" [license]
      use another package, or add "GPL-3.0-only" to `licenses`, or accept it: except = [{ package = "copyleft", license = true }]
    rebar.lock:10: acme/secretlib 1.0.0: acme and hexpm both have a package secretlib; acme is locked [namesake]
      let rebar3 ask acme alone by `{repos, replace, […]}`, and then accept it in the policy, below name = "acme": allow-public = ["secretlib"]
    rebar.lock:11: fork: it comes from git, https://git.example.com/fork.git at 0123456789ab, which no registry vouches for [git]
      use a release of a registry, or accept it in the policy: git = [{ app = "fork", url = "https://git.example.com/fork.git" }]
    1 lock file, 10 dependencies: 8 findings
    --- stderr
    "#);
}

#[test]
fn of_gleam() {
    insta::assert_snapshot!(check("manifest.toml"), @r#"
    exit code: 1
    --- stdout
    manifest.toml:3: hexpm/denied 1.0.0: policy strict.toml denies it (deny denied < 1.1.0: SEC-12) [denied]
      1.1.0 is the newest version that is allowed: require it in gleam.toml, and run `gleam update denied`
    manifest.toml:4: hexpm/vulnerable 1.0.0: policy strict.toml: it has a security advisory of severity high or above: GHSA-1 [advisory]
      1.0.1 is the newest version that is allowed: require it in gleam.toml, and run `gleam update vulnerable`
    manifest.toml:5: hexpm/retired 1.0.0: policy strict.toml: it is retired (security) [retired]
      no version of it is allowed: use another package, or add an exception to the policy
    manifest.toml:6: hexpm/young 2.0.0: policy strict.toml: it was published less than 7d ago: old enough on DATE [cooldown]
      1.0.0 is the newest version that is allowed: require it in gleam.toml, and run `gleam update young`
    manifest.toml:7: hexpm/unlicensed 1.0.0: policy strict.toml: it has no licence [license]
      use another package, or accept it: except = [{ package = "unlicensed", license = true }]
    manifest.toml:8: hexpm/copyleft 1.0.0: policy strict.toml: its licence is not accepted: "GPL-3.0-only" [license]
      use another package, or add "GPL-3.0-only" to `licenses`, or accept it: except = [{ package = "copyleft", license = true }]
    manifest.toml:10: hexpm/secretlib 9.0.0: hexpm and acme both have a package secretlib; hexpm is locked [namesake]
      Gleam knows hex.pm alone: rename the package of acme; or, if hex.pm's is meant, accept it in the policy, below name = "hexpm": allow-public = ["secretlib"]
    manifest.toml:11: fork: it comes from git, https://git.example.com/fork.git at 0123456789ab, which no registry vouches for [git]
      use a release of a registry, or accept it in the policy: git = [{ app = "fork", url = "https://git.example.com/fork.git" }]
    1 lock file, 10 dependencies: 8 findings
    --- stderr
    "#);
}

//! Arguments and formats of `hexreg check`.

use serde_json::Value;

use super::company::Company;

fn run(company: &Company, arguments: &[&str]) -> String {
    company.repository.hexreg().run([&["check"], arguments].concat()).transcript()
}

#[test]
fn as_json() {
    let company = Company::new();
    let ran = company.check("mix.lock", &["--from=public", "--format=json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""));
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(json["dependencies"], 10);
    assert_eq!(json["findings"].as_array().unwrap().len(), 8);
    insta::assert_snapshot!(serde_json::to_string_pretty(&json["findings"][0]).unwrap(), @r#"
    {
      "advice": "1.1.0 is the newest version that is allowed: require it in mix.exs, and run `mix deps.update denied`",
      "file": "mix.lock",
      "line": 3,
      "message": "policy strict.toml denies it (deny denied < 1.1.0: SEC-12)",
      "package": "denied",
      "repository": "hexpm",
      "rule": "denied",
      "version": "1.0.0"
    }
    "#);
}

#[test]
fn a_failure_as_json() {
    let company = Company::new();
    insta::assert_snapshot!(run(&company, &["--lock=absent.lock", "--policy=strict.toml", "--from=hex", "--format=json"]), @r#"
    exit code: 2
    --- stdout
    {"error":"could not read absent.lock: No such file or directory (os error 2)"}
    --- stderr
    "#);
}

#[test]
fn a_lock_file_on_standard_input() {
    let company = Company::new();
    let lock = company.repository.read("mix.lock");
    let arguments = ["check", "--lock=-", "--policy=strict.toml", "--from=hex", "--from=public"];
    let ran = company.repository.hexreg().input(&lock).run(arguments);
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.starts_with("standard input:3: hexpm/denied 1.0.0: "), "{}", ran.stdout);
}

#[test]
fn without_hex_pm_its_names_are_not_compared() {
    let company = Company::new();
    let lock = format!("%{{\n{}}}\n", company.mix_entry("secretlib", "1.0.0", "acme"));
    company.repository.write("mix.lock", lock.as_bytes());
    insta::assert_snapshot!(run(&company, &["--lock=mix.lock", "--policy=strict.toml", "--from=public"]), @r"
    exit code: 0
    --- stdout
    1 lock file, 1 dependency: no finding
    --- stderr
    warning: policy strict.toml has rules for hexpm, and no package of it is locked: check that lock files and policy call it so
    warning: the names of your packages are not compared with hex.pm's: add --from with hex.pm or a mirror of it
    ");
}

#[test]
fn two_registries_of_one_name() {
    let company = Company::new();
    let arguments =
        ["--lock=mix.lock", "--policy=strict.toml", "--from=hex", "--from=public", "--from=hex"];
    insta::assert_snapshot!(run(&company, &arguments), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: hex and hex are both the repository hexpm
    hint: give --from once for each repository
    ");
}

#[test]
fn a_registry_without_names() {
    let company = Company::new();
    company.repository.remove("hex/names");
    insta::assert_snapshot!(run(&company, &["--lock=mix.lock", "--policy=strict.toml", "--from=hex"]), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: hex has no `names`
    hint: give a registry with its index of packages, or a mirror of one
    ");
}

#[test]
fn a_policy_with_a_fault() {
    let company = Company::new();
    company
        .repository
        .write("strict.toml", b"[[repository]]\nname = \"hexpm\"\nlicence = [\"MIT\"]\n");
    insta::assert_snapshot!(run(&company, &["--lock=mix.lock", "--policy=strict.toml", "--from=hex"]), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: strict.toml cannot be used as a policy
      strict.toml:3: [[repository]] has no key `licence`; it has name, minimum-severity, retired, cooldown, default, allow, deny, except, licenses, allow-public
    hint: each line says what to write instead; `hexreg policy set --help` has an example
    ");
}

#[test]
fn keys_that_were_given_are_those_of_the_registries() {
    let company = Company::new();
    let usual = ["--lock=mix.lock", "--policy=strict.toml", "--from=hex", "--from=public"];
    let with = |keys: &[&str]| run(&company, &[&usual[..], keys].concat());
    let both = with(&["--public-key=hex/public_key", "--public-key=public/public_key"]);
    assert!(both.starts_with("exit code: 1\n") && both.contains("8 findings"), "{both}");
    insta::assert_snapshot!(with(&["--public-key=public/public_key"]), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: could not read hex/names: its signature is not that of SHA256:roYMrL1Q60Kv7n0/VbgT2yw879NgEa+QKFvEt0/wKtU
    hint: give the --public-key that signed it, if that is another one
    ");
}

#[cfg(feature = "mirror")]
#[test]
fn credentials_are_for_one_host() {
    let company = Company::new();
    let arguments = [
        "--lock=mix.lock",
        "--policy=strict.toml",
        "--from=http://127.0.0.1:9/a",
        "--from=http://127.0.0.1:10/b",
        "--upstream-auth=env:TOKEN",
    ];
    insta::assert_snapshot!(run(&company, &arguments), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: --upstream-auth is given once, and there are URLs of 127.0.0.1:10 and 127.0.0.1:9
    hint: give --upstream-auth=netrc, which has credentials for each host
    ");
    let policies = [
        "--lock=mix.lock",
        "--policy=http://127.0.0.1:9/policies/strict",
        "--policy=http://127.0.0.1:10/policies/strict",
        "--policy-auth=env:TOKEN",
    ];
    insta::assert_snapshot!(run(&company, &policies), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: --policy-auth is given once, and there are URLs of 127.0.0.1:10 and 127.0.0.1:9
    hint: give --policy-auth=netrc, which has credentials for each host
    ");
}

/// mix takes a file that Elixir cannot evaluate for an empty one, and rebar3 reads Erlang's escapes.
#[test]
fn a_lock_file_that_the_build_tool_may_read_otherwise() {
    let company = Company::new();
    let mix = String::from_utf8(company.repository.read("mix.lock")).unwrap();
    let rebar = String::from_utf8(company.repository.read("rebar.lock")).unwrap();
    let ran = |name: &str, text: &str| {
        company.repository.write(name, text.as_bytes());
        run(&company, &["--lock", name, "--policy=strict.toml", "--from=hex"])
    };
    insta::assert_snapshot!(ran("mix.lock", &format!("\u{feff}{mix}")), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: mix.lock: line 1: expected ASCII: mix may read it otherwise, or as an empty file; let it lock anew
    ");
    insta::assert_snapshot!(ran("mix.lock", &mix.replacen("\"retired\": ", "\"retired\":", 1)), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: mix.lock: line 5: expected the form that `mix deps.get` writes: mix may read it otherwise, or as an empty file; let it lock anew
    ");
    insta::assert_snapshot!(ran("rebar.lock", &rebar.replacen("<<\"retired\">>", "<<\"re\\x74ired\">>", 1)), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: rebar.lock: line 5: expected ASCII without escapes and `$`: rebar3 may read it otherwise, or as an empty file; let it lock anew
    ");
}

#[test]
fn a_script_in_place_of_a_lock_file() {
    let company = Company::new();
    company.repository.write("rebar.lock.script", b"[].");
    let arguments = ["--lock=rebar.lock", "--policy=strict.toml", "--from=hex"];
    insta::assert_snapshot!(run(&company, &arguments), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: rebar.lock.script changes what rebar3 takes from rebar.lock
    hint: remove it: hexreg runs no scripts, so it cannot tell what is locked
    ");
}

#[test]
fn a_signed_policy_without_a_key() {
    let company = Company::new();
    let set = ["policy", "set", "strict", "--file=strict.toml", "--to=public", "--name=acme"];
    company.repository.hexreg().run([&set[..], &["--private-key=key.pem"]].concat()).ok();
    company.repository.write("copy", &company.repository.read("public/policies/strict"));
    let arguments = ["--lock=mix.lock", "--policy=copy", "--from=hex"];
    insta::assert_snapshot!(run(&company, &arguments), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: the signature of policy acme/strict is not verified
    hint: give --public-key=PATH of its registry
    ");
}

/// A misspelt repository would have no rules.
#[test]
fn rules_for_a_repository_of_which_nothing_is_locked() {
    let company = Company::new();
    let rules = "[[repository]]\nname = \"hexpn\"\ndeny = [{ package = \"sound\" }]\n\
                 [[repository]]\nname = \"hexpm:acme\"\ndeny = [{ package = \"secretlib\" }]\n\
                 [[repository]]\nname = \"hexpm\"\ndeny = [{ package = \"tool\" }]\n";
    company.repository.write("strict.toml", rules.as_bytes());
    let lock = company.mix_entry("tool", "1.0.0", "acme");
    company.repository.write("mix.lock", format!("%{{\n{lock}}}\n").as_bytes());
    let arguments = ["--lock=mix.lock", "--policy=strict.toml", "--from=public", "--from=hex"];
    insta::assert_snapshot!(run(&company, &arguments), @r"
    exit code: 0
    --- stdout
    1 lock file, 1 dependency: no finding
    --- stderr
    warning: policy strict.toml has rules for hexpn, and no package of it is locked: check that lock files and policy call it so
    warning: policy strict.toml has rules for hexpm:acme, and no package of it is locked: check that lock files and policy call it so
    ");
}

#[test]
fn a_registry_that_is_missing() {
    let company = Company::new();
    let arguments = ["--lock=mix.lock", "--policy=strict.toml", "--from=absent"];
    insta::assert_snapshot!(run(&company, &arguments), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: absent does not exist, or is empty
    hint: name a registry: a directory, a bucket or a URL
    ");
}

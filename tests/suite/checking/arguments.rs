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
      "advice": "1.1.0 is the newest version that is allowed: run `mix deps.update denied`, and change the requirement if that does not take it",
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
    hint: add --from with hex.pm or a mirror of it: names that it has too are not found without
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
    exit code: 1
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
    exit code: 1
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
    exit code: 1
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

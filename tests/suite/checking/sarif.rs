//! SARIF is valid by its schema, and says the same as the text.

use std::process::Command;

use serde_json::Value;

use super::company::Company;
use crate::support::fixture;
use crate::support::tools;

fn sarif(company: &Company, lock: &str, code: i32) -> Value {
    let ran = company.check(lock, &["--from=public", "--format=sarif"]);
    assert_eq!(ran.code, code, "{}", ran.transcript());
    company.repository.write("hexreg.sarif", ran.stdout.as_bytes());
    serde_json::from_str(&ran.stdout).unwrap()
}

/// Fails unless `hexreg.sarif` is valid.
fn validate(company: &Company, test: &str) {
    let Some(check) = tools::find_installed("schemas/bin/check-jsonschema", test) else { return };
    let validate = |file: &str| {
        let mut command = Command::new(&check);
        command.arg("--schemafile").arg(fixture("sarif/sarif-schema-2.1.0.json"));
        command.arg(company.repository.path(file)).output().unwrap()
    };
    let output = validate("hexreg.sarif");
    assert!(output.status.success(), "{output:?}");
    // The same with a property that results do not have is not valid.
    let broken = company.repository.read("hexreg.sarif");
    let broken = String::from_utf8(broken).unwrap().replacen("\"results\"", "\"result\"", 1);
    company.repository.write("broken.sarif", broken.as_bytes());
    assert!(!validate("broken.sarif").status.success());
}

fn rules(sarif: &Value) -> Vec<String> {
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    results.iter().map(|one| one["ruleId"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn of_mix_is_valid() {
    let company = Company::new();
    let sarif = sarif(&company, "mix.lock", 1);
    validate(&company, "of_mix_is_valid");
    assert_eq!(
        rules(&sarif),
        ["denied", "advisory", "retired", "cooldown", "license", "license", "namesake", "git"]
    );
    let result = &sarif["runs"][0]["results"][0];
    let location = &result["locations"][0]["physicalLocation"];
    assert_eq!(location["artifactLocation"]["uri"], "mix.lock");
    assert_eq!(location["region"]["startLine"], 3);
    for result in sarif["runs"][0]["results"].as_array().unwrap() {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        let rule = &sarif["runs"][0]["tool"]["driver"]["rules"][index];
        assert_eq!(rule["id"], result["ruleId"]);
    }
}

/// A code host shows a result as the one of before as long as its fingerprint is, whatever its line.
#[test]
fn a_result_is_known_again_in_another_line() {
    let company = Company::new();
    let fingerprints = || {
        let sarif = sarif(&company, "mix.lock", 1);
        let results = sarif["runs"][0]["results"].as_array().unwrap().iter();
        let text =
            |one: &Value| one["partialFingerprints"]["dependency/v1"].as_str().unwrap().to_owned();
        results.map(text).collect::<Vec<_>>()
    };
    let write = |entries: &[&str]| {
        company.repository.write("mix.lock", format!("%{{\n{}}}\n", entries.concat()).as_bytes());
    };
    // Of two rules, in one line.
    let strict = String::from_utf8(company.repository.read("strict.toml")).unwrap();
    let strict = strict.replace("licenses = [\"MIT\", ", "licenses = [");
    company.repository.write("strict.toml", strict.as_bytes());
    let denied = company.mix_entry("denied", "1.0.0", "hexpm");
    write(&[&denied]);
    let before = fingerprints();
    assert!(before.len() == 2 && before[0] != before[1], "{before:?}");
    let either = company.mix_entry("either", "1.0.0", "hexpm");
    write(&[&either, &denied]);
    assert_eq!(fingerprints(), before);
}

#[test]
fn of_rebar3_is_valid() {
    let company = Company::new();
    let sarif = sarif(&company, "rebar.lock", 1);
    validate(&company, "of_rebar3_is_valid");
    assert_eq!(rules(&sarif).len(), 8, "{sarif}");
}

#[test]
fn of_gleam_is_valid() {
    let company = Company::new();
    let sarif = sarif(&company, "manifest.toml", 1);
    validate(&company, "of_gleam_is_valid");
    assert_eq!(rules(&sarif).len(), 8, "{sarif}");
}

#[test]
fn without_a_finding_is_valid() {
    let company = Company::new();
    let lock = format!("%{{\n{}}}\n", company.mix_entry("sound", "1.0.0", "hexpm"));
    company.repository.write("mix.lock", lock.as_bytes());
    let sarif = sarif(&company, "mix.lock", 0);
    validate(&company, "without_a_finding_is_valid");
    assert!(rules(&sarif).is_empty());
}

/// Code hosts know a file by its path below the root of the checkout, with `%20` for a space.
#[test]
fn a_path_is_a_uri() {
    let company = Company::new();
    let lock = String::from_utf8(company.repository.read("mix.lock")).unwrap();
    company.repository.write("apps/my shop/mix.lock", lock.as_bytes());
    let uri = |lock: &str| {
        let sarif = sarif(&company, lock, 1);
        let location = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
        location["artifactLocation"].clone()
    };
    let relative = uri("./apps/my shop/mix.lock");
    assert_eq!(relative["uri"], "apps/my%20shop/mix.lock");
    assert_eq!(relative["uriBaseId"], "%SRCROOT%");
    let absolute = company.repository.path("apps/my shop/mix.lock");
    assert_eq!(uri(absolute.to_str().unwrap())["uri"], "apps/my%20shop/mix.lock");
    let elsewhere = Company::new();
    let elsewhere = elsewhere.repository.path("mix.lock");
    let found = uri(elsewhere.to_str().unwrap());
    assert_eq!(found["uri"], format!("file://{}", elsewhere.display()));
}

/// Code hosts are sent the file in any case.
#[test]
fn of_a_check_that_failed_is_valid() {
    let company = Company::new();
    let sarif = sarif(&company, "absent.lock", 2);
    validate(&company, "of_a_check_that_failed_is_valid");
    let invocation = &sarif["runs"][0]["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], false);
    let message = &invocation["toolExecutionNotifications"][0]["message"]["text"];
    assert!(message.as_str().unwrap().starts_with("could not read absent.lock: "), "{message}");
}

//! Policy files that are refused: each with its line, the reason and what to write instead.

use super::read;

const LONG: &str = r#"[[repository]]
name = "hexpm"
deny = [{ package = "foo", comment = "LONG" }]
"#;

macro_rules! wrong_files {
    ($($name:ident: $text:expr => $faults:expr;)*) => {
        $(
            #[test]
            fn $name() {
                let error = read($text).unwrap_err();
                assert_eq!(error.to_string(), $faults, "{}", $text);
            }
        )*
    };
}

wrong_files! {
    not_toml: r#"[[repository]]
name = "hexpm"
cooldown = 7d
"# => "line 3: it is not TOML: string values must be quoted, expected literal string; strings are in double quotes, and an array in [ ]";
    a_string_without_quotes: r#"[[repository]]
name = "hexpm"
minimum-severity = high
"# => "line 3: it is not TOML: string values must be quoted, expected literal string; strings are in double quotes, and an array in [ ]";
    a_key_twice: r#"[[repository]]
name = "hexpm"
cooldown = "7d"
cooldown = "1d"
"# => "line 4: it is not TOML: duplicate key; strings are in double quotes, and an array in [ ]";
    an_empty_file: "" => r#"line 1: the policy restricts nothing: it has no [[repository]]; write [[repository]], and below it name = "hexpm" and a rule"#;
    comments_alone: "# rules
" => r#"line 1: the policy restricts nothing: it has no [[repository]]; write [[repository]], and below it name = "hexpm" and a rule"#;
    no_repository: r#"description = "x"
"# => r#"line 1: the policy restricts nothing: it has no [[repository]]; write [[repository]], and below it name = "hexpm" and a rule"#;
    repositories_that_are_none: r#"description = "x"
repository = []
"# => r#"line 2: the policy restricts nothing: it has no [[repository]]; write [[repository]], and below it name = "hexpm" and a rule"#;
    a_table_in_place_of_an_array: r#"[repository]
name = "hexpm"
cooldown = "7d"
"# => "line 1: `repository` is a table: expected an array of tables; write [[repository]] above its keys";
    a_repository_that_is_a_name: r#"repository = ["hexpm"]
"# => "line 1: `repository` has a string: expected tables; write [[repository]] above its keys";
    an_unknown_key_of_the_file: r#"title = "x"
[[repository]]
name = "hexpm"
cooldown = "7d"
"# => "line 1: the file has no key `title`; it has description, repository, git";
    a_rule_above_its_repository: r#"cooldown = "7d"
[[repository]]
name = "hexpm"
retired = ["security"]
"# => "line 1: the file has no key `cooldown`; move `cooldown` below a [[repository]]";
    a_description_below_a_repository: r#"[[repository]]
name = "hexpm"
cooldown = "7d"
description = "x"
"# => "line 4: [[repository]] has no key `description`; move `description` above the first [[repository]]";
    a_description_that_is_no_text: r#"description = 1
[[repository]]
name = "hexpm"
cooldown = "7d"
"# => r#"line 1: `description` is a number: expected a string; write description = "company rules""#;
    a_description_with_an_escape: r#"description = "\u001b[2J"
[[repository]]
name = "hexpm"
cooldown = "7d"
"# => "line 1: `description` has a control or format character: clients ignore it; write visible characters only, in one line";
    a_visibility: r#"visibility = "public"
[[repository]]
name = "hexpm"
cooldown = "7d"
"# => "line 1: the file has no key `visibility`; it has description, repository, git";
    no_name: r#"[[repository]]
cooldown = "7d"
"# => r#"line 1: [[repository]] has no `name`; add name = "hexpm" for hex.pm, or the name that clients have configured"#;
    a_name_that_is_a_number: r#"[[repository]]
name = 1
cooldown = "7d"
"# => r#"line 2: `name` is a number: expected a string; write name = "hexpm""#;
    hex_pm_by_its_domain: r#"[[repository]]
name = "hex.pm"
cooldown = "7d"
"# => r#"line 2: clients have no repository "hex.pm"; write name = "hexpm" for hex.pm"#;
    hexpm_in_capitals: r#"[[repository]]
name = "HexPM"
cooldown = "7d"
"# => r#"line 2: clients have no repository "HexPM"; write name = "hexpm" for hex.pm"#;
    a_url_as_name: r#"[[repository]]
name = "https://hex.acme.com"
cooldown = "7d"
"# => r#"line 2: "https://hex.acme.com" is not a repository name: expected letters, digits, _, . or -; write the name that `mix hex.repo list` shows, and not its URL"#;
    an_empty_name: r#"[[repository]]
name = ""
cooldown = "7d"
"# => r#"line 2: "" is not a repository name: expected letters, digits, _, . or -; write the name that `mix hex.repo list` shows"#;
    an_organisation_without_a_name: r#"[[repository]]
name = "hexpm:"
cooldown = "7d"
"# => r#"line 2: "" is not a repository name: expected letters, digits, _, . or -; write the name that `mix hex.repo list` shows"#;
    a_repository_twice: r#"[[repository]]
name = "hexpm"
cooldown = "7d"

[[repository]]
name = "hexpm"
retired = ["security"]
"# => r#"line 5: clients ignore this [[repository]]: that of line 1 is used for "hexpm"; write all rules of a repository in one"#;
    an_organisation_after_a_repository_of_its_name: r#"[[repository]]
name = "acme"
cooldown = "7d"

[[repository]]
name = "hexpm:acme"
cooldown = "1d"
"# => r#"line 5: clients ignore this [[repository]]: that of line 1 is used for "hexpm:acme"; write all rules of a repository in one"#;
    an_underscore_in_a_key: r#"[[repository]]
name = "hexpm"
minimum_severity = "high"
"# => "line 3: [[repository]] has no key `minimum_severity`; write `minimum-severity`";
    a_shorter_key: r#"[[repository]]
name = "hexpm"
severity = "high"
"# => "line 3: [[repository]] has no key `severity`; write `minimum-severity`";
    a_key_of_another_tool: r#"[[repository]]
name = "hexpm"
scopes = ["runtime"]
"# => "line 3: [[repository]] has no key `scopes`; it has name, minimum-severity, retired, cooldown, default, allow, deny, except, licenses, allow-public";
    a_severity_that_is_none: r#"[[repository]]
name = "hexpm"
minimum-severity = "moderate"
"# => r#"line 3: "moderate" is not a severity; expected one of none, low, medium, high, critical"#;
    a_severity_in_capitals: r#"[[repository]]
name = "hexpm"
minimum-severity = "HIGH"
"# => r#"line 3: "HIGH" is not a severity; expected one of none, low, medium, high, critical"#;
    a_score_as_severity: r#"[[repository]]
name = "hexpm"
minimum-severity = 7.0
"# => r#"line 3: `minimum-severity` is a number: expected a string; write minimum-severity = "high""#;
    retired_that_is_no_array: r#"[[repository]]
name = "hexpm"
retired = "security"
"# => r#"line 3: `retired` is a string: expected an array; write retired = ["security"]"#;
    retired_with_a_number: r#"[[repository]]
name = "hexpm"
retired = [2]
"# => r#"line 3: `retired` has a number: expected strings; write retired = ["security"]"#;
    a_reason_that_is_none: r#"[[repository]]
name = "hexpm"
retired = [
  "security",
  "vulnerable",
]
"# => r#"line 5: "vulnerable" is not a reason for a retirement; expected one of other, invalid, security, deprecated, renamed"#;
    a_reason_twice: r#"[[repository]]
name = "hexpm"
retired = ["security", "security"]
"# => r#"line 3: `retired` has "security" twice; remove one of the two"#;
    a_cooldown_in_words: r#"[[repository]]
name = "hexpm"
cooldown = "7 days"
"# => r#"line 3: "7 days" is not a cooldown: clients ignore what they do not read; write a number of days, weeks or months: "7d", "2w", "1mo""#;
    a_cooldown_without_a_unit: r#"[[repository]]
name = "hexpm"
cooldown = "7"
"# => r#"line 3: "7" is not a cooldown: clients ignore what they do not read; write a number of days, weeks or months: "7d", "2w", "1mo""#;
    a_cooldown_that_is_a_number: r#"[[repository]]
name = "hexpm"
cooldown = 7
"# => r#"line 3: `cooldown` is a number: expected a string; write cooldown = "7d""#;
    a_cooldown_in_hours: r#"[[repository]]
name = "hexpm"
cooldown = "12h"
"# => r#"line 3: "12h" is not a cooldown: clients ignore what they do not read; write a number of days, weeks or months: "7d", "2w", "1mo""#;
    a_cooldown_in_capitals: r#"[[repository]]
name = "hexpm"
cooldown = "7D"
"# => r#"line 3: "7D" is not a cooldown: clients ignore what they do not read; write a number of days, weeks or months: "7d", "2w", "1mo""#;
    a_negative_cooldown: r#"[[repository]]
name = "hexpm"
cooldown = "-7d"
"# => r#"line 3: "-7d" is not a cooldown: clients ignore what they do not read; write a number of days, weeks or months: "7d", "2w", "1mo""#;
    an_empty_cooldown: r#"[[repository]]
name = "hexpm"
cooldown = ""
"# => r#"line 3: "" is not a cooldown: clients ignore what they do not read; write a number of days, weeks or months: "7d", "2w", "1mo""#;
    a_cooldown_in_other_digits: r#"[[repository]]
name = "hexpm"
cooldown = "٧d"
"# => r#"line 3: "٧d" is not a cooldown: clients ignore what they do not read; write a number of days, weeks or months: "7d", "2w", "1mo""#;
    a_cooldown_that_crashes_mix: r#"[[repository]]
name = "hexpm"
cooldown = "99999999999d"
"# => r#"line 3: "99999999999d" is not a cooldown: it ends after the year 9999, where mix crashes; to allow only some packages, write default = "deny" and allow them"#;
    a_default_that_is_none: r#"[[repository]]
name = "hexpm"
default = "block"
"# => r#"line 3: `default` is "block"; write default = "allow", or default = "deny" for an allow list"#;
    a_default_that_is_a_boolean: r#"[[repository]]
name = "hexpm"
default = true
"# => r#"line 3: `default` is true or false: expected a string; write default = "deny""#;
    a_cooldown_beside_an_allow_list: r#"[[repository]]
name = "hexpm"
default = "deny"
cooldown = "7d"
allow = [{ package = "plug" }]
"# => r#"line 4: `cooldown` has no effect beside default = "deny": what is allowed has no cooldown; remove `cooldown`, or allow the versions that are old enough"#;
    an_entry_that_is_a_name: r#"[[repository]]
name = "hexpm"
deny = ["left_pad"]
"# => r#"line 3: `deny` has a string: expected tables; write deny = [{ package = "left_pad" }]"#;
    an_entry_that_is_no_array: r#"[[repository]]
name = "hexpm"
deny = { package = "left_pad" }
"# => r#"line 3: `deny` is a table: expected an array of tables; write deny = [{ package = "left_pad" }]"#;
    an_entry_without_a_package: r#"[[repository]]
name = "hexpm"
deny = [{ requirement = "~> 1.0" }]
"# => r#"line 3: `deny` has no `package`; add package = "left_pad""#;
    an_entry_with_a_name: r#"[[repository]]
name = "hexpm"
deny = [{ name = "left_pad" }]
"# => r#"line 3: `deny` has no `package`; add package = "left_pad"
line 3: `deny` has no key `name`; write `package`"#;
    a_package_with_a_dash: r#"[[repository]]
name = "hexpm"
deny = [{ package = "left-pad" }]
"# => r#"line 3: "left-pad" is not a package name: expected a lowercase letter, then letters, digits or _; write package = "left_pad", if that is meant"#;
    a_package_in_capitals: r#"[[repository]]
name = "hexpm"
deny = [{ package = "Left_Pad" }]
"# => r#"line 3: "Left_Pad" is not a package name: expected a lowercase letter, then letters, digits or _; write package = "left_pad", if that is meant"#;
    a_pattern: r#"[[repository]]
name = "hexpm"
deny = [{ package = "left_*" }]
"# => r#"line 3: "left_*" is not a package name: expected a lowercase letter, then letters, digits or _; name each package: there are no patterns"#;
    an_empty_package: r#"[[repository]]
name = "hexpm"
deny = [{ package = "" }]
"# => r#"line 3: "" is not a package name: expected a lowercase letter, then letters, digits or _; write the name as it is in mix.lock"#;
    a_package_with_a_character_that_is_not_seen: r#"[[repository]]
name = "hexpm"
deny = [{ package = "left\u200bpad" }]
"# => "line 3: `package` has a control or format character: clients ignore it; write visible characters only, in one line";
    a_requirement_with_short_versions: r#"[[repository]]
name = "hexpm"
deny = [{ package = "foo", requirement = ">= 2" }]
"# => r#"line 3: ">= 2" is not a version requirement: "2" is not a version: expected MAJOR.MINOR.PATCH, or MAJOR.MINOR after `~>`, optionally followed by -PRE; write a requirement as in mix.exs, with whole versions: "~> 1.7", ">= 2.0.0"; clients ignore others"#;
    a_requirement_in_the_words_of_npm: r#"[[repository]]
name = "hexpm"
deny = [{ package = "foo", requirement = "^1.2.0" }]
"# => r#"line 3: "^1.2.0" is not a version requirement: "^1.2.0" is not a version: expected MAJOR.MINOR.PATCH, or MAJOR.MINOR after `~>`, optionally followed by -PRE; write a requirement as in mix.exs, with whole versions: "~> 1.7", ">= 2.0.0"; clients ignore others"#;
    an_empty_requirement: r#"[[repository]]
name = "hexpm"
deny = [{ package = "foo", requirement = "" }]
"# => r#"line 3: "" is not a version requirement: expected a version, found the end; leave `requirement` out for all versions"#;
    a_star_as_requirement: r#"[[repository]]
name = "hexpm"
deny = [{ package = "foo", requirement = "*" }]
"# => r#"line 3: "*" is not a version requirement: "*" is not a version: expected MAJOR.MINOR.PATCH, or MAJOR.MINOR after `~>`, optionally followed by -PRE; write a requirement as in mix.exs, with whole versions: "~> 1.7", ">= 2.0.0"; clients ignore others"#;
    a_requirement_with_commas: r#"[[repository]]
name = "hexpm"
deny = [{ package = "foo", requirement = ">= 1.0.0, < 2.0.0" }]
"# => r#"line 3: ">= 1.0.0, < 2.0.0" is not a version requirement: "1.0.0," is not a version: expected MAJOR.MINOR.PATCH, or MAJOR.MINOR after `~>`, optionally followed by -PRE; write a requirement as in mix.exs, with whole versions: "~> 1.7", ">= 2.0.0"; clients ignore others"#;
    a_requirement_that_elixir_warns_of: r#"[[repository]]
name = "hexpm"
deny = [{ package = "foo", requirement = "!= 1.2.3" }]
"# => r#"line 3: "!= 1.2.3" has `!=`, which Elixir has deprecated: mix warns of it for each release; write alternatives with `or`, as in "< 1.2.3 or > 1.2.3""#;
    a_requirement_with_an_exclamation_mark: r#"[[repository]]
name = "hexpm"
deny = [{ package = "foo", requirement = "~> 1.0 and !1.2.3" }]
"# => r#"line 3: "~> 1.0 and !1.2.3" has `!=`, which Elixir has deprecated: mix warns of it for each release; write alternatives with `or`, as in "< 1.2.3 or > 1.2.3""#;
    a_requirement_that_nothing_meets: r#"[[repository]]
name = "hexpm"
deny = [{ package = "foo", requirement = "> 2.0.0 and < 1.0.0" }]
"# => r#"line 3: no version matches "> 2.0.0 and < 1.0.0": the entry has no effect; correct the versions, or write alternatives with `or`, as in "< 1.2.3 or > 1.2.3""#;
    a_requirement_that_is_a_number: r#"[[repository]]
name = "hexpm"
deny = [{ package = "foo", requirement = 1.0 }]
"# => r#"line 3: `requirement` is a number: expected a string; write requirement = ">= 1.0.0 and < 2.0.0""#;
    a_version_in_place_of_a_requirement: r#"[[repository]]
name = "hexpm"
deny = [{ package = "foo", version = "1.0.0" }]
"# => "line 3: `deny` has no key `version`; write `requirement`";
    a_long_comment: &LONG.replace("LONG", &"é".repeat(501)) => "line 3: `comment` has 501 characters: clients ignore an entry with more than 500; shorten it, or write a link";
    a_comment_of_two_lines: r#"[[repository]]
name = "hexpm"
deny = [{ package = "foo", comment = "one\ntwo" }]
"# => "line 3: `comment` has a control or format character: clients ignore it; write visible characters only, in one line";
    a_comment_that_changes_direction: r#"[[repository]]
name = "hexpm"
deny = [{ package = "foo", comment = "\u202etfel" }]
"# => "line 3: `comment` has a control or format character: clients ignore it; write visible characters only, in one line";
    a_reason_in_place_of_a_comment: r#"[[repository]]
name = "hexpm"
deny = [{ package = "foo", reason = "SEC-12" }]
"# => "line 3: `deny` has no key `reason`; write `comment`";
    a_denial_with_an_advisory: r#"[[repository]]
name = "hexpm"
deny = [{ package = "foo", advisory = "CVE-2026-1" }]
"# => "line 3: `deny` has no key `advisory`; move the entry to `except`: clients ignore an entry of `deny` that has `advisory`";
    an_allowance_with_a_retirement: r#"[[repository]]
name = "hexpm"
allow = [
  { package = "foo" },
  { package = "bar", retired = "deprecated" },
]
"# => "line 5: `allow` has no key `retired`; move the entry to `except`: clients ignore an entry of `allow` that has `retired`";
    an_exception_of_nothing: r#"[[repository]]
name = "hexpm"
except = [{ package = "foo" }]
"# => r#"line 3: `except` does not say what is accepted; add advisory = "GHSA-2q6v-32mr-8p8x", retired = "deprecated", cooldown = true or license = true; or, to accept all, move the entry to `allow`"#;
    an_exception_of_two_things: r#"[[repository]]
name = "hexpm"
except = [{ package = "foo", advisory = "CVE-2026-1", cooldown = true }]
"# => "line 3: `except` accepts one thing: clients ignore an entry with more; write one entry for each of advisory, retired, cooldown and license";
    an_empty_advisory: r#"[[repository]]
name = "hexpm"
except = [{ package = "foo", advisory = "" }]
"# => r#"line 3: "" is not the id of an advisory; write one id, such as "GHSA-2q6v-32mr-8p8x" or "CVE-2026-32148""#;
    advisories_in_one_text: r#"[[repository]]
name = "hexpm"
except = [{ package = "foo", advisory = "CVE-2026-1, CVE-2026-2" }]
"# => r#"line 3: "CVE-2026-1, CVE-2026-2" is not the id of an advisory; write one id, such as "GHSA-2q6v-32mr-8p8x" or "CVE-2026-32148""#;
    advisories_in_an_array: r#"[[repository]]
name = "hexpm"
except = [{ package = "foo", advisory = ["CVE-2026-1"] }]
"# => r#"line 3: `advisory` is an array: expected a string; write advisory = "GHSA-2q6v-32mr-8p8x""#;
    an_exception_of_a_reason_that_is_none: r#"[[repository]]
name = "hexpm"
except = [{ package = "foo", retired = "old" }]
"# => r#"line 3: "old" is not a reason for a retirement; expected one of other, invalid, security, deprecated, renamed"#;
    an_exception_of_reasons: r#"[[repository]]
name = "hexpm"
except = [{ package = "foo", retired = ["deprecated"] }]
"# => r#"line 3: `retired` is an array: expected a string; write retired = "deprecated""#;
    an_exception_of_a_duration: r#"[[repository]]
name = "hexpm"
except = [{ package = "foo", cooldown = "7d" }]
"# => "line 3: `cooldown` of `except` can only be true; write cooldown = true, or leave it out";
    an_exception_of_no_cooldown: r#"[[repository]]
name = "hexpm"
except = [{ package = "foo", cooldown = false }]
"# => "line 3: `cooldown` of `except` can only be true; write cooldown = true, or leave it out";
    a_denial_twice: r#"[[repository]]
name = "hexpm"
deny = [
  { package = "foo" },
  { package = "bar" },
  { package = "foo", comment = "x" },
]
"# => "line 6: deny foo has no effect: line 4 says deny foo; remove one of the two";
    an_exception_twice_by_case: r#"[[repository]]
name = "hexpm"
except = [
  { package = "foo", advisory = "CVE-2026-1" },
  { package = "foo", advisory = "cve-2026-1" },
]
"# => "line 5: advisory foo has no effect: line 4 says advisory foo; remove one of the two";
    allowed_and_denied: r#"[[repository]]
name = "hexpm"
allow = [{ package = "foo" }]
deny = [{ package = "foo" }]
"# => "line 3: allow foo has no effect: line 4 says deny foo; remove one of the two, or give this one a requirement: it is then stronger";
    many_faults: r#"[[repository]]
name = "hexpm"
cooldown = "7 days"
severity = "high"
deny = [
  { package = "Foo" },
  { package = "bar", requirement = ">= 2" },
]
"# => r#"line 3: "7 days" is not a cooldown: clients ignore what they do not read; write a number of days, weeks or months: "7d", "2w", "1mo"
line 4: [[repository]] has no key `severity`; write `minimum-severity`
line 6: "Foo" is not a package name: expected a lowercase letter, then letters, digits or _; write package = "foo", if that is meant
line 7: ">= 2" is not a version requirement: "2" is not a version: expected MAJOR.MINOR.PATCH, or MAJOR.MINOR after `~>`, optionally followed by -PRE; write a requirement as in mix.exs, with whole versions: "~> 1.7", ">= 2.0.0"; clients ignore others"#;
}

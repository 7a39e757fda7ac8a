//! `hexreg policy set`, `show`, `list` and `remove`.

use hexreg::policy::Policy;
use hexreg::registry::Payload;

use crate::support::hexreg::Ran;
use crate::support::repository::TestRepository;
use crate::support::signed::{payload, write_policy};
use crate::support::{fixture, read_fixture};

const WRITE: [&str; 4] = ["--to", "public", "--name=acme", "--private-key=key.pem"];

const STRICT: &str = r#"description = "company rules"

[[repository]]
name = "hexpm"
minimum-severity = "high"
cooldown = "7d"
deny = [{ package = "left_pad", comment = "SEC-12" }]
"#;

/// `foo` 1.0.0 of `acme`, and these rules in `strict.toml`.
fn repository(rules: &str) -> TestRepository {
    let repository = TestRepository::new().release("foo", "1.0.0");
    repository.build(&[]).ok();
    repository.write("strict.toml", rules.as_bytes());
    repository
}

fn policy(repository: &TestRepository, arguments: &[&str]) -> Ran {
    repository.hexreg().run([&["policy"], arguments].concat())
}

fn set(repository: &TestRepository, more: &[&str]) -> Ran {
    let set = ["set", "strict", "--file", "strict.toml"];
    policy(repository, &[&set[..], &WRITE, more].concat())
}

#[test]
fn a_policy_is_published() {
    let repository = repository(STRICT);
    insta::assert_snapshot!(set(&repository, &[]).transcript(), @r#"
    exit code: 0
    --- stdout
    * creating public/policies/strict
    acme: policy strict published
    mix obeys it where one of these says so:
      HEX_POLICY=acme/strict
      mix hex.config policy acme/strict
      hex: [policy: [repo: "acme", name: "strict"]]   in project/0 of mix.exs
    --- stderr
    "#);
    repository.hexreg().run(["verify", "public"]).ok();
    // What has not changed is not written again.
    let before = repository.read("public/policies/strict");
    insta::assert_snapshot!(set(&repository, &[]).transcript(), @r"
    exit code: 0
    --- stdout
    acme: nothing has changed
    --- stderr
    ");
    assert_eq!(repository.read("public/policies/strict"), before);
}

/// Clients, pages and `verify` ask for the indexes of a registry that has no package yet.
#[test]
fn an_empty_directory_becomes_a_registry_that_is_whole() {
    let repository = repository(STRICT);
    std::fs::create_dir(repository.path("rules")).unwrap();
    let set = ["set", "strict", "--file=strict.toml", "--to=rules", "--name=acme"];
    let ran = policy(&repository, &[&set[..], &["--private-key=key.pem"]].concat());
    insta::assert_snapshot!(ran.transcript(), @r#"
    exit code: 0
    --- stdout
    * creating rules/public_key
    * creating rules/policies/strict
    * creating rules/versions
    * creating rules/names
    acme: policy strict published
    mix obeys it where one of these says so:
      HEX_POLICY=acme/strict
      mix hex.config policy acme/strict
      hex: [policy: [repo: "acme", name: "strict"]]   in project/0 of mix.exs
    --- stderr
    "#);
    repository.hexreg().run(["verify", "rules"]).ok();
}

/// Indexes that are missing beside packages were lost: empty ones in their place would hide that.
#[test]
fn indexes_that_were_lost_are_not_replaced_by_empty_ones() {
    let repository = repository(STRICT);
    repository.remove("public/names");
    repository.remove("public/versions");
    set(&repository, &[]).ok();
    assert!(
        !repository.path("public/names").exists() && !repository.path("public/versions").exists()
    );
}

#[test]
fn it_says_what_hexs_own_encoder_says() {
    let company = String::from_utf8(read_fixture("policies/company.toml")).unwrap();
    let repository = repository(&company);
    set(&repository, &[]).ok();
    let says = payload(&repository, "public/policies/strict");
    assert_eq!(says, std::fs::read(fixture("policies/company.payload")).unwrap());
}

#[test]
fn it_takes_the_place_of_another() {
    let repository = repository(STRICT);
    set(&repository, &[]).ok();
    repository.write("strict.toml", STRICT.replace("7d", "14d").as_bytes());
    let ran = set(&repository, &["--json"]).ok();
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(json["updated"][0], "policies/strict", "{json}");
    let says = payload(&repository, "public/policies/strict");
    let policy = Policy::decode(&Payload::from_bytes(says.into())).unwrap();
    let restriction = policy.repositories[0].restriction.clone().unwrap();
    assert_eq!(restriction.cooldown.as_deref(), Some("14d"));
}

#[test]
fn a_damaged_policy_is_replaced() {
    let repository = repository(STRICT);
    repository.write("public/policies/strict", b"junk");
    set(&repository, &[]).ok();
    repository.hexreg().run(["verify", "public"]).ok();
}

#[test]
fn a_dry_run_writes_nothing() {
    let repository = repository(STRICT);
    let before = repository.tree();
    insta::assert_snapshot!(set(&repository, &["--dry-run"]).transcript(), @r#"
    exit code: 0
    --- stdout
    * creating public/policies/strict
    acme: policy strict published (dry run: nothing was written)
    mix obeys it where one of these says so:
      HEX_POLICY=acme/strict
      mix hex.config policy acme/strict
      hex: [policy: [repo: "acme", name: "strict"]]   in project/0 of mix.exs
    --- stderr
    "#);
    assert_eq!(repository.tree(), before);
}

#[test]
fn warnings_name_file_and_line() {
    let repository = repository("[[repository]]\nname = \"hexpm\"\nminimum-severity = \"none\"\n");
    insta::assert_snapshot!(set(&repository, &[]).transcript(), @r#"
    exit code: 0
    --- stdout
    * creating public/policies/strict
    acme: policy strict published
    mix obeys it where one of these says so:
      HEX_POLICY=acme/strict
      mix hex.config policy acme/strict
      hex: [policy: [repo: "acme", name: "strict"]]   in project/0 of mix.exs
    --- stderr
    warning: strict.toml:3: minimum-severity = "none" hides each release that has an advisory; remove the line if no release is to be hidden for an advisory
    "#);
    let ran = set(&repository, &["--json"]).ok();
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(json["warnings"].as_array().unwrap().len(), 1, "{json}");
}

#[test]
fn all_faults_of_a_file_are_named() {
    let repository = repository("[[repository]]\nname = \"hex.pm\"\ncooldown = \"7 days\"\n");
    let before = repository.tree();
    insta::assert_snapshot!(set(&repository, &[]).transcript(), @r#"
    exit code: 1
    --- stdout
    --- stderr
    error: strict.toml cannot be used as a policy
      strict.toml:2: clients have no repository "hex.pm"; write name = "hexpm" for hex.pm
      strict.toml:3: "7 days" is not a cooldown: clients ignore what they do not read; write a number of days, weeks or months: "7d", "2w", "1mo"
    hint: each line says what to write instead; `hexreg policy set --help` has an example
    "#);
    insta::assert_snapshot!(set(&repository, &["--json"]).transcript(), @r#"
    exit code: 1
    --- stdout
    {"error":"strict.toml cannot be used as a policy","rejected":[{"path":"strict.toml:2","reason":"clients have no repository \"hex.pm\"; write name = \"hexpm\" for hex.pm"},{"path":"strict.toml:3","reason":"\"7 days\" is not a cooldown: clients ignore what they do not read; write a number of days, weeks or months: \"7d\", \"2w\", \"1mo\""}],"hint":"each line says what to write instead; `hexreg policy set --help` has an example","created":[],"updated":[],"removed":[],"warnings":[]}
    --- stderr
    "#);
    assert_eq!(repository.tree(), before);
}

#[test]
fn a_file_that_is_no_text() {
    let repository = repository("");
    repository.write("strict.toml", b"# rules\n# \xFF\n");
    insta::assert_snapshot!(set(&repository, &[]).transcript(), @r"
    exit code: 1
    --- stdout
    --- stderr
    error: strict.toml:2: it is not UTF-8
    hint: save it as UTF-8
    ");
    write_policy(
        &repository,
        "strict.toml",
        &crate::support::signed::policy("strict"),
        "acme-2048.pem",
    );
    insta::assert_snapshot!(set(&repository, &[]).transcript(), @r"
    exit code: 1
    --- stdout
    --- stderr
    error: strict.toml is a signed file, not a policy in TOML
    hint: `hexreg policy show` prints a signed policy; write its rules in TOML
    ");
    repository.remove("strict.toml");
    insta::assert_snapshot!(set(&repository, &[]).transcript(), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: could not read strict.toml: No such file or directory (os error 2)
    ");
}

/// Every client would refuse it, and with it every project that names it.
#[test]
fn another_key_signs_no_policy() {
    let repository = repository(STRICT).key("acme-4096.pem");
    let before = repository.tree();
    insta::assert_snapshot!(set(&repository, &[]).transcript(), @r"
    exit code: 1
    --- stdout
    --- stderr
    error: failed to publish a policy in `acme`: public/names is not signed with this key: its signature is not that of SHA256:bUESh9wmx18yY9JtcpqOqn6e0Z2Wcb9Ro4nfpdG8MNs
    hint: nothing was written; sign with the key that clients know, or repair the registry with `hexreg build`
    ");
    assert_eq!(repository.tree(), before);
}

#[test]
fn another_name_is_refused() {
    let repository = repository(STRICT);
    let arguments = [
        "set",
        "strict",
        "--file",
        "strict.toml",
        "--to",
        "public",
        "--name=other",
        "--private-key=key.pem",
    ];
    insta::assert_snapshot!(policy(&repository, &arguments).transcript(), @r"
    exit code: 1
    --- stdout
    --- stderr
    error: failed to publish a policy in `other`: public/names is of the repository acme, not of other
    hint: nothing was written; did you mean --name=acme?
    ");
}

#[test]
fn clients_take_no_policy_of_hexpm() {
    let repository = repository(STRICT);
    let arguments = [
        "set",
        "strict",
        "--file",
        "strict.toml",
        "--to",
        "public",
        "--name=hexpm",
        "--private-key=key.pem",
    ];
    insta::assert_snapshot!(policy(&repository, &arguments).transcript(), @r"
    exit code: 1
    --- stdout
    --- stderr
    error: failed to publish a policy in `hexpm`: clients take no policy of a repository that is named hexpm
    hint: nothing was written; publish the policy in a repository of another name: it can have rules for packages of hexpm
    ");
}

#[test]
fn a_directory_that_is_missing() {
    let repository = repository(STRICT);
    let arguments = [
        "set",
        "strict",
        "--file",
        "strict.toml",
        "--to",
        "pubic",
        "--name=acme",
        "--private-key=key.pem",
    ];
    insta::assert_snapshot!(policy(&repository, &arguments).transcript(), @r"
    exit code: 1
    --- stdout
    --- stderr
    error: failed to publish a policy in `acme`: there is no registry at pubic
    hint: nothing was written; check that --to is right
    ");
}

/// A repository may have policies and nothing else: its rules are about packages of other repositories.
#[test]
fn a_registry_of_policies_alone_has_its_key() {
    let repository = TestRepository::new();
    repository.write("strict.toml", STRICT.as_bytes());
    set(&repository, &[]).ok();
    let key = repository.read("public/public_key");
    assert!(key.starts_with(b"-----BEGIN RSA PUBLIC KEY-----"));
    policy(&repository, &["show", "strict", "--from", "public"]).ok();
}

const ALLOW_LIST: &str = "[[repository]]\nname = \"acme\"\ndefault = \"deny\"\n\
    allow = [{ package = \"foo\", requirement = \"~> 1.0\" }]\n\
    deny = [{ package = \"bar\" }]\n";

/// Releases without a time of publication slip through the cooldown that an allow list is.
#[test]
fn an_allow_list_names_what_would_slip_through() {
    let repository = TestRepository::new()
        .release("foo", "1.0.0")
        .release("foo", "2.0.0")
        .release("bar", "1.0.0")
        .release("baz", "1.0.0");
    repository.build(&[]).ok();
    repository.write("strict.toml", ALLOW_LIST.as_bytes());
    insta::assert_snapshot!(set(&repository, &[]).transcript(), @r"
    exit code: 1
    --- stdout
    --- stderr
    error: failed to publish a policy in `acme`: 2 releases have no published_at, so that the policy does not hide them
      baz-1.0.0: it has no published_at
      foo-2.0.0: it has no published_at
    hint: nothing was written; publish them again with a time (`hexreg add --published-at`, `hexreg build`), deny them, or give --accept-undated
    ");
    set(&repository, &["--accept-undated"]).ok();
    // Of another repository it is not known here.
    let elsewhere = ALLOW_LIST.replace("acme", "hexpm");
    repository.write("strict.toml", elsewhere.as_bytes());
    set(&repository, &[]).ok();
    // The organisation of hex.pm that this repository takes the place of.
    repository.write("strict.toml", ALLOW_LIST.replace("\"acme\"", "\"hexpm:acme\"").as_bytes());
    assert_eq!(set(&repository, &[]).code, 1);
}

#[test]
fn an_allow_list_of_dated_releases() {
    let repository = TestRepository::new();
    for version in ["1.0.0", "2.0.0"] {
        let tarball = crate::support::tarball::Tarball::new("foo", version).build();
        repository.write(&format!("foo-{version}.tar"), &tarball);
    }
    let add = ["add", "foo-1.0.0.tar", "foo-2.0.0.tar", "--published-at=1700000000"];
    repository.hexreg().run([&add[..], &WRITE].concat()).ok();
    repository.write("strict.toml", ALLOW_LIST.as_bytes());
    set(&repository, &[]).ok();
}

#[test]
fn a_policy_is_shown() {
    let repository = repository(STRICT);
    set(&repository, &[]).ok();
    let show = |more: &[&str]| policy(&repository, &[&["show", "strict"], more].concat());
    insta::assert_snapshot!(show(&["--from", "public"]).transcript(), @r"
    exit code: 0
    --- stdout
    policy:      strict
    repository:  acme
    signature:   holds; it is that of SHA256:roYMrL1Q60Kv7n0/VbgT2yw879NgEa+QKFvEt0/wKtU
    visibility:  private
    description: company rules

    packages of hexpm
      min severity: high
      cooldown:     7d
      override:     deny left_pad: SEC-12
    --- stderr
    ");
    let json = show(&["--from", "public", "--json"]).ok().stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["kind"], "policy", "{json}");
    assert_eq!(json["repositories"][0]["overrides"][0]["comment"], "SEC-12", "{json}");
    let absent = policy(&repository, &["show", "loose", "--from", "public"]);
    insta::assert_snapshot!(absent.transcript(), @r"
    exit code: 1
    --- stdout
    --- stderr
    error: there is no policy loose
    hint: `hexreg policy list` lists those of a directory
    ");
    repository.write("other.pem", &read_fixture("golden/keys/hexpm-public.pem"));
    let forged = show(&["--from", "public", "--public-key=other.pem"]);
    insta::assert_snapshot!(forged.transcript(), @r"
    exit code: 1
    --- stdout
    --- stderr
    error: could not read public/policies/strict: its signature is not that of SHA256:O1LOYhHFW4kcrblKAxROaDEzLD8bn1seWbe5tq8TRsk
    hint: give the --public-key that signed it, if that is another one
    ");
    insta::assert_snapshot!(show(&["--from", "."]).transcript(), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: ./public_key has no public key that can be used
    hint: give --public-key=PATH, or check that it is a registry
    ");
}

#[test]
fn policies_are_listed() {
    let repository = repository(STRICT);
    let list = |more: &[&str]| policy(&repository, &[&["list", "--from", "public"], more].concat());
    insta::assert_snapshot!(list(&[]).transcript(), @r"
    exit code: 0
    --- stdout
    --- stderr
    hint: public has no policy: `hexreg policy set` publishes one
    ");
    set(&repository, &[]).ok();
    insta::assert_snapshot!(list(&[]).transcript(), @r"
    exit code: 0
    --- stdout
    strict  for hexpm: company rules
    --- stderr
    ");
    repository.write("public/policies/damaged", b"junk");
    repository.write("public/policies/README", b"junk");
    insta::assert_snapshot!(list(&[]).transcript(), @r"
    exit code: 1
    --- stdout
    damaged  clients refuse it: it is not gzipped, or damaged: unexpected end of file
    strict   for hexpm: company rules
    --- stderr
    error: public: clients refuse 1 of 2 policies
    ");
    let json = list(&["--json"]);
    let json: serde_json::Value =
        serde_json::from_str(json.stdout.lines().next().unwrap()).unwrap();
    assert_eq!(json["policies"][1]["policy"], "acme/strict", "{json}");
    let url = policy(&repository, &["list", "--from", "https://hex.example.com"]);
    insta::assert_snapshot!(url.transcript(), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: no index lists policies, so those at a URL cannot be listed
    hint: `hexreg policy show NAME --from URL` shows one of them
    ");
}

#[test]
fn a_policy_is_removed() {
    let repository = repository(STRICT);
    set(&repository, &[]).ok();
    let remove =
        |more: &[&str]| policy(&repository, &[&["remove", "strict"], &WRITE[..], more].concat());
    insta::assert_snapshot!(remove(&["--dry-run"]).transcript(), @r"
    exit code: 0
    --- stdout
    * removing public/policies/strict
    acme: policy strict removed (dry run: nothing was written)
    mix fails in projects that still name it: take it out of mix.exs and HEX_POLICY
    --- stderr
    ");
    assert!(repository.path("public/policies/strict").exists());
    insta::assert_snapshot!(remove(&[]).transcript(), @r"
    exit code: 0
    --- stdout
    * removing public/policies/strict
    acme: policy strict removed
    mix fails in projects that still name it: take it out of mix.exs and HEX_POLICY
    --- stderr
    ");
    assert!(!repository.path("public/policies/strict").exists());
    insta::assert_snapshot!(remove(&[]).transcript(), @r"
    exit code: 1
    --- stdout
    --- stderr
    error: failed to remove a policy from `acme`: acme has no policy strict
    hint: nothing was written; `hexreg policy list` lists the policies of a registry
    ");
}

/// Every file in TOML that the guide prints.
#[test]
fn the_files_of_the_guide_can_be_used() {
    let guide = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/policies.md"));
    let guide = guide.unwrap();
    let blocks = guide.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let blocks: Vec<_> = blocks.collect();
    assert!(blocks.len() > 1);
    for block in blocks {
        let is_whole = block.contains("[[repository]]");
        let head = if is_whole { "" } else { "[[repository]]\nname = \"hexpm\"\n" };
        set(&repository(&format!("{head}{block}")), &[]).ok();
    }
}

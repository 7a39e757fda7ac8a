//! What hex.pm would refuse in the metadata of a new release. Older releases of hex.pm have it, and stay of use.
//! `api/hostile.rs` has what a server says of it.

use serde_json::Value;

use crate::support::repository::TestRepository;
use crate::support::tarball::Tarball;

/// The warnings of `hexreg add` of a tarball, and of a build of it.
#[track_caller]
fn warnings(tarball: &Tarball) -> (Vec<String>, Vec<String>) {
    let of = |ran: crate::support::hexreg::Ran| {
        assert_eq!(ran.code, 0, "{}", ran.transcript());
        let report: Value = serde_json::from_str(&ran.stdout).unwrap();
        let warnings = report["warnings"].as_array().unwrap().clone();
        warnings.iter().map(|one| one.as_str().unwrap().to_owned()).collect()
    };
    let repository = TestRepository::new();
    repository.write("package.tar", &tarball.build());
    let usual = ["--to=public", "--name=acme", "--private-key=key.pem", "--json"];
    let added = of(repository.hexreg().run([["add", "package.tar"].as_slice(), &usual].concat()));
    (added, of(repository.build(&["--json", "--fresh"])))
}

/// But not of missing keys: `golden.rs` adds releases without them.
#[test]
fn an_addition_warns_of_what_a_server_refuses() {
    let metadata = r#"{<<"name">>,<<"foo">>}.{<<"version">>,<<"1.0.0">>}.
{<<"description">>,<<"\e[31mred">>}.
{<<"links">>,[{<<"Home">>,<<"javascript:alert(1)">>}]}.
{<<"elixir">>,<<"one">>}."#;
    let (added, built) = warnings(&Tarball::new("foo", "1.0.0").metadata(metadata));
    insta::assert_snapshot!(added.join("\n"), @r#"package.tar: metadata.config: description must not have the character U+001B, which terminals interpret or readers do not see: remove it; elixir is not a requirement on the version of Elixir: "one"; links has an invalid link "javascript:alert(1)" for "Home": expected http://… or https://…"#);
    assert_eq!(built, [""; 0]);
}

#[test]
fn an_addition_warns_of_a_name_of_others_and_of_a_cycle() {
    let (added, built) = warnings(&Tarball::new("kernel", "1.0.0").requires("kernel", "~> 1.0"));
    insta::assert_snapshot!(added.join("\n"), @r"
    package.tar: kernel is also an application of Erlang/OTP, which a project would load in its place: publish it under another name, as hex.pm requires
    package.tar: kernel requires itself, a cycle at which mix stops: remove the requirement
    ");
    assert_eq!(built, [""; 0]);
}

#[test]
fn what_clients_pack_is_added_without_a_warning() {
    let (added, built) = warnings(&Tarball::new("foo", "1.0.0").requires_public("bar", "~> 1.0"));
    assert_eq!((added, built), (vec![], vec![]));
}

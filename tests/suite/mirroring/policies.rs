//! `hexreg mirror --policy`: by name, as no index lists them.

use super::{mirror, report, samples};
use crate::support::signed::{policy, write_policy};

const KEY: &str = "acme-2048.pem";

#[test]
fn policies_are_mirrored_by_name_and_requested_with_their_tags() {
    let (repository, server) = samples();
    for name in ["strict", "loose", "other"] {
        write_policy(&repository, &format!("public/policies/{name}"), &policy(name), KEY);
    }
    let options = ["--all", "--policy=strict", "--policy=loose"];
    let first = report(&repository, &server.url(), &options);
    assert_eq!(first["requests"], 9, "{first}");
    for name in ["strict", "loose"] {
        let path = format!("policies/{name}");
        let (here, there) = (format!("copy/{path}"), format!("public/{path}"));
        assert_eq!(repository.read(&here), repository.read(&there));
        let created = first["created"].as_array().unwrap();
        assert!(created.iter().any(|created| created == path.as_str()), "{first}");
    }
    assert!(!repository.path("copy/policies/other").exists());
    repository.hexreg().run(["verify", "copy"]).ok();

    let second = report(&repository, &server.url(), &options);
    assert_eq!((&second["requests"], &second["bytes"]), (&4.into(), &0.into()), "{second}");

    let mut stricter = policy("strict");
    stricter.repositories[0].restriction.as_mut().unwrap().cooldown = Some("2w".to_owned());
    write_policy(&repository, "public/policies/strict", &stricter, KEY);
    let third = report(&repository, &server.url(), &options);
    assert_eq!(third["updated"], serde_json::json!(["policies/strict"]), "{third}");
    assert_eq!(repository.read("copy/policies/strict"), repository.read("public/policies/strict"));
    // A policy that was changed in the mirror is fetched again.
    repository.write("copy/policies/strict", b"junk");
    let fourth = report(&repository, &server.url(), &options);
    assert_eq!(fourth["updated"], serde_json::json!(["policies/strict"]), "{fourth}");
    repository.hexreg().run(["verify", "copy"]).ok();
}

#[test]
fn policies_alone_are_mirrored_and_a_dry_run_writes_none() {
    let (repository, server) = samples();
    write_policy(&repository, "public/policies/strict", &policy("strict"), KEY);
    let dry = report(&repository, &server.url(), &["--policy=strict", "--dry-run"]);
    assert_eq!(dry["created"], serde_json::json!(["policies/strict"]), "{dry}");
    assert!(!repository.path("copy/policies").exists());
    let done = report(&repository, &server.url(), &["--policy=strict"]);
    assert_eq!((&done["requests"], &done["packages"]), (&1.into(), &0.into()), "{done}");
    assert_eq!(repository.read("copy/policies/strict"), repository.read("public/policies/strict"));
}

/// Clients would refuse the new policy, and the project with it. The former one stays.
#[test]
fn a_policy_that_is_lost_or_not_signed_holds_nothing_else_back() {
    let (repository, server) = samples();
    write_policy(&repository, "public/policies/strict", &policy("strict"), KEY);
    let options = ["--all", "--policy=strict"];
    mirror(&repository, &server.url(), &options).ok();
    let before = repository.read("copy/policies/strict");
    let refused = |expected: &str| {
        let ran = mirror(&repository, &server.url(), &options);
        assert_eq!(ran.code, 1, "{}", ran.transcript());
        assert!(ran.stderr.contains(expected), "{}", ran.stderr);
        assert!(!ran.stderr.contains("`names` and `versions` were left"), "{}", ran.stderr);
        assert_eq!(repository.read("copy/policies/strict"), before);
    };
    write_policy(&repository, "public/policies/strict", &policy("strict"), "acme-4096.pem");
    refused("policies/strict: its signature is not that of");
    write_policy(&repository, "public/policies/strict", &policy("loose"), KEY);
    refused("policies/strict: it is the policy loose");
    let mut elsewhere = policy("strict");
    elsewhere.repository = "other".parse().unwrap();
    write_policy(&repository, "public/policies/strict", &elsewhere, KEY);
    refused("policies/strict: it belongs to the repository `other`, not `acme`");
    repository.remove("public/policies/strict");
    refused("policies/strict: upstream does not have it");
    // The rest is mirrored.
    let new = crate::support::tarball::Tarball::new("new", "1.0.0").build();
    repository.write_tarball("new-1.0.0.tar", &new);
    repository.build(&[]).ok();
    refused("policies/strict: upstream does not have it");
    assert_eq!(repository.read("copy/names"), repository.read("public/names"));
}

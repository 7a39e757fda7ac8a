//! What signed files say, read without any check, and signed anew with something else in them.

use std::collections::BTreeMap;
use std::sync::Mutex;

use hexreg::checksum::{InnerChecksum, OuterChecksum};
use hexreg::key::PrivateKey;
use hexreg::package::{Marks, Release, Remarks, RetirementReason, Severity};
use hexreg::policy::{
    Override, OverrideAction, PackageRef, Policy, RepositoryPolicy, Restriction, Visibility,
};
use hexreg::registry::{Gzip, Payload, Releases, Signed, Versions};
use hexreg::unknown_fields::UnknownFields;

use super::read_fixture;
use super::repository::TestRepository;

/// A key of the golden vectors. It is checked once, which takes longer than a signature.
pub fn key(file: &str) -> PrivateKey {
    static KEYS: Mutex<BTreeMap<String, PrivateKey>> = Mutex::new(BTreeMap::new());
    let read = || {
        let pem = String::from_utf8(read_fixture(&format!("golden/keys/{file}"))).unwrap();
        PrivateKey::from_pem(&pem, None).unwrap()
    };
    KEYS.lock().unwrap().entry(file.to_owned()).or_insert_with(read).clone()
}

/// A policy of `acme` that denies two releases of `hexpm` and lets none through that is younger than a week.
pub fn policy(name: &str) -> Policy {
    let deny = |package: &str, requirement: Option<&str>| Override {
        action: OverrideAction::Deny,
        package: PackageRef {
            package: package.to_owned(),
            requirement: requirement.map(str::to_owned),
            unknown: UnknownFields::default(),
        },
        advisory_id: None,
        retirement_reason: None,
        comment: requirement.map(|_| "it mines".to_owned()),
        unknown: UnknownFields::default(),
    };
    Policy {
        repository: "acme".parse().unwrap(),
        name: name.parse().unwrap(),
        description: Some("what may go into production".to_owned()),
        visibility: Visibility::Private,
        repositories: vec![RepositoryPolicy {
            repository: "hexpm".to_owned(),
            restriction: Some(Restriction {
                advisory_min_severity: Some(Severity::High),
                retirement_reasons: vec![RetirementReason::Invalid, RetirementReason::Security],
                cooldown: Some("7d".to_owned()),
                unknown: UnknownFields::default(),
            }),
            overrides: vec![deny("miner", None), deny("foo", Some(">= 2.0.0"))],
            unknown: UnknownFields::default(),
        }],
        unknown: UnknownFields::default(),
    }
}

/// Puts a policy in place, such as `public/policies/strict`, signed with a key of the golden vectors.
pub fn write_policy(repository: &TestRepository, path: &str, policy: &Policy, signer: &str) {
    let file = policy.encode().sign(&key(signer)).unwrap().to_gzip(&mut Gzip::new());
    repository.write(path, &file);
}

/// The message in a signed file, such as `public/packages/foo`.
pub fn payload(repository: &TestRepository, path: &str) -> Vec<u8> {
    let file = repository.read(path);
    let signed = Signed::from_gzip(&file).unwrap();
    signed.unverified().unwrap().as_bytes().to_vec()
}

/// What the file of a package says, such as `public/packages/foo`.
pub fn releases(repository: &TestRepository, path: &str) -> Releases {
    Releases::decode(&Payload::from_bytes(payload(repository, path).into())).unwrap()
}

/// One release in it.
#[track_caller]
pub fn release(repository: &TestRepository, path: &str, version: &str) -> Release {
    let mut releases = releases(repository, path).releases.into_iter();
    releases.find(|one| one.version.to_string() == version).expect(version)
}

/// Changes what the file of a package says of each release, and signs it.
pub fn edit(
    repository: &TestRepository,
    path: &str,
    key: &PrivateKey,
    change: impl FnMut(&mut Release),
) {
    let mut releases = releases(repository, path);
    releases.releases.iter_mut().for_each(change);
    let signed = releases.encode().sign(key).unwrap();
    repository.write(path, &signed.to_gzip(&mut Gzip::new()));
}

/// Has `DIRECTORY/packages/NAME` name these releases, whatever their tarballs hold, signed with the key of `acme`.
pub fn name_releases(repository: &TestRepository, directory: &str, name: &str, versions: &[&str]) {
    let releases = versions.iter().map(|version| Release {
        version: version.parse().unwrap(),
        inner_checksum: InnerChecksum::from_bytes([0; 32]),
        outer_checksum: OuterChecksum::from_bytes([0; 32]),
        dependencies: Vec::new(),
        remarks: Remarks::default(),
    });
    let package = Releases::new("acme".parse().unwrap(), name.parse().unwrap(), releases.collect());
    let signed = package.encode().sign(&key("acme-2048.pem")).unwrap();
    repository.write(&format!("{directory}/packages/{name}"), &signed.to_gzip(&mut Gzip::new()));
}

/// What `versions` marks each release with.
pub fn marks(repository: &TestRepository, directory: &str) -> Vec<(String, Marks)> {
    let file = repository.read(&format!("{directory}/versions"));
    let versions = Signed::from_gzip(&file).unwrap().unverified().unwrap();
    let packages = Versions::decode(&versions).unwrap().packages.into_iter();
    let listed = packages.flat_map(|(name, versions)| {
        versions.into_iter().map(move |one| (format!("{name} {}", one.version), one.marks))
    });
    listed.collect()
}

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tempfile::TempDir;

use super::*;
use crate::key::PrivateKey;
use crate::policy::Visibility;
use crate::registry::Gzip;
use crate::serve::watched_store::WatchedStore;
use crate::store::DirStore;
use crate::unknown_fields::UnknownFields;

fn golden(file: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/golden");
    fs::read(root.join(file)).unwrap()
}

/// A policy of a repository, signed with a key of the golden vectors.
fn signed(repository: &str, name: &str, description: &str, key: &str) -> Vec<u8> {
    let policy = Policy {
        repository: repository.parse().unwrap(),
        name: name.parse().unwrap(),
        description: Some(description.to_owned()),
        visibility: Visibility::Private,
        repositories: Vec::new(),
        unknown: UnknownFields::default(),
    };
    let pem = String::from_utf8(golden(&format!("keys/{key}"))).unwrap();
    let key = PrivateKey::from_pem(&pem, None).unwrap();
    policy.encode().sign(&key).unwrap().to_gzip(&mut Gzip::new())
}

const KEY: &str = "acme-2048.pem";

struct Known {
    directory: TempDir,
    policies: KnownPolicies,
    /// How many files were read for them.
    reads: Arc<AtomicUsize>,
}

impl Known {
    fn new(is_remote: bool) -> Self {
        let directory = TempDir::new().unwrap();
        let reads = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&reads);
        let store = WatchedStore::new(directory.path(), move || {
            counted.fetch_add(1, Ordering::SeqCst);
        });
        let overview = OverviewCache::new(Arc::new(DirStore::new(directory.path())));
        let policies = KnownPolicies::new(Arc::new(store), Arc::new(overview), None, is_remote);
        for file in ["public_key", "versions"] {
            let bytes = golden(&format!("acme/expected/{file}"));
            fs::write(directory.path().join(file), bytes).unwrap();
        }
        Self { directory, policies, reads }
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let folder = self.directory.path().join("policies");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), bytes).unwrap();
    }

    /// What is known of each policy: its description, or the problem.
    fn told(&self) -> Vec<(String, String)> {
        let list = self.policies.current();
        assert!(!list.is_unknown);
        let told = list.policies.iter().map(|found| {
            let told = match &found.contents {
                Ok(policy) => policy.description.clone().unwrap(),
                Err(PolicyProblem::Refused(why)) => why.clone(),
                Err(other) => format!("{other:?}"),
            };
            (found.name.to_string(), told)
        });
        told.collect()
    }

    fn reads(&self) -> usize {
        self.reads.swap(0, Ordering::SeqCst)
    }
}

fn pair(name: &str, told: &str) -> (String, String) {
    (name.to_owned(), told.to_owned())
}

#[test]
fn a_policy_is_read_once_until_its_file_changes() {
    let known = Known::new(false);
    assert_eq!(known.told(), []);
    known.write("one", &signed("acme", "one", "first", KEY));
    known.write("two", &signed("acme", "two", "second", KEY));
    let both = [pair("one", "first"), pair("two", "second")];
    assert_eq!(known.told(), both);
    // The stamps of files that were just written might not tell of a change.
    thread::sleep(Duration::from_millis(2_100));
    assert_eq!(known.told(), both);
    known.reads();
    assert_eq!(known.told(), both);
    assert_eq!(known.reads(), 0);
    known.write("two", &signed("acme", "two", "changed", KEY));
    assert_eq!(known.told(), [pair("one", "first"), pair("two", "changed")]);
    assert_eq!(known.reads(), 1);
    fs::remove_file(known.directory.path().join("policies/one")).unwrap();
    assert_eq!(known.told(), [pair("two", "changed")]);
    fs::remove_dir_all(known.directory.path().join("policies")).unwrap();
    assert_eq!(known.told(), []);
}

#[test]
fn what_clients_refuse_is_said_and_the_others_are_read() {
    let known = Known::new(false);
    let whole = signed("acme", "cut", "x", KEY);
    known.write("cut", &whole[..whole.len() / 2]);
    known.write("elsewhere", &signed("other", "elsewhere", "x", KEY));
    known.write("forged", &signed("acme", "forged", "x", "acme-4096.pem"));
    known.write("junk", b"junk");
    known.write("renamed", &signed("acme", "strict", "x", KEY));
    known.write("sound", &signed("acme", "sound", "fine", KEY));
    known.write("README", b"no policy");
    known.write("desktop.ini", b"no policy");
    known.write(".hexreg-abc.tmp", b"no policy");
    fs::create_dir(known.directory.path().join("policies/folder")).unwrap();
    let told = known.told();
    let names: Vec<_> = told.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["cut", "elsewhere", "forged", "junk", "renamed", "sound"]);
    for (told, expected) in told.iter().zip([
        "it is not gzipped, or damaged",
        "it is of the repository other, not of acme",
        "its signature is not that of SHA256:",
        "it is not gzipped, or damaged",
        "it is the policy strict",
        "fine",
    ]) {
        assert!(told.1.contains(expected), "{told:?}: {expected}");
    }
    // It is repaired.
    known.write("cut", &whole);
    assert_eq!(known.told()[0], pair("cut", "x"));
}

#[test]
fn with_another_key_all_are_read_again() {
    let known = Known::new(false);
    known.write("one", &signed("acme", "one", "first", KEY));
    known.write("two", &signed("acme", "two", "second", "acme-4096.pem"));
    assert!(known.told()[1].1.contains("signature"), "{:?}", known.told());
    thread::sleep(Duration::from_millis(2_100));
    known.told();
    let key = PrivateKey::from_pem(&String::from_utf8(golden("keys/acme-4096.pem")).unwrap(), None)
        .unwrap();
    let versions = crate::registry::Versions::new("acme".parse().unwrap(), Vec::new());
    let versions = versions.encode().sign(&key).unwrap().to_gzip(&mut Gzip::new());
    let root = known.directory.path();
    fs::write(root.join("public_key"), key.public_key().to_pem().as_bytes()).unwrap();
    fs::write(root.join("versions"), versions).unwrap();
    let told = known.told();
    assert!(told[0].1.contains("signature"), "{told:?}");
    assert_eq!(told[1], pair("two", "second"));
    // Clients refuse the registry, and with it each policy.
    fs::write(root.join("public_key"), b"junk").unwrap();
    assert!(known.policies.current().is_unknown);
}

#[test]
fn too_many_policies_are_named_and_not_read() {
    let known = Known::new(false);
    for number in 0..MOST_POLICIES + 2 {
        let name = format!("policy-{number:03}");
        known.write(&name, &signed("acme", &name, "read", KEY));
    }
    let told = known.told();
    assert_eq!(told.iter().filter(|(_, told)| told == "read").count(), MOST_POLICIES);
    assert_eq!(
        told[MOST_POLICIES..],
        ["100", "101"].map(|n| pair(&format!("policy-{n}"), "TooMuch"))
    );
}

#[test]
fn a_folder_that_cannot_be_listed_leaves_what_is_known() {
    let known = Known::new(false);
    let folder = known.directory.path().join("policies");
    fs::write(&folder, b"a file").unwrap();
    assert!(known.policies.current().is_unknown);
    fs::remove_file(&folder).unwrap();
    known.write("one", &signed("acme", "one", "first", KEY));
    thread::sleep(FAILURE_HOLDS);
    assert_eq!(known.told(), [pair("one", "first")]);
    fs::remove_dir_all(&folder).unwrap();
    fs::write(&folder, b"a file").unwrap();
    assert_eq!(known.told(), [pair("one", "first")]);
}

#[test]
fn a_bucket_is_not_listed_again_at_once() {
    let two = signed("acme", "two", "second", KEY);
    // On a machine that is too busy for that, what was read holds no longer: it is tried again.
    let known = loop {
        let known = Known::new(true);
        known.write("one", &signed("acme", "one", "first", KEY));
        let began = Instant::now();
        assert_eq!(known.told(), [pair("one", "first")]);
        known.write("two", &two);
        let told = known.told();
        if began.elapsed() < REMOTE_HOLDS {
            assert_eq!(told, [pair("one", "first")]);
            break known;
        }
    };
    thread::sleep(REMOTE_HOLDS);
    assert_eq!(known.told(), [pair("one", "first"), pair("two", "second")]);
}

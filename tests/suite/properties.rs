//! What holds for every input.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use hexreg::checksum::{InnerChecksum, OuterChecksum};
use hexreg::erlang::{self, Term};
use hexreg::key::PrivateKey;
use hexreg::name::{PackageName, RepositoryName};
use hexreg::ops::build::{Error, Options, Report, build};
use hexreg::package::{
    Advisory, Dependency, Package, Release, Remarks, Requirement, Retirement, RetirementReason,
    Severity, Timestamp, UnixSeconds, UnknownInRelease,
};
use hexreg::policy::Policy;
use hexreg::registry::{
    ListedVersion, Names, PackageEntry, Payload, Registry, Releases, Resource, Signed, Versions,
};
use hexreg::store::Changed;
use hexreg::tarball::{self, Limits, Metadata, Unpacker};
use hexreg::unknown_fields::UnknownFields;
use hexreg::version::Version;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::string::string_regex;
use rayon::prelude::*;

use crate::support::memory::MemoryStore;
use crate::support::protobuf::{self, extend, field, varint};
use crate::support::raw_tar;
use crate::support::signed::{self, policy};
use crate::support::tarball::Tarball;
use crate::support::{gunzip, gzip};

fn name() -> impl Strategy<Value = PackageName> {
    string_regex("[a-z][A-Za-z0-9_]{0,8}").unwrap().prop_map(|name| name.parse().unwrap())
}

fn repository_name() -> impl Strategy<Value = RepositoryName> {
    string_regex("[A-Za-z0-9_.-]{1,8}")
        .unwrap()
        .prop_filter("dots", |name| name != "." && name != "..")
        .prop_map(|name| name.parse().unwrap())
}

fn version() -> impl Strategy<Value = Version> {
    let number = "(0|[1-9][0-9]{0,3})";
    let part = "(0|[1-9][0-9]{0,2}|[0-9]{0,2}[a-zA-Z-][a-z0-9-]{0,3})";
    let version = format!("{number}[.]{number}[.]{number}(-{part}([.]{part}){{0,2}})?");
    string_regex(&version).unwrap().prop_map(|version| version.parse().unwrap())
}

/// Any text that is not empty, with everything in it that needs an escape.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![string_regex("[a-z~>=. 0-9]{1,12}").unwrap(), string_regex("(?s).{1,12}").unwrap()]
}

fn dependencies() -> impl Strategy<Value = Vec<Dependency>> {
    let rest = (text(), any::<bool>(), text(), proptest::option::of(text()));
    btree_map("[A-Za-z0-9_][A-Za-z0-9_.-]{0,9}", rest, 0..4).prop_map(|all| {
        let dependencies =
            all.into_iter().map(|(package, (requirement, optional, app, repository))| {
                let requirement = Requirement(requirement);
                Dependency { package, requirement, optional, app, repository }
            });
        dependencies.collect()
    })
}

fn metadata() -> impl Strategy<Value = Metadata> {
    let parts = (option::of(name()), version(), option::of(text()), dependencies());
    parts.prop_map(|(name, version, app, requirements)| Metadata {
        name,
        version,
        app,
        requirements,
    })
}

fn release() -> impl Strategy<Value = Release> {
    let checksums = (any::<[u8; 32]>(), any::<[u8; 32]>());
    let parts = (version(), checksums, dependencies(), remarks());
    parts.prop_map(|(version, (inner, outer), dependencies, remarks)| Release {
        version,
        inner_checksum: InnerChecksum::from_bytes(inner),
        outer_checksum: OuterChecksum::from_bytes(outer),
        dependencies,
        remarks,
    })
}

/// A field that no resource has, of each wire type but those of groups.
fn unknown_field() -> impl Strategy<Value = Vec<u8>> {
    let value = prop_oneof![
        any::<u64>().prop_map(|value| (0, varint(value))),
        any::<[u8; 8]>().prop_map(|value| (1, value.to_vec())),
        vec(any::<u8>(), 0..9).prop_map(|value| (2, field(1, value).split_off(1))),
        any::<[u8; 4]>().prop_map(|value| (5, value.to_vec())),
    ];
    (10..5000_u64, value)
        .prop_map(|(number, (wire_type, value))| [varint(number << 3 | wire_type), value].concat())
}

/// Often none, as in most registries; advisories out of a few, so that releases share them.
fn remarks() -> impl Strategy<Value = Remarks> {
    let number = prop_oneof![0..5_i32, any::<i32>()];
    let retirement = (number, option::of(text())).prop_map(|(reason, message)| {
        Retirement::new(RetirementReason::from_number(reason), message)
    });
    let published_at = (any::<i64>(), prop_oneof![Just(0), any::<i32>()]);
    let published_at = option::of(
        published_at
            .prop_map(|(seconds, nanos)| Timestamp { nanos, ..UnixSeconds(seconds).into() }),
    );
    let remarks = (option::of(retirement), published_at, vec(advisory(), 0..3));
    let remarks = remarks.prop_map(|(retired, published_at, mut advisories)| {
        advisories.sort_by(|a: &Arc<Advisory>, b| a.id.cmp(&b.id));
        advisories.dedup();
        Remarks { retired, published_at, advisories, unknown: UnknownInRelease::default() }
    });
    prop_oneof![Just(Remarks::default()), remarks]
}

fn advisory() -> impl Strategy<Value = Arc<Advisory>> {
    let parts = (0..4_u8, option::of(any::<i32>()), option::of(any::<f32>()), vec(text(), 0..2));
    parts.prop_map(|(id, severity, score, aliases)| {
        Arc::new(Advisory {
            id: format!("GHSA-{id}"),
            summary: "a hole".to_owned(),
            severity: severity.map(Severity::from_number),
            cvss_score: score.map(Into::into),
            html_url: "https://advisories.example/".to_owned() + &id.to_string(),
            api_url: String::new(),
            aliases,
            unknown: UnknownFields::default(),
        })
    })
}

/// A few packages, each with different releases in any order.
fn packages() -> impl Strategy<Value = Vec<(PackageName, Vec<Release>, UnixSeconds)>> {
    let releases = vec(release(), 1..6).prop_map(|all| {
        let unique: HashMap<_, _> = all.into_iter().map(|one| (one.version.clone(), one)).collect();
        unique.into_values().collect::<Vec<_>>()
    });
    let packages = btree_map(name(), (releases, any::<i64>().prop_map(UnixSeconds)), 0..6);
    packages.prop_map(|all| all.into_iter().map(|(name, (all, time))| (name, all, time)).collect())
}

fn assemble(packages: Vec<(PackageName, Vec<Release>, UnixSeconds)>) -> Registry {
    let repository: RepositoryName = "acme".parse().unwrap();
    let entries = packages.into_iter().map(|(name, releases, updated_at)| {
        PackageEntry::of(&repository, Package::assemble(name, releases).unwrap(), updated_at)
    });
    let entries = entries.collect();
    Registry::assemble(repository, entries)
}

fn term() -> impl Strategy<Value = Term> {
    let leaf = prop_oneof![
        string_regex("(?s).{0,9}").unwrap().prop_map(Term::Atom),
        any::<i64>().prop_map(Term::Integer),
        string_regex("(?s).{0,9}").unwrap().prop_map(|text| Term::Binary(text.into_bytes())),
        vec(any::<u8>(), 0..9).prop_map(Term::Binary),
        string_regex("(?s).{0,9}").unwrap().prop_map(Term::String),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Term::Tuple),
            vec(inner.clone(), 0..5).prop_map(Term::List),
            vec((inner.clone(), inner), 0..4).prop_map(Term::Map),
        ]
    })
}

/// A change to bytes: at a position, a number of them is replaced by others.
#[derive(Clone, Debug)]
struct Edit {
    place: proptest::sample::Index,
    removed: usize,
    inserted: Vec<u8>,
}

impl Edit {
    fn apply(&self, bytes: &[u8]) -> Vec<u8> {
        let start = self.place.index(bytes.len() + 1);
        let end = (start + self.removed).min(bytes.len());
        [&bytes[..start], &self.inserted, &bytes[end..]].concat()
    }
}

fn edit() -> impl Strategy<Value = Edit> {
    let tokens = ["<<", ">>", "\"", "\\", "{", "}", "[", "]", ",", ".", "nil", "#{", "=>", "/utf8"];
    let inserted = prop_oneof![
        vec(any::<u8>(), 0..3),
        proptest::sample::select(tokens.to_vec()).prop_map(|token| token.as_bytes().to_vec()),
        proptest::sample::select(vec![0_u8, b'0', b'7', b' ', b'x']).prop_map(|byte| vec![byte]),
    ];
    (any::<proptest::sample::Index>(), 0..3_usize, inserted)
        .prop_map(|(place, removed, inserted)| Edit { place, removed, inserted })
}

/// The files in the contents of a tarball, as the tar crate reads them.
fn files_of(tarball: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut outer = tar::Archive::new(tarball);
    for entry in outer.entries().unwrap() {
        let mut entry = entry.unwrap();
        if *entry.path_bytes() == *b"contents.tar.gz" {
            let mut contents = Vec::new();
            entry.read_to_end(&mut contents).unwrap();
            let inner = gunzip(&contents);
            for file in tar::Archive::new(inner.as_slice()).entries().unwrap() {
                let mut file = file.unwrap();
                let mut data = Vec::new();
                file.read_to_end(&mut data).unwrap();
                files.insert(String::from_utf8(file.path_bytes().into_owned()).unwrap(), data);
            }
        }
    }
    files
}

fn unpack(tarball: &[u8]) -> Result<tarball::Tarball, tarball::Error> {
    Unpacker::new(Limits::HEX).unpack(tarball)
}

fn options(key: PrivateKey) -> Options {
    Options { key, ..crate::support::options() }
}

fn acme_key() -> PrivateKey {
    signed::key("acme-2048.pem")
}

fn build_on(threads: usize, store: &MemoryStore) -> Result<Report, Error> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| build(store, &options(acme_key()), &()))
}

proptest! {
    #[test]
    fn unpack_undoes_create(
        metadata in metadata(),
        files in btree_map("[a-z]{1,20}/[a-zA-Z0-9_. ]{1,150}x", vec(any::<u8>(), 0..2000), 0..5),
    ) {
        let pairs: Vec<(&str, &[u8])> = files.iter().map(|(path, data)| (&**path, &**data)).collect();
        let tarball = tarball::create(&metadata.to_string(), &pairs).unwrap();
        prop_assert_eq!(files_of(&tarball), files);
        let unpacked = unpack(&tarball).unwrap();
        prop_assert_eq!(unpacked.metadata, metadata);
        prop_assert_eq!(unpacked.outer_checksum, OuterChecksum::of(&tarball));
    }

    #[test]
    fn reading_undoes_writing_of_terms(terms in vec(term(), 0..5)) {
        let written: Vec<String> = terms.iter().map(|term| format!("{term}.\n")).collect();
        prop_assert_eq!(erlang::parse_terms(&written.concat()).unwrap(), terms);
    }

    /// Also of what is close to terms and none: an error, and no panic.
    #[test]
    fn damaged_terms_are_read_or_refused(edits in vec(edit(), 1..4)) {
        let metadata = Tarball::new("foo", "1.0.0").requires("bar", "~> 1.0").metadata_text();
        let damaged = edits.iter().fold(metadata, |text, edit| edit.apply(&text));
        let _ = erlang::parse_terms(&erlang::decode(&damaged));
        let _ = Metadata::parse(&damaged);
    }

    /// Sound but for what was edited: refused, or read as another sound one; and no panic.
    #[test]
    fn damaged_tarballs_are_unpacked_or_refused(
        metadata in vec(edit(), 0..3),
        contents in vec(edit(), 0..3),
        archive in vec(edit(), 0..2),
    ) {
        let sound = Tarball::new("foo", "1.0.0").requires("bar", "~> 1.0");
        let text = metadata.iter().fold(sound.metadata_text(), |text, edit| edit.apply(&text));
        let inner = raw_tar::archive(&[raw_tar::Entry::file("a", b"a"), raw_tar::Entry::symlink("b", "a")]);
        let inner = contents.iter().fold(inner, |bytes, edit| edit.apply(&bytes));
        let tarball = Tarball::new("foo", "1.0.0").metadata(text).contents(&gzip(&inner)).build();
        let tarball = archive.iter().fold(tarball, |bytes, edit| edit.apply(&bytes));
        if let Ok(read) = unpack(&tarball) {
            prop_assert_eq!(read.outer_checksum, OuterChecksum::of(&tarball));
        }
    }

    #[test]
    fn decode_undoes_encode(repository in repository_name(), packages in packages()) {
        for (package, releases, _) in &packages {
            let releases = Releases::new(repository.clone(), package.clone(), releases.clone());
            prop_assert_eq!(Releases::decode(&releases.encode()).unwrap(), releases);
        }
        let times = packages.iter().map(|(name, _, time)| (name.clone(), Some(*time)));
        let names = Names::new(repository.clone(), times.collect());
        prop_assert_eq!(Names::decode(&names.encode()).unwrap(), names);
        let versions = packages.into_iter().map(|(name, releases, _)| {
            let listed = releases.into_iter().map(|release| ListedVersion {
                marks: release.remarks.marks(),
                version: release.version,
            });
            (name, listed.collect())
        });
        let versions = Versions::new(repository, versions.collect());
        prop_assert_eq!(Versions::decode(&versions.encode()).unwrap(), versions);
    }

    /// At every level of every resource, to the byte.
    #[test]
    fn unknown_fields_survive(
        repository in repository_name(),
        packages in packages(),
        fields in vec(vec(unknown_field(), 0..3), 1..20),
    ) {
        let mut fields = fields.iter().map(|fields| fields.concat()).cycle();
        let mut more = || fields.next().unwrap();
        let mut extended =
            |payload: &Payload, nesting| Bytes::from(extend(payload.as_bytes(), nesting, &mut more));
        for (package, releases, _) in &packages {
            let releases = Releases::new(repository.clone(), package.clone(), releases.clone());
            let bytes = extended(&releases.encode(), &protobuf::PACKAGE);
            let read = Releases::decode(&Payload::from_bytes(bytes.clone())).unwrap();
            prop_assert_eq!(read.encode(), Payload::from_bytes(bytes));
        }
        let times = packages.iter().map(|(name, _, time)| (name.clone(), Some(*time)));
        let names = Names::new(repository.clone(), times.collect());
        let bytes = extended(&names.encode(), &protobuf::NAMES);
        let read = Names::decode(&Payload::from_bytes(bytes.clone())).unwrap();
        prop_assert_eq!(read.encode(), Payload::from_bytes(bytes));
        let versions = packages.into_iter().map(|(name, releases, _)| {
            let versions = releases.into_iter().map(|release| release.version.into());
            (name, versions.collect())
        });
        let versions = Versions::new(repository, versions.collect());
        let bytes = extended(&policy("strict").encode(), &protobuf::POLICY);
        let read = Policy::decode(&Payload::from_bytes(bytes.clone())).unwrap();
        prop_assert_eq!(read.encode(), Payload::from_bytes(bytes));
        let bytes = extended(&versions.encode(), &protobuf::VERSIONS);
        let read = Versions::decode(&Payload::from_bytes(bytes.clone())).unwrap();
        prop_assert_eq!(read.encode(), Payload::from_bytes(bytes));
    }

    #[test]
    fn the_order_of_packages_and_releases_does_not_matter(
        (packages, shuffled) in packages().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
    ) {
        let turned = shuffled.into_iter().map(|(name, mut releases, time)| {
            releases.reverse();
            (name, releases, time)
        });
        prop_assert_eq!(assemble(packages), assemble(turned.collect()));
    }

    /// What a registry says is what its packages are, and ascends.
    #[test]
    fn the_resources_of_a_registry_say_what_its_packages_are(packages in packages()) {
        let registry = assemble(packages.clone());
        prop_assert_eq!(registry.release_count(), packages.iter().map(|(_, all, _)| all.len()).sum::<usize>());
        let payloads = registry.payloads();
        prop_assert_eq!(payloads.len(), packages.len() + 2);
        for (resource, payload) in payloads {
            match resource {
                Resource::Names => {
                    let said = Names::decode(payload).unwrap().packages;
                    let expected: Vec<_> =
                        packages.iter().map(|(name, _, time)| (name.clone(), Some(*time))).collect();
                    prop_assert_eq!(said, expected);
                }
                Resource::Versions => {
                    let said = Versions::decode(payload).unwrap().packages;
                    prop_assert!(said.is_sorted_by(|a, b| a.0 < b.0));
                    for ((said, versions), (name, releases, _)) in said.iter().zip(&packages) {
                        prop_assert_eq!(said, name);
                        prop_assert!(versions.is_sorted_by(|a, b| a.version < b.version));
                        prop_assert_eq!(versions.len(), releases.len());
                    }
                }
                Resource::Policy(name) => panic!("no registry makes the policy {name}"),
                Resource::Package(package) => {
                    let said = Releases::decode(payload).unwrap();
                    prop_assert_eq!(&said.package, &package);
                    prop_assert!(said.releases.is_sorted_by(|a, b| a.version < b.version));
                    let (_, releases, _) =
                        packages.iter().find(|(name, ..)| *name == package).unwrap();
                    prop_assert_eq!(said.releases.len(), releases.len());
                    prop_assert!(said.releases.iter().all(|release| releases.contains(release)));
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn the_order_of_the_listing_and_the_number_of_jobs_do_not_matter(
        releases in btree_map((name(), version()), name(), 1..20),
        jobs in 1..8_usize,
    ) {
        let store = MemoryStore::default();
        for ((name, version), requirement) in &releases {
            let tarball = Tarball::new(name.as_str(), &version.to_string());
            let tarball = tarball.requires(requirement.as_str(), "~> 1.0").build();
            store.set(&format!("tarballs/{name}-{version}.tar"), &tarball);
        }
        let reversed = store.reversed();
        build_on(1, &store).unwrap();
        build_on(jobs, &reversed).unwrap();
        prop_assert_eq!(store.files(), reversed.files());
    }
}

/// Every bit of `bytes` flipped in turn, in parallel.
fn each_flipped_bit(bytes: &[u8], check: impl Fn(usize, &[u8]) + Sync) {
    (0..bytes.len() * 8).into_par_iter().for_each(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        check(bit, &flipped);
    });
}

/// A tarball with a flipped bit is refused; or the bit says nothing (a header's time, the case of a
/// digit in CHECKSUM), and the outer checksum, which clients compare, is another one all the same.
#[test]
fn a_flipped_bit_in_a_tarball_is_noticed() {
    let tarball = Tarball::new("foo", "1.0.0").requires("bar", "~> 1.0").build();
    let sound = unpack(&tarball).unwrap();
    each_flipped_bit(&tarball, |bit, flipped| {
        if let Ok(read) = unpack(flipped) {
            assert_eq!(read.metadata, sound.metadata, "bit {bit}");
            assert_eq!(read.inner_checksum, sound.inner_checksum, "bit {bit}");
            assert_ne!(read.outer_checksum, sound.outer_checksum, "bit {bit}");
        }
    });
}

/// In what was signed, a reader notices every flipped bit.
#[test]
fn a_flipped_bit_in_a_signed_message_never_verifies() {
    let key = acme_key();
    let names = Names::new("acme".parse().unwrap(), Vec::new());
    let signed = names.encode().sign(&key).unwrap();
    each_flipped_bit(&signed.encode(), |bit, flipped| {
        let file = gzip(flipped);
        let read = Signed::from_gzip(&file);
        let verified = read.and_then(|signed| signed.verify(key.public_key()));
        assert!(verified.is_err(), "bit {bit}");
    });
}

/// In `public_key` it makes another key or none, and nothing is signed; or it says nothing to a
/// reader of PEM (which white space ends a line), and is put right.
#[test]
fn a_flipped_bit_in_the_public_key_is_noticed() {
    let store = MemoryStore::default();
    build_on(1, &store).unwrap();
    let sound = store.files();
    each_flipped_bit(&sound["public_key"], |bit, flipped| {
        let store = MemoryStore::of(&sound);
        store.set("public_key", flipped);
        match build(&store, &options(acme_key()), &()) {
            Ok(_) => assert!(store.files() == sound, "bit {bit}"),
            Err(Error::OtherKey { .. } | Error::NotAKey { .. }) => {}
            Err(other) => panic!("bit {bit}: {other}"),
        }
    });
}

mod slow {
    use super::*;

    /// In a file as it is served, the next build notices every flipped bit and puts it right, those too
    /// that gzip passes over.
    #[test]
    fn a_flipped_bit_in_a_served_file_is_put_right() {
        let store = MemoryStore::default();
        store.set("tarballs/foo-1.0.0.tar", &Tarball::new("foo", "1.0.0").build());
        build_on(1, &store).unwrap();
        let sound = store.files();
        for path in ["names", "versions", "packages/foo"] {
            each_flipped_bit(&sound[path], |bit, flipped| {
                let store = MemoryStore::of(&sound);
                store.set(path, flipped);
                let report = build(&store, &options(acme_key()), &()).unwrap();
                let changes: Vec<_> =
                    report.changes.iter().map(|(path, how)| (path.as_str(), *how)).collect();
                assert_eq!(changes, [(path, Changed::Updated)], "bit {bit}");
                assert!(store.files() == sound, "bit {bit}");
            });
        }
    }
}

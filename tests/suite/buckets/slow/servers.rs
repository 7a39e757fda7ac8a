//! All commands that change a registry in a bucket, against `SeaweedFS` with and without versioning, Azure's own emulator,
//! and moto that imitates Ceph's gateway.

use std::thread;

use crate::buckets::Writer;
use crate::support::azurite::{ACCOUNT, Azurite, KEY};
use crate::support::bucket::Bucket;
use crate::support::gateway::{Gateway, Manner};
use crate::support::hexreg::Ran;
use crate::support::moto::Moto;
use crate::support::repository::TestRepository;
use crate::support::seaweedfs::SeaweedFs;
use crate::support::tarball::Tarball;

/// How many rounds there are, and how many writers add at once in each.
const ROUNDS: usize = 3;
const RACERS: usize = 6;

/// A prefix in a bucket of any kind, and a writer with all rights there.
struct Place {
    url: String,
    endpoint: String,
    environment: Vec<(&'static str, &'static str)>,
    repository: TestRepository,
}

impl Place {
    fn in_bucket(bucket: &Bucket) -> Self {
        Self {
            url: bucket.url("some where/é+&"),
            endpoint: bucket.endpoint(),
            environment: bucket.environment().to_vec(),
            repository: TestRepository::new(),
        }
    }

    /// Runs a command, with the arguments for the prefix after its first words.
    fn run(&self, words: &[&str], more: &[&str]) -> Ran {
        let mut hexreg = self.repository.hexreg();
        for (name, value) in &self.environment {
            hexreg = hexreg.env(name, value);
        }
        let place = [&self.url[..], "--endpoint", &self.endpoint];
        hexreg.run([words, &place, more].concat())
    }

    fn change(&self, words: &[&str]) -> Ran {
        let words = [words, &["--name=acme", "--private-key=key.pem", "--to"]].concat();
        self.run(&words, &[])
    }

    /// Creates a tarball and adds it.
    fn add(&self, name: &str, version: &str) -> Ran {
        let file = format!("new/{name}-{version}.tar");
        self.repository.write(&file, &Tarball::new(name, version).build());
        self.change(&["add", &file])
    }

    /// Checks that the registry is sound, and has this many packages and releases.
    #[track_caller]
    fn has(&self, packages: usize, releases: usize) {
        let verified = self.run(&["verify"], &["--json"]).ok().stdout;
        let verified: serde_json::Value = serde_json::from_str(&verified).unwrap();
        assert_eq!(verified["problems"].as_array().map(Vec::len), Some(0), "{verified}");
        assert_eq!(
            (&verified["packages"], &verified["releases"]),
            (&packages.into(), &releases.into())
        );
    }
}

#[track_caller]
fn changes_nothing(ran: Ran) {
    let said = ran.ok().stdout;
    assert!(said.contains("nothing has changed"), "{said}");
}

/// Runs every command, some of them many times at once.
fn try_all(place: &Place) {
    let repository = &place.repository;
    for (name, version) in [("foo", "1.0.0"), ("foo", "1.1.0"), ("bar", "1.0.0")] {
        let bytes = Tarball::new(name, version).build();
        repository.write_tarball(&format!("{name}-{version}.tar"), &bytes);
    }
    repository.build(&[]).ok();
    place.run(&["push", "public"], &[]).ok();
    changes_nothing(place.run(&["push", "public"], &[]));
    place.has(2, 3);

    place.add("foo", "1.2.0").ok();
    changes_nothing(place.add("foo", "1.2.0"));
    for round in 0..ROUNDS {
        thread::scope(|scope| {
            let racers: Vec<_> = (0..RACERS)
                .map(|racer| {
                    // Some to the same package, all to the same indexes.
                    let name = ["foo", "new"][racer % 2];
                    scope.spawn(move || place.add(name, &format!("2.{round}.{racer}")))
                })
                .collect();
            for racer in racers {
                racer.join().unwrap().ok();
            }
        });
    }
    place.has(3, 4 + ROUNDS * RACERS);

    let retire = || place.change(&["retire", "foo", "1.0.0", "--reason=security"]);
    retire().ok();
    changes_nothing(retire());
    place.change(&["remove", "foo", "1.1.0"]).ok();
    // The last release of a package, whose file is removed with it.
    place.change(&["remove", "bar", "1.0.0"]).ok();
    place.has(2, 2 + ROUNDS * RACERS);
    // The additions of other writers are not lost.
    repository.write_tarball("foo-3.0.0.tar", &Tarball::new("foo", "3.0.0").build());
    repository.build(&[]).ok();
    let refused = place.run(&["push", "public"], &[]);
    assert_eq!(refused.code, 1, "{}", refused.transcript());

    let build = || place.run(&["build"], &["--name=acme", "--private-key=key.pem"]);
    build().ok();
    changes_nothing(build());
    place.has(2, 2 + ROUNDS * RACERS);
}

#[test]
fn all_commands_work_on_seaweedfs() {
    let test = "all_commands_work_on_seaweedfs";
    let Some(seaweedfs) = SeaweedFs::start(test) else { return };
    try_all(&Place::in_bucket(&seaweedfs.bucket("plain")));
    try_all(&Place::in_bucket(&seaweedfs.versioned_bucket("versioned")));
}

#[test]
fn all_commands_work_on_azure() {
    let Some(azurite) = Azurite::start("all_commands_work_on_azure") else { return };
    azurite.container("registry");
    try_all(&Place {
        url: "az://registry/some where/é+&".to_owned(),
        endpoint: azurite.endpoint(),
        environment: vec![
            ("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT),
            ("AZURE_STORAGE_ACCOUNT_KEY", KEY),
        ],
        repository: TestRepository::new(),
    });
}

#[test]
fn all_commands_work_if_quoted_tags_are_refused() {
    let test = "all_commands_work_if_quoted_tags_are_refused";
    let Some(moto) = Moto::start(test) else { return };
    let bucket = moto.bucket("registry");
    let ceph = Gateway::before(bucket.address(), Manner::BareTags);
    let bucket = bucket.behind(ceph.address());
    try_all(&Place::in_bucket(&bucket));

    // The cost beside the eleven requests of other stores: the tag is requested, and two more writes show that the bare
    // tag is taken and another one is not.
    let writer = Writer::of(bucket);
    let add = |version: &str| {
        let file = format!("welcome-{version}.tar");
        writer.write(&file, &Tarball::new("welcome", version).build());
        writer.add(&[file], &[]).ok();
    };
    add("1.0.0");
    let asked = ceph.asked_for(|| add("1.1.0"));
    assert_eq!(asked.len(), 14, "{asked:#?}");
}

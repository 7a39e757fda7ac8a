//! Changes that a server makes together: each is judged in order, a refused one changes nothing, and nothing else
//! depends on it.

mod failures;
#[cfg(feature = "buckets")]
mod writers;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use hexreg::ops::add::{self, Additions, PublicationTime};
use hexreg::ops::batch::{
    self, ChangeError, Error, Options, Outcome, Refusal, ReleaseChange, ReplaceRule,
    RequestedChange, Rules,
};
use hexreg::ops::verify;
use hexreg::package::{Release, Retirement, RetirementReason, UnixSeconds};
use hexreg::registry::{Releases, Signed};
use hexreg::repository::ByteSource;
use hexreg::store::Store;
use hexreg::tarball::Limits;
use tempfile::TempDir;

use crate::support::memory::MemoryStore;
use crate::support::options;
use crate::support::tarball::Tarball;
use crate::support::witness::Files;

const NOW: i64 = 1_790_000_000;
const NO_REPLACE: &str = "must include the --replace flag to update an existing release";

type Verdict = Result<Outcome, Refusal>;

/// Tarballs in files, and who publishes them.
struct Publisher {
    directory: TempDir,
    rules: Rules,
}

impl Publisher {
    fn new() -> Self {
        let rules = Rules {
            replace: ReplaceRule::default(),
            allow_public: BTreeSet::new(),
            now: UnixSeconds(NOW),
        };
        Self { directory: TempDir::new().unwrap(), rules }
    }

    fn rule(mut self, rule: &str) -> Self {
        self.rules.replace = rule.parse().unwrap();
        self
    }

    /// So many seconds later.
    fn later(mut self, seconds: i64) -> Self {
        self.rules.now.0 += seconds;
        self
    }

    fn write(&self, bytes: &[u8]) -> PathBuf {
        let name = format!("upload{}", fs::read_dir(self.directory.path()).unwrap().count());
        let path = self.directory.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// A change that publishes this tarball.
    fn publish(&self, tarball: &Tarball) -> RequestedChange {
        let path = self.write(&tarball.build());
        let (checked, _) = batch::check_tarball(&path, Limits::HEX, true).unwrap();
        requested(ReleaseChange::Publish(checked))
    }

    fn docs(&self, release: &str, bytes: &[u8]) -> RequestedChange {
        let docs = ByteSource::file(self.write(bytes), None);
        requested(ReleaseChange::StoreDocs(release.parse().unwrap(), docs))
    }

    fn try_apply(&self, store: &dyn Store, changes: &[RequestedChange]) -> Vec<batch::Verdict> {
        let verdicts = batch::apply(store, &edit_options(), &self.rules, changes, &());
        assert_eq!(verdicts.len(), changes.len());
        verdicts
    }

    /// Of changes none of which fails.
    fn apply(&self, store: &dyn Store, changes: &[RequestedChange]) -> Vec<Verdict> {
        let verdicts = self.try_apply(store, changes).into_iter();
        let by_rules = verdicts.map(|verdict| {
            verdict.map_err(|error| match error {
                ChangeError::Refused(refusal) => refusal,
                error => panic!("{error}"),
            })
        });
        by_rules.collect()
    }

    /// What becomes of one change.
    fn apply_one(&self, store: &dyn Store, change: RequestedChange) -> Verdict {
        self.apply(store, &[change]).remove(0)
    }

    /// Makes a registry with the release `base` 1.0.0, which does not say when it was published.
    fn create(&self, store: &dyn Store) {
        let additions = Additions {
            tarballs: vec![self.write(&Tarball::new("base", "1.0.0").build())],
            limits: Limits::HEX,
            check_contents: true,
            replace: false,
            allow_public: BTreeSet::new(),
            now: UnixSeconds(NOW - 100),
            published_at: PublicationTime::Known,
        };
        add::add(store, &edit_options(), &additions, &()).unwrap();
    }
}

fn edit_options() -> Options {
    Options {
        repository: "acme".parse().unwrap(),
        key: options().key,
        lock_timeout: Duration::from_secs(60),
        dry_run: false,
    }
}

/// A registry in memory with the release `base` 1.0.0.
fn registry(publisher: &Publisher) -> MemoryStore {
    let store = MemoryStore::default();
    publisher.create(&store);
    store
}

fn requested(change: ReleaseChange) -> RequestedChange {
    RequestedChange { change, replace: false, is_admin: false }
}

fn replacing(change: RequestedChange) -> RequestedChange {
    RequestedChange { replace: true, ..change }
}

fn by_admin(change: RequestedChange) -> RequestedChange {
    RequestedChange { is_admin: true, ..change }
}

fn revert(release: &str) -> RequestedChange {
    requested(ReleaseChange::Revert(release.parse().unwrap()))
}

fn retire(release: &str) -> RequestedChange {
    let retirement = Retirement::new(RetirementReason::Security, Some("use another".to_owned()));
    requested(ReleaseChange::Retire(release.parse().unwrap(), retirement))
}

fn foo(version: &str, edition: u8) -> Tarball {
    Tarball::new("foo", version).more_metadata(format!("{{<<\"x\">>,{edition}}}.\n"))
}

fn field(field: &'static str, message: &str) -> Verdict {
    Err(Refusal::Field { field, message: message.to_owned() })
}

/// A verdict in a word: of a refusal its field.
fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Ok(Outcome::Created(_)) => "created",
        Ok(Outcome::Replaced(_)) => "replaced",
        Ok(Outcome::Reverted) => "reverted",
        Ok(Outcome::Retired) => "retired",
        Ok(Outcome::Unretired) => "unretired",
        Ok(Outcome::StoredDocs) => "docs stored",
        Ok(Outcome::RemovedDocs) => "docs removed",
        Err(Refusal::NoSuchRelease(_)) => "no such release",
        Err(Refusal::NoDocs(_)) => "no docs",
        Err(Refusal::Field { field, .. } | Refusal::Parts { field, .. }) => field,
    }
}

/// The same of changes that may fail.
fn ends(verdicts: &[batch::Verdict]) -> Vec<&'static str> {
    let end = |verdict: &batch::Verdict| match verdict {
        Ok(outcome) => word(&Ok(outcome.clone())),
        Err(ChangeError::Refused(refusal)) => word(&Err(refusal.clone())),
        Err(ChangeError::Failed(_)) => "failed",
        Err(ChangeError::Unknown(_)) => "unknown",
    };
    verdicts.iter().map(end).collect()
}

fn words(verdicts: &[Verdict]) -> Vec<&'static str> {
    verdicts.iter().map(word).collect()
}

fn releases(files: &Files, package: &str) -> Vec<Release> {
    let Some(bytes) = files.get(&format!("packages/{package}")) else { return Vec::new() };
    let payload = Signed::from_gzip(bytes).unwrap().verify(options().key.public_key()).unwrap();
    Releases::decode(&payload).unwrap().releases
}

fn published_at(files: &Files, package: &str) -> Vec<Option<i64>> {
    let times = releases(files, package).into_iter().map(|one| one.remarks.published_at);
    times.map(|time| time.map(|time| time.seconds.0)).collect()
}

/// The problems that `hexreg verify` finds.
#[track_caller]
fn assert_sound(store: &dyn Store) {
    let options = verify::Options {
        repository: None,
        public_key: None,
        limits: Limits::HEX,
        check_contents: true,
        partial: false,
        lock_timeout: Duration::ZERO,
    };
    let problems = verify::verify(store, &options, &()).unwrap().problems;
    assert!(problems.is_empty(), "{problems:?}");
}

#[test]
fn changes_are_judged_in_order() {
    let publisher = Publisher::new();
    let store = registry(&publisher);
    let verdicts = publisher.apply(
        &store,
        &[
            retire("foo-1.0.0"),
            publisher.publish(&foo("1.0.0", 1)),
            publisher.publish(&foo("1.0.0", 1)),
            publisher.publish(&foo("1.0.0", 2)),
            replacing(publisher.publish(&foo("1.0.0", 3))),
            retire("foo-1.0.0"),
            publisher.docs("foo-1.0.0", b"first"),
            publisher.docs("foo-1.0.0", b"second"),
            publisher.publish(&Tarball::new("bar", "1.0.0")),
            publisher.docs("bar-1.1.0", b"none"),
        ],
    );
    assert_eq!(
        words(&verdicts),
        [
            "no such release",
            "created",
            "inserted_at",
            "inserted_at",
            "replaced",
            "retired",
            "docs stored",
            "docs stored",
            "created",
            "no such release",
        ]
    );
    assert_eq!(verdicts[2], field("inserted_at", NO_REPLACE));
    let files = store.files();
    assert_eq!(files["tarballs/foo-1.0.0.tar"], foo("1.0.0", 3).build());
    assert_eq!(files["docs/foo-1.0.0.tar.gz"], b"second");
    assert!(!files.contains_key("docs/bar-1.1.0.tar.gz"));
    let release = releases(&files, "foo").remove(0);
    assert!(release.remarks.retired.is_some());
    assert_eq!(published_at(&files, "foo"), [Some(NOW)]);
    // The server answers with what the registry says.
    let Ok(Outcome::Replaced(told)) = &verdicts[4] else { panic!("{verdicts:?}") };
    assert_eq!(told.outer_checksum, release.outer_checksum);
    assert_sound(&store);
}

#[test]
fn a_batch_whose_changes_are_all_refused_changes_nothing() {
    let publisher = Publisher::new();
    let store = registry(&publisher);
    let before = store.files();
    let message = |text: &str| {
        let retirement = Retirement::new(RetirementReason::Other, Some(text.to_owned()));
        requested(ReleaseChange::Retire("base-1.0.0".parse().unwrap(), retirement))
    };
    let verdicts = publisher.apply(
        &store,
        &[
            publisher.publish(&Tarball::new("base", "1.0.0")),
            replacing(publisher.publish(&Tarball::new("base", "1.0.0"))),
            revert("base-1.0.0"),
            revert("base-2.0.0"),
            retire("other-1.0.0"),
            message("no"),
            message("\u{1b}[2J clears the screen"),
            message(&"x".repeat(141)),
            requested(ReleaseChange::RemoveDocs("base-1.0.0".parse().unwrap())),
            publisher.publish(&Tarball::new("f", "1.0.0")),
            publisher.publish(&Tarball::new("fooBar", "1.0.0")),
            publisher.publish(&foo("1.0.0", 1).requires("base", "~> 1")),
            publisher.publish(&foo("1.0.0", 1).requires_public("base", "~> 1.0")),
        ],
    );
    assert_eq!(
        words(&verdicts),
        [
            "inserted_at",
            "inserted_at",
            "inserted_at",
            "no such release",
            "no such release",
            "message",
            "message",
            "message",
            "no docs",
            "name",
            "name",
            "requirements",
            "requirements",
        ]
    );
    let old = "a release up to one hour after publication";
    assert_eq!(verdicts[1], field("inserted_at", &format!("can only modify {old}")));
    assert_eq!(verdicts[2], field("inserted_at", &format!("can only delete {old}")));
    let Err(Refusal::Parts { messages: all, .. }) = &verdicts[12] else { panic!("{verdicts:?}") };
    assert!(all["base"].contains("--allow-public base"), "{all:?}");
    assert_eq!(store.files(), before);
}

#[test]
fn the_window_is_counted_from_the_first_publication() {
    let publisher = Publisher::new();
    let store = registry(&publisher);
    publisher.apply_one(&store, publisher.publish(&foo("1.0.0", 1))).unwrap();
    let publisher = publisher.later(3000);
    let replaced = publisher.apply_one(&store, replacing(publisher.publish(&foo("1.0.0", 2))));
    assert_eq!(word(&replaced), "replaced");
    assert_eq!(published_at(&store.files(), "foo"), [Some(NOW)]);
    let publisher = publisher.later(601);
    let late = [
        replacing(publisher.publish(&foo("1.0.0", 3))),
        // The same bytes are as late.
        replacing(publisher.publish(&foo("1.0.0", 2))),
        revert("foo-1.0.0"),
        by_admin(publisher.publish(&foo("1.0.0", 3))),
        by_admin(replacing(publisher.publish(&foo("1.0.0", 3)))),
        by_admin(revert("foo-1.0.0")),
    ];
    let verdicts = publisher.apply(&store, &late);
    assert_eq!(
        words(&verdicts),
        ["inserted_at", "inserted_at", "inserted_at", "inserted_at", "replaced", "reverted"]
    );
    assert_eq!(verdicts[3], field("inserted_at", NO_REPLACE));
    assert_sound(&store);
}

#[test]
fn never_holds_for_admins_and_always_for_everybody() {
    let publisher = Publisher::new().rule("never");
    let store = registry(&publisher);
    publisher.apply_one(&store, publisher.publish(&foo("1.0.0", 1))).unwrap();
    let changes = [
        by_admin(replacing(publisher.publish(&foo("1.0.0", 2)))),
        by_admin(revert("foo-1.0.0")),
        retire("foo-1.0.0"),
    ];
    let verdicts = publisher.apply(&store, &changes);
    assert_eq!(words(&verdicts), ["inserted_at", "inserted_at", "retired"]);

    let publisher = publisher.rule("always").later(1_000_000);
    let changes = [
        replacing(
            publisher.publish(&Tarball::new("base", "1.0.0").more_metadata("{<<\"x\">>,1}.")),
        ),
        revert("foo-1.0.0"),
    ];
    assert_eq!(words(&publisher.apply(&store, &changes)), ["replaced", "reverted"]);
    // It was not known before.
    assert_eq!(published_at(&store.files(), "base"), [Some(NOW + 1_000_000)]);
    assert_sound(&store);
}

#[test]
fn a_reverted_release_is_gone_with_its_files_and_can_be_published_again() {
    let publisher = Publisher::new();
    let store = registry(&publisher);
    let before = store.files();
    let changes = [
        publisher.publish(&foo("1.0.0", 1)),
        publisher.publish(&foo("1.1.0", 1)),
        publisher.docs("foo-1.0.0", b"docs"),
        revert("foo-1.0.0"),
        publisher.publish(&foo("1.0.0", 2)),
        revert("foo-1.1.0"),
        revert("foo-1.0.0"),
        revert("foo-1.0.0"),
        publisher.docs("foo-1.0.0", b"docs"),
    ];
    let verdicts = publisher.apply(&store, &changes[..4]);
    assert_eq!(words(&verdicts), ["created", "created", "docs stored", "reverted"]);
    let files = store.files();
    assert!(!files.contains_key("tarballs/foo-1.0.0.tar"));
    assert!(!files.contains_key("docs/foo-1.0.0.tar.gz"));
    assert_sound(&store);

    let verdicts = publisher.apply(&store, &changes[4..5]);
    assert_eq!(words(&verdicts), ["created"], "no --replace is needed");
    let verdicts = publisher.apply(&store, &changes[5..]);
    assert_eq!(words(&verdicts), ["reverted", "reverted", "no such release", "no such release"]);
    assert_eq!(store.files(), before);

    // All of it at once.
    let verdicts = publisher.apply(&store, &changes);
    let expected = ["created", "created", "docs stored", "reverted", "created", "reverted"];
    assert_eq!(words(&verdicts)[..6], expected);
    assert_eq!(words(&verdicts)[6..], ["reverted", "no such release", "no such release"]);
    assert_eq!(store.files(), before);
}

#[test]
fn a_requirement_without_a_repository_is_on_what_is_here() {
    let publisher = Publisher::new();
    let store = registry(&publisher);
    let needs = |package: &str, needed: &str| {
        publisher.publish(&Tarball::new(package, "1.0.0").requires(needed, "~> 1.0"))
    };
    let changes = [
        needs("on_base", "base"),
        needs("on_plug", "plug"),
        // It comes later in the same batch.
        needs("on_new", "new"),
        publisher.publish(&Tarball::new("new", "1.0.0")),
    ];
    assert_eq!(words(&publisher.apply(&store, &changes)), ["created"; 4]);
    let repository =
        |package: &str| releases(&store.files(), package)[0].dependencies[0].repository.clone();
    assert_eq!(repository("on_base"), None);
    assert_eq!(repository("on_plug").as_deref(), Some("hexpm"));
    assert_eq!(repository("on_new"), None);
    assert_sound(&store);

    // `plug` of this registry is another package than the one that was meant.
    assert_eq!(words(&[publisher.apply_one(&store, needs("plug", "base"))]), ["created"]);
    assert_eq!(repository("on_plug").as_deref(), Some("hexpm"));
    assert_sound(&store);
}

#[test]
fn hex_pm_is_allowed_where_the_server_says_so() {
    let mut publisher = Publisher::new();
    let store = registry(&publisher);
    let tarball = foo("1.0.0", 1).requires_public("base", "~> 1.0");
    assert_eq!(word(&publisher.apply_one(&store, publisher.publish(&tarball))), "requirements");
    publisher.rules.allow_public.insert("base".parse().unwrap());
    assert_eq!(word(&publisher.apply_one(&store, publisher.publish(&tarball))), "created");
}

/// A server whose disk is not mounted must not create a registry in the mount point.
#[test]
fn a_registry_is_not_created() {
    let publisher = Publisher::new();
    let store = MemoryStore::default();
    let refused = publisher.try_apply(&store, &[publisher.publish(&foo("1.0.0", 1))]);
    let [Err(ChangeError::Failed(error))] = &refused[..] else { panic!("{refused:?}") };
    assert!(matches!(**error, Error::NoRegistry { .. }), "{error}");
    assert!(store.files().is_empty());
}

#[test]
fn a_damaged_package_keeps_no_other_from_being_changed() {
    let publisher = Publisher::new();
    let store = registry(&publisher);
    publisher.apply_one(&store, publisher.publish(&foo("1.0.0", 1))).unwrap();
    store.set("packages/foo", b"damaged");
    let changes = [
        publisher.publish(&foo("1.1.0", 1)),
        publisher.publish(&Tarball::new("bar", "1.0.0")),
        retire("foo-1.0.0"),
        revert("bar-1.0.0"),
        publisher.publish(&Tarball::new("bar", "1.1.0")),
        retire("bar-1.1.0"),
    ];
    let verdicts = publisher.try_apply(&store, &changes);
    assert_eq!(ends(&verdicts), ["failed", "created", "failed", "reverted", "created", "retired"]);
    let message = verdicts[0].as_ref().unwrap_err().to_string();
    assert!(message.starts_with("packages/foo is not signed with this key"), "{message}");
    assert_eq!(store.files()["packages/foo"], b"damaged");
    assert_eq!(releases(&store.files(), "bar").len(), 1);
}

/// A writer that was killed leaves a tarball that nothing names, or a release that the indexes do not name.
#[test]
fn what_an_interrupted_publication_left_is_completed() {
    let publisher = Publisher::new();
    let store = registry(&publisher);
    let before = store.files();
    publisher.apply_one(&store, publisher.publish(&foo("1.0.0", 1))).unwrap();
    let after = store.files();
    for left in [
        &["tarballs/foo-1.0.0.tar"][..],
        &["tarballs/foo-1.0.0.tar", "packages/foo"],
        &["tarballs/foo-1.0.0.tar", "packages/foo", "versions"],
    ] {
        let mut files = before.clone();
        files.extend(left.iter().map(|path| ((*path).to_owned(), after[*path].clone())));
        let store = MemoryStore::of(&files);
        let same = publisher.apply_one(&store, publisher.publish(&foo("1.0.0", 1)));
        assert_eq!(word(&same), "created", "{left:?}");
        assert_eq!(store.files(), after, "{left:?}");
        let again = publisher.apply_one(&store, publisher.publish(&foo("1.0.0", 1)));
        assert_eq!(again, field("inserted_at", NO_REPLACE), "{left:?}");
        let mut lost = after.clone();
        lost.remove("tarballs/foo-1.0.0.tar");
        let store = MemoryStore::of(&lost);
        publisher.apply_one(&store, publisher.publish(&foo("1.0.0", 1))).unwrap();
        assert_eq!(store.files(), after, "{left:?}");

        // Another tarball takes its place only if that is asked for.
        let store = MemoryStore::of(&files);
        let other = publisher.publish(&foo("1.0.0", 2));
        let refused = publisher.apply_one(&store, other.clone());
        let expected = if left.len() == 1 { "tar" } else { "inserted_at" };
        assert_eq!(word(&refused), expected, "{left:?}");
        assert_eq!(store.files(), files, "{left:?}");
        publisher.apply_one(&store, replacing(other)).unwrap();
        assert_sound(&store);
    }
}

/// A reverted release is not named any more, but its tarball may be left. It may also be one that waits for a build.
#[test]
fn only_an_admin_removes_a_tarball_that_nothing_names() {
    let publisher = Publisher::new();
    let store = registry(&publisher);
    let before = store.files();
    store.set("tarballs/foo-1.0.0.tar", &foo("1.0.0", 1).build());
    store.set("docs/foo-1.0.0.tar.gz", b"docs");
    let left = store.files();
    assert_eq!(word(&publisher.apply_one(&store, revert("foo-1.0.0"))), "no such release");
    assert_eq!(store.files(), left);
    let reverts = [by_admin(revert("foo-1.0.0")), by_admin(revert("foo-1.0.0"))];
    assert_eq!(words(&publisher.apply(&store, &reverts)), ["reverted", "no such release"]);
    assert_eq!(store.files(), before);
}

#[test]
fn tarballs_are_refused_in_the_words_of_hex_pm() {
    let publisher = Publisher::new();
    let refusal = |bytes: &[u8]| {
        let path = publisher.write(bytes);
        let cause = batch::check_tarball(&path, Limits::HEX, true).unwrap_err();
        Refusal::from(&cause)
    };
    let text = |bytes: &[u8]| refusal(bytes).to_string();
    let build = Tarball::new("foo", "1.0.0+build").build();
    assert_eq!(text(&build), "version: build number not allowed");
    assert_eq!(text(&Tarball::new("foo", "1.0").build()), "version: is invalid SemVer");
    assert!(text(&Tarball::new("Foo", "1.0.0").build()).starts_with("name: "));
    assert!(text(b"no tarball").starts_with("tar: "));
    assert!(text(&foo("1.0.0", 1).checksum("0").build()).starts_with("tar: CHECKSUM says"));
    let large = Limits { tarball: 1000, ..Limits::HEX };
    let path = publisher.write(&foo("1.0.0", 1).build());
    let cause = batch::check_tarball(&path, large, true).unwrap_err();
    assert!(Refusal::from(&cause).to_string().starts_with("tar: it has more than 1000 bytes"));
}

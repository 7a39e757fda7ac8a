//! A repository in object storage: its requests, lost responses, and other writers at the same time.
//!
//! | module | what belongs there |
//! | --- | --- |
//! | `answers` | responses that get lost, and refusals |
//! | `credentials` | services that hand out credentials |
//! | `limits` | how long servers are waited for |
//! | `mirrored` | a bucket with a copy of a mirror |
//! | `opening` | from a URL to a bucket, and the messages if that fails |
//! | `parts` | uploads part by part |
//! | `proxies` | proxies and redirections |
//! | `removal` | tombstones |
//! | `settings` | variables, profiles and credentials files |

mod answers;
mod credentials;
mod limits;
mod mirrored;
mod opening;
mod parts;
mod proxies;
mod removal;
mod settings;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::slice;
use std::time::Duration;

use hexreg::package::UnixSeconds;
use hexreg::repository::{Folder, RepositoryPath};
use hexreg::store::{
    self, Action, Change, ConditionalWriteError, EntryKind, ListedFile, LockOutcome, Stamp, Store,
    StoreError,
};
use object_store::Attribute;

use crate::support::objects::{Asked, Fault, Operation, TakenTags, TestBucket, Wrong};

fn path(text: &str) -> RepositoryPath {
    Folder::Root.file(text)
}

fn create(at: &str, bytes: &str) -> Change {
    Change::new(path(at), Action::Create(bytes.as_bytes().to_vec().into()))
}

fn update(at: &str, bytes: &str, over: Option<Stamp>) -> Change {
    let action = Action::Update(bytes.as_bytes().to_vec().into());
    Change { over, ..Change::new(path(at), action) }
}

fn remove(at: &str, over: Option<Stamp>) -> Change {
    Change { over, ..Change::new(path(at), Action::Remove) }
}

/// The changes that were made, in order, and the result.
fn apply(store: &dyn Store, stages: &[&[Change]]) -> (Vec<String>, Result<(), StoreError>) {
    let made = RefCell::new(Vec::new());
    let done = store.apply(stages, &|one| made.borrow_mut().push(one.change.path.to_string()));
    (made.into_inner(), done)
}

fn read(store: &dyn Store, at: &str) -> Option<(Vec<u8>, Option<Stamp>)> {
    let mut buffer = b"former".to_vec();
    let content = store.read(&path(at), 1000, &mut buffer).unwrap()?;
    Some((buffer, content.stamp))
}

fn stamp(store: &dyn Store, at: &str) -> Option<Stamp> {
    read(store, at).unwrap().1
}

fn listed(store: &dyn Store, folder: Folder) -> BTreeMap<String, ListedFile> {
    let listed = store.list(folder).unwrap().unwrap();
    listed.into_iter().map(|one| (one.name.clone(), one)).collect()
}

/// The requests for an object.
fn asked_of(asked: &[Asked], key: &str) -> Vec<String> {
    let of = asked.iter().filter(|(_, what)| what.ends_with(key));
    of.map(|(operation, what)| format!("{operation:?} {what}")).collect()
}

/// How many writes a new store sends to probe the conditions of `bucket`: one that creates the file, two over other
/// tags, and one over the right tag.
const PROBE_PUTS: usize = 4;

/// A bucket that was probed before.
fn bucket() -> TestBucket {
    let bucket = TestBucket::default();
    bucket.set("acme/.hexreg-probe", b"");
    bucket
}

#[test]
fn a_folder_lists_the_files_directly_in_it() {
    let bucket = TestBucket::default()
        .with_marker("acme/packages/")
        .with_marker("acme/empty/")
        .with_marker("acme/");
    let store = bucket.store();
    for folder in [Folder::Root, Folder::Packages] {
        assert_eq!(store.list(folder).unwrap(), Some(vec![]));
    }
    for key in ["acme/names", "acme/packages/foo", "acme/packages/foo/deeper", "acme/nothing"] {
        bucket.set(key, if key.ends_with("nothing") { b"" } else { b"12345" });
    }
    for elsewhere in ["names", "acmes/names", "packages/foo", "acme-2/packages/x"] {
        bucket.set(elsewhere, b"other");
    }
    let root = listed(&store, Folder::Root);
    assert_eq!(root.keys().collect::<Vec<_>>(), ["names", "nothing"]);
    let packages = listed(&store, Folder::Packages);
    assert_eq!(packages.keys().collect::<Vec<_>>(), ["foo"]);
    let foo = &packages["foo"];
    assert_eq!((&foo.kind, foo.stamp.unwrap().size()), (&EntryKind::File, 5));
    assert!(foo.modified > UnixSeconds(1_700_000_000), "{foo:?}");
    assert_eq!(foo.stamp, stamp(&store, "packages/foo"));

    let mut all = store.walk().unwrap().unwrap();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    let all: Vec<_> = all.iter().map(|(path, kind)| (path.as_str(), kind.clone())).collect();
    let files = ["names", "nothing", "packages/foo", "packages/foo/deeper"];
    assert_eq!(all, files.map(|file| (file, EntryKind::File)));
}

#[test]
fn an_empty_bucket_has_no_repository() {
    let bucket = TestBucket::default().with_marker("acme/packages/");
    bucket.set("elsewhere", b"");
    assert_eq!(bucket.store().walk().unwrap(), None);
}

#[test]
fn names_are_not_encoded() {
    let bucket = bucket();
    let store = bucket.store();
    let names = ["a-1.0.0+b~c.tar", "a_b.c", "a b", "ä", "%2e", "a%20b", "a+b", "#", "?", "a&b=c"];
    let changes = names.map(|name| create(&format!("tarballs/{name}"), name));
    apply(&store, &[&changes]).1.unwrap();
    let listed = listed(&store, Folder::Tarballs);
    for name in names {
        assert!(listed.contains_key(name), "{name}");
        assert_eq!(bucket.get(&format!("acme/tarballs/{name}")).unwrap(), name.as_bytes());
        assert_eq!(read(&store, &format!("tarballs/{name}")).unwrap().0, name.as_bytes());
    }
    for wrong in ["a//b", "../a", "a/", "a/./b", "/a", "a\nb"] {
        let refused = apply(&store, &[&[create(wrong, "")]]).1.unwrap_err();
        let refused = std::io::Error::from(refused.kind);
        assert_eq!(refused.kind(), std::io::ErrorKind::InvalidInput, "{wrong}");
    }
    assert_eq!(bucket.objects().len(), names.len() + 1);
    assert_eq!(store.locate(&path("packages/foo")), "s3://bucket/acme/packages/foo");
    assert_eq!(store.locate(&Folder::Root.path()), "s3://bucket/acme");
}

#[test]
fn one_byte_more_than_the_limit_is_read() {
    let bucket = TestBucket::default();
    bucket.set("acme/names", b"0123456789");
    let store = bucket.store();
    let mut buffer = b"former".to_vec();
    for (limit, length) in [(0, 1), (5, 6), (9, 10), (10, 10), (usize::MAX, 10)] {
        let content = store.read(&path("names"), limit, &mut buffer).unwrap().unwrap();
        assert_eq!(buffer, b"0123456789"[..length], "{limit}");
        assert_eq!(content.stamp.unwrap().size(), 10);
    }
    assert_eq!(store.read(&path("versions"), 1, &mut buffer).unwrap(), None);
    assert!(buffer.is_empty());
}

#[test]
fn a_lock_keeps_no_one_out() {
    let store = TestBucket::default().store();
    let first = store.lock().unwrap();
    assert!(matches!((first, store.lock().unwrap()), (LockOutcome::Held(_), LockOutcome::Held(_))));
    assert!(matches!(store.lock_shared().unwrap(), LockOutcome::Held(_)));
}

#[test]
fn stages_follow_each_other_and_changes_of_one_are_made_at_once() {
    let bucket = bucket().slow_fork(Duration::from_millis(20));
    let store = bucket.store();
    let first: Vec<_> = (0..40).map(|n| create(&format!("tarballs/{n}"), "x")).collect();
    let second: Vec<_> = (0..3).map(|n| create(&format!("packages/{n}"), "x")).collect();
    let third = [create("versions", "x"), create("names", "x"), create("a", "x")];
    let (made, done) = apply(&store, &[&first, &second, &third]);
    done.unwrap();
    assert_eq!(bucket.most_under_way(), 16);
    assert!(made[..40].iter().all(|path| path.starts_with("tarballs/")), "{made:?}");
    assert!(made[40..43].iter().all(|path| path.starts_with("packages/")), "{made:?}");
    assert_eq!(made[43..], ["versions", "names", "a"]);
    let asked = bucket.asked();
    let puts: Vec<_> = asked.iter().filter(|(operation, _)| *operation == Operation::Put).collect();
    assert_eq!(puts.last().unwrap().1, "new acme/a");

    let bucket = bucket.slow_fork(Duration::from_millis(5));
    let more: Vec<_> = (0..9).map(|n| create(&format!("docs/{n}"), "x")).collect();
    apply(&bucket.store().jobs(3), &[&more]).1.unwrap();
    assert_eq!(bucket.most_under_way(), 3);
}

#[test]
fn uploads_in_memory_stay_below_the_limit() {
    let bucket = bucket().slow_fork(Duration::from_millis(20));
    let bytes = "x".repeat(300 << 10);
    let changes: Vec<_> = (0..12).map(|n| create(&format!("tarballs/{n}"), &bytes)).collect();
    let store = bucket.store().memory(1 << 20);
    apply(&store, &[&changes]).1.unwrap();
    assert_eq!(bucket.most_bytes(), 3 * bytes.len());
    // A larger file is uploaded alone.
    let bucket = bucket.slow_fork(Duration::from_millis(20));
    let large = create("tarballs/large", &bytes.repeat(5));
    let changes = [&changes[..4], &[large], &changes[4..]].concat();
    let again = changes.into_iter().map(|change| create(&format!("{}x", change.path), &bytes));
    let mut again: Vec<_> = again.collect();
    again[4] = create("tarballs/large", &bytes.repeat(5));
    apply(&bucket.store().memory(1 << 20), &[&again]).1.unwrap();
    assert_eq!(bucket.most_bytes(), 5 * bytes.len());
}

#[test]
fn after_a_failure_no_change_begins_and_those_in_progress_are_reported() {
    let forbidden = Fault {
        at: PROBE_PUTS + 3,
        of: Some(Operation::Put),
        kind: Wrong::Forbidden,
        torn: false,
        lasting: false,
    };
    let bucket = bucket().slow_fork(Duration::from_millis(20)).failing(forbidden);
    let changes: Vec<_> = (0..30).map(|n| create(&format!("tarballs/{n}"), "x")).collect();
    let later = [create("names", "x")];
    let (made, done) = apply(&bucket.store().jobs(4), &[&changes, &later]);
    let error = done.unwrap_err();
    assert_eq!(error.operation, store::Operation::Write);
    let failed = error.location.strip_prefix("s3://bucket/acme/").unwrap();
    assert!(failed.starts_with("tarballs/") && !made.iter().any(|path| path == failed), "{failed}");
    assert_eq!(bucket.get(&format!("acme/{failed}")), None);
    let asked = bucket.asked();
    let puts = asked.iter().filter(|(operation, _)| *operation == Operation::Put).count();
    let puts = puts - PROBE_PUTS;
    assert!(puts < 9, "{puts}");
    assert_eq!(made.len(), puts - 1);
    for path in made {
        assert!(bucket.get(&format!("acme/{path}")).is_some(), "{path}");
    }
}

#[test]
fn a_missing_file_is_created_only_if_it_is_still_missing() {
    let bucket = bucket();
    let store = bucket.store();
    bucket.set("acme/packages/other", b"theirs");
    bucket.set("acme/packages/same", b"ours");
    apply(&store, &[&[create("packages/new", "ours")]]).1.unwrap();
    apply(&store, &[&[create("packages/same", "ours")]]).1.unwrap();
    let conflict = apply(&store, &[&[create("packages/other", "ours")]]).1.unwrap_err();
    assert!(conflict.is_conflict() && conflict.conditions().is_none(), "{conflict:?}");
    assert_eq!(bucket.get("acme/packages/other").unwrap(), b"theirs");
    assert_eq!(bucket.get("acme/packages/new").unwrap(), b"ours");
}

#[test]
fn a_file_is_replaced_only_if_it_is_still_the_one_that_was_read() {
    for bucket in [bucket(), bucket().fork().with_generations()] {
        let store = bucket.store();
        bucket.set("acme/packages/foo", b"before");
        let over = listed(&store, Folder::Packages)["foo"].stamp;
        let change = update("packages/foo", "ours", over);
        apply(&store, &[slice::from_ref(&change)]).1.unwrap();
        assert_eq!(bucket.get("acme/packages/foo").unwrap(), b"ours");
        // The bytes are there already.
        apply(&store, &[&[change]]).1.unwrap();

        let over = stamp(&store, "packages/foo");
        bucket.set("acme/packages/foo", b"theirs");
        let stages: [&[Change]; 2] =
            [&[update("packages/foo", "late", over)], &[create("names", "")]];
        let (made, done) = apply(&store, &stages);
        assert!(made.is_empty() && done.unwrap_err().is_conflict());
        // The file was read in the meantime, as for another change.
        assert!(listed(&store, Folder::Packages).contains_key("foo"));
        assert!(apply(&store, &stages).1.unwrap_err().is_conflict());
        assert_eq!(bucket.get("acme/packages/foo").unwrap(), b"theirs");
        // Another store, which has not seen the file.
        let fresh = bucket.store();
        let over = stamp(&store, "packages/foo");
        apply(&fresh, &[&[update("packages/foo", "fresh", over)]]).1.unwrap();
        assert_eq!(bucket.get("acme/packages/foo").unwrap(), b"fresh");
        // The file is gone.
        let conflict = apply(&fresh, &[&[update("packages/bar", "", over)]]).1.unwrap_err();
        assert!(conflict.is_conflict());
    }
}

#[test]
fn the_second_write_of_a_call_is_over_the_first() {
    let bucket = bucket();
    let store = bucket.store();
    bucket.set("acme/packages/foo", b"before");
    let over = stamp(&store, "packages/foo");
    let of = |action| Change { over, ..Change::new(path("packages/foo"), action) };
    let bridge = of(Action::Bridge(b"bridge".to_vec().into()));
    let shrink = of(Action::Shrink(b"after".to_vec().into()));
    let versions = create("versions", "");
    let stages: [&[Change]; 4] =
        [&[bridge], &[versions], &[shrink], &[remove("packages/foo", over)]];
    apply(&store, &stages[..3]).1.unwrap();
    assert_eq!(bucket.get("acme/packages/foo").unwrap(), b"after");
    // In another call the condition is on the version that was read.
    assert!(apply(&store, &stages[..1]).1.unwrap_err().is_conflict());

    bucket.set("acme/packages/foo", b"before");
    let over = stamp(&store, "packages/foo");
    let change = update("packages/foo", "ours", over);
    apply(&store, &[&[change], &[remove("packages/foo", over)]]).1.unwrap();
    assert_eq!(bucket.get("acme/packages/foo"), None);
}

#[test]
fn a_file_is_removed_only_if_it_is_still_the_one_that_was_read() {
    let bucket = bucket();
    let store = bucket.store();
    for name in ["same", "changed", "gone", "whichever"] {
        bucket.set(&format!("acme/packages/{name}"), b"before");
    }
    let listed = listed(&store, Folder::Packages);
    let over = |name: &str| listed[name].stamp;
    bucket.set("acme/packages/changed", b"after");
    let gone = remove("packages/gone", over("gone"));
    let changes =
        [remove("packages/same", over("same")), gone.clone(), remove("packages/whichever", None)];
    assert_eq!(apply(&store, &[&changes]).0.len(), 3);
    apply(&store, &[&[gone]]).1.unwrap();
    let late = remove("packages/changed", over("changed"));
    assert!(apply(&store, &[&[late]]).1.unwrap_err().is_conflict());
    let left: Vec<_> = bucket.objects().into_keys().collect();
    assert_eq!(left, ["acme/.hexreg-probe", "acme/packages/changed"]);
}

#[test]
fn a_single_writer_needs_no_conditions() {
    let bucket = TestBucket::default().ignoring(true, true).without_tags();
    let store = bucket.store().assume_single_writer(true);
    bucket.set("acme/packages/foo", b"theirs");
    bucket.set("acme/packages/gone", b"theirs");
    let listed = listed(&store, Folder::Packages);
    assert_eq!(listed["foo"].stamp, None);
    bucket.asked();
    let changes = [
        create("packages/foo", "a"),
        update("packages/bar", "b", None),
        remove("packages/gone", None),
    ];
    apply(&store, &[&changes]).1.unwrap();
    let mut asked = bucket.asked();
    asked.sort_by_key(|(_, what)| what.clone());
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert_eq!(asked[1].1, "over acme/packages/bar");
    assert_eq!(bucket.objects().len(), 2);
}

#[test]
fn a_file_without_a_tag_is_not_replaced_unless_there_is_a_single_writer() {
    let bucket = bucket().fork().without_tags();
    bucket.set("acme/packages/foo", b"before");
    let store = bucket.store();
    let over = stamp(&store, "packages/foo");
    assert_eq!(over, None);
    let refused = apply(&store, &[&[update("packages/foo", "x", over)]]).1.unwrap_err();
    assert_eq!(refused.conditions(), Some(ConditionalWriteError::NoTag));
    assert_eq!(bucket.get("acme/packages/foo").unwrap(), b"before");
}

/// The error of a bucket that does not honour conditions.
fn probed(bucket: &TestBucket) -> Option<ConditionalWriteError> {
    let (made, done) = apply(&bucket.store(), &[&[create("packages/foo", "x")]]);
    let error = done.err()?;
    assert!(made.is_empty() && !error.is_conflict(), "{error:?}");
    assert_eq!(error.location, "s3://bucket/acme/.hexreg-probe");
    assert_eq!(bucket.get("acme/packages/foo"), None);
    error.conditions()
}

#[test]
fn ignored_conditions_are_found_before_anything_is_written() {
    use ConditionalWriteError::{IfMatchIgnored, IfNoneMatchIgnored, Unsupported};
    for (if_none_match, if_match, wrong) in [
        (true, true, IfNoneMatchIgnored),
        (true, false, IfNoneMatchIgnored),
        (false, true, IfMatchIgnored),
    ] {
        let bucket = TestBucket::default().ignoring(if_none_match, if_match);
        assert_eq!(probed(&bucket), Some(wrong));
        // The file is there now.
        assert_eq!(probed(&bucket), Some(wrong));
    }
    for (bucket, at, header) in [
        (TestBucket::default(), 1, "If-None-Match"),
        (TestBucket::default(), 3, "If-Match"),
        (bucket(), 1, "If-None-Match"),
        (bucket(), 2, "If-Match"),
    ] {
        let unsupported = Fault {
            at,
            of: Some(Operation::Put),
            kind: Wrong::Unsupported,
            torn: false,
            lasting: true,
        };
        assert_eq!(probed(&bucket.fork().failing(unsupported)), Some(Unsupported(header)));
    }
}

#[test]
fn a_store_that_never_takes_its_own_tags_is_found_before_anything_is_written() {
    for tags in [TakenTags::Never, TakenTags::BareIgnored, TakenTags::BareMalformed] {
        for bucket in [TestBucket::default(), bucket()] {
            bucket.take(tags);
            assert_eq!(probed(&bucket), Some(ConditionalWriteError::NeverMet));
        }
    }
}

#[test]
fn a_store_that_takes_bare_tags_gets_bare_tags() {
    for bucket in [TestBucket::default(), bucket()] {
        bucket.take(TakenTags::Bare);
        bucket.set("acme/packages/foo", b"before");
        let store = bucket.store();
        let over = stamp(&store, "packages/foo");
        apply(&store, &[&[update("packages/foo", "ours", over)]]).1.unwrap();
        assert_eq!(bucket.get("acme/packages/foo").unwrap(), b"ours");
        let conflict = apply(&store, &[&[update("packages/foo", "late", over)]]).1.unwrap_err();
        assert!(conflict.is_conflict());
        let over = stamp(&store, "packages/foo");
        apply(&store, &[&[remove("packages/foo", over)]]).1.unwrap();
        assert_eq!(bucket.get("acme/packages/foo"), None);
    }
}

/// A proxy may begin to change tags only after the probe.
#[test]
fn a_tag_that_is_never_taken_is_no_conflict() {
    for bucket in [bucket(), bucket().fork().with_generations()] {
        bucket.set("acme/packages/foo", b"before");
        let store = bucket.store();
        apply(&store, &[&[create("names", "x")]]).1.unwrap();
        let over = stamp(&store, "packages/foo");
        bucket.take(TakenTags::Never);
        let error = apply(&store, &[&[update("packages/foo", "ours", over)]]).1.unwrap_err();
        assert_eq!(error.conditions(), Some(ConditionalWriteError::NeverMet));
    }
}

#[test]
fn tags_missing_from_a_listing_are_requested() {
    let bucket = bucket().fork().without_listed_tags();
    for (key, bytes) in [("foo", "a"), ("bar", "b")] {
        bucket.set(&format!("acme/packages/{key}"), bytes.as_bytes());
    }
    let store = bucket.store();
    let listed = listed(&store, Folder::Packages);
    for name in ["foo", "bar"] {
        assert!(listed[name].stamp.is_some(), "{name}");
        assert_eq!(listed[name].stamp, stamp(&store, &format!("packages/{name}")));
    }
    // If the store gives no tags, only one is requested.
    let bucket = bucket.fork().without_tags();
    let listed = self::listed(&bucket.store(), Folder::Packages);
    assert!(listed.values().all(|one| one.stamp.is_none()), "{listed:?}");
    assert_eq!(bucket.asked().len(), 2);
}

#[test]
fn conditions_are_probed_once_and_only_before_writes() {
    for (bucket, more) in [
        (TestBucket::default(), &["Put same acme/.hexreg-probe"][..]),
        (TestBucket::default().with_generations(), &[]),
    ] {
        let store = bucket.store();
        let folder = Change::new(Folder::Packages.path(), Action::CreateFolder);
        apply(&store, &[&[remove("packages/foo", None), folder]]).1.unwrap();
        assert_eq!(asked_of(&bucket.asked(), "acme/.hexreg-probe").len(), 0);
        apply(&store, &[&[create("packages/foo", "x")]]).1.unwrap();
        let probe = asked_of(&bucket.asked(), "acme/.hexreg-probe");
        let put = |how: &str| format!("Put {how} acme/.hexreg-probe");
        assert_eq!(probe[..3], [put("new"), put("new"), put("same")]);
        assert_eq!(probe[3..], *more);
        apply(&store, &[&[create("packages/bar", "x")]]).1.unwrap();
        assert_eq!(asked_of(&bucket.asked(), "acme/.hexreg-probe").len(), 0);
        // Another process finds the file there. In this bucket its tag is not made of its bytes.
        apply(&bucket.store(), &[&[create("packages/baz", "x")]]).1.unwrap();
        let probe = asked_of(&bucket.asked(), "acme/.hexreg-probe");
        assert_eq!(probe[..2], [put("new"), put("same")]);
        let looked = [put("same"), "Head acme/.hexreg-probe".to_owned(), put("same")];
        assert_eq!(probe[2..], looked[..if more.is_empty() { 0 } else { 3 }]);
        // If other tags are not made of the bytes, this one is not guessed.
        let store = bucket.store();
        stamp(&store, "packages/foo");
        apply(&store, &[&[create("packages/fourth", "x")]]).1.unwrap();
        let probe = asked_of(&bucket.asked(), "acme/.hexreg-probe");
        assert_eq!(probe[2..], looked[if more.is_empty() { 3 } else { 1 }..]);
    }
}

#[test]
fn a_bucket_sends_the_headers_that_hexreg_serve_sends() {
    let bucket = bucket();
    let all = [
        "names",
        "public_key",
        "packages/foo",
        "tarballs/foo-1.0.0.tar",
        "docs/foo-1.0.0.tar.gz",
        "installs/hex-1.x.csv",
        "git/h/r.git/HEAD",
        ".hexreg-mirror",
        "%70ackages/foo",
    ];
    let said = |at: &str| {
        let (_, attributes) = bucket.object(&format!("acme/{at}")).unwrap();
        assert_eq!(attributes.get(&Attribute::ContentEncoding), None);
        let of = |attribute| attributes.get(&attribute).map_or("-", AsRef::as_ref).to_owned();
        format!("{at}: {}; {}", of(Attribute::ContentType), of(Attribute::CacheControl))
    };
    apply(&bucket.store(), &[&all.map(|at| create(at, at))]).1.unwrap();
    insta::assert_snapshot!(all.map(said).join("\n"), @r"
    names: application/octet-stream; public, max-age=3600
    public_key: application/octet-stream; public, max-age=3600
    packages/foo: application/octet-stream; public, max-age=3600
    tarballs/foo-1.0.0.tar: application/octet-stream; public, max-age=604800
    docs/foo-1.0.0.tar.gz: application/octet-stream; public, max-age=86400
    installs/hex-1.x.csv: application/octet-stream; public, max-age=3600
    git/h/r.git/HEAD: application/octet-stream; public, max-age=0
    .hexreg-mirror: application/octet-stream; -
    %70ackages/foo: application/octet-stream; -
    ");
    let private = update("names", "x", stamp(&bucket.store(), "names"));
    apply(&bucket.store().private(true), &[&[private]]).1.unwrap();
    insta::assert_snapshot!(said("names"), @"names: application/octet-stream; private, max-age=3600");
}

/// Google Cloud Storage returns cached copies of public objects to writers too.
#[test]
fn files_that_google_would_cache_are_private_and_others_are_not() {
    let bucket = TestBucket::default().with_generations();
    let all = [create("names", "x"), create("tarballs/foo-1.0.0.tar", "x")];
    apply(&bucket.store(), &[&all]).1.unwrap();
    let said = |at: &str| {
        let (_, attributes) = bucket.object(&format!("acme/{at}")).unwrap();
        attributes.get(&Attribute::CacheControl).unwrap().to_string()
    };
    assert_eq!(said("names"), "private, max-age=3600");
    assert_eq!(said("tarballs/foo-1.0.0.tar"), "public, max-age=604800");
}

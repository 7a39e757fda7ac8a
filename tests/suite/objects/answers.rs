//! Responses that get lost, and refusals.

use hexreg::repository::Folder;

use hexreg::store;

use super::{PROBE_PUTS, apply, asked_of, bucket, create, listed, remove, stamp, update};
use crate::support::objects::{Fault, Operation, TestBucket, Wrong};

#[test]
fn after_a_lost_response_the_object_is_read_before_the_request_is_repeated() {
    // The first writes are the probe's. It guesses no tag if other tags were seen, which saves one.
    let first = PROBE_PUTS;
    let lost = |at, torn, lasting| Fault {
        at,
        of: Some(Operation::Put),
        kind: Wrong::Lost,
        torn,
        lasting,
    };
    for torn in [false, true] {
        let bucket =
            bucket().fork().failing(lost(first, torn, false)).failing(lost(first + 1, torn, false));
        bucket.set("acme/packages/foo", b"before");
        let store = bucket.store();
        let over = stamp(&store, "packages/foo");
        let changes = [create("packages/new", "x"), update("packages/foo", "y", over)];
        apply(&store.jobs(1), &[&changes[..1], &changes[1..]]).1.unwrap();
        assert_eq!(bucket.get("acme/packages/new").unwrap(), b"x");
        assert_eq!(bucket.get("acme/packages/foo").unwrap(), b"y");
        let asked = asked_of(&bucket.asked(), "acme/packages/new");
        let (put, look) = ("Put new acme/packages/new", "Get acme/packages/new");
        // Two responses were lost if the first request was repeated.
        assert_eq!(asked, if torn { vec![put, look] } else { vec![put, look, put, look, put] });
    }
    // The same without conditions.
    let bucket = bucket().fork().failing(lost(1, true, false));
    bucket.set("acme/packages/foo", b"before");
    let store = bucket.store().assume_single_writer(true);
    apply(&store, &[&[update("packages/foo", "y", None)]]).1.unwrap();
    assert_eq!(bucket.asked().len(), 2);
}

#[test]
fn another_writer_is_not_overwritten_after_a_lost_response() {
    let at = PROBE_PUTS + 1;
    let lost =
        Fault { at, of: Some(Operation::Put), kind: Wrong::Lost, torn: false, lasting: false };
    // The probe reads the file once, and so does the writer that got no response.
    for (theirs, is_conflict) in [("theirs", true), ("ours", false)] {
        let bucket =
            bucket().fork().failing(lost).meanwhile(at + 2, "acme/packages/foo", theirs.as_bytes());
        let (_, done) = apply(&bucket.store(), &[&[create("packages/foo", "ours")]]);
        assert_eq!(done.is_err_and(|error| error.is_conflict()), is_conflict);
        assert_eq!(bucket.get("acme/packages/foo").unwrap(), theirs.as_bytes());
    }
}

#[test]
fn a_failure_that_may_pass_is_returned_after_five_attempts_and_any_other_at_once() {
    for (kind, tries) in [(Wrong::Lost, 5), (Wrong::Forbidden, 1)] {
        let at = PROBE_PUTS + 1;
        let fault = Fault { at, of: Some(Operation::Put), kind, torn: false, lasting: true };
        let bucket = bucket().fork().failing(fault);
        let (made, done) = apply(&bucket.store(), &[&[create("packages/foo", "x")]]);
        let error = done.unwrap_err();
        assert!(made.is_empty() && !error.is_conflict() && error.conditions().is_none());
        let asked = asked_of(&bucket.asked(), "acme/packages/foo");
        assert_eq!(asked.iter().filter(|asked| asked.starts_with("Put")).count(), tries);

        let fault = Fault { at: 1, of: Some(Operation::Delete), ..fault };
        let bucket = bucket.fork().failing(fault);
        let (_, done) = apply(&bucket.store(), &[&[remove("packages/foo", None)]]);
        assert_eq!(done.unwrap_err().operation, store::Operation::Remove);
        assert_eq!(bucket.asked().len(), tries);
    }
}

/// Whichever response gets lost, all changes are made, and each once.
#[test]
fn one_lost_response_changes_no_result() {
    for torn in [false, true] {
        for at in 1.. {
            let writes = [Operation::Put, Operation::Delete, Operation::Head];
            let mut has_failed = false;
            for of in writes {
                let fault = Fault { at, of: Some(of), kind: Wrong::Lost, torn, lasting: false };
                let bucket = TestBucket::default().failing(fault);
                for name in ["foo", "gone"] {
                    bucket.set(&format!("acme/packages/{name}"), b"before");
                }
                let store = bucket.store();
                let listed = listed(&store, Folder::Packages);
                let changes = [
                    create("packages/new", "a"),
                    update("packages/foo", "b", listed["foo"].stamp),
                    remove("packages/gone", listed["gone"].stamp),
                ];
                let (made, done) = apply(&store, &[&changes[..2], &changes[2..]]);
                done.unwrap();
                assert_eq!(made.len(), 3);
                assert_eq!(bucket.get("acme/packages/new").unwrap(), b"a");
                assert_eq!(bucket.get("acme/packages/foo").unwrap(), b"b");
                assert_eq!(bucket.get("acme/packages/gone"), None);
                has_failed |= bucket.has_failed();
            }
            if !has_failed {
                break;
            }
        }
    }
}

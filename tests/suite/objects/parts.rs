//! Uploads part by part, and responses that get lost during one.

use hexreg::repository::ByteSource;
use hexreg::store::{Action, Change};

use super::{apply, bucket, path};
use crate::support::objects::{Fault, Operation, TestBucket, Wrong};

const PACK: &str =
    "git/example/a.git/objects/pack/pack-0123456789012345678901234567890123456789.pack";

/// More than the size of one part.
const SIZE: usize = (16 << 20) + 1;

/// Writes a pack of three parts to a bucket with a single writer; returns the result and the requests.
fn write(bucket: &TestBucket) -> (Result<(), String>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pack");
    std::fs::write(&file, vec![b'x'; SIZE]).unwrap();
    let change = Change::new(path(PACK), Action::Create(ByteSource::file(file, None)));
    let store = bucket.store().assume_single_writer(true);
    let done = apply(&store, &[&[change]]).1.map_err(|error| error.kind.to_string());
    let asked = bucket.asked().into_iter().map(|(operation, what)| {
        let what = what.split(' ').next().unwrap();
        format!("{operation:?} {}", if what.contains('/') { "" } else { what })
    });
    (done, asked.map(|asked| asked.trim().to_owned()).collect())
}

fn lost(of: Operation, at: usize, torn: bool, kind: Wrong) -> TestBucket {
    bucket().fork().failing(Fault { at, of: Some(of), kind, torn, lasting: false })
}

#[test]
fn after_a_lost_response_to_the_last_request_the_object_is_looked_up() {
    let bucket = lost(Operation::Put, 3, true, Wrong::Lost);
    let (done, asked) = write(&bucket);
    assert_eq!(done, Ok(()));
    assert_eq!(asked, ["Put part", "Put part", "Put whole", "Delete parts", "Head"]);
    assert_eq!(bucket.get(&format!("acme/{PACK}")).unwrap().len(), SIZE);
}

#[test]
fn a_lost_upload_is_repeated_and_a_refused_one_is_not() {
    for at in 1..=3 {
        let bucket = lost(Operation::Put, at, false, Wrong::Lost);
        let (done, asked) = write(&bucket);
        assert_eq!(done, Ok(()), "{at}: {asked:?}");
        assert_eq!(bucket.get(&format!("acme/{PACK}")).unwrap().len(), SIZE);
    }
    let (done, asked) = write(&lost(Operation::Put, 2, false, Wrong::Forbidden));
    assert_eq!(done, Err("it may not be".to_owned()));
    assert_eq!(asked.iter().filter(|asked| asked.starts_with("Put")).count(), 2, "{asked:?}");
}

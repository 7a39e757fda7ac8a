//! Storage that is down, hangs, or breaks off.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use super::tests::{AGED, LARGE, Served, is_seen_in_time, large, package, tarball};
use crate::repository::{Folder, RepositoryPath};
use crate::serve::files::source::FileSource;
use crate::store::test_client::Answering;

#[test]
fn while_the_storage_is_down_files_are_served_as_they_were_read_last() {
    let served = Served::new();
    served.client.write(&package(), b"one");
    served.client.write(&tarball(), &large(1));
    served.client.write(&RepositoryPath::public_key(), b"key");
    let read = || {
        assert!(served.source().is_available());
        assert_eq!(served.read(&package()).unwrap().unwrap(), b"one");
        assert_eq!(served.read(&tarball()).unwrap().unwrap(), large(1));
    };
    read();
    served.client.answer(Answering::Fails);
    thread::sleep(AGED);
    read();
    // What was never read cannot be served, and is not missing.
    let error = served.read(&Folder::Packages.file("other")).unwrap_err();
    assert!(error.to_string().contains("the storage is down"), "{error}");
    assert_ne!(error.kind(), io::ErrorKind::NotFound);
    served.bucket.forget(&RepositoryPath::public_key());
    assert!(!served.source().is_available());
    served.client.answer(Answering::AtOnce);
    served.client.write(&package(), b"two");
    is_seen_in_time(|| served.read(&package()).unwrap().unwrap() == b"two");
}

/// It neither answers nor closes connections.
#[test]
fn while_the_storage_hangs_clients_wait_once_and_then_no_more() {
    let served = Served::new();
    served.client.write(&package(), b"one");
    served.client.write(&tarball(), &large(1));
    served.read(&package()).unwrap();
    served.read(&tarball()).unwrap();
    served.client.answer(Answering::HeldBack);
    thread::sleep(AGED);
    let began = Instant::now();
    assert_eq!(served.read(&package()).unwrap().unwrap(), b"one");
    assert!(began.elapsed() > Duration::from_secs(2), "{:?}", began.elapsed());
    let began = Instant::now();
    for _ in 0..10 {
        assert_eq!(served.read(&package()).unwrap().unwrap(), b"one");
        assert_eq!(served.read(&tarball()).unwrap().unwrap(), large(1));
    }
    // Each that waits waits for longer than this.
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    served.client.answer(Answering::AtOnce);
}

#[test]
fn a_download_that_breaks_fails_for_its_readers_and_begins_anew() {
    let served = Served::new();
    served.client.write(&tarball(), &large(1));
    for after in [0, 10, 100_000, LARGE - 1] {
        served.client.answer(Answering::BreaksAfter(after));
        let error = served.read(&tarball()).unwrap_err();
        assert_ne!(error.kind(), io::ErrorKind::NotFound, "{after}: {error}");
        served.client.answer(Answering::AtOnce);
        assert_eq!(served.read(&tarball()).unwrap().unwrap(), large(1), "{after}");
        served.bucket.forget(&tarball());
    }
}

use std::sync::Mutex;
use std::thread;

use super::*;
use crate::repository::Folder;
use crate::store::{
    AppliedChange, Content, EntryKind, ListedFile, LockOutcome, Operation, StoreErrorKind,
};

/// What goes wrong in the store.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// The next write is made, and its answer gets lost.
    AnswerLost,
    /// The next write is not made.
    Refused,
}

/// A bucket with one file.
struct OneFile {
    file: Mutex<Option<(Vec<u8>, u8)>>,
    fault: Mutex<Fault>,
    is_conditional: bool,
    has_tags: bool,
}

impl OneFile {
    fn new() -> Self {
        let (file, fault) = (Mutex::default(), Mutex::new(Fault::None));
        Self { file, fault, is_conditional: true, has_tags: true }
    }

    fn fail_once(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }

    fn set(&self, bytes: &[u8]) {
        set(&mut self.file.lock().unwrap(), bytes);
    }
}

fn set(file: &mut Option<(Vec<u8>, u8)>, bytes: &[u8]) {
    let number = file.as_ref().map_or(0, |(_, number)| number.wrapping_add(1));
    *file = Some((bytes.to_vec(), number));
}

fn stamp_of(number: u8) -> Stamp {
    Stamp::Object { size: 1, tag: [number; 32] }
}

impl Store for OneFile {
    fn list(&self, _: Folder) -> Result<Option<Vec<ListedFile>>, StoreError> {
        Ok(None)
    }

    fn walk(&self) -> Result<Option<Vec<(RepositoryPath, EntryKind)>>, StoreError> {
        Ok(None)
    }

    fn read(
        &self,
        _: &RepositoryPath,
        _: usize,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<Content>, StoreError> {
        buffer.clear();
        let file = self.file.lock().unwrap();
        let Some((bytes, number)) = &*file else { return Ok(None) };
        buffer.extend(bytes);
        Ok(Some(Content { stamp: self.has_tags.then(|| stamp_of(*number)) }))
    }

    fn apply(&self, stages: &[&[Change]], _: &dyn Fn(AppliedChange<'_>)) -> Result<(), StoreError> {
        let fault = std::mem::replace(&mut *self.fault.lock().unwrap(), Fault::None);
        for change in stages.iter().copied().flatten() {
            let error =
                |kind: StoreErrorKind| StoreError::new(Operation::Write, "bucket".to_owned(), kind);
            if fault == Fault::Refused {
                return Err(error(io::Error::other("refused").into()));
            }
            // A bucket compares and writes in one step.
            let mut file = self.file.lock().unwrap();
            let there = file.as_ref().map(|(_, number)| stamp_of(*number));
            if self.is_conditional && there != change.over {
                return Err(error(StoreErrorKind::Conflict));
            }
            set(&mut file, &change.source().unwrap().read().unwrap());
            if fault == Fault::AnswerLost {
                return Err(error(io::Error::from(io::ErrorKind::TimedOut).into()));
            }
        }
        Ok(())
    }

    fn lock(&self) -> Result<LockOutcome, StoreError> {
        unreachable!("a lease needs no lock")
    }

    fn lock_shared(&self) -> Result<LockOutcome, StoreError> {
        unreachable!("a lease needs no lock")
    }

    fn locate(&self, path: &RepositoryPath) -> String {
        path.to_string()
    }
}

const DURATION: Duration = Duration::from_millis(200);

const EVERY: Duration = Duration::from_secs(60);

const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

fn lease(store: &OneFile) -> Lease<'_> {
    of_work(store, "all")
}

fn of_work<'a>(store: &'a OneFile, work: &str) -> Lease<'a> {
    Lease::of_mirror(store, DURATION, work.to_owned())
}

fn is_held(asked: Result<Asked, StoreError>) -> bool {
    matches!(asked.unwrap(), Asked::Held(_))
}

fn ended(time: i64) -> LeaseOutcome {
    let work = Some("all".to_owned());
    LeaseOutcome { ended: Some(time), succeeded: Some(time), error: None, work }
}

#[test]
fn one_works_and_the_others_wait_until_the_work_is_due() {
    let store = OneFile::new();
    let (mut one, mut other) = (lease(&store), lease(&store));
    assert!(is_held(one.ask(EVERY, NOW)));
    assert!(matches!(other.ask(EVERY, NOW).unwrap(), Asked::Wait { is_at_work: true, .. }));
    one.renew().unwrap();
    one.end(ended(NOW.0)).unwrap();
    for process in [&mut one, &mut other] {
        let Asked::Wait { is_at_work, outcome, due } = process.ask(EVERY, NOW).unwrap() else {
            panic!("the work is not due");
        };
        assert_eq!((is_at_work, outcome, due), (false, ended(NOW.0), NOW.0 + 60));
    }
    assert!(is_held(other.ask(EVERY, UnixSeconds(NOW.0 + 60))));
    assert!(one.renew().unwrap_err().is_conflict());
    assert!(one.end(ended(NOW.0)).unwrap_err().is_conflict());
}

#[test]
fn a_silent_holder_is_replaced_and_a_living_one_is_not() {
    let store = OneFile::new();
    let (mut one, mut other) = (lease(&store), lease(&store));
    assert!(is_held(one.ask(EVERY, NOW)));
    for _ in 0..6 {
        assert!(!is_held(other.ask(EVERY, NOW)));
        thread::sleep(DURATION / 4);
        one.renew().unwrap();
    }
    // Time that passed before it looked does not count, whatever the clocks say.
    thread::sleep(DURATION * 2);
    assert!(!is_held(other.ask(EVERY, UnixSeconds(i64::MAX))));
    thread::sleep(DURATION + Duration::from_millis(50));
    assert!(is_held(other.ask(EVERY, NOW)));
    // It comes back.
    assert!(one.renew().unwrap_err().is_conflict());
    other.renew().unwrap();
    assert!(!is_held(one.ask(EVERY, NOW)));
    other.end(ended(NOW.0)).unwrap();
}

#[test]
fn of_two_that_take_it_over_at_once_one_gets_it() {
    let store = OneFile::new();
    assert!(is_held(lease(&store).ask(EVERY, NOW)));
    let mut waiting: Vec<_> = (0..8).map(|_| lease(&store)).collect();
    for lease in &mut waiting {
        assert!(!is_held(lease.ask(EVERY, NOW)));
    }
    thread::sleep(DURATION + Duration::from_millis(50));
    let held = thread::scope(|scope| {
        let asking: Vec<_> = waiting
            .iter_mut()
            .map(|lease| scope.spawn(move || is_held(lease.ask(EVERY, NOW))))
            .collect();
        asking.into_iter().map(|one| one.join().unwrap()).filter(|one| *one).count()
    });
    assert_eq!(held, 1);
}

#[test]
fn lost_answers_do_not_lose_the_lease() {
    let store = OneFile::new();
    let (mut one, mut other) = (lease(&store), lease(&store));
    store.fail_once(Fault::AnswerLost);
    one.ask(EVERY, NOW).unwrap_err();
    // It was written: no other process begins, and this one need not wait for itself.
    assert!(!is_held(other.ask(EVERY, NOW)));
    assert!(is_held(one.ask(EVERY, NOW)));
    for fault in [Fault::AnswerLost, Fault::Refused] {
        store.fail_once(fault);
        assert!(!one.renew().unwrap_err().is_conflict());
        one.renew().unwrap();
    }
    store.fail_once(Fault::AnswerLost);
    one.end(ended(NOW.0)).unwrap_err();
    assert!(!is_held(other.ask(EVERY, NOW)));
}

#[test]
fn where_conditions_are_ignored_the_first_of_two_holders_stops() {
    let store = OneFile { is_conditional: false, ..OneFile::new() };
    let (mut one, mut other) = (lease(&store), lease(&store));
    assert!(is_held(one.ask(EVERY, NOW)));
    // The other one has read before the first one wrote.
    let file = store.file.lock().unwrap().take();
    assert!(is_held(other.ask(EVERY, NOW)));
    drop(file);
    assert!(one.renew().unwrap_err().is_conflict());
    other.renew().unwrap();
    assert!(one.end(ended(NOW.0)).unwrap_err().is_conflict());
    other.end(ended(NOW.0)).unwrap();
}

#[test]
fn a_damaged_lease_is_replaced_once_it_is_abandoned() {
    let store = OneFile::new();
    let mut lease = lease(&store);
    let forever = br#"{"holder":"x","renewals":1,"is_held":true,"silence_ms":0}"#;
    for damaged in [&b"{"[..], b"", b"null", forever, &vec![b' '; MAX_LEASE + 1]] {
        store.set(damaged);
        assert!(!is_held(lease.ask(EVERY, NOW)));
        thread::sleep(DURATION + Duration::from_millis(50));
        assert!(is_held(lease.ask(EVERY, NOW)));
        lease.end(ended(NOW.0)).unwrap();
    }
}

/// Such as one that is configured to run less often.
#[test]
fn a_holder_says_how_long_it_may_be_silent() {
    let store = OneFile::new();
    let (mut slow, mut quick) =
        (Lease::of_mirror(&store, DURATION * 100, "all".to_owned()), lease(&store));
    assert!(is_held(slow.ask(EVERY, NOW)));
    assert!(!is_held(quick.ask(EVERY, NOW)));
    thread::sleep(DURATION * 2);
    assert!(!is_held(quick.ask(EVERY, NOW)));
}

#[test]
fn a_clock_that_was_ahead_delays_the_work_by_one_interval() {
    let outcome = ended(NOW.0 + 1_000_000);
    assert_eq!(due(&outcome, EVERY, Duration::ZERO, NOW), NOW.0 + 60);
    assert_eq!(due(&outcome, EVERY, Duration::from_secs(45), NOW), NOW.0 + 15);
    assert_eq!(due(&outcome, EVERY, Duration::from_secs(61), NOW), NOW.0);
    let outcome = ended(i64::MAX);
    assert_eq!(due(&outcome, EVERY, Duration::ZERO, NOW), NOW.0 + 60);
    assert_eq!(due(&ended(NOW.0 - 10), EVERY, Duration::ZERO, NOW), NOW.0 + 50);
    assert_eq!(due(&LeaseOutcome::default(), EVERY, Duration::ZERO, NOW), NOW.0);
}

#[test]
fn a_bucket_without_entity_tags_is_refused() {
    let store = OneFile { has_tags: false, ..OneFile::new() };
    let error = lease(&store).ask(EVERY, NOW);
    // Nothing was there; what was written has no tag.
    assert!(error.unwrap_err().to_string().contains("lease"));
}

#[test]
fn other_work_is_due_at_once_and_then_at_the_same_intervals() {
    let store = OneFile::new();
    let mut former = lease(&store);
    assert_eq!(former.look().unwrap(), None);
    assert!(is_held(former.ask(EVERY, NOW)));
    former.end(ended(NOW.0)).unwrap();
    assert_eq!(former.look().unwrap(), Some((false, ended(NOW.0))));
    let mut same = lease(&store);
    assert!(!is_held(same.ask(EVERY, NOW)));
    let mut other = of_work(&store, "some");
    assert!(is_held(other.ask(EVERY, NOW)));
    // It is ended before it is done: it is due as before.
    other.end(ended(NOW.0)).unwrap();
    let mut other = of_work(&store, "some");
    assert!(is_held(other.ask(EVERY, NOW)));
    let done = LeaseOutcome { work: Some("some".to_owned()), ..ended(NOW.0) };
    other.end(done).unwrap();
    // The former one still runs, of another server: the two do not take turns without a pause.
    for process in [&mut former, &mut same, &mut other, &mut of_work(&store, "some")] {
        assert!(!is_held(process.ask(EVERY, NOW)));
    }
    assert!(is_held(lease(&store).ask(EVERY, NOW)), "it was configured so just now");
}

#[test]
fn a_run_fails_or_not() {
    let failed = LeaseOutcome { ended: Some(2), succeeded: Some(1), ..LeaseOutcome::default() };
    assert!(failed.is_failed());
    assert!(!LeaseOutcome::default().is_failed() && !ended(NOW.0).is_failed());
}

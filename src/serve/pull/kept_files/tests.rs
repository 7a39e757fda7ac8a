use std::collections::BTreeSet;
use std::fs::File;
use std::time::SystemTime;

use tempfile::TempDir;

use super::*;
use crate::store::DirStore;

const SIZE: u64 = 1_000;

struct Kept {
    directory: TempDir,
    used: Arc<UsedFiles>,
    files: KeptFiles,
}

impl Kept {
    /// Of releases of `pinned`, nothing is removed.
    fn new(pinned: &'static [&'static str]) -> Self {
        let directory = TempDir::new().unwrap();
        std::fs::create_dir(directory.path().join("tarballs")).unwrap();
        let store = Box::new(DirStore::new(directory.path()));
        let read =
            move || Ok(pinned.iter().map(|one| one.parse().unwrap()).collect::<BTreeSet<_>>());
        let used = Arc::new(UsedFiles::default());
        let counter = Counter::default();
        let files = KeptFiles::new("acme", store, Arc::new(read), SIZE, Arc::clone(&used), counter);
        Self { directory, used, files }
    }

    /// Writes a file that was used so many seconds ago.
    fn write(&self, name: &str, size: u64, used: u64) -> RepositoryPath {
        let path = path(name);
        let file = File::create(self.directory.path().join(path.as_str())).unwrap();
        file.set_len(size).unwrap();
        file.set_modified(SystemTime::now().checked_sub(Duration::from_secs(used)).unwrap())
            .unwrap();
        path
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.directory.path().join("tarballs")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.map(|name| name.replace("-1.0.0.tar", "")).collect();
        names.sort();
        names
    }
}

fn path(name: &str) -> RepositoryPath {
    Folder::Tarballs.file(&format!("{name}-1.0.0.tar"))
}

#[test]
fn files_are_listed_only_if_the_total_is_above_the_size() {
    let mut kept = Kept::new(&[]);
    kept.write("a", 400, 90);
    assert_eq!(kept.files.keep_within_size(&[]), Some(Ok(())));
    assert_eq!((kept.files.total, kept.files.wait()), (400, None));
    // Another program writes it, so the total does not have it.
    kept.write("b", 900, 80);
    let c = kept.write("c", 100, 70);
    assert_eq!(kept.files.keep_within_size(&[c]), None);
    assert_eq!((kept.files.total, kept.names().len()), (500, 3));
    let d = kept.write("d", 550, 60);
    assert_eq!(kept.files.keep_within_size(&[d]), Some(Ok(())));
    assert_eq!((kept.files.total, kept.names()), (650, vec!["c".to_owned(), "d".to_owned()]));
}

#[test]
fn a_part_of_the_size_is_made_free() {
    let mut kept = Kept::new(&[]);
    for (name, used) in [("a", 90), ("b", 80), ("c", 70)] {
        kept.write(name, 30, used);
    }
    kept.write("d", 930, 60);
    assert_eq!(kept.files.keep_within_size(&[]), Some(Ok(())));
    // Without `a`, it is within the size, but above 95 % of it still.
    assert_eq!((kept.files.total, kept.names()), (930, vec!["d".to_owned()]));
}

#[test]
fn files_in_use_stay_until_they_are_not() {
    let mut kept = Kept::new(&[]);
    kept.write("a", 600, 90);
    kept.write("b", 600, 3);
    kept.used.note(&path("a"), clock::now());
    assert_eq!(kept.files.keep_within_size(&[]), Some(Ok(())));
    assert_eq!(kept.names().len(), 2);
    // `b` may go first.
    let wait = kept.files.wait().unwrap();
    assert!((5..=8).contains(&wait.as_secs()), "{wait:?}");
    // No list is made until then.
    let c = kept.write("c", 10, 90);
    assert_eq!(kept.files.keep_within_size(&[c]), None);
    kept.files.not_before = None;
    kept.write("b", 600, 20);
    assert_eq!(kept.files.keep_within_size(&[]), Some(Ok(())));
    assert_eq!(kept.names(), ["a"]);
}

#[test]
fn more_that_is_pinned_than_the_size_is_an_error_and_is_not_listed_each_time() {
    let mut kept = Kept::new(&["a-1.0.0", "b-1.0.0"]);
    kept.write("a", 600, 90);
    kept.write("b", 600, 80);
    kept.write("c", 10, 70);
    let error = "what lock files pin takes more than 1000 bytes".to_owned();
    assert_eq!(kept.files.keep_within_size(&[]), Some(Err(error.clone())));
    assert_eq!((kept.names(), kept.files.wait()), (vec!["a".to_owned(), "b".to_owned()], None));
    let c = kept.write("c", 10, 70);
    assert_eq!(kept.files.keep_within_size(&[c]), None);
    // It is not forgotten.
    assert!(kept.files.wait().unwrap() > Duration::from_secs(5));
    kept.files.not_before = None;
    assert_eq!(kept.files.keep_within_size(&[]), Some(Err(error)));
    assert_eq!(kept.names(), ["a", "b"]);
}

#[test]
fn uses_of_files_that_are_gone_are_forgotten() {
    let mut kept = Kept::new(&[]);
    kept.write("a", 10, 90);
    for name in ["a", "gone"] {
        kept.used.note(&path(name), UnixSeconds(5));
    }
    assert_eq!(kept.files.keep_within_size(&[]), Some(Ok(())));
    assert_eq!(kept.used.get(&path("a")), Some(UnixSeconds(5)));
    assert_eq!(kept.used.get(&path("gone")), None);
}

//! A repository whose tarballs have changed since its last build. Its next build can be tried over and over.

use std::fs;

use super::items::{Item, file_name, tarball};
use super::repository::TestRepository;
use super::witness::{Tree, Witness, is_temporary};

/// The tarballs of the last build, and those of the next.
#[derive(Clone, Copy)]
pub struct Change {
    pub before: &'static [Item<'static>],
    pub after: &'static [Item<'static>],
    /// Whether a killed build has left temporary files.
    pub has_leftovers: bool,
}

pub const FIRST: Change = Change {
    before: &[],
    after: &[("foo", "1.0.0", 0), ("foo", "1.1.0", 0), ("bar", "1.0.0", 0)],
    has_leftovers: false,
};

pub const ADDITION: Change = Change {
    before: &[("foo", "1.0.0", 0), ("bar", "1.0.0", 0)],
    after: &[("foo", "1.0.0", 0), ("foo", "1.1.0", 0), ("bar", "1.0.0", 0), ("baz", "1.0.0", 0)],
    has_leftovers: false,
};

pub const REMOVAL: Change = Change {
    before: &[("foo", "1.0.0", 0), ("foo", "1.1.0", 0), ("bar", "1.0.0", 0), ("baz", "1.0.0", 0)],
    after: &[("foo", "1.0.0", 0), ("bar", "1.0.0", 0)],
    has_leftovers: false,
};

/// One package loses a release, another exchanges it for a new one.
pub const EXCHANGE: Change = Change {
    before: &[("foo", "1.0.0", 0), ("foo", "1.1.0", 0), ("bar", "1.0.0", 0), ("bar", "1.1.0", 0)],
    after: &[("foo", "1.1.0", 0), ("bar", "1.1.0", 0), ("bar", "2.0.0", 0)],
    has_leftovers: false,
};

pub const EVERYTHING: Change = Change {
    before: &[
        ("foo", "1.0.0", 0),
        ("bar", "1.0.0", 0),
        ("gone", "1.0.0", 0),
        ("gone2", "1.0.0", 0),
    ],
    after: &[("foo", "1.0.0", 1), ("bar", "1.0.0", 0), ("bar", "1.1.0", 0), ("baz", "1.0.0", 0)],
    has_leftovers: true,
};

/// From nothing to so many packages that their files are flushed together.
pub const MANY: Change = Change {
    before: &[],
    after: &[
        ("package0", "1.0.0", 0),
        ("package1", "1.0.0", 0),
        ("package2", "1.0.0", 0),
        ("package3", "1.0.0", 0),
        ("package4", "1.0.0", 0),
        ("package5", "1.0.0", 0),
        ("package6", "1.0.0", 0),
        ("package7", "1.0.0", 0),
        ("package8", "1.0.0", 0),
        ("package9", "1.0.0", 0),
        ("package10", "1.0.0", 0),
        ("package11", "1.0.0", 0),
        ("package12", "1.0.0", 0),
        ("package13", "1.0.0", 0),
        ("package14", "1.0.0", 0),
        ("package15", "1.0.0", 0),
        ("package16", "1.0.0", 0),
        ("package17", "1.0.0", 0),
        ("package18", "1.0.0", 0),
        ("package19", "1.0.0", 0),
    ],
    has_leftovers: false,
};

/// A repository with the tarballs of the next build and the registry of the last.
pub struct PendingBuild {
    pub repository: TestRepository,
    pub witness: Witness,
}

impl PendingBuild {
    pub fn new(change: Change) -> Self {
        let repository = TestRepository::new();
        fs::create_dir_all(repository.path("public/tarballs")).unwrap();
        let mut before = Tree::default();
        if !change.before.is_empty() {
            for item in change.before {
                repository.write_tarball(&file_name(*item), &tarball(*item));
            }
            repository.build(&["--no-cache"]).ok();
            before = repository.tree();
            for item in change.before {
                repository.remove_tarball(&file_name(*item));
            }
        }
        if change.has_leftovers {
            let leftovers = [".hexreg-root.tmp", "packages/.hexreg-package.tmp"];
            before.served.extend(leftovers.map(|path| (path.to_owned(), b"half a fi".to_vec())));
        }
        for item in change.after {
            repository.write_tarball(&file_name(*item), &tarball(*item));
        }
        let witness = Witness { before, after: repository.fresh() };
        Self { repository, witness }
    }

    /// Restores the registry of the last build, and removes the cache.
    pub fn rewind(&self) {
        let public = self.repository.path("public");
        let now = self.repository.served();
        let before = &self.witness.before.served;
        for path in now.keys().filter(|path| !before.contains_key(*path)) {
            fs::remove_file(public.join(path)).unwrap();
        }
        if before.is_empty() {
            let _ = fs::remove_dir(public.join("packages"));
        }
        for (path, bytes) in before.iter().filter(|(path, bytes)| now.get(*path) != Some(bytes)) {
            self.repository.write(&format!("public/{path}"), bytes);
        }
        let _ = fs::remove_dir_all(self.repository.path("cache"));
    }

    /// Builds undisturbed: whatever was left, the registry is that of a fresh build.
    pub fn build_again(&self) {
        let ran = self.repository.build(&[]).ok();
        let tree = self.repository.tree();
        assert!(!tree.served.keys().any(|path| is_temporary(path)), "{}", ran.transcript());
        assert_eq!(tree, self.witness.after, "{}", ran.transcript());
    }
}

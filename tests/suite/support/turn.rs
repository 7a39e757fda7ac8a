//! Tarballs that change, and a build that has yet to follow: it can be tried over and over.

use std::fs;

use super::repository::TestRepository;
use super::tarball::Tarball;
use super::witness::{Tree, Witness, is_temporary};

/// A package, a version, and which tarball of that name it is.
pub type Item<'a> = (&'a str, &'a str, u8);

/// A repository whose tarballs are as they should be, and its registry not yet.
pub struct Turn {
    pub name: &'static str,
    pub repository: TestRepository,
    pub witness: Witness,
}

/// Different bytes for each edition.
pub fn tarball((name, version, edition): Item<'_>) -> Vec<u8> {
    Tarball::new(name, version).more_metadata(format!("{{<<\"x\">>,{edition}}}.\n")).build()
}

pub fn file_name((name, version, _): Item<'_>) -> String {
    format!("{name}-{version}.tar")
}

/// Every kind of change: from nothing, more, less, and all at once over what a killed build left.
pub const KINDS: [(&str, &[Item<'_>], &[Item<'_>]); 5] = [
    ("first", &[], &[("foo", "1.0.0", 0), ("foo", "1.1.0", 0), ("bar", "1.0.0", 0)]),
    (
        "addition",
        &[("foo", "1.0.0", 0), ("bar", "1.0.0", 0)],
        &[("foo", "1.0.0", 0), ("foo", "1.1.0", 0), ("bar", "1.0.0", 0), ("baz", "1.0.0", 0)],
    ),
    (
        "removal",
        &[("foo", "1.0.0", 0), ("foo", "1.1.0", 0), ("bar", "1.0.0", 0), ("baz", "1.0.0", 0)],
        &[("foo", "1.0.0", 0), ("bar", "1.0.0", 0)],
    ),
    // One package loses a release, one exchanges it for another.
    (
        "exchange",
        &[("foo", "1.0.0", 0), ("foo", "1.1.0", 0), ("bar", "1.0.0", 0), ("bar", "1.1.0", 0)],
        &[("foo", "1.1.0", 0), ("bar", "1.1.0", 0), ("bar", "2.0.0", 0)],
    ),
    (
        "everything",
        &[("foo", "1.0.0", 0), ("bar", "1.0.0", 0), ("gone", "1.0.0", 0), ("gone2", "1.0.0", 0)],
        &[("foo", "1.0.0", 1), ("bar", "1.0.0", 0), ("bar", "1.1.0", 0), ("baz", "1.0.0", 0)],
    ),
];

impl Turn {
    pub fn of((name, before, after): (&'static str, &[Item<'_>], &[Item<'_>])) -> Self {
        let repository = TestRepository::new();
        fs::create_dir_all(repository.path("public/tarballs")).unwrap();
        let mut stood = Tree::default();
        if !before.is_empty() {
            for item in before {
                repository.write_tarball(&file_name(*item), &tarball(*item));
            }
            repository.build(&["--no-cache"]).ok();
            stood = repository.tree();
            for item in before {
                repository.remove_tarball(&file_name(*item));
            }
        }
        if name == "everything" {
            let leftovers = [".hexreg-root.tmp", "packages/.hexreg-package.tmp"];
            stood.served.extend(leftovers.map(|path| (path.to_owned(), b"half a fi".to_vec())));
        }
        for item in after {
            repository.write_tarball(&file_name(*item), &tarball(*item));
        }
        let witness = Witness { before: stood, after: repository.fresh() };
        Self { name, repository, witness }
    }

    pub fn every_kind() -> impl Iterator<Item = Self> {
        KINDS.into_iter().map(Self::of)
    }

    /// From nothing to so many packages that their files are flushed together.
    pub fn many() -> Self {
        let names: Vec<_> = (0..20).map(|number| format!("package{number}")).collect();
        let items: Vec<_> = names.iter().map(|name| (name.as_str(), "1.0.0", 0)).collect();
        Self::of(("many", &[], &items))
    }

    /// Puts the registry back to where it was before the build; no cache tells more.
    pub fn rewind(&self) {
        let public = self.repository.path("public");
        let stands = self.repository.served();
        let before = &self.witness.before.served;
        for path in stands.keys().filter(|path| !before.contains_key(*path)) {
            fs::remove_file(public.join(path)).unwrap();
        }
        if before.is_empty() {
            let _ = fs::remove_dir(public.join("packages"));
        }
        for (path, bytes) in before.iter().filter(|(path, bytes)| stands.get(*path) != Some(bytes))
        {
            self.repository.write(&format!("public/{path}"), bytes);
        }
        let _ = fs::remove_dir_all(self.repository.path("cache"));
    }

    /// A build that nothing hinders makes everything right, whatever was before.
    pub fn build_again(&self) {
        let ran = self.repository.build(&[]).ok();
        let tree = self.repository.tree();
        assert!(!tree.served.keys().any(|path| is_temporary(path)), "{}", ran.transcript());
        assert_eq!(tree, self.witness.after, "{}", ran.transcript());
    }
}

//! What must hold of a repository at every moment of a build, checked file by file as clients read
//! it, with none of what builds it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use hexreg::checksum::OuterChecksum;
use hexreg::key::PublicKey;
use hexreg::package::Release;
use hexreg::policy::Policy;
use hexreg::registry::{ListedVersion, Names, Payload, Releases, Signed, Versions};

/// Files by path.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A repository as it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// Everything but tarballs, by path.
    pub served: Files,
    /// What each tarball hashes to, by file name.
    pub tarballs: BTreeMap<String, OuterChecksum>,
}

/// Knows how a registry stood before a build and how it should stand after it.
pub struct Witness {
    pub before: Tree,
    pub after: Tree,
}

/// How far a build had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    NothingWritten,
    LayingDown,
    Packages,
    BetweenIndexes,
    Removals,
    Done,
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NothingWritten => "before anything was written",
            Self::LayingDown => "while new files were laid down",
            Self::Packages => "between the first rename and that of `versions`",
            Self::BetweenIndexes => "between `versions` and `names`",
            Self::Removals => "after `names`, before the last removal",
            Self::Done => "after the last change",
        })
    }
}

/// Whether a killed build may have left a file of this name.
pub fn is_temporary(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap();
    name.strip_prefix(".hexreg-").is_some_and(|rest| rest.strip_suffix(".tmp").is_some())
}

impl Tree {
    /// Out of all files, `tarballs/` among them.
    pub fn of(files: Files) -> Self {
        let mut tree = Self::default();
        for (path, bytes) in files {
            match path.strip_prefix("tarballs/") {
                Some(name) => {
                    tree.tarballs.insert(name.to_owned(), OuterChecksum::of(&bytes));
                }
                None => {
                    tree.served.insert(path, bytes);
                }
            }
        }
        tree
    }

    /// What clients may ask for.
    fn published(&self) -> Files {
        let files = self.served.iter().filter(|(path, _)| !is_temporary(path));
        files.map(|(path, bytes)| (path.clone(), bytes.clone())).collect()
    }

    /// A file whose signature holds under the key that is served beside it.
    fn payload(&self, path: &str) -> Option<Payload> {
        let bytes = self.served.get(path)?;
        let key = self.served.get("public_key").unwrap_or_else(|| panic!("{path} without a key"));
        let key = PublicKey::from_pem(std::str::from_utf8(key).unwrap()).unwrap();
        let signed = Signed::from_gzip(bytes).unwrap_or_else(|error| panic!("{path}: {error}"));
        Some(signed.verify(&key).unwrap_or_else(|error| panic!("{path}: {error}")))
    }

    pub fn versions(&self) -> Option<Versions> {
        self.payload("versions").map(|payload| Versions::decode(&payload).unwrap())
    }

    /// The tarball of each release that `versions` names.
    pub fn releases(&self) -> Vec<String> {
        let packages = self.versions().into_iter().flat_map(|versions| versions.packages);
        let releases = packages.flat_map(|(name, versions)| {
            versions.into_iter().map(move |one| format!("{name}-{}.tar", one.version))
        });
        releases.collect()
    }

    /// A policy that clients with the served key accept; `None` if there is none of this name.
    pub fn policy(&self, name: &str) -> Option<Policy> {
        let payload = self.payload(&format!("policies/{name}"))?;
        let policy = Policy::decode(&payload).unwrap();
        assert_eq!(policy.name.as_str(), name);
        Some(policy)
    }

    /// Whether the file of its package lists the release of a tarball.
    pub fn lists(&self, tarball: &str) -> bool {
        self.packages().iter().any(|(name, package)| {
            let mut releases = package.releases.iter();
            releases.any(|release| tarball == format!("{name}-{}.tar", release.version))
        })
    }

    /// The tarballs of retired releases: as the packages say, and as `versions` does.
    pub fn retired(&self) -> [BTreeSet<String>; 2] {
        let packages = self.packages();
        let by_package = packages.iter().flat_map(|(name, package)| {
            let retired = package.releases.iter().filter(|one| one.remarks.retired.is_some());
            retired.map(move |one| format!("{name}-{}.tar", one.version))
        });
        let versions = self.versions().into_iter().flat_map(|versions| versions.packages);
        let by_index = versions.flat_map(|(name, all)| {
            let retired = all.into_iter().filter(|one| one.marks.retired);
            retired.map(move |one| format!("{name}-{}.tar", one.version))
        });
        [by_package.collect(), by_index.collect()]
    }

    fn names(&self) -> Option<Names> {
        self.payload("names").map(|payload| Names::decode(&payload).unwrap())
    }

    /// What `packages/` says, by package.
    fn packages(&self) -> BTreeMap<String, Releases> {
        let paths = self.served.keys().filter(|path| !is_temporary(path));
        let names = paths.filter_map(|path| path.strip_prefix("packages/"));
        let packages = names.map(|name| {
            let releases = Releases::decode(&self.payload(&format!("packages/{name}")).unwrap());
            let releases = releases.unwrap();
            assert_eq!(releases.package.as_str(), name);
            (name.to_owned(), releases)
        });
        packages.collect()
    }

    /// Goes the way of a client, `versions` → `packages/NAME` → tarball and `names` → `packages/NAME`,
    /// and must meet nothing that is missing or another than was said. A tarball that somebody
    /// `withdrew` since the registry was built is not looked for; what names it is.
    pub fn follow(&self, withdrew: &dyn Fn(&str) -> bool) {
        let packages = self.packages();
        let package = |name: &str, by: &str| {
            packages.get(name).unwrap_or_else(|| panic!("{by} names {name}, which is not there"))
        };
        for (name, versions) in self.versions().into_iter().flat_map(|read| read.packages) {
            let listed = &package(name.as_str(), "versions").releases;
            for ListedVersion { version, .. } in versions {
                let found = listed.iter().any(|release| release.version == version);
                assert!(found, "versions names {name} {version}, which packages/{name} has not");
            }
        }
        for (name, _) in self.names().into_iter().flat_map(|read| read.packages) {
            package(name.as_str(), "names");
        }
        let policies = self.served.keys().filter(|path| !is_temporary(path));
        for name in policies.filter_map(|path| path.strip_prefix("policies/")) {
            self.policy(name);
        }
        for (name, releases) in &packages {
            for release in &releases.releases {
                let tarball = format!("{name}-{}.tar", release.version);
                let stands = self.tarballs.get(&tarball);
                let is_right = stands == Some(&release.outer_checksum) || withdrew(&tarball);
                assert!(is_right, "{tarball} is not what packages/{name} lists");
            }
        }
    }

    /// Whether it is the registry of one listing: all of it says the same, and no more than that.
    pub fn agrees(&self) {
        let packages = self.packages();
        let releases = |releases: &Releases| {
            releases.releases.iter().map(|release| release.version.to_string()).collect::<Vec<_>>()
        };
        let of_packages: BTreeMap<_, _> =
            packages.iter().map(|(name, package)| (name.clone(), releases(package))).collect();
        let versions = self.versions().map(|versions| versions.packages).unwrap_or_default();
        let of_versions: BTreeMap<_, _> = versions
            .iter()
            .map(|(name, all)| {
                (name.to_string(), all.iter().map(|listed| listed.version.to_string()).collect())
            })
            .collect();
        assert_eq!(of_versions, of_packages);
        let names = self.names().map(|names| names.packages).unwrap_or_default();
        let of_names: Vec<_> = names.iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!(of_names, of_packages.into_keys().collect::<Vec<_>>());
    }
}

impl Witness {
    /// Looks at a repository after a build that may have ended at any moment, and says at which.
    pub fn examine(&self, tree: &Tree) -> Moment {
        assert_eq!(tree.tarballs, self.after.tarballs, "a build touches no tarball");
        // Nothing is half a file, nor one that belongs to neither registry.
        for (path, bytes) in tree.published() {
            let known = [&self.before, &self.after].map(|known| known.served.get(&path));
            let is_known = known.contains(&Some(&bytes)) || self.bridges(tree, &path);
            assert!(is_known, "{path} is neither as before nor as after");
        }
        // What is served both before and after is served in between.
        for path in self.after.published().keys() {
            let was_there = self.before.served.contains_key(path);
            assert!(!was_there || tree.served.contains_key(path), "{path} is gone");
        }
        tree.follow(&|tarball| {
            let was = self.before.tarballs.get(tarball);
            was.is_some() && was != self.after.tarballs.get(tarball)
        });
        self.moment(tree)
    }

    /// Whether a package has all that it had and all that it is to have, and no more.
    fn bridges(&self, tree: &Tree, path: &str) -> bool {
        let Some(name) = path.strip_prefix("packages/") else { return false };
        let [before, after, found] = [&self.before, &self.after, tree].map(|tree| {
            let package = tree.packages().remove(name);
            package.map(|package| package.releases).unwrap_or_default()
        });
        let versions =
            |releases: &[Release]| releases.iter().map(|one| one.version.clone()).collect();
        let [had, is_to_have, has]: [BTreeSet<_>; 3] =
            [&before, &after, &found].map(|one| versions(one));
        let is_sound = |release| before.contains(release) || after.contains(release);
        had.union(&is_to_have).cloned().collect::<BTreeSet<_>>() == has
            && found.iter().all(is_sound)
    }

    /// What a build has to change, in the order of their names.
    pub fn changes(&self) -> Vec<String> {
        let [before, after] = [&self.before, &self.after].map(|tree| &tree.served);
        let paths: BTreeSet<_> = before.keys().chain(after.keys()).collect();
        let changes = paths.into_iter().filter(|path| before.get(*path) != after.get(*path));
        changes.cloned().collect()
    }

    fn moment(&self, tree: &Tree) -> Moment {
        let is_new = |path: &str| tree.served.get(path) == self.after.served.get(path);
        if tree.served == self.after.served {
            Moment::Done
        } else if tree.served == self.before.served {
            Moment::NothingWritten
        } else if tree.published() == self.before.published() {
            Moment::LayingDown
        } else if !is_new("versions") {
            Moment::Packages
        } else if !is_new("names") {
            Moment::BetweenIndexes
        } else {
            Moment::Removals
        }
    }
}

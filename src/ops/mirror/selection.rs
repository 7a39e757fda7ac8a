//! Which packages and releases are mirrored.

use std::collections::BTreeMap;

use super::upstream::Upstream;
use crate::checksum::{InnerChecksum, OuterChecksum};
use crate::lockfile::{GitPin, LockFile, Pinned, Repeated};
use crate::name::PackageName;
use crate::requirement::VersionRequirement;
use crate::version::Version;

/// Which packages and releases are mirrored.
#[derive(Clone, Debug)]
pub enum Selection {
    /// Every release of every package.
    All,
    /// Packages by name, and what lock files pin.
    Some(Chosen),
}

/// Packages by name, and what lock files pin.
#[derive(Clone, Debug, Default)]
pub struct Chosen {
    /// Packages by name.
    pub only: Vec<Only>,
    /// Whether the dependencies of `only` are mirrored too.
    pub with_deps: bool,
    /// Lock files with their names.
    pub locks: Vec<(String, LockFile)>,
}

/// A package, or those of its releases that match a requirement.
#[derive(Clone, Debug)]
pub struct Only {
    /// The package.
    pub package: PackageName,
    /// The requirement; `None` means all releases.
    pub requirement: Option<VersionRequirement>,
}

/// A dependency in a lock file that upstream does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The name of the lock file.
    pub lock: String,
    /// The OTP application.
    pub app: String,
    /// Where it comes from instead, for a message.
    pub why: String,
}

/// Which releases of a package are selected.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Want {
    /// Those that match, or all; and what they depend on.
    Matching {
        requirement: Option<VersionRequirement>,
        with_deps: bool,
    },
    Pinned(Pin),
}

/// A release that a lock file pins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pin {
    /// The name of the lock file.
    pub lock: String,
    pub version: Version,
    pub inner_checksum: Option<InnerChecksum>,
    pub outer_checksum: Option<OuterChecksum>,
}

impl Want {
    /// Every release, without dependencies.
    pub const EVERYTHING: Self = Self::Matching { requirement: None, with_deps: false };

    pub fn matches(&self, version: &Version) -> bool {
        match self {
            Self::Matching { requirement, .. } => {
                requirement.as_ref().is_none_or(|requirement| requirement.matches(version))
            }
            Self::Pinned(pin) => pin.version == *version,
        }
    }

    /// Whether the selection grows by the dependencies of releases.
    pub fn grows(&self) -> bool {
        matches!(self, Self::Matching { with_deps: true, .. })
    }

    pub fn pin(&self) -> Option<&Pin> {
        match self {
            Self::Pinned(pin) => Some(pin),
            Self::Matching { .. } => None,
        }
    }
}

impl Pin {
    /// Whether these checksums are the pinned ones. Old lock files lack one of them or both.
    pub fn agrees(&self, inner: InnerChecksum, outer: OuterChecksum) -> bool {
        self.inner_checksum.is_none_or(|pinned| pinned == inner)
            && self.outer_checksum.is_none_or(|pinned| pinned == outer)
    }
}

impl Selection {
    /// What is selected of each package; `None` means all releases of all packages.
    pub(super) fn wants(&self, upstream: &Upstream) -> Option<BTreeMap<PackageName, Vec<Want>>> {
        self.chosen().map(|chosen| chosen.wants(upstream))
    }

    /// What lock files have and upstream does not. Git dependencies count unless they are mirrored.
    pub(super) fn left_out(&self, upstream: &Upstream, mirrors_git: bool) -> Vec<LeftOut> {
        self.chosen().map(|chosen| chosen.left_out(upstream, mirrors_git)).unwrap_or_default()
    }

    /// Whether there are only lock files, and they pin no release of any repository. Then it is no mistake that
    /// nothing is selected.
    pub(super) fn pins_nothing(&self) -> bool {
        self.chosen().is_some_and(|chosen| {
            chosen.only.is_empty() && !chosen.locks.is_empty() && chosen.pinned().next().is_none()
        })
    }

    /// The applications that lock files lock twice, each with the name of the file.
    pub(super) fn repeated(&self) -> impl Iterator<Item = (&String, &Repeated)> {
        let locks = self.chosen().into_iter().flat_map(|chosen| &chosen.locks);
        locks.flat_map(|(lock, file)| file.repeated.iter().map(move |one| (lock, one)))
    }

    /// The commits that lock files pin.
    pub(super) fn git(&self) -> Vec<&GitPin> {
        let locks = self.chosen().into_iter().flat_map(|chosen| &chosen.locks);
        locks.flat_map(|(_, file)| &file.git).collect()
    }

    fn chosen(&self) -> Option<&Chosen> {
        match self {
            Self::All => None,
            Self::Some(chosen) => Some(chosen),
        }
    }
}

impl Chosen {
    fn wants(&self, upstream: &Upstream) -> BTreeMap<PackageName, Vec<Want>> {
        let mut wants: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for Only { package, requirement } in &self.only {
            let (requirement, with_deps) = (requirement.clone(), self.with_deps);
            let want = Want::Matching { requirement, with_deps };
            wants.entry(package.clone()).or_default().push(want);
        }
        for (lock, pinned) in self.pinned().filter(|(_, pinned)| upstream.has_pin(pinned)) {
            let pin = Pin {
                lock: lock.clone(),
                version: pinned.version.clone(),
                inner_checksum: pinned.inner_checksum,
                outer_checksum: pinned.outer_checksum,
            };
            wants.entry(pinned.package.clone()).or_default().push(Want::Pinned(pin));
        }
        wants
    }

    fn left_out(&self, upstream: &Upstream, mirrors_git: bool) -> Vec<LeftOut> {
        let elsewhere = self.pinned().filter(|(_, pinned)| !upstream.has_pin(pinned));
        let elsewhere = elsewhere.map(|(lock, pinned)| {
            let why = format!("of the repository {}", pinned.repository.as_deref().unwrap_or("?"));
            LeftOut { lock: lock.clone(), app: pinned.app.clone(), why }
        });
        let others = self.locks.iter().flat_map(|(lock, file)| {
            file.others.iter().map(|other| LeftOut {
                lock: lock.clone(),
                app: other.app.clone(),
                why: other.source.to_string(),
            })
        });
        let git = self.locks.iter().filter(|_| !mirrors_git).flat_map(|(lock, file)| {
            file.git.iter().map(|pin| LeftOut {
                lock: lock.clone(),
                app: pin.app.clone(),
                why: format!("from git ({})", pin.url),
            })
        });
        elsewhere.chain(others).chain(git).collect()
    }

    fn pinned(&self) -> impl Iterator<Item = (&String, &Pinned)> {
        self.locks.iter().flat_map(|(lock, file)| file.pinned.iter().map(move |one| (lock, one)))
    }
}

//! What a registry says of some packages, while it is edited. Pure.
//!
//! An edit touches its own release in each file and nothing else. So it keeps what concurrent writers wrote of other
//! releases.

use std::collections::BTreeMap;

use crate::name::PackageName;
use crate::package::merge::merge_without_base;
use crate::package::{Release, Remarks, Retirement, UnixSeconds};
use crate::registry::ListedVersion;
use crate::version::Version;

/// The packages of an edit, and the indexes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::ops) struct WorkingCopy {
    /// The releases of each package of the edit, ascending; empty if the package has no file.
    pub packages: BTreeMap<PackageName, Vec<Release>>,
    /// `versions`, of all packages.
    pub versions: BTreeMap<PackageName, Vec<ListedVersion>>,
    /// `names`, of all packages.
    pub names: BTreeMap<PackageName, Option<UnixSeconds>>,
    /// Whether there is neither index, so that the registry is about to be created.
    pub is_new_registry: bool,
}

impl WorkingCopy {
    /// A release that the file of its package lists.
    pub fn release(&self, package: &PackageName, version: &Version) -> Option<&Release> {
        self.packages.get(package)?.iter().find(|release| release.version == *version)
    }

    /// A release that `versions` names and the file of its package does not list. All writers write in an order in which
    /// no reader meets that.
    pub fn lost_release(&self) -> Option<(&PackageName, &Version)> {
        let mut listed =
            self.packages.keys().filter_map(|name| Some((name, self.versions.get(name)?)));
        listed.find_map(|(name, all)| {
            let mut versions = all.iter().map(|one| &one.version);
            Some((name, versions.find(|version| self.release(name, version).is_none())?))
        })
    }

    /// Lists a release. One that is listed already with the same tarball stays as it is, and is added to the indexes if
    /// they lack it. Nothing is kept of one with another tarball, not even fields that this version does not know: they
    /// may vouch for the old tarball.
    pub fn put(&mut self, package: &PackageName, release: Release, now: UnixSeconds) {
        let releases = self.packages.entry(package.clone()).or_default();
        let (version, checksum) = (release.version.clone(), release.outer_checksum);
        let place = releases.binary_search_by(|one| one.version.cmp(&version));
        let listed = place.ok().and_then(|place| releases.get_mut(place));
        let is_new = match (listed, place) {
            (Some(listed), _) if listed.outer_checksum == checksum => false,
            (Some(listed), _) => {
                *listed = release;
                true
            }
            (None, Ok(place) | Err(place)) => {
                releases.insert(place, release);
                true
            }
        };
        self.list(package, &version);
        let updated_at = self.names.entry(package.clone()).or_insert(Some(now));
        if is_new {
            *updated_at = (*updated_at).max(Some(now));
        }
    }

    /// Removes a release. Returns whether anything named it.
    pub fn remove(&mut self, package: &PackageName, version: &Version) -> bool {
        let mut found = false;
        if let Some(releases) = self.packages.get_mut(package) {
            let before = releases.len();
            releases.retain(|release| release.version != *version);
            found |= releases.len() < before;
        }
        if let Some(versions) = self.versions.get_mut(package) {
            let before = versions.len();
            versions.retain(|listed| listed.version != *version);
            found |= versions.len() < before;
            if versions.is_empty() {
                self.versions.remove(package);
            }
        }
        // `names` names the packages that `versions` does. If they differ, another writer may have changed one of them
        // after the other was read; that is found when the plan is confirmed.
        let is_named = self.names.contains_key(package);
        if self.versions.contains_key(package) {
            self.names.entry(package.clone()).or_default();
        } else {
            self.names.remove(package);
        }
        found |= is_named != self.names.contains_key(package);
        found
    }

    /// Retires a release, or takes that back. Returns whether the release exists. An index that does not name it is left
    /// alone: another writer may be about to remove the release, or to add it.
    pub fn retire(
        &mut self,
        package: &PackageName,
        version: &Version,
        retired: Option<&Retirement>,
    ) -> bool {
        let releases = self.packages.get_mut(package).into_iter().flatten();
        let mut releases = releases.filter(|release| release.version == *version);
        let Some(release) = releases.next() else { return false };
        let was = release.remarks.retired.take();
        release.remarks.retired = retired.map(|retired| Retirement {
            unknown: was.map(|was| was.unknown).unwrap_or_default(),
            ..retired.clone()
        });
        self.mark(package, version);
        true
    }

    /// Whether the file of its package and both indexes name a release.
    pub fn is_published(&self, package: &PackageName, version: &Version) -> bool {
        self.release(package, version).is_some()
            && self.is_in_versions(package, version)
            && self.names.contains_key(package)
    }

    /// Whether `versions` names a release.
    pub fn is_in_versions(&self, package: &PackageName, version: &Version) -> bool {
        let mut listed = self.versions.get(package).into_iter().flatten();
        listed.any(|one| one.version == *version)
    }

    /// Whether the registry has a package of this name.
    pub fn has_package(&self, name: &PackageName) -> bool {
        let has_release = self.packages.get(name).is_some_and(|releases| !releases.is_empty());
        has_release || self.versions.contains_key(name) || self.names.contains_key(name)
    }

    /// Marks a release in `versions` as its package has it. An index that does not name it is left alone.
    pub fn mark(&mut self, package: &PackageName, version: &Version) {
        let Some(release) = self.release(package, version) else { return };
        let marks = release.remarks.marks();
        let listed = self.versions.get_mut(package).into_iter().flatten();
        listed.filter(|one| one.version == *version).for_each(|one| one.marks = marks);
    }

    /// Merges what upstream says of a listed release. A retirement that the release has here stays.
    pub fn merge_upstream(&mut self, package: &PackageName, version: &Version, upstream: &Remarks) {
        let releases = self.packages.get_mut(package).into_iter().flatten();
        for release in releases.filter(|release| release.version == *version) {
            release.remarks = merge_without_base(&release.remarks, upstream);
        }
        self.list(package, version);
    }

    /// Lists a release in `versions` as its package has it.
    fn list(&mut self, package: &PackageName, version: &Version) {
        let Some(release) = self.release(package, version) else { return };
        let listed = ListedVersion { version: version.clone(), marks: release.remarks.marks() };
        let versions = self.versions.entry(package.clone()).or_default();
        let place = versions.binary_search_by(|one| one.version.cmp(version));
        match (place.ok().and_then(|place| versions.get_mut(place)), place) {
            (Some(former), _) => *former = listed,
            (None, Ok(place) | Err(place)) => versions.insert(place, listed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::{InnerChecksum, OuterChecksum};
    use crate::package::{Marks, RetirementReason};
    use crate::unknown_fields::UnknownFields;

    fn foo() -> PackageName {
        "foo".parse().unwrap()
    }

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    fn release(text: &str, sum: u8) -> Release {
        Release {
            version: version(text),
            inner_checksum: InnerChecksum::from_bytes([sum; 32]),
            outer_checksum: OuterChecksum::from_bytes([sum; 32]),
            dependencies: Vec::new(),
            remarks: Remarks::default(),
        }
    }

    fn retirement() -> Retirement {
        Retirement::new(RetirementReason::Security, None)
    }

    /// `foo` with these releases, put one after the other.
    fn working_copy(releases: &[(&str, u8)]) -> WorkingCopy {
        let mut copy = WorkingCopy::default();
        for (text, sum) in releases {
            copy.put(&foo(), release(text, *sum), UnixSeconds(1));
        }
        copy
    }

    #[test]
    fn releases_ascend_in_whatever_order_they_are_added() {
        let one = working_copy(&[("1.0.0", 1), ("1.0.0-rc.1", 2), ("0.9.0", 3)]);
        assert_eq!(one, working_copy(&[("0.9.0", 3), ("1.0.0", 1), ("1.0.0-rc.1", 2)]));
        let listed: Vec<_> =
            one.versions[&foo()].iter().map(|one| one.version.to_string()).collect();
        assert_eq!(listed, ["0.9.0", "1.0.0-rc.1", "1.0.0"]);
    }

    #[test]
    fn a_listed_release_stays_and_missing_index_entries_are_added() {
        let mut retired = working_copy(&[("1.0.0", 1)]);
        assert!(retired.retire(&foo(), &version("1.0.0"), Some(&retirement())));
        let mut damaged = retired.clone();
        damaged.versions.clear();
        damaged.names.clear();
        damaged.put(&foo(), release("1.0.0", 1), UnixSeconds(1));
        assert_eq!(damaged, retired);
        damaged.put(&foo(), release("1.0.0", 1), UnixSeconds(9));
        assert_eq!(damaged, retired, "nothing is new");
        damaged.put(&foo(), release("1.0.0", 2), UnixSeconds(9));
        assert_eq!(damaged.versions[&foo()][0].marks, Marks::default(), "another tarball");
        assert_eq!(damaged.names[&foo()], Some(UnixSeconds(9)));
    }

    #[test]
    fn a_package_is_removed_with_its_last_release() {
        let mut copy = working_copy(&[("1.0.0", 1), ("1.1.0", 2)]);
        assert!(copy.remove(&foo(), &version("1.0.0")));
        assert!(!copy.remove(&foo(), &version("1.0.0")));
        assert_eq!(copy.versions[&foo()].len(), 1);
        copy.names.clear();
        assert!(copy.remove(&foo(), &version("1.0.0")));
        assert!(copy.names.contains_key(&foo()), "it still has a release");
        assert!(copy.remove(&foo(), &version("1.1.0")));
        assert_eq!((copy.versions.len(), copy.names.len()), (0, 0));
        assert_eq!(copy.packages[&foo()], []);
    }

    /// An interrupted removal leaves that.
    #[test]
    fn a_release_that_only_an_index_names_is_removed() {
        let mut copy = working_copy(&[("1.0.0", 1)]);
        copy.packages.clear();
        copy.versions.clear();
        assert!(copy.remove(&foo(), &version("1.0.0")));
        assert_eq!(copy, WorkingCopy::default());
    }

    /// Another writer lists another release between the reading of two files.
    #[test]
    fn a_release_of_another_writer_is_neither_listed_nor_lost() {
        let mut copy = working_copy(&[("1.0.0", 1)]);
        copy.packages.get_mut(&foo()).unwrap().push(release("2.0.0", 2));
        copy.put(&foo(), release("1.1.0", 3), UnixSeconds(1));
        let listed: Vec<_> =
            copy.versions[&foo()].iter().map(|one| one.version.to_string()).collect();
        assert_eq!(listed, ["1.0.0", "1.1.0"]);
        assert_eq!(copy.packages[&foo()].len(), 3);
    }

    /// A second retirement changes the reason; what else is known of the first one stays until it is taken back.
    #[test]
    fn unknown_fields_of_a_retirement_survive_another_reason() {
        let unknown = UnknownFields::from_encoded(vec![0x78, 1]);
        let known = Retirement { unknown: unknown.clone(), ..retirement() };
        let mut copy = working_copy(&[("1.0.0", 1)]);
        copy.packages.get_mut(&foo()).unwrap()[0].remarks.retired = Some(known);
        let other = Retirement { reason: RetirementReason::Renamed, ..retirement() };
        assert!(copy.retire(&foo(), &version("1.0.0"), Some(&other)));
        let retired = copy.packages[&foo()][0].remarks.retired.clone().unwrap();
        assert_eq!(retired, Retirement { unknown, ..other.clone() });
        assert!(copy.retire(&foo(), &version("1.0.0"), None));
        assert!(copy.retire(&foo(), &version("1.0.0"), Some(&other)));
        assert_eq!(copy.packages[&foo()][0].remarks.retired, Some(other));
    }

    #[test]
    fn unknown_fields_of_a_release_do_not_pass_to_another_tarball() {
        let mut copy = working_copy(&[("1.0.0", 1)]);
        let unknown = UnknownFields::from_encoded(vec![0x78, 1]);
        copy.packages.get_mut(&foo()).unwrap()[0].remarks.unknown.release = unknown.clone();
        copy.put(&foo(), release("1.0.0", 1), UnixSeconds(9));
        assert_eq!(copy.packages[&foo()][0].remarks.unknown.release, unknown);
        copy.put(&foo(), release("1.0.0", 2), UnixSeconds(9));
        assert_eq!(copy.packages[&foo()][0].remarks, Remarks::default());
    }

    #[test]
    fn a_retired_release_is_marked_until_that_is_taken_back() {
        let mut copy = working_copy(&[("1.0.0", 1), ("1.1.0", 2)]);
        let before = copy.clone();
        assert!(copy.retire(&foo(), &version("1.1.0"), Some(&retirement())));
        let marks: Vec<_> = copy.versions[&foo()].iter().map(|one| one.marks.retired).collect();
        assert_eq!(marks, [false, true]);
        assert!(copy.retire(&foo(), &version("1.1.0"), None));
        assert_eq!(copy, before);
        assert!(!copy.retire(&foo(), &version("2.0.0"), None));
        copy.versions.clear();
        assert!(copy.retire(&foo(), &version("1.1.0"), None));
        assert_eq!(copy.versions.len(), 0, "the writer that removes it does that");
    }
}

//! What a registry says of some packages, while it is changed. Pure.
//!
//! A change touches what it is about and nothing else: whoever writes at the same time writes of other
//! releases, and what they wrote meanwhile is kept, in each file for itself.

use std::collections::BTreeMap;

use crate::name::PackageName;
use crate::ops::upstream::merge_without_base;
use crate::package::{Release, Remarks, Retirement, UnixSeconds};
use crate::registry::ListedVersion;
use crate::version::Version;

/// The packages that are looked at, and the indexes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Draft {
    /// Of each package that is looked at its releases, ascending; none where it has no file.
    pub packages: BTreeMap<PackageName, Vec<Release>>,
    /// What `versions` says of all.
    pub versions: BTreeMap<PackageName, Vec<ListedVersion>>,
    /// What `names` says of all.
    pub names: BTreeMap<PackageName, Option<UnixSeconds>>,
}

impl Draft {
    /// A release of a package, where it is listed in its own file.
    pub fn release(&self, package: &PackageName, version: &Version) -> Option<&Release> {
        self.packages.get(package)?.iter().find(|release| release.version == *version)
    }

    /// A release that `versions` names and the package, which is looked at, has not. Whoever writes keeps to
    /// an order in which no reader meets that.
    pub fn lacking(&self) -> Option<(&PackageName, &Version)> {
        let mut listed =
            self.packages.keys().filter_map(|name| Some((name, self.versions.get(name)?)));
        listed.find_map(|(name, all)| {
            let mut versions = all.iter().map(|one| &one.version);
            Some((name, versions.find(|version| self.release(name, version).is_none())?))
        })
    }

    /// Lists a release. One that is listed already with the same tarball stays as it is, and what the
    /// indexes may lack of it is put right. Of one with another tarball nothing stays, not even fields that this
    /// version does not know: they may vouch for the old tarball.
    pub fn put(&mut self, package: &PackageName, release: Release, now: UnixSeconds) {
        let releases = self.packages.entry(package.clone()).or_default();
        let (version, checksum) = (release.version.clone(), release.outer_checksum);
        let place = releases.binary_search_by(|one| one.version.cmp(&version));
        let standing = place.ok().and_then(|place| releases.get_mut(place));
        let is_new = match (standing, place) {
            (Some(standing), _) if standing.outer_checksum == checksum => false,
            (Some(standing), _) => {
                *standing = release;
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

    /// Takes a release away; tells whether there was anything to do.
    pub fn take(&mut self, package: &PackageName, version: &Version) -> bool {
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
        // Either may be what somebody else did since the other was read, which shows when it is looked at once
        // more: `names` names what `versions` does.
        let is_named = self.names.contains_key(package);
        if self.versions.contains_key(package) {
            self.names.entry(package.clone()).or_default();
        } else {
            self.names.remove(package);
        }
        found |= is_named != self.names.contains_key(package);
        found
    }

    /// Retires a release, or takes that back; tells whether it is there. An index that does not name it is
    /// left alone: somebody else may be about to remove it, or still to add it.
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
        let marks = release.remarks.marks();
        let listed = self.versions.get_mut(package).into_iter().flatten();
        listed.filter(|one| one.version == *version).for_each(|one| one.marks = marks);
        true
    }

    /// Takes in what upstream says of a release that is listed. Its retirement stays where it has one.
    pub fn remark(&mut self, package: &PackageName, version: &Version, upstream: &Remarks) {
        let releases = self.packages.get_mut(package).into_iter().flatten();
        for release in releases.filter(|release| release.version == *version) {
            release.remarks = merge_without_base(&release.remarks, upstream);
        }
        self.list(package, version);
    }

    /// Names a release in `versions` as its package has it.
    fn list(&mut self, package: &PackageName, version: &Version) {
        let Some(release) = self.release(package, version) else { return };
        let listed = ListedVersion { version: version.clone(), marks: release.remarks.marks() };
        let versions = self.versions.entry(package.clone()).or_default();
        let place = versions.binary_search_by(|one| one.version.cmp(version));
        match (place.ok().and_then(|place| versions.get_mut(place)), place) {
            (Some(standing), _) => *standing = listed,
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
    fn draft(releases: &[(&str, u8)]) -> Draft {
        let mut draft = Draft::default();
        for (text, sum) in releases {
            draft.put(&foo(), release(text, *sum), UnixSeconds(1));
        }
        draft
    }

    #[test]
    fn releases_ascend_whatever_the_order_in_which_they_come() {
        let one = draft(&[("1.0.0", 1), ("1.0.0-rc.1", 2), ("0.9.0", 3)]);
        assert_eq!(one, draft(&[("0.9.0", 3), ("1.0.0", 1), ("1.0.0-rc.1", 2)]));
        let listed: Vec<_> =
            one.versions[&foo()].iter().map(|one| one.version.to_string()).collect();
        assert_eq!(listed, ["0.9.0", "1.0.0-rc.1", "1.0.0"]);
    }

    #[test]
    fn what_is_listed_already_stays_and_missing_indexes_are_put_right() {
        let mut retired = draft(&[("1.0.0", 1)]);
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
    fn a_package_goes_with_its_last_release() {
        let mut draft = draft(&[("1.0.0", 1), ("1.1.0", 2)]);
        assert!(draft.take(&foo(), &version("1.0.0")));
        assert!(!draft.take(&foo(), &version("1.0.0")));
        assert_eq!(draft.versions[&foo()].len(), 1);
        draft.names.clear();
        assert!(draft.take(&foo(), &version("1.0.0")));
        assert!(draft.names.contains_key(&foo()), "it has a release yet");
        assert!(draft.take(&foo(), &version("1.1.0")));
        assert_eq!((draft.versions.len(), draft.names.len()), (0, 0));
        assert_eq!(draft.packages[&foo()], []);
    }

    /// As where a removal was cut short.
    #[test]
    fn what_an_index_alone_still_names_is_taken_away() {
        let mut draft = draft(&[("1.0.0", 1)]);
        draft.packages.clear();
        draft.versions.clear();
        assert!(draft.take(&foo(), &version("1.0.0")));
        assert_eq!(draft, Draft::default());
    }

    /// Somebody else lists another release between the reading of two files.
    #[test]
    fn a_release_of_somebody_else_is_neither_named_nor_forgotten() {
        let mut draft = draft(&[("1.0.0", 1)]);
        draft.packages.get_mut(&foo()).unwrap().push(release("2.0.0", 2));
        draft.put(&foo(), release("1.1.0", 3), UnixSeconds(1));
        let listed: Vec<_> =
            draft.versions[&foo()].iter().map(|one| one.version.to_string()).collect();
        assert_eq!(listed, ["1.0.0", "1.1.0"]);
        assert_eq!(draft.packages[&foo()].len(), 3);
    }

    /// A second retirement changes the reason; what else is known of the first one stays until it is taken back.
    #[test]
    fn unknown_fields_of_a_retirement_survive_another_reason() {
        let unknown = UnknownFields::from_encoded(vec![0x78, 1]);
        let known = Retirement { unknown: unknown.clone(), ..retirement() };
        let mut draft = draft(&[("1.0.0", 1)]);
        draft.packages.get_mut(&foo()).unwrap()[0].remarks.retired = Some(known);
        let other = Retirement { reason: RetirementReason::Renamed, ..retirement() };
        assert!(draft.retire(&foo(), &version("1.0.0"), Some(&other)));
        let retired = draft.packages[&foo()][0].remarks.retired.clone().unwrap();
        assert_eq!(retired, Retirement { unknown, ..other.clone() });
        assert!(draft.retire(&foo(), &version("1.0.0"), None));
        assert!(draft.retire(&foo(), &version("1.0.0"), Some(&other)));
        assert_eq!(draft.packages[&foo()][0].remarks.retired, Some(other));
    }

    #[test]
    fn unknown_fields_of_a_release_do_not_pass_to_another_tarball() {
        let mut draft = draft(&[("1.0.0", 1)]);
        let unknown = UnknownFields::from_encoded(vec![0x78, 1]);
        draft.packages.get_mut(&foo()).unwrap()[0].remarks.unknown.release = unknown.clone();
        draft.put(&foo(), release("1.0.0", 1), UnixSeconds(9));
        assert_eq!(draft.packages[&foo()][0].remarks.unknown.release, unknown);
        draft.put(&foo(), release("1.0.0", 2), UnixSeconds(9));
        assert_eq!(draft.packages[&foo()][0].remarks, Remarks::default());
    }

    #[test]
    fn a_retired_release_is_marked_until_that_is_taken_back() {
        let mut draft = draft(&[("1.0.0", 1), ("1.1.0", 2)]);
        let before = draft.clone();
        assert!(draft.retire(&foo(), &version("1.1.0"), Some(&retirement())));
        let marks: Vec<_> = draft.versions[&foo()].iter().map(|one| one.marks.retired).collect();
        assert_eq!(marks, [false, true]);
        assert!(draft.retire(&foo(), &version("1.1.0"), None));
        assert_eq!(draft, before);
        assert!(!draft.retire(&foo(), &version("2.0.0"), None));
        draft.versions.clear();
        assert!(draft.retire(&foo(), &version("1.1.0"), None));
        assert_eq!(draft.versions.len(), 0, "somebody else sees to that");
    }
}

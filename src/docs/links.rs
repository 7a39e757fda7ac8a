//! Where links of documentation lead: which version is here, and the URLs of pages.

use crate::version::Version;

/// What is here that links of documentation may lead to.
///
/// URLs are seen from the root of all documentation, the folder that has a folder for each package: `../packages/ecto`,
/// or absolute ones. The rewriter adds the way from a page up to that root.
pub trait DocsLinks {
    /// The version that a link to the documentation of a package leads to, of those that are here.
    ///
    /// `version` is the one that the link names. Without it, the latest is meant. [`nearest`] is the rule. None if no
    /// documentation of the package is here.
    fn nearest(&self, package: &str, version: Option<&Version>) -> Option<Version>;

    /// The page of a package, or of one version.
    fn package_url(&self, package: &str, version: Option<&Version>) -> Option<String>;

    /// The page of the files of a release, or the page of one of them. `path` has no percent-encoding.
    fn file_url(&self, package: &str, version: &Version, path: Option<&str>) -> Option<String>;

    /// The search in the documentation of these packages, each `NAME-VERSION` or `NAME`, or of all if there are none.
    ///
    /// The text that is searched for is added at the end: the URL ends with `q=`.
    fn search_url(&self, packages: &[&str]) -> Option<String>;
}

/// The version that a reader finds closest to the one that a link names. None if there is none at all.
///
/// The one itself, if it is here. Else a stable version: of the same `MAJOR.MINOR`, else of the same `MAJOR`, else any.
/// Of these it is the lowest one that is later, since it still has what the link is about, else the highest one.
/// Pre-releases count only where no stable version is here. A link without a version means the latest.
#[must_use]
pub fn nearest<'a>(
    wanted: Option<&Version>,
    here: impl IntoIterator<Item = &'a Version>,
) -> Option<&'a Version> {
    let here: Vec<&Version> = here.into_iter().collect();
    if let Some(same) = here.iter().find(|version| Some(**version) == wanted) {
        return Some(same);
    }
    let rank = |version: &Version| {
        let is_stable = !version.is_pre_release();
        let Some(wanted) = wanted else { return (is_stable, false, false, false) };
        let same_major = version.major() == wanted.major();
        let same_minor = same_major && version.minor() == wanted.minor();
        (is_stable, same_major, same_minor, version > wanted)
    };
    here.into_iter().max_by(|a, b| {
        let is_later = wanted.is_some_and(|wanted| *a > wanted);
        let by_version = if is_later { b.cmp(a) } else { a.cmp(b) };
        rank(a).cmp(&rank(b)).then(by_version)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(wanted: &str, here: &str) -> String {
        let here: Vec<Version> = here.split_whitespace().map(|v| v.parse().unwrap()).collect();
        let wanted: Option<Version> = (!wanted.is_empty()).then(|| wanted.parse().unwrap());
        let found = nearest(wanted.as_ref(), &here).map(ToString::to_string).unwrap_or_default();
        let reversed = nearest(wanted.as_ref(), here.iter().rev()).map(ToString::to_string);
        assert_eq!(found, reversed.unwrap_or_default(), "the order of {here:?} decides");
        found
    }

    #[test]
    fn a_link_leads_to_the_version_that_is_closest() {
        for (wanted, here, expected) in [
            ("1.2.3", "", ""),
            ("1.2.3", "1.2.2 1.2.3 1.2.4", "1.2.3"),
            ("1.2.3", "1.2.2 1.2.5 1.2.4 1.3.0", "1.2.4"),
            ("1.2.3", "1.2.0 1.2.2 1.3.0", "1.2.2"),
            ("1.2.3", "1.0.0 1.1.0 1.4.0 1.3.0 2.0.0", "1.3.0"),
            ("1.2.3", "1.0.0 1.1.0 2.0.0", "1.1.0"),
            ("1.2.3", "0.9.0 3.0.0 2.0.0", "2.0.0"),
            ("1.2.3", "0.8.0 0.9.0", "0.9.0"),
            // Pre-releases.
            ("1.2.3", "1.2.4-rc.0 1.1.0", "1.1.0"),
            ("1.2.3", "1.2.4-rc.0 1.2.4-rc.1", "1.2.4-rc.0"),
            ("1.2.0-rc.0", "1.2.0 1.2.1 1.2.0-rc.1", "1.2.0"),
            ("1.2.0-rc.0", "1.2.0 1.2.0-rc.0", "1.2.0-rc.0"),
            // No version: the latest.
            ("", "1.2.3 1.10.0 2.0.0-rc.0", "1.10.0"),
            ("", "2.0.0-rc.0 2.0.0-rc.1", "2.0.0-rc.1"),
            ("", "", ""),
        ] {
            assert_eq!(found(wanted, here), expected, "{wanted:?} of {here:?}");
        }
    }
}

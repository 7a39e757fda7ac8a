//! The paths below `browse/`: see [`Urls`](crate::browse::pages::Urls), which makes them.

use percent_encoding::percent_decode_str;

use crate::name::PackageName;
use crate::version::Version;

/// In bytes: no file system has a file with a longer name, so there is no such package.
const MAX_NAME: usize = 255;

/// A page below `browse/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BrowsePath {
    pub name: PackageName,
    pub page: BrowsePage,
}

/// What a page shows of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum BrowsePage {
    /// The version that a new project would take.
    Package,
    Versions,
    Dependents,
    /// Two versions of the query are compared.
    DiffForm,
    Diff(Version, Version),
    Release(Version),
    Requirements(Version),
    Files(Version),
    File(Version, String),
    Raw(Version, String),
}

impl BrowsePath {
    /// The page at a path, as in `NAME/VERSION`; `None` if there is none.
    pub fn parse(path: &str) -> Option<Self> {
        let path = path.strip_suffix('/').unwrap_or(path);
        let (name, rest) = path.split_once('/').unwrap_or((path, ""));
        let name: PackageName = decoded(name)?.parse().ok()?;
        if name.as_str().len() > MAX_NAME {
            return None;
        }
        Some(Self { name, page: BrowsePage::parse(rest)? })
    }
}

impl BrowsePage {
    fn parse(path: &str) -> Option<Self> {
        let (first, rest) = path.split_once('/').unwrap_or((path, ""));
        match (first, rest) {
            ("", "") => return Some(Self::Package),
            ("versions", "") => return Some(Self::Versions),
            ("dependents", "") => return Some(Self::Dependents),
            ("diff", "") => return Some(Self::DiffForm),
            ("diff", range) => return Self::diff(range),
            _ => {}
        }
        let version: Version = decoded(first)?.parse().ok()?;
        match rest.split_once('/').unwrap_or((rest, "")) {
            ("", "") => Some(Self::Release(version)),
            ("requirements", "") => Some(Self::Requirements(version)),
            ("files", "") => Some(Self::Files(version)),
            ("files", path) => Some(Self::File(version, decoded(path)?)),
            ("raw", path) if !path.is_empty() => Some(Self::Raw(version, decoded(path)?)),
            _ => None,
        }
    }

    /// Of two versions with two dots between them. A version may have several dots in a row in no place.
    fn diff(range: &str) -> Option<Self> {
        let range = decoded(range)?;
        let (from, to) = range.split_once("..")?;
        Some(Self::Diff(from.parse().ok()?, to.parse().ok()?))
    }
}

fn decoded(text: &str) -> Option<String> {
    Some(percent_decode_str(text).decode_utf8().ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::browse::pages::Urls;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn every_link_leads_to_its_page() {
        let urls = Urls::from_path("");
        let (one, two) = (version("1.0.0-rc.1"), version("1.1.0"));
        let path = "lib/a b?#%/ä.ex";
        for (url, page) in [
            (urls.package("foo"), BrowsePage::Package),
            (urls.versions("foo"), BrowsePage::Versions),
            (urls.dependents("foo"), BrowsePage::Dependents),
            (urls.diff_form("foo"), BrowsePage::DiffForm),
            (urls.diff("foo", &one, &two), BrowsePage::Diff(one.clone(), two.clone())),
            (urls.release("foo", &one), BrowsePage::Release(one.clone())),
            (urls.requirements("foo", &one), BrowsePage::Requirements(one.clone())),
            (urls.files("foo", &one), BrowsePage::Files(one.clone())),
            (urls.file("foo", &one, path), BrowsePage::File(one.clone(), path.to_owned())),
            (urls.raw("foo", &one, path), BrowsePage::Raw(one.clone(), path.to_owned())),
        ] {
            let path = url.strip_prefix("./browse/").unwrap();
            let parsed = BrowsePath::parse(path);
            assert_eq!(parsed, Some(BrowsePath { name: "foo".parse().unwrap(), page }), "{url}");
        }
    }

    #[test]
    fn other_paths_are_none() {
        for path in [
            "",
            "/",
            "Foo%20Bar",
            "..",
            "foo/latest",
            "foo/1",
            "foo/1.0.0/x",
            "foo/1.0.0/raw",
            "foo/1.0.0/requirements/x",
            "foo/diff/1.0.0",
            "foo/diff/a..b",
            "foo/versions/x",
            "%ff",
            "foo/1.0.0/files/%ff",
        ] {
            assert_eq!(BrowsePath::parse(path), None, "{path}");
        }
    }
}

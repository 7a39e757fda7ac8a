//! What a search in documentation asks for.

use crate::docs::search::DocsId;
use crate::serve::web::visit::Visit;

/// How many packages are chosen at most. A URL has no room for more.
pub(super) const MAX_PACKAGES: usize = 400;

/// A search in documentation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct DocsRequest {
    /// What to search for.
    pub query: String,
    /// The documentations to search; none are all. Without a version, the latest is meant.
    pub packages: Vec<ChosenDocs>,
}

/// A package, in one version or the latest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ChosenDocs {
    pub package: String,
    pub version: Option<String>,
}

impl DocsRequest {
    /// What a page asks for: `q`, `package`, `packages`.
    pub fn of(visit: &Visit) -> Self {
        let mut packages = Self::packages(visit.field("packages"));
        let package = visit.field("package");
        if !package.is_empty() {
            packages.extend(ChosenDocs::parse(package));
        }
        Self { query: visit.field("q").to_owned(), packages }
    }

    /// The packages of a list: `ecto-3.12.0,plug`. hexdocs.pm has a colon before the version, too.
    pub fn packages(list: &str) -> Vec<ChosenDocs> {
        list.split(',').filter_map(ChosenDocs::parse).take(MAX_PACKAGES).collect()
    }

    /// Whether a documentation is one of the chosen versions, or of a package that is chosen without a version.
    pub fn includes(&self, id: &DocsId) -> bool {
        self.packages.is_empty() || self.packages.iter().any(|one| one.is(id))
    }

    /// The value of `packages` in a URL.
    pub fn list(&self) -> String {
        let all: Vec<String> = self.packages.iter().map(ChosenDocs::to_text).collect();
        all.join(",")
    }
}

impl ChosenDocs {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        // No name of a package has either.
        let (package, version) = match text.split_once(['-', ':']) {
            Some((package, version)) => (package, Some(version.to_owned())),
            None => (text, None),
        };
        let is_name = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        let is_version = |text: &String| text.parse::<crate::version::Version>().is_ok();
        (is_name(package) && version.as_ref().is_none_or(is_version))
            .then(|| Self { package: package.to_owned(), version })
    }

    fn is(&self, id: &DocsId) -> bool {
        self.package == id.package
            && self.version.as_ref().is_none_or(|version| *version == id.version)
    }

    /// Its documentation, if a version is chosen.
    pub fn id(&self) -> Option<DocsId> {
        Some(DocsId { package: self.package.clone(), version: self.version.clone()? })
    }

    fn to_text(&self) -> String {
        match &self.version {
            Some(version) => format!("{}-{version}", self.package),
            None => self.package.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_read_as_each_client_writes_them() {
        let list = "ecto-3.12.0, plug ,mix:1.18.4,a-1.0.0-rc.1,<b>,c-x,,../d";
        let request =
            DocsRequest { packages: DocsRequest::packages(list), ..DocsRequest::default() };
        assert_eq!(request.list(), "ecto-3.12.0,plug,mix-1.18.4,a-1.0.0-rc.1");
        let id = |package: &str, version: &str| DocsId {
            package: package.to_owned(),
            version: version.to_owned(),
        };
        assert!(request.includes(&id("plug", "9.9.9")));
        assert!(request.includes(&id("ecto", "3.12.0")));
        assert!(!request.includes(&id("ecto", "3.12.1")));
        assert!(DocsRequest::default().includes(&id("any", "1.0.0")));
    }
}

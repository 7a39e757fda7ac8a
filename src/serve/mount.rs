//! The place of a repository in the URLs.

use crate::name::RepositoryName;

/// The place of a repository in the URLs: at `/`, at `/repos/NAME`, or at both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    name: Option<RepositoryName>,
    is_root: bool,
}

/// The path below which repositories with names are served.
pub(super) const NAMED_REPOSITORIES: &str = "/repos/";

impl Mount {
    /// At `/`.
    #[must_use]
    pub fn root() -> Self {
        Self { name: None, is_root: true }
    }

    /// At `/repos/NAME`.
    #[must_use]
    pub fn named(name: RepositoryName) -> Self {
        Self { name: Some(name), is_root: false }
    }

    /// At `/` too.
    #[must_use]
    pub fn at_root(self) -> Self {
        Self { is_root: true, ..self }
    }

    /// The part after `/repos/`.
    #[must_use]
    pub fn name(&self) -> Option<&RepositoryName> {
        self.name.as_ref()
    }

    /// The name in the log and in the metrics: `/` if it has none.
    pub(super) fn label(&self) -> String {
        self.name.as_ref().map_or_else(|| "/".to_owned(), ToString::to_string)
    }

    /// Whether it is at `/`.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.is_root
    }

    /// The path that clients are told: `/` if the repository is there, else `/repos/NAME`.
    #[must_use]
    pub fn path(&self) -> String {
        match &self.name {
            Some(name) if !self.is_root => format!("{NAMED_REPOSITORIES}{name}"),
            _ => "/".to_owned(),
        }
    }

    /// Whether it is the place of a path that names this repository, or none.
    pub(super) fn is_at(&self, name: Option<&str>) -> bool {
        match name {
            Some(name) => self.name.as_ref().is_some_and(|own| own.as_str() == name),
            None => self.is_root,
        }
    }

    /// The path that both have.
    #[must_use]
    pub fn shared_path(&self, other: &Self) -> Option<String> {
        if self.is_root && other.is_root {
            return Some("/".to_owned());
        }
        let name = self.name.as_ref().filter(|name| other.name.as_ref() == Some(name))?;
        Some(format!("{NAMED_REPOSITORIES}{name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_at_each_of_its_places() {
        let name = |text: &str| text.parse::<RepositoryName>().unwrap();
        let (root, acme) = (Mount::root(), Mount::named(name("acme")));
        let hexpm = Mount::named(name("hexpm")).at_root();
        assert_eq!([root.path(), acme.path(), hexpm.path()], ["/", "/repos/acme", "/"]);
        assert!(root.is_at(None) && !root.is_at(Some("acme")));
        assert!(!acme.is_at(None) && acme.is_at(Some("acme")) && !acme.is_at(Some("hexpm")));
        assert!(hexpm.is_at(None) && hexpm.is_at(Some("hexpm")));
        assert_eq!(root.shared_path(&hexpm).as_deref(), Some("/"));
        assert_eq!(acme.shared_path(&acme).as_deref(), Some("/repos/acme"));
        assert_eq!(acme.shared_path(&hexpm), None);
    }
}

//! URLs in answers.

use jiff::Timestamp;

use crate::name::{PackageName, RepositoryName};
use crate::package::{self, UnixSeconds};
use crate::version::Version;

/// A repository and its URLs, as clients reach them that make this request. URLs have no slash at the end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site<'a> {
    /// The name in its signed files.
    pub repository: &'a RepositoryName,
    /// The URL of the API that the request was made to, such as `https://hex.example.com/api/repos/acme`.
    pub api: &'a str,
    /// The URL of the repository, such as `https://hex.example.com/repos/acme`.
    pub url: &'a str,
    /// Whether there are pages for people at the URL of the repository.
    pub has_pages: bool,
}

impl Site<'_> {
    /// A package in the API.
    pub fn package(&self, name: &PackageName) -> String {
        format!("{}/packages/{name}", self.api)
    }

    /// A release in the API.
    pub fn release(&self, name: &PackageName, version: &Version) -> String {
        format!("{}/packages/{name}/releases/{version}", self.api)
    }

    /// The documentation of a release, which the answer to its publication names as its location.
    pub fn docs(&self, name: &PackageName, version: &Version) -> String {
        format!("{}/docs/{name}-{version}.tar.gz", self.url)
    }

    /// The page of a package. rebar3 crashes where a search has none, so it is the package in the API if there are no
    /// pages.
    pub fn page(&self, name: &PackageName) -> String {
        if self.has_pages { format!("{}/browse/{name}", self.url) } else { self.package(name) }
    }
}

/// A token in the API at `api`.
pub(super) fn key_url(api: &str, name: &str) -> String {
    format!("{api}/keys/{}", segment(name))
}

/// The account of a token in the API at `api`.
pub(super) fn user_url(api: &str, name: &str) -> String {
    format!("{api}/users/{}", segment(name))
}

/// A segment of a path.
fn segment(text: &str) -> percent_encoding::PercentEncode<'_> {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
}

/// A time as clients read it: `2026-11-27T04:05:37Z`. `None` for a time that is before the year -9999 or after 9999.
pub(crate) fn date(time: UnixSeconds) -> Option<String> {
    Timestamp::from_second(time.0).ok().map(|time| time.to_string())
}

/// The time of a signed file.
pub(super) fn date_of(time: Option<&package::Timestamp>) -> Option<String> {
    date(time?.seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_whole_seconds_in_utc() {
        assert_eq!(date(UnixSeconds(1_700_000_000)).unwrap(), "2023-11-14T22:13:20Z");
        assert_eq!(date(UnixSeconds(0)).unwrap(), "1970-01-01T00:00:00Z");
        assert_eq!(date(UnixSeconds(i64::MAX)), None);
    }

    #[test]
    fn names_of_tokens_stay_one_segment() {
        let repository = "acme".parse().unwrap();
        let (api, url) = ("http://hex.example.com/api", "http://hex.example.com/repos/acme");
        let site = Site { repository: &repository, api, url, has_pages: false };
        assert_eq!(key_url(api, "a/b c"), "http://hex.example.com/api/keys/a%2Fb%20c");
        let name = "foo".parse().unwrap();
        assert_eq!(site.page(&name), site.package(&name));
        let site = Site { has_pages: true, ..site };
        assert_eq!(site.page(&name), "http://hex.example.com/repos/acme/browse/foo");
        let version = "1.0.0".parse().unwrap();
        assert_eq!(
            site.docs(&name, &version),
            "http://hex.example.com/repos/acme/docs/foo-1.0.0.tar.gz"
        );
    }
}

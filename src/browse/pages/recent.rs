//! What came lately, as a page and as a feed.

use std::sync::Arc;

use askama::Template;
use jiff::Timestamp;

use super::frame::Frame;
use super::text::date;
use super::urls::Urls;
use crate::browse::changes::{ChangeKind, RegistryChange};
use crate::browse::package_links::changelog;
use crate::browse::readme::plain_line;
use crate::browse::release_contents::ReleaseContents;
use crate::package::{RetirementReason, UnixSeconds};

/// What came lately.
#[derive(Clone, Copy)]
pub struct RecentPage<'a> {
    /// What is around it.
    pub frame: &'a Frame<'a>,
    /// The name of the repository.
    pub repository: &'a str,
    /// The URL of the repository, without a slash at its end; empty if it is not known, as for files. Then there is no
    /// feed, which has to name it.
    pub base_url: &'a str,
    /// What is known of it, in a sentence.
    pub note: &'a str,
    /// The newest first.
    pub changes: &'a [RecentChange],
}

/// A change, and what its release says of it.
#[derive(Clone, Debug)]
pub struct RecentChange {
    /// The change.
    pub change: RegistryChange,
    /// What its tarball holds: its changelog may have a section about it.
    pub contents: Option<Arc<ReleaseContents>>,
}

#[derive(Template)]
#[template(path = "browse/recent.html")]
struct RecentTemplate<'a> {
    frame: &'a Frame<'a>,
    repository: &'a str,
    note: &'a str,
    has_feed: bool,
    entries: Vec<Entry>,
}

#[derive(Template)]
#[template(path = "browse/recent.xml")]
struct FeedTemplate<'a> {
    title: String,
    url: &'a str,
    /// The page of the same changes, below that URL.
    page: String,
    updated: String,
    entries: Vec<Entry>,
}

struct Entry {
    title: String,
    /// Of the page, from the page that lists it.
    url: String,
    /// Of the page, below the repository.
    path: String,
    /// Names this change and no other, for ever.
    id: String,
    time: String,
    date: String,
    text: String,
    changes: Option<String>,
}

impl RecentPage<'_> {
    /// The page.
    #[must_use]
    pub fn render(&self) -> String {
        let entries = self.changes.iter().map(|one| entry(one, &self.frame.urls)).collect();
        let RecentPage { frame, repository, note, .. } = *self;
        let has_feed = !self.base_url.is_empty();
        // Writing into memory cannot fail.
        RecentTemplate { frame, repository, note, has_feed, entries }.render().unwrap_or_default()
    }

    /// The feed, RFC 4287.
    #[must_use]
    pub fn feed(&self) -> String {
        let entries: Vec<Entry> =
            self.changes.iter().map(|one| entry(one, &self.frame.urls)).collect();
        // A feed without entries has always been as it is.
        let updated = entries.first().map_or_else(|| time(UnixSeconds(0)), |one| one.time.clone());
        let title = self.repository.to_owned();
        // Writing into memory cannot fail.
        let page = self.frame.urls.at_root().recent();
        let feed = FeedTemplate { title, url: self.base_url, page, updated, entries };
        let mut xml = feed.render().unwrap_or_default();
        xml.retain(is_of_xml);
        xml
    }
}

impl RecentChange {
    fn changelog(&self, urls: &Urls) -> Option<String> {
        let (contents, version) = (self.contents.as_ref()?, self.change.version.as_ref()?);
        changelog(contents, urls, &self.change.package, version)
    }
}

fn entry(recent: &RecentChange, urls: &Urls) -> Entry {
    let change = &recent.change;
    let name = change.package.as_str();
    let version = change.version.as_ref().map(ToString::to_string).unwrap_or_default();
    let release = if version.is_empty() { name.to_owned() } else { format!("{name} {version}") };
    let (title, text) = match &change.kind {
        ChangeKind::NewPackage => (format!("New package: {release}"), String::new()),
        ChangeKind::NewRelease => (release, String::new()),
        ChangeKind::Retired { reason, message } => {
            let reason = reason.and_then(RetirementReason::word);
            let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
            (
                format!("Retired: {release}{reason}"),
                message.as_deref().map(plain_line).unwrap_or_default(),
            )
        }
        ChangeKind::Unretired => (format!("No longer retired: {release}"), String::new()),
        ChangeKind::Advised { ids } => {
            (format!("Security advisory: {release}"), plain_line(&ids.join(", ")))
        }
        ChangeKind::Removed => (format!("Removed: {release}"), String::new()),
    };
    let below = urls.at_root();
    let path = |urls: &Urls| match (&change.kind, &change.version) {
        (ChangeKind::Removed, None) => urls.home().to_owned(),
        (ChangeKind::Removed, Some(_)) | (_, None) => urls.package(name),
        (_, Some(version)) => urls.release(name, version),
    };
    let at = change.time();
    Entry {
        title,
        url: path(urls),
        path: path(&below),
        // Among files, all versions of a package have one page.
        id: format!("{}#{}-{}", path(&Urls::below(String::new())), kind_word(&change.kind), at.0),
        time: time(at),
        date: date(at).unwrap_or_default(),
        text,
        changes: recent.changelog(urls),
    }
}

fn kind_word(kind: &ChangeKind) -> &'static str {
    match kind {
        ChangeKind::NewPackage | ChangeKind::NewRelease => "new",
        ChangeKind::Retired { .. } => "retired",
        ChangeKind::Unretired => "unretired",
        ChangeKind::Advised { .. } => "advised",
        ChangeKind::Removed => "removed",
    }
}

/// Whether XML may hold a character, even as a reference.
fn is_of_xml(character: char) -> bool {
    !matches!(character, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// RFC 3339. A time that no calendar has is the beginning of 1970.
fn time(at: UnixSeconds) -> String {
    Timestamp::from_second(at.0).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_has_only_characters_of_xml() {
        let change = RegistryChange {
            package: "foo".parse().unwrap(),
            version: Some("1.0.0".parse().unwrap()),
            kind: ChangeKind::Retired {
                reason: None,
                message: Some(
                    "a\0\u{1}\t\u{B}\u{1B}[31m\u{FFFE}\u{FFFF} ]]> <b>\u{10FFFF}".to_owned(),
                ),
            },
            seen_at: Some(UnixSeconds(0)),
            published_at: None,
        };
        let urls = Urls::below("http://hex.test/".to_owned());
        let frame = Frame { site: "acme", query: "", urls, has_search: true };
        let feed = RecentPage {
            frame: &frame,
            repository: "acme",
            base_url: "http://hex.test",
            note: "",
            changes: &[RecentChange { change, contents: None }],
        };
        let feed = feed.feed();
        let summary = "<summary>a [31m ]]&#62; &#60;b&#62;\u{10FFFF}</summary>";
        assert!(feed.contains(summary), "{feed}");
    }
}

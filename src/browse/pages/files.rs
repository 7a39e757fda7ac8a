//! The pages of a package's files: the list, and each file.

use askama::Template;

use super::frame::Frame;
use super::text::{counted, grouped, size};
use crate::browse::highlight::highlight;
use crate::browse::markdown;
use crate::browse::package_links::PackageLinks;
use crate::browse::readme;
use crate::browse::release_contents::{ListedFile, ReleaseContents};
use crate::name::{PackageName, RepositoryName};
use crate::printable::Printable;
use crate::tarball::PackageFileKind;
use crate::version::Version;

/// How many files the list shows.
const MAX_FILES: usize = 5_000;

/// In bytes: the largest file that is shown as a text.
const MAX_TEXT: usize = 1 << 20;

/// The most lines of a file that is shown.
const MAX_LINES: usize = 20_000;

/// The list of the files of a release.
#[derive(Clone, Copy)]
pub struct FilesPage<'a> {
    /// What is around it.
    pub frame: &'a Frame<'a>,
    /// The name of the repository.
    pub repository: &'a RepositoryName,
    /// The package.
    pub name: &'a PackageName,
    /// Its version.
    pub version: &'a Version,
    /// What its tarball holds.
    pub contents: &'a ReleaseContents,
}

/// A file of a release.
#[derive(Clone, Copy)]
pub struct FilePage<'a> {
    /// The list that has it.
    pub list: FilesPage<'a>,
    /// The file.
    pub file: &'a ListedFile,
    /// Its bytes.
    pub bytes: &'a [u8],
}

#[derive(Template)]
#[template(path = "browse/files.html")]
struct FilesTemplate<'a> {
    frame: &'a Frame<'a>,
    repository: &'a str,
    name: &'a str,
    version: String,
    release_url: String,
    count: String,
    size: String,
    files: Vec<FileRow>,
    more: Option<String>,
}

struct FileRow {
    path: String,
    url: Option<String>,
    size: String,
    note: Option<String>,
}

#[derive(Template)]
#[template(path = "browse/file.html")]
struct FileTemplate<'a> {
    frame: &'a Frame<'a>,
    name: &'a str,
    version: String,
    release_url: String,
    files_url: String,
    raw_url: String,
    path: String,
    size: String,
    content: FileContent,
    /// What is not shown of it.
    more: Option<String>,
}

/// How a file is shown.
#[derive(Clone, Debug)]
pub enum FileContent {
    /// As its lines, each in HTML.
    Source {
        /// The first ones.
        lines: Vec<String>,
        /// How many more there are.
        more: usize,
    },
    /// As a text for people, in HTML.
    Prose(String),
    /// As the image at this URL.
    Image(String),
    /// Not at all, for this reason.
    Note(String),
}

impl FilesPage<'_> {
    /// The page.
    #[must_use]
    pub fn render(&self) -> String {
        let urls = &self.frame.urls;
        let rows = self.contents.files.iter().take(MAX_FILES).map(|file| {
            let path = file.path.as_str();
            let note = match &file.kind {
                PackageFileKind::Plain => None,
                PackageFileKind::Executable => Some("executable".to_owned()),
                PackageFileKind::Link { target } => Some(format!("link to {}", Printable(target))),
            };
            FileRow {
                path: Printable(path).to_string(),
                url: is_shown(file).then(|| urls.file(self.name.as_str(), self.version, path)),
                size: size(file.size as u64),
                note,
            }
        });
        let more = self.contents.files.len().saturating_sub(MAX_FILES);
        let page = FilesTemplate {
            frame: self.frame,
            repository: self.repository.as_str(),
            name: self.name.as_str(),
            version: self.version.to_string(),
            release_url: urls.release(self.name.as_str(), self.version),
            count: counted(self.contents.files.len(), "file"),
            size: size(self.contents.unpacked_size()),
            files: rows.collect(),
            more: (more > 0)
                .then(|| format!("and {} more, which are in the tarball", grouped(more))),
        };
        // Writing into memory cannot fail.
        page.render().unwrap_or_default()
    }
}

/// Whether a file has a page: a link has none.
fn is_shown(file: &ListedFile) -> bool {
    !matches!(file.kind, PackageFileKind::Link { .. })
}

impl FilePage<'_> {
    /// The page.
    #[must_use]
    pub fn render(&self) -> String {
        let FilesPage { frame, name, version, .. } = self.list;
        let (urls, name) = (&frame.urls, name.as_str());
        let path = self.file.path.as_str();
        let content = self.content();
        let page = FileTemplate {
            frame,
            name,
            version: version.to_string(),
            release_url: urls.release(name, version),
            files_url: urls.files(name, version),
            raw_url: urls.raw(name, version, path),
            path: Printable(path).to_string(),
            size: size(self.file.size as u64),
            more: cut_lines(&content),
            content,
        };
        // Writing into memory cannot fail.
        page.render().unwrap_or_default()
    }

    fn content(&self) -> FileContent {
        let FilesPage { frame, name, version, contents, .. } = self.list;
        let path = self.file.path.as_str();
        if image_type(path).is_some() {
            return FileContent::Image(frame.urls.raw(name.as_str(), version, path));
        }
        if self.bytes.len() > MAX_TEXT {
            return FileContent::Note("The file is too large to be shown here.".to_owned());
        }
        if self.bytes.is_empty() {
            return FileContent::Note("The file is empty.".to_owned());
        }
        if !readme::is_text(self.bytes) {
            return FileContent::Note("The file is not a text.".to_owned());
        }
        let text = readme::scrub(self.bytes);
        if readme::is_markdown(path) {
            let links = PackageLinks { urls: &frame.urls, name, version, contents, path };
            return FileContent::Prose(markdown::render(&text, &links));
        }
        let html = highlight(path, &text);
        FileContent::Source {
            lines: html.lines().take(MAX_LINES).map(str::to_owned).collect(),
            more: html.lines().count().saturating_sub(MAX_LINES),
        }
    }
}

/// What is said of the lines that are not shown.
fn cut_lines(content: &FileContent) -> Option<String> {
    match content {
        FileContent::Source { more, .. } if *more > 0 => {
            Some(format!("and {}, which are in the file as it is", counted(*more, "more line")))
        }
        _ => None,
    }
}

/// The type of an image that pages show, by its name.
#[must_use]
pub fn image_type(path: &str) -> Option<&'static str> {
    const TYPES: [(&str, &str); 6] = [
        ("gif", "image/gif"),
        ("jpeg", "image/jpeg"),
        ("jpg", "image/jpeg"),
        ("png", "image/png"),
        ("svg", "image/svg+xml"),
        ("webp", "image/webp"),
    ];
    let (_, ending) = path.rsplit_once('.')?;
    let known = TYPES.iter().find(|(known, _)| ending.eq_ignore_ascii_case(known));
    known.map(|(_, media_type)| *media_type)
}

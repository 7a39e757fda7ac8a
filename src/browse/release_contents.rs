//! What the tarball of a release holds for readers, read once and kept as long as there is room.

use super::native_code::{NativeCode, native_code};
use super::readme;
use crate::tarball::{self, Description, Limits, Metadata, PackageFile, PackageFileKind};

/// What the tarball of a release holds for readers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseContents {
    /// What its metadata says.
    pub description: Description,
    /// The file that says what the package is.
    pub readme: Option<PackageText>,
    /// The file that says what has changed.
    pub changelog: Option<PackageText>,
    /// Its files, sorted by path.
    pub files: Vec<ListedFile>,
    /// What is compiled, or downloaded, when it is built.
    pub native_code: Vec<NativeCode>,
}

/// A text in a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageText {
    /// Its path in the package.
    pub path: String,
    /// The text, without what no reader sees.
    pub text: String,
}

/// A file of a package, without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFile {
    /// Its path in the package.
    pub path: String,
    /// In bytes; of a link, 0.
    pub size: usize,
    /// What is at the path.
    pub kind: PackageFileKind,
}

/// What authors say, without characters that turn the direction of what follows.
fn plain(description: Description) -> Description {
    let line = |text: String| readme::plain_line(&text);
    let lines = |texts: Vec<String>| texts.into_iter().map(line).collect();
    Description {
        app: description.app.map(line),
        description: description.description.map(line),
        licenses: lines(description.licenses),
        links: description.links.into_iter().map(|(label, url)| (line(label), line(url))).collect(),
        maintainers: lines(description.maintainers),
        build_tools: lines(description.build_tools),
        elixir: description.elixir.map(line),
    }
}

impl ReleaseContents {
    /// Reads a tarball whose checksum is the one that is signed.
    ///
    /// # Errors
    /// Clients would refuse the tarball.
    pub fn read(tarball: &[u8], limits: &Limits) -> Result<Self, tarball::Error> {
        let files = tarball::unpack_files(tarball, limits)?;
        let description = plain(tarball::describe(tarball, limits)?);
        let requirements = Metadata::parse(files.metadata())?.requirements;
        let text = |file: &PackageFile| {
            let text = readme::scrub(files.data(file)).into_owned();
            PackageText { path: file.path.clone(), text }
        };
        let listed = |file: &PackageFile| ListedFile {
            path: file.path.clone(),
            size: file.size(),
            kind: file.kind.clone(),
        };
        Ok(Self {
            readme: readme::readme(&files).map(text),
            changelog: readme::changelog(&files).map(text),
            native_code: native_code(&files, requirements.iter().map(|one| one.package.as_str())),
            files: files.iter().map(listed).collect(),
            description,
        })
    }

    /// The bytes of all files.
    #[must_use]
    pub fn unpacked_size(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.size as u64))
    }

    /// The file at a path.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<&ListedFile> {
        let at = self.files.binary_search_by(|file| file.path.as_str().cmp(path)).ok()?;
        self.files.get(at)
    }

    /// About how many bytes of memory it takes.
    #[must_use]
    pub fn weight(&self) -> usize {
        let texts = self.readme.iter().chain(&self.changelog).map(|one| one.text.len());
        let files = self.files.iter().map(|file| file.path.len().saturating_add(80));
        texts.chain(files).fold(1_000, usize::saturating_add)
    }
}

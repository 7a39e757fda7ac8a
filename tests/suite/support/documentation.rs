//! Archives of documentation, as tools of documentation make them: `docs/NAME-VERSION.tar.gz`.
//!
//! The texts, pages and scripts are our own. Names of files, variables and fields are those of the tools, since readers of
//! archives go by them, and the scripts do what the tools' scripts do that matters to a server: they read storage before and
//! after the page is there, load frames, open windows, and ask `hex.pm` for packages.

mod pages;
mod search_data;

use std::collections::BTreeMap;

use super::gzip;
use super::raw_tar::{self, Entry};

/// What made an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocsFormat {
    /// `ExDoc` 0.20: search data written by hand, with escapes that JSON does not know.
    ExDoc20,
    /// `ExDoc` 0.22 to 0.29: `searchNodes`.
    ExDoc22,
    /// `ExDoc` 0.30 to 0.34: `searchData`, Markdown, sections by themselves.
    ExDoc30,
    /// `ExDoc` 0.37 and later: with a producer; storage is read early and without a guard.
    ExDoc37,
    /// Gleam before 1.9: a script.
    Gleam,
    /// Gleam 1.9 to 1.13: `search_data.json`, with rendered definitions.
    Gleam9,
    /// Gleam 1.14 and later: `search-data.json`.
    Gleam14,
    /// Erlang's edoc: HTML alone.
    Edoc,
}

impl DocsFormat {
    pub const ALL: [Self; 8] = [
        Self::ExDoc20,
        Self::ExDoc22,
        Self::ExDoc30,
        Self::ExDoc37,
        Self::Gleam,
        Self::Gleam9,
        Self::Gleam14,
        Self::Edoc,
    ];

    /// What pages say made them.
    fn generator(self) -> &'static str {
        match self {
            Self::ExDoc20 => "ExDoc v0.20.2",
            Self::ExDoc22 => "ExDoc v0.28.6",
            Self::ExDoc30 => "ExDoc v0.34.2",
            Self::ExDoc37 => "ExDoc v0.40.3",
            Self::Gleam | Self::Gleam9 | Self::Gleam14 => "Gleam",
            Self::Edoc => "EDoc",
        }
    }

    pub fn is_ex_doc(self) -> bool {
        matches!(self, Self::ExDoc20 | Self::ExDoc22 | Self::ExDoc30 | Self::ExDoc37)
    }

    fn is_gleam(self) -> bool {
        matches!(self, Self::Gleam | Self::Gleam9 | Self::Gleam14)
    }

    /// The script of all pages.
    fn script(self) -> &'static str {
        match self {
            Self::ExDoc20 => "dist/app-0f1e2d3c4b5a69788796.js",
            Self::ExDoc22 | Self::ExDoc30 | Self::ExDoc37 => "dist/html-RDR4TST2.js",
            Self::Gleam | Self::Gleam9 | Self::Gleam14 => "js/index.js",
            Self::Edoc => "reader.js",
        }
    }

    /// What a search of this page's script reads, as a script; Gleam's pages fetch theirs.
    fn search_script(self) -> Option<&'static str> {
        match self {
            Self::ExDoc20 => Some("dist/search_items-5f4dcc3b5a.js"),
            Self::ExDoc22 => Some("dist/search_items-5F4DCC3B.js"),
            Self::ExDoc30 | Self::ExDoc37 => Some("dist/search_data-5F4DCC3B.js"),
            Self::Gleam => Some("search-data.js"),
            Self::Gleam9 | Self::Gleam14 | Self::Edoc => None,
        }
    }
}

/// A function, with one sentence about it.
#[derive(Clone, Debug)]
pub struct DocsFunction {
    pub name: String,
    pub arity: usize,
    pub text: String,
}

/// A module of a package.
#[derive(Clone, Debug)]
pub struct DocsModule {
    pub name: String,
    pub text: String,
    pub functions: Vec<DocsFunction>,
}

/// A page that is no module: a guide, a README.
#[derive(Clone, Debug)]
struct Extra {
    /// The name of its file, without `.html`.
    id: String,
    title: String,
    /// Sections: a heading and its text.
    sections: Vec<(String, String)>,
}

/// The documentation of one version: `Documentation::new("table_press", "2.1.0").module(…).build()`.
#[derive(Clone, Debug)]
pub struct Documentation {
    name: String,
    version: String,
    format: DocsFormat,
    modules: Vec<DocsModule>,
    extras: Vec<Extra>,
    links: Vec<(String, String)>,
    scripts: Vec<String>,
    files: Vec<(String, Vec<u8>)>,
    without: Vec<String>,
}

impl Documentation {
    /// Of the newest `ExDoc`, with a page `readme.html` and no module.
    pub fn new(name: &str, version: &str) -> Self {
        let readme = Extra {
            id: "readme".to_owned(),
            title: name.to_owned(),
            sections: vec![("Start".to_owned(), format!("How {name} is used for the first time."))],
        };
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            format: DocsFormat::ExDoc37,
            modules: Vec::new(),
            extras: vec![readme],
            links: Vec::new(),
            scripts: Vec::new(),
            files: Vec::new(),
            without: Vec::new(),
        }
    }

    pub fn format(self, format: DocsFormat) -> Self {
        Self { format, ..self }
    }

    /// With a module: its name, a sentence, and functions as (name, arity, sentence). Gleam's are named as its modules are.
    pub fn module(mut self, name: &str, text: &str, functions: &[(&str, usize, &str)]) -> Self {
        let functions = functions.iter().map(|(name, arity, text)| DocsFunction {
            name: (*name).to_owned(),
            arity: *arity,
            text: (*text).to_owned(),
        });
        self.modules.push(DocsModule {
            name: name.to_owned(),
            text: text.to_owned(),
            functions: functions.collect(),
        });
        self
    }

    /// With a page: the name of its file without `.html`, its title, and sections.
    pub fn page(mut self, id: &str, title: &str, sections: &[(&str, &str)]) -> Self {
        self.extras.push(Extra {
            id: id.to_owned(),
            title: title.to_owned(),
            sections: sections
                .iter()
                .map(|(head, text)| ((*head).to_owned(), (*text).to_owned()))
                .collect(),
        });
        self
    }

    /// With a link on each page.
    pub fn link(mut self, text: &str, href: &str) -> Self {
        self.links.push((text.to_owned(), href.to_owned()));
        self
    }

    /// With links to another package in every form that documentation has: the host of all and of one, with and without a
    /// version, its page in the registry, and its source.
    pub fn links_to(self, package: &str, version: &str, page: &str) -> Self {
        let host = package.replace('_', "-");
        self.link("root", &format!("https://hexdocs.pm/{package}"))
            .link("latest", &format!("https://hexdocs.pm/{package}/{page}"))
            .link("pinned", &format!("https://hexdocs.pm/{package}/{version}/{page}"))
            .link("own host", &format!("https://{host}.hexdocs.pm/{page}"))
            .link("own host, pinned", &format!("https://{host}.hexdocs.pm/{version}/{page}"))
            .link("package", &format!("https://hex.pm/packages/{package}"))
            .link("release", &format!("https://hex.pm/packages/{package}/{version}"))
            .link("preview", &format!("https://preview.hex.pm/preview/{package}/{version}"))
            .link(
                "source",
                &format!(
                    "https://preview.hex.pm/preview/{package}/{version}/show/lib/{package}.ex"
                ),
            )
    }

    /// With a script in each page, below its text.
    pub fn script(mut self, script: &str) -> Self {
        self.scripts.push(script.to_owned());
        self
    }

    /// With a file more, or in place of one.
    pub fn file(mut self, path: &str, bytes: &[u8]) -> Self {
        self.files.push((path.to_owned(), bytes.to_vec()));
        self
    }

    /// Without a file.
    pub fn without(mut self, path: &str) -> Self {
        self.without.push(path.to_owned());
        self
    }

    /// The files by their paths.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = pages::files(self);
        files.extend(search_data::files(self));
        files.extend(self.files.iter().cloned());
        files.retain(|path, _| !self.without.contains(path));
        files
    }

    /// The archive, as `docs/NAME-VERSION.tar.gz` holds it.
    pub fn build(&self) -> Vec<u8> {
        let files = self.files();
        let entries = files.iter().flat_map(|(path, data)| {
            let long = path.len() >= 100 || !path.is_ascii();
            let name = if long { "long" } else { path.as_str() };
            let header = long.then(|| Entry::pax(&[("path", path)]));
            header.into_iter().chain([Entry::file(name, data)])
        });
        gzip(&raw_tar::archive(&entries.collect::<Vec<_>>()))
    }

    /// Where it belongs in a repository.
    pub fn path(&self) -> String {
        format!("docs/{}-{}.tar.gz", self.name, self.version)
    }
}

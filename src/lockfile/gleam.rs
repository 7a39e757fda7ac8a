//! `manifest.toml`: the lock file of Gleam, which knows no repository but hex.pm's.

use serde::Deserialize;
use toml::Spanned;

use super::builder::{LockFileBuilder, Precedence, RawEntry};
use super::error::{EntryError, Error};
use super::pins::{HEXPM, LockFile, OtherSource};
use super::text::{LineCounter, excerpt, line_at};

#[derive(Deserialize)]
struct Manifest {
    packages: Vec<Spanned<Package>>,
}

/// The fields that hexreg reads.
#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    source: String,
    outer_checksum: Option<String>,
    repo: Option<String>,
    commit: Option<String>,
}

pub(super) fn parse(text: &str) -> Result<LockFile, Error> {
    let manifest: Manifest = toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        let message = error.message().lines().collect::<Vec<_>>().join(", ");
        Error::Toml { line: line_at(text.as_bytes(), offset), message }
    })?;
    let mut builder = LockFileBuilder::new(Precedence::Last);
    let mut lines = LineCounter::new(text.as_bytes());
    for package in &manifest.packages {
        let line = Some(lines.line_at(package.span().start));
        let package = package.get_ref();
        // Gleam knows a package by its name, also if its application has another one.
        let app = &package.name;
        let added = entry_of(package).and_then(|entry| builder.add(app, line, entry));
        if let Err(error) = added {
            return Err(Error::Entry { line, app: app.clone(), error });
        }
    }
    Ok(builder.finish())
}

fn entry_of(package: &Package) -> Result<RawEntry<'_>, EntryError> {
    match package.source.as_str() {
        "hex" => Ok(RawEntry::Hex {
            package: &package.name,
            version: &package.version,
            repository: Some(HEXPM),
            inner: None,
            outer: Some(required("its outer_checksum", package.outer_checksum.as_deref())?),
        }),
        "git" => Ok(RawEntry::Git {
            url: required("its repo, as it comes from git", package.repo.as_deref())?,
            revision: required("its commit, as it comes from git", package.commit.as_deref())?,
        }),
        "local" => Ok(RawEntry::Other(OtherSource::Path)),
        other => Ok(RawEntry::Other(OtherSource::Other(excerpt(other)))),
    }
}

fn required<'a>(expected: &'static str, value: Option<&'a str>) -> Result<&'a str, EntryError> {
    value.ok_or_else(|| EntryError::Part { expected, found: "nothing".to_owned() })
}

//! What a `[[repository]]` says.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use hexreg::key::{PrivateKey, restore_pem};
use hexreg::name::{PackageName, RepositoryName};
use hexreg::ops::batch::ReplaceRule;
use hexreg::serve::{Mount, RepositoryLocation, RepositoryOptions};
use hexreg::store::is_bucket_url;

use super::bucket;
#[cfg(feature = "mirror")]
use super::mirror;
use super::section::{Section, Text, from_str};
use crate::cli::failure::Failure;
use crate::cli::private_key::KeySource;

/// The keys of a repository that the whole file does not have.
pub const KEYS: &[&str] = &[
    "name",
    "root",
    "at",
    "anonymous",
    "private-key",
    "endpoint",
    "assume-single-writer",
    "private",
    "upstream",
    "upstream-name",
    "upstream-key",
    "upstream-auth",
    "accept",
    "mirror",
];

/// The keys of a repository in a bucket.
const BUCKET_KEYS: [&str; 3] = ["endpoint", "assume-single-writer", "private"];

/// What holds for each repository that does not say otherwise.
pub struct Defaults {
    pub follow_links: bool,
    pub replace: ReplaceRule,
    pub allow_public: BTreeSet<PackageName>,
}

/// Reads the table of a repository; `None` where something is missing without which there is none.
pub fn read(
    table: Section<'_>,
    defaults: &Defaults,
    files: &mut Vec<PathBuf>,
) -> Option<RepositoryOptions> {
    let mount = mount(&table);
    let location = location(&table);
    let key = key(&table, location.as_ref(), files);
    let allow_public = table.list("allow-public", from_str);
    #[cfg(feature = "mirror")]
    let mirror = mirror::read(&table, mount.as_ref().and_then(Mount::name));
    let options = mount.zip(location).map(|(mount, location)| RepositoryOptions {
        allow_anonymous: table.boolean("anonymous").unwrap_or(false),
        key,
        replace: table.parsed("replace").unwrap_or(defaults.replace),
        allow_public: defaults.allow_public.iter().cloned().chain(allow_public).collect(),
        #[cfg(feature = "mirror")]
        mirror,
        ..RepositoryOptions::new(mount, location)
    });
    // Asked for where something else is missing too: they are no unknown keys.
    for key in ["anonymous", "replace"] {
        table.has(key);
    }
    table.finish(&|_| None);
    options
}

fn mount(table: &Section<'_>) -> Option<Mount> {
    let is_root = table.boolean("root").unwrap_or(false);
    let name = table.parsed::<RepositoryName>("name");
    match name {
        Some(name) if is_root => Some(Mount::named(name).at_root()),
        Some(name) => Some(Mount::named(name)),
        None if table.has("name") => None,
        None if is_root => Some(Mount::root()),
        None => {
            let hint = "give it name = \"NAME\", or root = true";
            table.problem(table.place(), "the repository has no `name`", hint);
            None
        }
    }
}

fn location(table: &Section<'_>) -> Option<RepositoryLocation> {
    let at = table.text("at");
    let is_bucket = at.as_ref().is_some_and(|at| is_bucket_url(&at.value));
    for key in BUCKET_KEYS {
        if at.is_some() && !is_bucket && table.has(key) {
            let hint = "write at = \"s3://BUCKET/PREFIX\", gs:// or az://, or leave it out";
            table.problem(table.place_of(key), format!("`{key}` is for buckets"), hint);
        }
    }
    let Some(at) = at else {
        if !table.has("at") {
            let hint =
                "say where its files are: at = \"DIR\", or a bucket as in \"s3://BUCKET/PREFIX\"";
            table.problem(table.place(), "the repository has no `at`", hint);
        }
        return None;
    };
    if is_bucket {
        return bucket::read(table, &at);
    }
    let directory = PathBuf::from(&at.value);
    // A mirror begins with an empty directory, which is created.
    let is_to_be_created = table.has("mirror") && !directory.exists();
    if !directory.is_dir() && !is_to_be_created {
        let message = format!("{} is not a directory", directory.display());
        table.problem(at.place, message, "`at` is the directory that `hexreg build` writes");
    }
    Some(RepositoryLocation::Directory(directory))
}

/// The private key: a path, or the key itself where it comes from the environment.
fn key(
    table: &Section<'_>,
    location: Option<&RepositoryLocation>,
    files: &mut Vec<PathBuf>,
) -> Option<PrivateKey> {
    let given = table.text("private-key")?;
    let directory = location.and_then(RepositoryLocation::as_directory);
    let read = read_key(&given, directory, files);
    read.map_err(|failure| table.failure(given.place, failure)).ok()
}

fn read_key(
    given: &Text,
    directory: Option<&Path>,
    files: &mut Vec<PathBuf>,
) -> Result<PrivateKey, Failure> {
    if given.has_variables && given.value.contains("-----BEGIN") {
        let pem = restore_pem(&given.value);
        return KeySource::Environment.parse(&pem);
    }
    let path = PathBuf::from(&given.value);
    let source = KeySource::Path(path.clone());
    if let Some(directory) = directory {
        source.refuse_inside(directory)?;
    }
    files.push(path);
    source.parse(&source.read()?)
}

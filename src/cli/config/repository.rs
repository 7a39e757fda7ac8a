//! What a `[[repository]]` says.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use hexreg::key::{PrivateKey, PublicKey};
use hexreg::name::{PackageName, RepositoryName};
use hexreg::ops::batch::ReplaceRule;
use hexreg::regular_file;
use hexreg::serve::{Mount, RepositoryLocation, RepositoryOptions, WatchedFile};
use hexreg::store::is_bucket_url;
use zeroize::Zeroizing;

use super::bucket;
#[cfg(not(feature = "mirror"))]
use super::keys::OF_MIRRORS;
use super::keys::{REPOSITORY, hint_in_repository};
#[cfg(feature = "mirror")]
use super::mirror;
use super::problem::Place;
#[cfg(feature = "mirror")]
use super::pull_through;
use super::section::{Section, Text};
#[cfg(feature = "mirror")]
use super::upstream::ConfiguredUpstream;
use super::values::from_str;
use crate::cli::failure::Failure;
use crate::cli::private_key::KeySource;

/// The keys of a repository in a bucket.
const BUCKET_KEYS: [&str; 3] = ["endpoint", "assume-single-writer", "private"];

/// In bytes: larger than any public key.
const MAX_PUBLIC_KEY: u64 = 1 << 20;

/// How a key begins in PEM.
const PEM: &str = "-----BEGIN";

/// In bytes: longer than the path of any key.
const MAX_PATH: usize = 1024;

/// What holds for each repository that does not say otherwise.
pub struct Defaults {
    pub follow_links: bool,
    pub replace: ReplaceRule,
    pub allow_public: BTreeSet<PackageName>,
}

/// The file of a private key, and the place that names it.
pub struct KeyFile {
    pub path: PathBuf,
    pub place: Place,
}

/// Reads the table of a repository; `None` where something is missing without which there is none.
pub fn read(
    table: &Section<'_>,
    defaults: &Defaults,
    key_file: &mut Option<KeyFile>,
) -> Option<RepositoryOptions> {
    let mount = mount(table);
    let location = location(table);
    let key = key(table, location.as_ref(), key_file);
    let allow_public = table.list("allow-public", from_str);
    let search_locks = search_locks(table);
    #[cfg(feature = "mirror")]
    let (mirror, pull) = {
        let upstream = ConfiguredUpstream::read(table, mount.as_ref().and_then(Mount::name));
        let (mirror, locks) = mirror::read(table, &upstream).unzip();
        let locks = locks.unwrap_or_default();
        (mirror, pull_through::read(table, &upstream, locks, location.as_ref()))
    };
    #[cfg(not(feature = "mirror"))]
    refuse_mirrors(table);
    let (anonymous, replace) = (table.boolean("anonymous"), table.parsed("replace"));
    let options = mount.zip(location).map(|(mount, location)| RepositoryOptions {
        allow_anonymous: anonymous.unwrap_or(false),
        key,
        replace: replace.unwrap_or(defaults.replace),
        allow_public: defaults.allow_public.iter().cloned().chain(allow_public).collect(),
        search_locks,
        #[cfg(feature = "mirror")]
        mirror,
        #[cfg(feature = "mirror")]
        pull,
        ..RepositoryOptions::new(mount, location)
    });
    table.finish(&hint_in_repository);
    options
}

/// Lock files of the search in documentation. They are read when they are searched.
fn search_locks(table: &Section<'_>) -> Vec<PathBuf> {
    let paths = table.texts("search-locks").into_iter().map(|text| {
        let path = table.directory_of(&text).join(&text.value);
        if !path.exists() {
            let message = format!("`search-locks`: there is no {} yet", path.display());
            table.warn(text.place, message, "copy one there, or change `search-locks`");
        }
        path
    });
    paths.collect()
}

/// A binary without mirrors knows their keys too, to say what is missing.
#[cfg(not(feature = "mirror"))]
fn refuse_mirrors(table: &Section<'_>) {
    for key in OF_MIRRORS.iter().filter(|key| table.has(key)) {
        let message = format!("`{key}` is for mirrors, and this hexreg was built without them");
        table.problem(table.place_of(key), message, "install it with the feature `mirror`");
    }
}

fn mount(table: &Section<'_>) -> Option<Mount> {
    let is_root = table.boolean("root").unwrap_or(false);
    let name = table.parsed::<RepositoryName>("name");
    match name {
        Some(name) if is_root => Some(Mount::named(name).at_root()),
        Some(name) => Some(Mount::named(name)),
        None if table.has("name") || table.is_misspelled("name", REPOSITORY) => None,
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
        if table.has(key) && at.is_some() && !is_bucket {
            let hint = "write at = \"s3://BUCKET/PREFIX\", gs:// or az://, or leave it out";
            table.problem(table.place_of(key), format!("`{key}` is for buckets"), hint);
        }
    }
    let Some(at) = at else {
        if !table.has("at") && !table.is_misspelled("at", REPOSITORY) {
            let hint =
                "say where its files are: at = \"DIR\", or a bucket as in \"s3://BUCKET/PREFIX\"";
            table.problem(table.place(), "the repository has no `at`", hint);
        }
        return None;
    };
    if is_bucket {
        return bucket::read(table, &at);
    }
    let directory = table.resolve(&at);
    // What comes from upstream begins with an empty directory, which is created.
    let has_upstream = table.has("mirror") || table.has("pull-through");
    let is_to_be_created = has_upstream && !directory.exists();
    if at.value.is_empty() || (!directory.is_dir() && !is_to_be_created) {
        let message = format!("{} is not a directory", directory.display());
        table.problem(at.place, message, "`at` is the directory that `hexreg build` writes");
    }
    Some(RepositoryLocation::Directory(directory))
}

/// The private key: a path, or the key itself where it comes from the environment.
fn key(
    table: &Section<'_>,
    location: Option<&RepositoryLocation>,
    key_file: &mut Option<KeyFile>,
) -> Option<PrivateKey> {
    let given = table.text("private-key")?;
    let place = given.place.clone();
    if given.value.contains(PEM) && !given.has_variables {
        // The message does not repeat it.
        let hint =
            "keep it in a file of its own, and write private-key = \"PATH\", or \"${VARIABLE}\"";
        table.problem(place, "`private-key` is the key itself", hint);
        return None;
    }
    let read = read_key(table, &given, key_file);
    let key = read.map_err(|failure| table.failure(place.clone(), failure)).ok()?;
    if let Some(directory) = location.and_then(RepositoryLocation::as_directory) {
        check_key(table, place, &key, directory);
    }
    Some(key)
}

fn read_key(
    table: &Section<'_>,
    given: &Text,
    key_file: &mut Option<KeyFile>,
) -> Result<PrivateKey, Failure> {
    if given.has_variables {
        let source = KeySource::Text(Zeroizing::new(given.value.clone()));
        let pem = source.read()?;
        if pem.contains(PEM) {
            return source.parse_without_asking(&pem);
        }
        if given.value.len() > MAX_PATH || given.value.contains('\n') {
            let message = "`private-key` is neither a path nor a key in PEM";
            return Err(Failure::input(message).hint("check the value of its variable"));
        }
    }
    let value = given.value.strip_prefix("file:").unwrap_or(&given.value).to_owned();
    let path = table.resolve(&Text { value, ..given.clone() });
    table.depend_on(WatchedFile::note(&path));
    *key_file = Some(KeyFile { path: path.clone(), place: given.place.clone() });
    let source = KeySource::Path(path);
    source.parse_without_asking(&source.read()?)
}

/// Adds a problem if the key does not sign what is published in the directory. The server would not start then.
fn check_key(table: &Section<'_>, place: Place, key: &PrivateKey, directory: &Path) {
    let file = directory.join("public_key");
    let published = regular_file::read(&file, MAX_PUBLIC_KEY).ok();
    let Some(published) = published else {
        if directory.is_dir() {
            let shown = directory.display();
            let message = format!("{shown} has no registry to publish to");
            let hint = format!("make one: `hexreg build {shown} --name=NAME --private-key=PATH`");
            table.problem(place, message, hint);
        }
        return;
    };
    // One that cannot be read is the server's to report: it may be mended meanwhile.
    let published =
        std::str::from_utf8(&published).ok().and_then(|pem| PublicKey::from_pem(pem).ok());
    let own = key.public_key().fingerprint();
    if let Some(other) = published.filter(|published| published.fingerprint() != own) {
        let message = format!(
            "`private-key` is another key than that of {} ({})",
            file.display(),
            other.fingerprint()
        );
        table.problem(place, message, "give the private key with this fingerprint");
    }
}

//! What of upstream is fetched when a client asks for it, and how much of it is kept.

use std::collections::BTreeSet;
use std::sync::Arc;

use hexreg::ops::mirror::Upstream;
use hexreg::serve::pull::options::PullOptions;
use hexreg::serve::{RepositoryLocation, WatchedFile};
use hexreg::tarball::FileName;
use http::HeaderValue;

use super::lock_patterns::LockPatterns;
use super::section::Section;
use super::upstream::{self, ConfiguredUpstream, UPSTREAM_KEYS, in_file};
use crate::cli::failure::Failure;
use crate::cli::lock;
use crate::cli::serve::values::bytes;
use crate::cli::upstream_auth::AuthSource;

/// The value of `pull-through`: `true`, or a table.
#[derive(Default)]
struct KeptFiles {
    size: Option<u64>,
    locks: LockPatterns,
}

/// Reads the key `pull-through` of a repository; `None` if nothing is pulled through. `mirrored` are the lock files of
/// its `mirror`.
pub fn read(
    repository: &Section<'_>,
    upstream: &ConfiguredUpstream,
    mirrored: LockPatterns,
    location: Option<&RepositoryLocation>,
) -> Option<PullOptions> {
    let kept = kept_files(repository, location)?;
    // Reading `mirror` reports the same problem.
    if repository.has("private-key") && !repository.has("mirror") {
        let hint = "leave `private-key` out: what is pulled through is signed by its upstream";
        let message = "`private-key` and `pull-through` are for different repositories";
        repository.problem(repository.place_of("private-key"), message, hint);
    }
    let found = upstream.repository.as_ref()?;
    let source = upstream.authorization.as_ref();
    let authorization = source.map(|source| authorization(repository, source, found));
    let authorization = match authorization {
        Some(authorization) => Some(authorization?),
        None => None,
    };
    let accept = upstream.accept.clone();
    let KeptFiles { size, locks } = kept;
    let locks = locks.and(mirrored);
    let upstream = Upstream { authorization, ..found.clone() };
    let patterns = locks.patterns().to_vec();
    let pins = found.clone();
    let pinned = move || pinned(&locks, &pins).map_err(upstream::in_log);
    Some(PullOptions { upstream, accept, size, pinned: Arc::new(pinned), locks: patterns })
}

fn kept_files(
    repository: &Section<'_>,
    location: Option<&RepositoryLocation>,
) -> Option<KeptFiles> {
    if !repository.has_table("pull-through") {
        return repository.boolean("pull-through")?.then(KeptFiles::default);
    }
    let table = repository.table("pull-through")?;
    let kept =
        KeptFiles { size: table.parsed_by("size", bytes), locks: LockPatterns::read(&table) };
    let is_bucket = location.is_some_and(|location| location.as_directory().is_none());
    if table.has("size") && is_bucket {
        let hint = "leave it out, or give a directory as `at`";
        let message = "`size` is for directories: nothing is removed from a bucket";
        table.problem(table.place_of("size"), message, hint);
    }
    if table.has("locks") && !table.has("size") {
        let hint = "add size = \"50GiB\", or leave it out: all is kept";
        table.problem(table.place_of("locks"), "`locks` has no effect without `size`", hint);
    }
    table.finish(&|key| {
        let is_of_repository = UPSTREAM_KEYS.contains(&key);
        is_of_repository.then(|| format!("write `{key}` beside `pull-through`, in [[repository]]"))
    });
    Some(kept)
}

/// Reads the credentials for upstream. They are read again when their file changes.
fn authorization(
    repository: &Section<'_>,
    source: &AuthSource,
    upstream: &Upstream,
) -> Option<HeaderValue> {
    if let Some(file) = source.file() {
        repository.depend_on(WatchedFile::note(&file));
    }
    let hint = match source {
        AuthSource::Variable(_) => "set it for the server, or write \"file:PATH\"",
        AuthSource::File(_) => {
            "the file has the value of the Authorization header, and nothing else"
        }
        AuthSource::Given(_) => "check the value of its variable",
        AuthSource::Netrc => "an entry is `machine HOST login NAME password PASSWORD`",
    };
    let failed = |failure: Failure| {
        let (message, _) = in_file(failure).into_parts();
        let message = format!("`upstream-auth`: {message}");
        repository.problem(repository.place_of("upstream-auth"), message, hint);
    };
    source.read(&upstream.url).map_err(failed).ok()
}

/// The releases of upstream that lock files pin now.
fn pinned(locks: &LockPatterns, upstream: &Upstream) -> Result<BTreeSet<FileName>, Failure> {
    let files = lock::read_all(&locks.files()?, false)?;
    let pinned = files.into_iter().flat_map(|(_, file)| file.pinned);
    let pinned = pinned.filter(|pin| upstream.has_pin(pin));
    Ok(pinned.map(|pin| FileName { package: pin.package, version: pin.version }).collect())
}

//! The keys of a configuration file. Each but `repository` that is one of the whole file is an option of `hexreg serve` too.

/// The keys of the whole file.
pub const FILE: &[&str] = &[
    "listen",
    "url",
    "auth-file",
    "allow-anonymous",
    "tls-cert",
    "tls-key",
    "trusted-proxy",
    "metrics-listen",
    #[cfg(feature = "web")]
    "docs-listen",
    #[cfg(feature = "web")]
    "docs-url",
    "log-format",
    "quiet",
    "max-connections",
    "idle-timeout",
    "cache-dir",
    "cache-size",
    "follow-links",
    "replace",
    "allow-public",
    "repository",
];

/// The keys of a repository.
pub const REPOSITORY: &[&str] = &[
    "name",
    "root",
    "at",
    "anonymous",
    "private-key",
    "replace",
    "allow-public",
    "search-locks",
    "endpoint",
    "assume-single-writer",
    "private",
    "upstream",
    "upstream-name",
    "upstream-key",
    "upstream-auth",
    "accept",
    "mirror",
    "pull-through",
];

/// The keys of a repository that has an upstream.
#[cfg(not(feature = "mirror"))]
pub const OF_MIRRORS: &[&str] = &[
    "upstream",
    "upstream-name",
    "upstream-key",
    "upstream-auth",
    "accept",
    "mirror",
    "pull-through",
];

/// The hint for a key that is unknown in the whole file, if it is one of a repository.
pub fn hint_in_file(key: &str) -> Option<String> {
    let key = key.replace('_', "-");
    let is_there = REPOSITORY.contains(&key.as_str());
    is_there.then(|| format!("`{key}` belongs below a [[repository]]"))
}

/// The hint for a key that is unknown in a repository, if it is one of the whole file. TOML counts a key to the table that
/// begins above it.
pub fn hint_in_repository(key: &str) -> Option<String> {
    let key = key.replace('_', "-");
    let is_there = FILE.contains(&key.as_str()) && key != "repository";
    is_there.then(|| format!("`{key}` belongs above the first [[repository]]"))
}

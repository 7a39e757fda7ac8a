//! What the whole file says: the options of the server, and its repositories.

use std::path::PathBuf;
use std::time::Duration;

use hexreg::ops;
use hexreg::serve::{CacheOptions, Options, RepositoryOptions, ServerLimits, TlsFiles, loopback};

use super::problem::Place;
use super::repository;
use super::section::{Section, from_str};
use crate::cli::failure::chain;
use crate::cli::serve::values::{DEFAULT_ADDRESS, LogFormat, address, base_url, bytes, network};

/// A configuration that can be used.
#[derive(Debug)]
pub struct Config {
    pub options: Options,
    pub log_format: LogFormat,
    pub quiet: bool,
    /// Files that the configuration names, beside those of the server that are read again by themselves: keys and secrets.
    pub files: Vec<PathBuf>,
}

/// The hints for keys of a repository that stand above the first `[[repository]]`.
fn elsewhere(key: &str) -> Option<String> {
    repository::KEYS.contains(&key).then(|| format!("`{key}` belongs below a [[repository]]"))
}

/// Reads the file, once for all of its problems. What it returns is used only if there is none.
pub fn read(file: Section<'_>) -> Config {
    let quiet = file.boolean("quiet").unwrap_or(false);
    let log_format = file.parsed("log-format").unwrap_or_default();
    let rules = repository::Defaults {
        follow_links: file.boolean("follow-links").unwrap_or(false),
        replace: file.parsed("replace").unwrap_or_default(),
        allow_public: file.list("allow-public", from_str).into_iter().collect(),
    };
    let mut files = Vec::new();
    let repositories = repositories(&file, &rules, &mut files);
    let trusted_proxies = file.list("trusted-proxy", network);
    let idle = file.integer("idle-timeout", 1..3_601).map(Duration::from_secs);
    let limits = ServerLimits::default();
    let connections = file.integer("max-connections", 1..1_000_001);
    let connections = connections.and_then(|number| usize::try_from(number).ok());
    let options = Options {
        repositories,
        follow_links: rules.follow_links,
        listen: file.parsed_by("listen", address).unwrap_or(DEFAULT_ADDRESS),
        url: file.parsed_by("url", base_url),
        allow_anonymous: file.boolean("allow-anonymous").unwrap_or(false),
        auth_file: auth_file(&file),
        tls: tls(&file),
        trusted_proxies: if trusted_proxies.is_empty() { loopback() } else { trusted_proxies },
        metrics: file.parsed_by("metrics-listen", address),
        log_requests: !quiet && log_format != LogFormat::Off,
        limits: ServerLimits {
            connections: connections.unwrap_or(limits.connections),
            idle: idle.unwrap_or(limits.idle),
            stall: idle.unwrap_or(limits.stall),
            ..limits
        },
        cache: cache(&file),
    };
    check_exposure(&file, &options);
    file.finish(&elsewhere);
    Config { options, log_format, quiet, files }
}

fn repositories(
    file: &Section<'_>,
    defaults: &repository::Defaults,
    files: &mut Vec<PathBuf>,
) -> Vec<RepositoryOptions> {
    let sections = file.tables("repository");
    if !file.has("repository") {
        let hint =
            "add one: [[repository]] on a line of its own, then name = \"NAME\" and at = \"DIR\"";
        file.problem(file.place(), "there is no repository", hint);
    }
    let mut found: Vec<(Place, RepositoryOptions)> = Vec::new();
    for section in sections {
        let place = section.place();
        let Some(repository) = repository::read(section, defaults, files) else { continue };
        let same = found
            .iter()
            .find_map(|(first, other)| Some((first, repository.mount.shared_path(&other.mount)?)));
        if let Some((first, path)) = same {
            let message = format!("the repository is at {path}, as that of {first} is");
            let hint =
                if path == "/" { "keep `root = true` for one" } else { "give it another name" };
            file.problem(place.clone(), message, hint);
        }
        found.push((place, repository));
    }
    found.into_iter().map(|(_, repository)| repository).collect()
}

fn auth_file(file: &Section<'_>) -> Option<PathBuf> {
    let path = file.text("auth-file")?;
    if let Err(error) = ops::auth::read(path.value.as_ref()) {
        let hint =
            "make it with `hexreg auth add FILE NAME`, or see what `hexreg auth list FILE` says";
        file.problem(path.place, format!("`auth-file`: {}", chain(&error)), hint);
    }
    Some(path.value.into())
}

fn tls(file: &Section<'_>) -> Option<TlsFiles> {
    let (certificate, key) = (file.text("tls-cert"), file.text("tls-key"));
    let (certificate, key) = match (certificate, key) {
        (None, None) => return None,
        (Some(certificate), Some(key)) => (certificate, key),
        (Some(one), None) => {
            file.problem(one.place, "`tls-cert` is there without `tls-key`", "give both");
            return None;
        }
        (None, Some(one)) => {
            file.problem(one.place, "`tls-key` is there without `tls-cert`", "give both");
            return None;
        }
    };
    let files = TlsFiles { certificates: certificate.value.into(), key: key.value.into() };
    if let Err(error) = files.check() {
        let hint = "`tls-cert` is the whole chain, and `tls-key` the key of its first certificate";
        file.problem(certificate.place, chain(&error), hint);
    }
    Some(files)
}

fn cache(file: &Section<'_>) -> CacheOptions {
    let default = CacheOptions::default();
    let directory = file.text("cache-dir").map(|text| text.value.into());
    CacheOptions {
        directory: directory.unwrap_or(default.directory),
        size: file.parsed_by("cache-size", bytes).unwrap_or(default.size),
    }
}

/// Adds problems where more could be read, or by others, than is meant.
fn check_exposure(file: &Section<'_>, options: &Options) {
    if options.is_exposed() {
        let hint =
            "give `auth-file` and `tls-cert`, listen on 127.0.0.1, or say `allow-anonymous = true`";
        let message = format!(
            "{} can be reached from other machines, and there is neither `auth-file` nor `tls-cert`",
            options.listen
        );
        file.problem(file.place_of("listen"), message, hint);
    }
    if let Some(address) = options.metrics.filter(|address| !address.ip().is_loopback()) {
        let message = format!(
            "{address} can be reached from other machines: metrics are for a loopback address"
        );
        file.problem(file.place_of("metrics-listen"), message, "give 127.0.0.1:PORT");
    }
}

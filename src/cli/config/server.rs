//! What the whole file says: the options of the server, and its repositories.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hexreg::ops;
use hexreg::ops::auth::AuthError;
use hexreg::serve::{
    self, CacheOptions, DocsOptions, Error, Options, RepositoryOptions, ServerLimits, TlsFiles,
    WatchedFile, loopback,
};

use super::keys::{FILE, hint_in_file};
use super::problem::Place;
use super::repository::{self, KeyFile};
use super::section::{Section, Text};
use super::values::from_str;
use crate::cli::cache;
use crate::cli::failure::chain;
use crate::cli::secret_file;
use crate::cli::serve::values::{DEFAULT_ADDRESS, LogFormat, address, base_url, bytes, network};

/// A configuration that can be used.
#[derive(Debug)]
pub struct Config {
    pub options: Options,
    pub log_format: LogFormat,
    pub quiet: bool,
    /// The files of private keys.
    pub secrets: Vec<PathBuf>,
    /// What can be used, and is likely not what was meant.
    pub warnings: Vec<String>,
}

/// A repository, with the places of its table and of its `at`.
struct FoundRepository {
    options: RepositoryOptions,
    table: Place,
    at: Place,
    key_file: Option<KeyFile>,
}

/// Reads the file, once for all of its problems. What it returns is used only if there is none.
pub fn read(file: &Section<'_>) -> Config {
    let quiet = file.boolean("quiet").unwrap_or(false);
    let log_format = file.parsed("log-format").unwrap_or_default();
    let rules = repository::Defaults {
        follow_links: file.boolean("follow-links").unwrap_or(false),
        replace: file.parsed("replace").unwrap_or_default(),
        allow_public: file.list("allow-public", from_str).into_iter().collect(),
    };
    let found = repositories(file, &rules);
    let (auth_file, tls) = (auth_file(file), tls(file));
    let trusted_proxies = file.list("trusted-proxy", network);
    let idle = file.integer("idle-timeout", 1..3_601).map(Duration::from_secs);
    let limits = ServerLimits::default();
    let connections = file.integer("max-connections", 1..1_000_001);
    let connections = connections.and_then(|number| usize::try_from(number).ok());
    let options = Options {
        repositories: found.iter().map(|one| one.options.clone()).collect(),
        follow_links: rules.follow_links,
        listen: file.parsed_by("listen", address).unwrap_or(DEFAULT_ADDRESS),
        url: file.parsed_by("url", base_url),
        allow_anonymous: file.boolean("allow-anonymous").unwrap_or(false),
        auth_file: auth_file.as_ref().map(|file| file.value.clone()),
        tls: tls.as_ref().map(|tls| tls.value.clone()),
        trusted_proxies: if trusted_proxies.is_empty() { loopback() } else { trusted_proxies },
        docs: docs(file),
        metrics: file.parsed_by("metrics-listen", address),
        log_requests: !quiet && log_format != LogFormat::Off,
        limits: ServerLimits {
            connections: connections.unwrap_or(limits.connections),
            idle: idle.unwrap_or(limits.idle),
            stall: idle.unwrap_or(limits.stall),
            ..limits
        },
        cache: cache(file),
        secret_files: found
            .iter()
            .filter_map(|one| Some(one.key_file.as_ref()?.path.clone()))
            .collect(),
    };
    check_addresses(file, &options);
    check_exposure(file, &options);
    let tls_key = tls.map(|Text { value, place, has_variables }| Text {
        value: value.key,
        place,
        has_variables,
    });
    let others = auth_file.iter().map(|file| ("auth-file", file));
    let others = others.chain(tls_key.iter().map(|file| ("tls-key", file)));
    check_secrets(file, &found, others);
    if file.is_without_problems() {
        check_links(file, &options, &found);
    }
    file.finish(&hint_in_file);
    let secrets = found.into_iter().filter_map(|one| Some(one.key_file?.path)).collect();
    Config { options, log_format, quiet, secrets, warnings: Vec::new() }
}

fn repositories(file: &Section<'_>, defaults: &repository::Defaults) -> Vec<FoundRepository> {
    let sections = file.tables("repository");
    if !file.has_tables("repository") && !file.is_misspelled("repository", FILE) {
        let hint =
            "add one: [[repository]] on a line of its own, then name = \"NAME\" and at = \"DIR\"";
        file.problem(file.place(), "there is no repository", hint);
    }
    let mut found: Vec<FoundRepository> = Vec::new();
    for section in sections {
        let (table, at) = (section.place(), section.place_of("at"));
        let mut key_file = None;
        let Some(options) = repository::read(&section, defaults, &mut key_file) else { continue };
        let same = found.iter().find_map(|first| {
            Some((&first.table, options.mount.shared_path(&first.options.mount)?))
        });
        if let Some((first, path)) = same {
            let message = format!("the repository is at {path}, as that of {first} is");
            let hint =
                if path == "/" { "keep `root = true` for one" } else { "give it another name" };
            file.problem(table.clone(), message, hint);
        }
        found.push(FoundRepository { options, table, at, key_file });
    }
    found
}

fn auth_file(file: &Section<'_>) -> Option<Text<PathBuf>> {
    let path = file.path("auth-file")?;
    let place = || path.place.clone();
    let noted = WatchedFile::note(&path.value);
    let read = ops::auth::read(&path.value);
    // The server watches it by itself once it can be used.
    if read.is_err() {
        file.depend_on(noted);
    }
    match read {
        Ok(_) => {}
        Err(AuthError::Invalid { source, .. }) => {
            let name = path.value.display();
            for bad in source.lines {
                let message = format!("`auth-file`: {name}:{}: {}", bad.line, bad.error);
                let hint = format!("see what `hexreg auth list {name}` says");
                file.problem(place(), message, hint);
            }
        }
        Err(error) => {
            let message = format!("`auth-file`: {}", chain(&error));
            file.problem(place(), message, "make it with `hexreg auth add FILE NAME`");
        }
    }
    Some(path)
}

fn tls(file: &Section<'_>) -> Option<Text<TlsFiles>> {
    let (certificate, key) = (file.path("tls-cert"), file.path("tls-key"));
    let (certificate, key) = match (certificate, key) {
        (Some(certificate), Some(key)) => (certificate, key),
        (None, None) => return None,
        // The other one is there, and has a problem of its own.
        _ if file.has("tls-cert") && file.has("tls-key") => return None,
        (Some(one), None) => {
            let hint = "give the file of its private key too, in PEM";
            file.problem(one.place, "`tls-cert` is there without `tls-key`", hint);
            return None;
        }
        (None, Some(one)) => {
            let hint = "give the file of the certificates too, in PEM";
            file.problem(one.place, "`tls-key` is there without `tls-cert`", hint);
            return None;
        }
    };
    let files = TlsFiles { certificates: certificate.value, key: key.value };
    let noted = [&files.certificates, &files.key].map(|path| WatchedFile::note(path));
    if let Err(error) = files.check() {
        for noted in noted {
            file.depend_on(noted);
        }
        let hint = "`tls-cert` is the whole chain, and `tls-key` the key of its first certificate";
        file.problem(certificate.place, chain(&error), hint);
    }
    Some(Text { value: files, place: key.place, has_variables: key.has_variables })
}

fn cache(file: &Section<'_>) -> CacheOptions {
    let default = CacheOptions::default();
    let given = file.path("cache-dir").map(|path| path.value);
    let directory = match given {
        Some(given) => Some(given),
        None => cache::directory_of_server().unwrap_or_else(|failure| {
            file.failure(file.place(), failure);
            None
        }),
    };
    CacheOptions {
        directory: directory.unwrap_or(default.directory),
        size: file.parsed_by("cache-size", bytes).unwrap_or(default.size),
    }
}

#[cfg(feature = "web")]
fn docs(file: &Section<'_>) -> DocsOptions {
    DocsOptions {
        listen: file.parsed_by("docs-listen", address),
        url: file.parsed_by("docs-url", base_url),
    }
}

#[cfg(not(feature = "web"))]
fn docs(_: &Section<'_>) -> DocsOptions {
    DocsOptions::default()
}

/// Adds a problem for each listener that would have the address of another one.
fn check_addresses(file: &Section<'_>, options: &Options) {
    let listen = ("listen", Some(options.listen));
    let (docs, metrics) =
        (("docs-listen", options.docs.listen), ("metrics-listen", options.metrics));
    for ((former, one), (key, other)) in [(listen, docs), (listen, metrics), (docs, metrics)] {
        let Some((one, other)) = one.zip(other) else { continue };
        let are_one_machine = one.is_ipv4() == other.is_ipv4()
            && (one.ip().is_unspecified() || other.ip().is_unspecified());
        let is_shared = one.ip() == other.ip() || are_one_machine;
        if one.port() == other.port() && one.port() != 0 && is_shared {
            let message = format!("`{key}` has the port of `{former}`, {}", one.port());
            file.problem(file.place_of(key), message, "give it another port");
        }
    }
}

/// Adds a problem where more could be read, or by others, than is meant.
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
}

/// Adds a problem for each secret file that lies in a directory that is served, of whichever repository.
fn check_secrets<'a>(
    file: &Section<'_>,
    repositories: &[FoundRepository],
    others: impl Iterator<Item = (&'static str, &'a Text<PathBuf>)>,
) {
    let directories: Vec<_> =
        repositories.iter().filter_map(|one| one.options.location.as_directory()).collect();
    let keys = repositories.iter().filter_map(|one| one.key_file.as_ref());
    for KeyFile { path, place } in keys {
        let mut directories = directories.iter();
        if let Some(inside) = directories.find(|inside| secret_file::lies_inside(path, inside)) {
            let hint = "move it out, and if the directory was ever served, make a new key";
            file.problem(place.clone(), lies_inside("private-key", path, inside), hint);
        }
    }
    // Under other names, the server refuses to send them.
    for (key, Text { value: path, place, .. }) in others {
        if let Some(inside) = directories.iter().find(|inside| secret_file::is_below(path, inside))
        {
            file.problem(place.clone(), lies_inside(key, path, inside), "move it out");
        }
    }
}

fn lies_inside(key: &str, path: &Path, directory: &Path) -> String {
    format!("`{key}`: {} lies inside {}, which is served", path.display(), directory.display())
}

/// Adds a problem if the server would refuse the options for another reason, such as a link that leads out.
fn check_links(file: &Section<'_>, options: &Options, repositories: &[FoundRepository]) {
    let Err(error) = serve::check(options) else { return };
    let at = |path: &Path| {
        let mut all = repositories.iter();
        let is_it = |one: &&FoundRepository| {
            one.options.location.as_directory().is_some_and(|it| path.starts_with(it))
        };
        all.find(is_it).map(|one| one.at.clone())
    };
    let (place, hint) = match &error {
        Error::LeadsOut(path) => (
            at(path),
            "say `follow-links = true` to serve the files behind it to everyone who may read",
        ),
        Error::SharedOrigin { .. } => {
            let key = if options.docs.url.is_some() { "docs-url" } else { "docs-listen" };
            let hint = "documentation is the code of strangers, which must not read the registry: give it another \
                        name, or another port";
            (Some(file.place_of(key)), hint)
        }
        Error::UnknownOrigin(_) => (Some(file.place_of("docs-url")), "say `url = \"URL\"` too"),
        _ => (None, "nothing would be served"),
    };
    file.problem(place.unwrap_or_else(|| file.place()), chain(&error), hint);
}

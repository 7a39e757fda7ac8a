//! How a repository is mirrored on a schedule.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use glob::Pattern;
use hexreg::name::{PackageName, PolicyName, RepositoryName};
use hexreg::ops::mirror::{Cancellation, Chosen, Only, Options, Selection, Timeouts, Upstream};
use hexreg::serve::WatchedFile;
use hexreg::serve::mirrors::schedule::MirrorSchedule;
use hexreg::tarball::Limits;
use url::Url;

use super::section::{Section, Text};
use super::values::from_str;
use crate::cli::failure::Failure;
use crate::cli::mirror::upstream::{self, UpstreamName};
use crate::cli::mirror::{lock, only};
use crate::cli::time;
use crate::cli::upstream_auth::AuthSource;

/// The keys of a repository that has an upstream.
const UPSTREAM_KEYS: [&str; 5] =
    ["upstream", "upstream-name", "upstream-key", "upstream-auth", "accept"];

/// The keys of `mirror` of which one at least says what is mirrored.
const CHOICES: [&str; 4] = ["locks", "only", "all", "policies"];

/// How many requests are sent at once by default.
const JOBS: u64 = 16;

/// How often the file of each package is requested, also where the indexes say that it has not changed.
const REFRESH_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// What is mirrored, as the file says it.
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own")]
struct Wanted {
    authorization: Option<AuthSource>,
    locks: Vec<String>,
    only: Vec<Only>,
    with_deps: bool,
    all: bool,
    docs: bool,
    installs: bool,
    git: bool,
    policies: BTreeSet<PolicyName>,
    prune: bool,
    jobs: usize,
    refresh_after: Duration,
    accept: BTreeSet<PackageName>,
}

/// Reads the table `mirror` of a repository, and the keys of its upstream.
pub fn read(repository: &Section<'_>, name: Option<&RepositoryName>) -> Option<MirrorSchedule> {
    let upstream = upstream(repository, name);
    let authorization = authorization(repository);
    let accept = repository.list("accept", from_str);
    let Some(table) = repository.table("mirror") else {
        if !repository.has("mirror") {
            for key in UPSTREAM_KEYS.into_iter().filter(|key| repository.has(key)) {
                let hint = "add mirror = { every = \"1h\", … }, or leave it out";
                let message = format!("`{key}` has no effect without `mirror`");
                repository.problem(repository.place_of(key), message, hint);
            }
        }
        return None;
    };
    if repository.has("private-key") {
        let hint = "leave `private-key` out: a mirror is signed by its upstream";
        let message = "`private-key` and `mirror` are for different repositories";
        repository.problem(repository.place_of("private-key"), message, hint);
    }
    let every = table.parsed_by("every", time::duration);
    let before = table.count_problems();
    let pattern = |text: &str| Pattern::new(text).map(|_| ()).map_err(|error| error.to_string());
    let locks = table.texts("locks").into_iter().filter_map(|text| {
        table.parse("locks", &text, pattern)?;
        let directory = table.directory_of(&text).to_string_lossy();
        // What a pattern is relative to is a name, whatever characters it has.
        let path = Path::new(&Pattern::escape(&directory)).join(&text.value);
        let path = path.to_string_lossy().into_owned();
        if glob::glob(&path).is_ok_and(|mut found| found.next().is_none()) {
            let message = format!("`locks`: no lock file matches {path} yet");
            table.warn(text.place, message, "copy one there, or change `locks`");
        }
        Some(path)
    });
    let locks = locks.collect();
    let (only, all) = (table.list("only", only), table.boolean("all").unwrap_or(false));
    let policies = table.list("policies", from_str);
    let is_choice_wrong = table.count_problems() > before;
    let jobs = table.integer("jobs", 1..257).unwrap_or(JOBS);
    let wanted = Wanted {
        authorization,
        locks,
        only,
        with_deps: table.boolean("with-deps").unwrap_or(false),
        all,
        docs: table.boolean("docs").unwrap_or(false),
        installs: table.boolean("installs").unwrap_or(false),
        git: table.boolean("git").unwrap_or(false),
        policies: policies.into_iter().collect(),
        prune: table.boolean("prune").unwrap_or(false),
        jobs: usize::try_from(jobs).unwrap_or(usize::MAX),
        refresh_after: table.parsed_by("refresh-after", time::duration).unwrap_or(REFRESH_AFTER),
        accept: accept.into_iter().collect(),
    };
    if !table.has("every") && !table.is_misspelled("every", &[]) {
        table.problem(table.place(), "`mirror` has no `every`", "say how often: every = \"1h\"");
    }
    // A choice that cannot be read, or has another name, was told already.
    if !is_choice_wrong && !CHOICES.iter().any(|key| table.is_misspelled(key, &[])) {
        wanted.check(&table);
    }
    table.finish(&|key| {
        let is_of_repository = UPSTREAM_KEYS.contains(&key);
        is_of_repository.then(|| format!("write `{key}` beside `mirror`, in [[repository]]"))
    });
    let (upstream, every) = (upstream?, every?);
    Some(MirrorSchedule {
        every,
        description: wanted.description(&upstream),
        options: Arc::new(move || {
            wanted.options(&upstream).map_err(|failure| {
                let (message, hint) = in_file(failure).into_parts();
                hint.map_or(message.clone(), |hint| format!("{message}; {hint}"))
            })
        }),
    })
}

/// The repository that is mirrored.
fn upstream(repository: &Section<'_>, name: Option<&RepositoryName>) -> Option<Upstream> {
    let given = repository.parsed::<UpstreamName>("upstream-name");
    let url = repository.text("upstream");
    let key = repository.text("upstream-key");
    if !repository.has("mirror") {
        return None;
    }
    let own = || Some(UpstreamName { source: None, name: name?.clone() });
    let name = given.or_else(own)?;
    // Without the key, `mirror` is what asks for it.
    let place_of = |key| repository.place_of(if repository.has(key) { key } else { "mirror" });
    let failed = |key, failure| repository.failure(place_of(key), in_file(failure));
    let url = upstream::url(url.as_ref().map(|url| url.value.as_str()), &name);
    let url = url.map_err(|failure| failed("upstream", failure)).ok()?;
    if is_hexpm(&url) && name.name.as_str() != Upstream::HEXPM_NAME {
        let key = if repository.has("upstream-name") { "upstream-name" } else { "upstream" };
        let message = format!("the files of {url} are of `hexpm`, and not of `{}`", name.name);
        let hint = "write upstream-name = \"hexpm\", or for an organisation upstream-name = \"hexpm:NAME\" without `upstream`";
        repository.problem(place_of(key), message, hint);
        return None;
    }
    let path = key.as_ref().map(|key| repository.resolve(key));
    if let Some(path) = &path {
        repository.depend_on(WatchedFile::note(path));
    }
    let place = if path.is_some() { "upstream-key" } else { "upstream" };
    let key = upstream::key(path.as_deref(), &name, &url);
    let key = key.map_err(|failure| failed(place, failure)).ok()?;
    Some(Upstream { url, name: name.name, source: name.source, key, authorization: None })
}

/// Whether a URL is that of hex.pm's own repository.
fn is_hexpm(url: &Url) -> bool {
    url.as_str().trim_end_matches('/') == Upstream::HEXPM_URL
}

/// The failure with the keys of the file in place of the arguments that have their names.
fn in_file(failure: Failure) -> Failure {
    let written = |text: String| {
        [
            ("--upstream-key=PATH", "upstream-key = \"PATH\""),
            ("--upstream=URL", "upstream = \"URL\""),
            ("--upstream-name=hexpm:NAME", "upstream-name = \"hexpm:NAME\""),
            ("--upstream-auth", "`upstream-auth`"),
            ("--upstream", "`upstream`"),
            ("--prune", "`prune`"),
        ]
        .iter()
        .fold(text, |text, (argument, key)| text.replace(argument, key))
    };
    let (message, hint) = failure.into_parts();
    let failure = Failure::environment(written(message));
    match hint {
        Some(hint) => failure.hint(written(hint)),
        None => failure,
    }
}

/// The source of the credentials for upstream.
fn authorization(repository: &Section<'_>) -> Option<AuthSource> {
    let given = repository.text("upstream-auth")?;
    let parsed = AuthSource::parse(&given.value).ok();
    // A value out of a variable is the secret itself, if it is not file:${DIRECTORY}/NAME.
    if parsed.is_none() && given.has_variables {
        return Some(AuthSource::Given(given.value.into()));
    }
    let parsed = parsed.map(|source| match source {
        AuthSource::File(path) => {
            let value = path.to_string_lossy().into_owned();
            AuthSource::File(repository.resolve(&Text { value, ..given.clone() }))
        }
        source => source,
    });
    if parsed.is_none() {
        let message = "`upstream-auth` is neither env:NAME, file:PATH, ${NAME} nor netrc";
        let hint = "a secret does not belong into the configuration file";
        repository.problem(given.place, message, hint);
    }
    parsed
}

impl Wanted {
    /// Adds a problem where nothing would be mirrored, or more than was meant.
    fn check(&self, table: &Section<'_>) {
        let chooses = !self.locks.is_empty() || !self.only.is_empty();
        if !self.all && !chooses && self.policies.is_empty() {
            let hint = "add locks = [\"/srv/locks/*.lock\"], only = [\"PACKAGE\"] or all = true";
            table.problem(table.place(), "`mirror` does not say what is mirrored", hint);
        }
        if self.all && chooses {
            let message = "`all` mirrors everything, and `locks` or `only` a part";
            table.problem(table.place_of("all"), message, "keep one of them");
        }
    }

    /// A text that differs where what is mirrored does.
    fn description(&self, upstream: &Upstream) -> String {
        let Self { authorization, locks, only, policies, accept, .. } = self;
        let flags = [self.with_deps, self.all, self.docs, self.installs, self.git, self.prune]
            .map(u8::from);
        let (url, name, key) = (&upstream.url, &upstream.name, upstream.key.fingerprint());
        format!(
            "{url} {name} {:?} {key} {authorization:?} {locks:?} {only:?} {policies:?} {accept:?} {flags:?} {} {:?}",
            upstream.source, self.jobs, self.refresh_after
        )
    }

    /// The options of a run: lock files and credentials are read anew.
    fn options(&self, upstream: &Upstream) -> Result<Options, Failure> {
        let authorization = self.authorization.as_ref();
        let authorization = authorization.map(|source| source.read(&upstream.url)).transpose()?;
        let paths = self.lock_files()?;
        let locks = lock::read_all(&paths, self.prune)?;
        let chosen = Chosen { only: self.only.clone(), with_deps: self.with_deps, locks };
        Ok(Options {
            upstream: Upstream { authorization, ..upstream.clone() },
            selection: if self.all { Selection::All } else { Selection::Some(chosen) },
            tarballs_only: false,
            docs: self.docs,
            installs: self.installs,
            git: self.git,
            policies: self.policies.clone(),
            jobs: self.jobs,
            refresh: false,
            refresh_after: self.refresh_after,
            now: time::system_now(),
            prune: self.prune,
            dry_run: false,
            accept: self.accept.clone(),
            limits: Limits::HEX,
            timeouts: Timeouts::default(),
            lock_timeout: Duration::from_secs(60),
            cancellation: Cancellation::default(),
        })
    }

    /// The lock files that the patterns match now.
    fn lock_files(&self) -> Result<Vec<PathBuf>, Failure> {
        let mut paths = BTreeSet::new();
        for pattern in &self.locks {
            let failed = |error: &dyn std::fmt::Display| {
                Failure::environment(format!("could not look for {pattern}: {error}"))
            };
            let found = glob::glob(pattern).map_err(|error| failed(&error))?;
            let mut is_matched = false;
            for path in found {
                paths.insert(path.map_err(|error| failed(&error))?);
                is_matched = true;
            }
            if !is_matched {
                let message = format!("no lock file matches {pattern}");
                return Err(Failure::environment(message).hint("copy one there, or change `locks`"));
            }
        }
        Ok(paths.into_iter().collect())
    }
}

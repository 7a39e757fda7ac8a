//! How a repository is mirrored on a schedule.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hexreg::name::{PackageName, PolicyName};
use hexreg::ops::mirror::{Cancellation, Chosen, Only, Options, Selection, Timeouts, Upstream};
use hexreg::serve::mirrors::schedule::MirrorSchedule;
use hexreg::tarball::{FileName, Limits};

use super::lock_patterns::LockPatterns;
use super::section::Section;
use super::upstream::{self, ConfiguredUpstream, UPSTREAM_KEYS};
use super::values::from_str;
use crate::cli::failure::Failure;
use crate::cli::lock;
use crate::cli::mirror::{docs_of, only};
use crate::cli::time;
use crate::cli::upstream_auth::AuthSource;

/// The keys of `mirror` of which one at least says what is mirrored.
const CHOICES: [&str; 5] = ["locks", "only", "all", "policies", "docs-of"];

/// How many requests are sent at once by default.
const JOBS: u64 = 16;

/// How often the file of each package is requested, also where the indexes say that it has not changed.
const REFRESH_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// What is mirrored, as the file says it.
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own")]
struct Wanted {
    authorization: Option<AuthSource>,
    locks: LockPatterns,
    only: Vec<Only>,
    with_deps: bool,
    all: bool,
    docs: bool,
    docs_of: BTreeSet<FileName>,
    installs: bool,
    git: bool,
    policies: BTreeSet<PolicyName>,
    prune: bool,
    jobs: usize,
    refresh_after: Duration,
    accept: BTreeSet<PackageName>,
}

/// Reads the table `mirror` of a repository. Returns the lock files that it goes by too.
pub fn read(
    repository: &Section<'_>,
    upstream: &ConfiguredUpstream,
) -> Option<(MirrorSchedule, LockPatterns)> {
    let table = repository.table("mirror")?;
    if repository.has("private-key") {
        let hint = "leave `private-key` out: a mirror is signed by its upstream";
        let message = "`private-key` and `mirror` are for different repositories";
        repository.problem(repository.place_of("private-key"), message, hint);
    }
    let every = table.parsed_by("every", time::duration);
    let before = table.count_problems();
    let locks = LockPatterns::read(&table);
    let (only, all) = (table.list("only", only), table.boolean("all").unwrap_or(false));
    let policies = table.list("policies", from_str);
    let docs_of = table.list("docs-of", docs_of);
    let is_choice_wrong = table.count_problems() > before;
    let jobs = table.integer("jobs", 1..257).unwrap_or(JOBS);
    let wanted = Wanted {
        authorization: upstream.authorization.clone(),
        locks: locks.clone(),
        only,
        with_deps: table.boolean("with-deps").unwrap_or(false),
        all,
        docs: table.boolean("docs").unwrap_or(false),
        docs_of: docs_of.into_iter().collect(),
        installs: table.boolean("installs").unwrap_or(false),
        git: table.boolean("git").unwrap_or(false),
        policies: policies.into_iter().collect(),
        prune: table.boolean("prune").unwrap_or(false),
        jobs: usize::try_from(jobs).unwrap_or(usize::MAX),
        refresh_after: table.parsed_by("refresh-after", time::duration).unwrap_or(REFRESH_AFTER),
        accept: upstream.accept.clone(),
    };
    if !table.has("every") && !table.is_misspelled("every", &[]) {
        table.problem(table.place(), "`mirror` has no `every`", "say how often: every = \"1h\"");
    }
    // A choice that cannot be read, or has another name, is a problem already.
    if !is_choice_wrong && !CHOICES.iter().any(|key| table.is_misspelled(key, &[])) {
        wanted.check(&table);
    }
    if wanted.prune && is_pulled_through(repository) {
        let message = "`prune` removes what no lock file pins, also what clients have fetched by `pull-through`";
        table.warn(
            table.place_of("prune"),
            message,
            "leave `prune` out, and limit what is kept: pull-through = { size = \"50GiB\" }",
        );
    }
    table.finish(&|key| {
        let is_of_repository = UPSTREAM_KEYS.contains(&key);
        is_of_repository.then(|| format!("write `{key}` beside `mirror`, in [[repository]]"))
    });
    let (upstream, every) = (upstream.repository.clone()?, every?);
    let schedule = MirrorSchedule {
        every,
        description: wanted.description(&upstream),
        options: Arc::new(move || wanted.options(&upstream).map_err(upstream::in_log)),
    };
    Some((schedule, locks))
}

/// Whether a repository fetches files when clients ask for them too.
fn is_pulled_through(repository: &Section<'_>) -> bool {
    repository.has_table("pull-through")
        || (repository.has("pull-through") && repository.boolean("pull-through") == Some(true))
}

impl Wanted {
    /// Adds a problem where nothing would be mirrored, or more than was meant.
    fn check(&self, table: &Section<'_>) {
        let chooses = !self.locks.is_empty() || !self.only.is_empty();
        let names_files = !self.policies.is_empty() || !self.docs_of.is_empty();
        if !self.all && !chooses && !names_files {
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
        let Self { authorization, locks, only, policies, docs_of, accept, .. } = self;
        let flags = [self.with_deps, self.all, self.docs, self.installs, self.git, self.prune]
            .map(u8::from);
        let (url, name, key) = (&upstream.url, &upstream.name, upstream.key.fingerprint());
        format!(
            "{url} {name} {:?} {key} {authorization:?} {locks:?} {only:?} {policies:?} {docs_of:?} {accept:?} {flags:?} {} {:?}",
            upstream.source, self.jobs, self.refresh_after
        )
    }

    /// The options of a run: lock files and credentials are read anew.
    fn options(&self, upstream: &Upstream) -> Result<Options, Failure> {
        let authorization = self.authorization.as_ref();
        let authorization = authorization.map(|source| source.read(&upstream.url)).transpose()?;
        let paths = self.locks.files()?;
        let locks = lock::read_all(&paths, self.prune)?;
        let chosen = Chosen { only: self.only.clone(), with_deps: self.with_deps, locks };
        Ok(Options {
            upstream: Upstream { authorization, ..upstream.clone() },
            selection: if self.all { Selection::All } else { Selection::Some(chosen) },
            tarballs_only: false,
            docs: self.docs,
            docs_of: self.docs_of.clone(),
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
}

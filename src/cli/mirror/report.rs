//! Reports a run: its changes and warnings while it runs, and a summary at its end.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hexreg::name::RepositoryName;
use hexreg::ops::mirror::{
    GitMirror, LeftOut, MissingDocs, Options, Report, Withdrawn, WithdrawnRemark,
};
use hexreg::publish::observer::{Observer, Warning};
use hexreg::repository::{Folder, RepositoryPath, is_elixirs};
use hexreg::store::{Changed, DirStore, Store};
use serde::Serialize;

use crate::cli::change_log::ChangeLog;
use crate::cli::failure::{Failure, Rejected, chain};
use crate::cli::output::{self, count, thousands};
use crate::cli::progress::Progress;
use crate::cli::quota::Quota;

/// The object that `--json` prints.
#[derive(Serialize)]
struct MirrorJson<'a> {
    upstream: &'a str,
    repository: &'a RepositoryName,
    packages: usize,
    releases: usize,
    requests: u64,
    retries: u64,
    bytes: u64,
    dry_run: bool,
    /// With --tarballs-only: packages whose signed file is new or has changed upstream.
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_changed: Option<Vec<String>>,
    #[serde(flatten)]
    change_log: ChangeLog,
    left_out: Vec<JsonLeftOut<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing_docs: Vec<JsonMissingDocs<'a>>,
    git: Vec<JsonGit<'a>>,
    withdrawn: Vec<JsonWithdrawn<'a>>,
    failures: Vec<Rejected>,
}

/// A remark that upstream has withdrawn.
#[derive(Serialize)]
struct JsonWithdrawn<'a> {
    package: &'a str,
    version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    retired: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    advisory: Option<&'a str>,
}

#[derive(Serialize)]
struct JsonMissingDocs<'a> {
    package: &'a str,
    version: Option<String>,
    linked_by: usize,
}

#[derive(Serialize)]
struct JsonLeftOut<'a> {
    lock: &'a str,
    app: &'a str,
    why: &'a str,
}

#[derive(Serialize)]
struct JsonGit<'a> {
    url: String,
    revision: &'a str,
    path: &'a str,
    is_new: bool,
    spellings: &'a [String],
}

impl<'a> JsonWithdrawn<'a> {
    fn of(withdrawn: &'a Withdrawn) -> Self {
        let (retired, advisory) = match &withdrawn.remark {
            WithdrawnRemark::Retired(reason) => (Some(reason.to_string()), None),
            WithdrawnRemark::Advisory(id) => (None, Some(id.as_str())),
        };
        let version = withdrawn.release.version.to_string();
        Self { package: withdrawn.release.package.as_str(), version, retired, advisory }
    }
}

/// Prints changes and warnings, or collects them for `--json`.
pub struct MirrorObserver<'a> {
    store: &'a DirStore,
    tarballs_only: bool,
    prints: bool,
    pub progress: Progress,
    change_log: Mutex<ChangeLog>,
    /// With --tarballs-only: packages whose signed file was written.
    upstream_changed: Mutex<Vec<String>>,
    lost_readers: Quota,
    dependencies: Quota,
    withdrawn: Quota,
    reported: AtomicBool,
}

impl<'a> MirrorObserver<'a> {
    pub fn new(store: &'a DirStore, tarballs_only: bool, prints: bool) -> Self {
        Self {
            store,
            tarballs_only,
            prints,
            progress: Progress::new(prints),
            change_log: Mutex::default(),
            upstream_changed: Mutex::default(),
            lost_readers: Quota::new("more warning"),
            dependencies: Quota::of_dependencies(),
            withdrawn: Quota::new("more thing that upstream no longer says"),
            reported: AtomicBool::new(false),
        }
    }

    /// Whether the JSON report was printed, which has the failures too.
    pub fn has_reported(&self) -> bool {
        self.reported.load(Ordering::Relaxed)
    }

    fn print_warning(&self, warning: &str) {
        if self.prints {
            self.progress.clear();
            output::warning(warning);
        }
    }

    fn upstream_changed(&self) -> MutexGuard<'_, Vec<String>> {
        self.upstream_changed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change_log(&self) -> MutexGuard<'_, ChangeLog> {
        // A panic cannot leave a list half changed.
        self.change_log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for MirrorObserver<'_> {
    fn warn(&self, warning: Warning) {
        let quota = match warning {
            Warning::LostReaders { .. } => Some(&self.lost_readers),
            Warning::Dependency { .. } => Some(&self.dependencies),
            Warning::Withdrawn { .. } => Some(&self.withdrawn),
            _ => None,
        };
        let is_printed = quota.is_none_or(Quota::admits);
        let warning = warning.to_string();
        if is_printed {
            self.print_warning(&warning);
        }
        self.change_log().warnings.push(warning);
    }

    fn fetching(&self, file: &str) {
        self.progress.set_message(file);
    }

    fn mirrored(&self, done: usize, wanted: usize, bytes: u64) {
        self.progress.set_position(done, wanted, bytes);
    }

    fn changed(&self, path: &RepositoryPath, changed: Changed) {
        let is_signed = matches!(path.folder(), Folder::Packages | Folder::Policies)
            || RepositoryPath::is_root_file(path.as_str());
        if self.tarballs_only && is_signed {
            // These files are not served. A build reads them.
            if path.folder() == Folder::Packages {
                self.upstream_changed().push(path.file_name().to_owned());
            }
            return;
        }
        let mut log = self.change_log();
        let verb = log.record(path, changed);
        if self.prints {
            // An error does not stop the mirror. The summary fails in the same way, and is reported.
            let line = format!("* {verb} {}", self.store.locate(path));
            self.progress.print_above(|| drop(output::line(&line)));
        }
    }
}

/// Prints the summary.
pub fn print(
    options: &Options,
    report: &Report,
    observer: &MirrorObserver<'_>,
) -> Result<(), Failure> {
    let quotas = [&observer.lost_readers, &observer.dependencies, &observer.withdrawn];
    quotas.into_iter().filter_map(Quota::rest).for_each(|rest| observer.print_warning(&rest));
    for LeftOut { lock, app, why } in &report.left_out {
        output::line(&format!("left out: {app}, {why} ({lock})"))?;
    }
    for line in missing_docs(report) {
        output::line(&line)?;
    }
    for line in git_rules(&report.git) {
        output::line(&line)?;
    }
    let changes = observer.change_log().clone();
    output::line(&summary(options, report, &changes, observer.upstream_changed().len()))
}

/// How many lines tell of documentation that is not here.
const MAX_MISSING_DOCS: usize = 10;

/// Which documentation others link to, with what would bring it.
fn missing_docs(report: &Report) -> Vec<String> {
    let packages = |number: usize| match number {
        1 => "1 package links".to_owned(),
        _ => format!("{} packages link", thousands(number)),
    };
    let lines = report.missing_docs.iter().take(MAX_MISSING_DOCS).map(|missing| {
        let MissingDocs { package, version, linked_by } = missing;
        let linking = packages(*linked_by);
        let named = match version {
            Some(version) => format!("{package} {version}"),
            None => package.to_string(),
        };
        let version = version.as_ref().map_or_else(|| "VERSION".to_owned(), ToString::to_string);
        // A server shows documentation of releases, and that of Elixir, which has none.
        let option = if is_elixirs(package) { "--docs-of" } else { "--docs --only" };
        format!(
            "{linking} to the documentation of {named}, which is not here: \
             add {option} {package}@{version}"
        )
    });
    let mut lines: Vec<_> = lines.collect();
    let more = report.missing_docs.len().saturating_sub(MAX_MISSING_DOCS);
    if more > 0 {
        lines.push(format!("and to that of {}", count(more, "more package")));
    }
    if report.unread_docs > 0 {
        let unread = count(report.unread_docs, "archive");
        lines.push(format!("{unread} of documentation were not looked through: the next run does"));
    }
    lines
}

/// The commands that lead git to the mirror for each spelling of a repository. One line is for all of its revisions.
fn git_rules(mirrors: &[GitMirror]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let rules = mirrors.iter().flat_map(|GitMirror { path, spellings, .. }| {
        spellings.iter().map(move |spelling| (path, spelling))
    });
    let rules = rules.filter(|rule| seen.insert(*rule)).map(|(path, spelling)| {
        // Without --add, each command would replace the rule of the one before it.
        let rule = format!("git config --global --add url.MIRROR/{path}.insteadOf");
        // A rule with the asterisks of hidden credentials matches no URL, so the line is a comment for the shell.
        if spelling.contains('*') {
            format!("# put in the credentials: {rule} '{spelling}'")
        } else {
            format!("{rule} {spelling}")
        }
    });
    rules.collect()
}

/// Prints the report as JSON.
pub fn print_json(
    options: &Options,
    report: &Report,
    observer: &MirrorObserver<'_>,
) -> Result<(), Failure> {
    let left_out = report.left_out.iter();
    let git = report.git.iter();
    output::json(&MirrorJson {
        upstream: options.upstream.url.as_str(),
        repository: &options.upstream.name,
        packages: report.packages,
        releases: report.releases,
        requests: report.requests,
        retries: report.retries,
        bytes: report.bytes,
        dry_run: options.dry_run,
        upstream_changed: options.tarballs_only.then(|| observer.upstream_changed().clone()),
        change_log: observer.change_log().clone(),
        left_out: left_out
            .map(|LeftOut { lock, app, why }| JsonLeftOut { lock, app, why })
            .collect(),
        missing_docs: report
            .missing_docs
            .iter()
            .map(|missing| JsonMissingDocs {
                package: missing.package.as_str(),
                version: missing.version.as_ref().map(ToString::to_string),
                linked_by: missing.linked_by,
            })
            .collect(),
        git: git
            .map(|GitMirror { url, revision, path, is_new, spellings }| JsonGit {
                url: url.to_string(),
                revision,
                path,
                is_new: *is_new,
                spellings,
            })
            .collect(),
        withdrawn: report.withdrawn.iter().map(JsonWithdrawn::of).collect(),
        failures: rejected(report),
    })?;
    observer.reported.store(true, Ordering::Relaxed);
    Ok(())
}

/// What was not mirrored, and why.
pub fn rejected(report: &Report) -> Vec<Rejected> {
    let failures = report.failures.iter();
    failures
        .map(|failed| Rejected { path: failed.path.clone(), reason: chain(&failed.error) })
        .collect()
}

fn summary(
    options: &Options,
    report: &Report,
    changes: &ChangeLog,
    upstream_changed: usize,
) -> String {
    let ChangeLog { created, updated, removed, .. } = changes;
    let changes = if changes.is_empty() && upstream_changed > 0 {
        format!(
            "no tarball has changed, but what upstream says of {} has: run `hexreg build`",
            count(upstream_changed, "package")
        )
    } else if changes.is_empty() {
        "nothing has changed".to_owned()
    } else {
        format!(
            "{} created, {} updated, {} removed",
            thousands(created.len()),
            thousands(updated.len()),
            thousands(removed.len())
        )
    };
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let dry_run = if options.dry_run { " (dry run: nothing was written)" } else { "" };
    format!(
        "{}: {}, {}; {changes}; {}, {}{dry_run}",
        options.upstream.name,
        count(report.packages, "package"),
        count(report.releases, "release"),
        count(size(report.requests), "request"),
        indicatif::HumanBytes(report.bytes),
    )
}

//! Reports a change of a registry while it is made: warnings, progress and changed files.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hexreg::publish::observer::{Observer, Warning, Work};
use hexreg::repository::RepositoryPath;
use hexreg::store::{Changed, Store};

use super::change_log::ChangeLog;
use super::output;
use super::progress::Progress;
use super::quota::Quota;

/// Prints the events of a change, and keeps them for `--json`.
pub struct Reporter<'a> {
    pub store: &'a dyn Store,
    prints: bool,
    progress: Progress,
    change_log: Mutex<ChangeLog>,
    breakages: Quota,
    left_out: Quota,
    lost_readers: Quota,
    dependencies: Quota,
}

impl<'a> Reporter<'a> {
    /// Reports changes of `store`.
    pub fn new(store: &'a dyn Store, prints: bool) -> Self {
        Self {
            store,
            prints,
            progress: Progress::new(prints),
            change_log: Mutex::default(),
            breakages: Quota::new("more alarm"),
            left_out: Quota::new("more file"),
            lost_readers: Quota::new("more warning"),
            dependencies: Quota::of_dependencies(),
        }
    }

    /// Removes the progress bar, and prints how many warnings were not printed.
    pub fn end(&self) {
        self.progress.clear();
        let all = [&self.breakages, &self.left_out, &self.lost_readers, &self.dependencies];
        all.into_iter().filter_map(Quota::rest).for_each(|rest| self.print_warning(&rest));
    }

    /// The events so far.
    pub fn change_log(&self) -> MutexGuard<'_, ChangeLog> {
        // Its lists are valid after a panic too.
        self.change_log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A hint for a failure that changed nothing itself. An earlier attempt may have changed something, before another
    /// writer interfered.
    pub fn advise(&self, advice: &str) -> String {
        let so_far = if self.change_log().is_empty() {
            "nothing was written"
        } else {
            "what was written remains"
        };
        format!("{so_far}; {advice}")
    }

    /// Prints a warning and keeps it.
    pub fn say(&self, warning: String) {
        self.print_warning(&warning);
        self.change_log().warnings.push(warning);
    }

    fn print_warning(&self, warning: &str) {
        if self.prints {
            self.progress.clear();
            output::warning(warning);
        }
    }
}

impl Observer for Reporter<'_> {
    fn warn(&self, warning: Warning) {
        let quota = match warning {
            Warning::Breakage { .. } => Some(&self.breakages),
            Warning::LeftOut { .. } => Some(&self.left_out),
            Warning::LostReaders { .. } => Some(&self.lost_readers),
            Warning::Dependency { .. } => Some(&self.dependencies),
            _ => None,
        };
        if quota.is_none_or(Quota::admits) {
            self.say(warning.to_string());
        } else {
            self.change_log().warnings.push(warning.to_string());
        }
    }

    fn began(&self, work: Work, parts: usize) {
        self.progress.begin(work, parts);
    }

    fn progressed(&self, parts: usize, bytes: u64) {
        self.progress.go_on(parts, bytes);
    }

    fn changed(&self, path: &RepositoryPath, changed: Changed) {
        let mut log = self.change_log();
        let verb = log.record(path, changed);
        if self.prints {
            self.progress.clear();
            // The work goes on; printing its summary will fail in the same way and end with the error.
            let _ = output::line(&format!("* {verb} {}", self.store.locate(path)));
        }
    }
}

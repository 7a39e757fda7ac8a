//! Runs the planner's tasks, many at a time.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::batch_writer::WriterStopped;
use super::fetch::Fetcher;
use super::indexes::Listing;
use super::planner::Planner;
use super::task::Task;
use crate::publish::dependencies;
use crate::publish::observer::{Observer, Warning};
use crate::tarball::FileName;

/// Executes tasks until the planner has no more.
///
/// # Errors
/// [`WriterStopped`], after which nothing more is written.
pub(super) async fn run(
    fetcher: &Arc<Fetcher>,
    planner: &mut Planner,
    observer: &dyn Observer,
) -> Result<(), WriterStopped> {
    let mut running = JoinSet::new();
    // The oldest first: it is the one that is waited for.
    let mut fetching: Vec<FileName> = Vec::new();
    loop {
        let has_more = planner.has_more() && running.len() < fetcher.max_tasks();
        if !has_more && running.is_empty() {
            return Ok(());
        }
        let joined = tokio::select! {
            biased;
            Some(joined) = running.join_next() => joined,
            // The task is chosen only once there is a permit: the newest tasks may have to go first.
            permit = fetcher.permit(), if has_more => {
                let Some(task) = planner.next() else { continue };
                fetching.extend(task.file().cloned());
                let fetcher = Arc::clone(fetcher);
                let listing = match &task {
                    Task::Write(name, _) => planner.listing(name).map(Listing::digest),
                    _ => None,
                };
                running.spawn(async move {
                    let executed = fetcher.execute(permit, &task, listing).await;
                    (task, executed)
                });
                continue;
            }
        };
        // The planner would wait for a task that panicked forever, so the run ends as if the writer had stopped.
        let (task, executed) = joined.map_err(|_| WriterStopped)?;
        let (outcome, changed) = executed?;
        if let Some((path, changed)) = changed {
            observer.changed(&path, changed);
            if let Task::Write(_, file) = &task {
                dependencies::warn_of_requirements(observer, &file.releases, &planner.wanted);
            }
        }
        fetching.retain(|file| Some(file) != task.file());
        let reported = planner.withdrawn.len();
        planner.done(task, outcome);
        for withdrawn in planner.withdrawn.iter().skip(reported) {
            observer.warn(Warning::Withdrawn { withdrawn: withdrawn.clone() });
        }
        if let Some(file) = fetching.first() {
            observer.fetching(&file.to_string());
        }
        let (done, all) = planner.progress();
        observer.mirrored(done, all, fetcher.client.counters.bytes());
    }
}

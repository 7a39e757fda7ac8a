//! Reads what pages are made from, in the background, of the repositories that are served at the time.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;

use super::current_service::CurrentService;
use super::web::repository_pages::RepositoryPages;

/// How often it is seen whether a repository is due.
const TICK: Duration = Duration::from_millis(200);

/// Looks for changes of each repository when it is due, as long as the runtime lives.
pub(super) async fn run(service: Arc<CurrentService>) {
    let mut ticks = tokio::time::interval(TICK);
    loop {
        ticks.tick().await;
        for repository in &service.get().routes.repositories {
            if repository.pages.begin_look() {
                let pages = Arc::clone(&repository.pages);
                spawn_blocking(move || pages.look(&|| is_served(&pages)));
            }
            if repository.pages.begin_look_at_docs() {
                let pages = Arc::clone(&repository.pages);
                spawn_blocking(move || pages.look_at_docs(&|| is_served(&pages)));
            }
        }
    }
}

/// Whether a repository of the service has them, beside the threads that read.
fn is_served(pages: &Arc<RepositoryPages>) -> bool {
    Arc::strong_count(pages) > pages.running_looks()
}

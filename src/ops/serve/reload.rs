//! Files that are read again once they have changed.

use std::error::Error;
use std::fs;
use std::iter;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::answer::Service;
use super::tls::Certificates;

/// How often files are looked at. Asking is cheap, and sees what is renamed, linked anew or mounted,
/// which whoever listens for events of a file has to follow one by one.
const INTERVAL: Duration = Duration::from_secs(1);

/// What tells that a file has changed.
type Seen = Option<(SystemTime, u64)>;

fn look(path: &Path) -> Seen {
    let found = fs::metadata(path).ok()?;
    Some((found.modified().ok()?, found.len()))
}

/// Looks after the certificates and those who may read, for as long as the runtime lives.
pub(super) fn watch(service: Arc<Service>, certificates: Option<Certificates>) {
    if let Some(certificates) = certificates {
        let files = certificates.files();
        follow(files.to_vec(), move || match certificates.reload() {
            Ok(()) => tracing::info!("certificates read again"),
            Err(error) => tracing::error!(error = chain(&error), "certificates left as they were"),
        });
    }
    if let Some(file) = service.gate.file().map(Path::to_owned) {
        follow(vec![file], move || match service.gate.reload() {
            Ok(()) => tracing::info!("who may read was read again"),
            Err(error) => tracing::error!(error = chain(&error), "who may read was left as it was"),
        });
    }
}

/// Calls `changed` each time one of the files has, on a thread that may wait for them.
fn follow(files: Vec<PathBuf>, changed: impl Fn() + Send + Sync + 'static) {
    let changed = Arc::new(changed);
    let all = move || files.iter().map(|file| look(file)).collect::<Vec<_>>();
    let all = Arc::new(all);
    let mut seen = all();
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(INTERVAL);
        loop {
            ticks.tick().await;
            let (all, changed, before) = (Arc::clone(&all), Arc::clone(&changed), seen.clone());
            let looked = tokio::task::spawn_blocking(move || {
                let now = all();
                if now != before {
                    changed();
                }
                now
            });
            // Where that failed, the next look will tell.
            seen = looked.await.unwrap_or(seen);
        }
    });
}

/// An error and what caused it.
fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = iter::successors(Some(error), |error| (*error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

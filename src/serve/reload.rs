//! Files that are read again once they have changed.

use std::error::Error;
use std::fs;
use std::iter;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::serve::Options;
use crate::serve::service::Service;
use crate::serve::tls::Certificates;

/// How often files are looked at. Asking is cheap, and sees what is renamed, linked anew or mounted,
/// which whoever listens for events of a file has to follow one by one.
const INTERVAL: Duration = Duration::from_millis(500);

/// What tells that a file has changed; nobody can set the last.
type Seen = Option<(SystemTime, u64, i64)>;

fn look(path: &Path) -> Seen {
    let found = fs::metadata(path).ok()?;
    Some((found.modified().ok()?, found.len(), changed(&found)))
}

fn changed(found: &fs::Metadata) -> i64 {
    found.ctime_nsec().wrapping_add(found.ctime().wrapping_mul(1_000_000_000))
}

/// Files, and how they were seen before they were read.
struct Watched {
    files: Vec<PathBuf>,
    seen: Vec<Seen>,
}

/// The files that a server goes by.
pub(super) struct Watch {
    certificates: Watched,
    readers: Watched,
}

impl Watch {
    /// Looks at them; they are to be read after this, or a change in between would not be noticed.
    pub fn begin(options: &Options) -> Self {
        let pair = options.tls.iter().flat_map(|tls| [tls.certificates.clone(), tls.key.clone()]);
        Self {
            certificates: Watched::look(pair.collect()),
            readers: Watched::look(options.auth_file.iter().cloned().collect()),
        }
    }

    /// Has them read again when they change, for as long as the runtime lives.
    pub fn follow(self, service: Arc<Service>, certificates: Option<Certificates>) {
        let metrics = Arc::clone(&service.access.metrics);
        if let Some(certificates) = certificates {
            self.certificates.follow(move || match certificates.reload() {
                Ok(()) => tracing::info!("certificates read again"),
                Err(error) => {
                    metrics.failed_reloads.inc();
                    tracing::error!(error = chain(&error), "certificates left as they were");
                }
            });
        }
        self.readers.follow(move || match service.gate.reload() {
            Ok(()) => tracing::info!("who may read was read again"),
            Err(error) => {
                service.access.metrics.failed_reloads.inc();
                tracing::error!(error = chain(&error), "who may read was left as it was");
            }
        });
    }
}

impl Watched {
    fn look(files: Vec<PathBuf>) -> Self {
        let seen = files.iter().map(|file| look(file)).collect();
        Self { files, seen }
    }

    /// Calls `changed` each time one of the files has, on a thread that may wait for them. A file that is
    /// still being written, empty to begin with, is none of those that count: two looks in a row have to
    /// find it the same.
    fn follow(self, changed: impl Fn() + Send + Sync + 'static) {
        let Self { files, seen: mut known } = self;
        if files.is_empty() {
            return;
        }
        let (files, changed) = (Arc::new(files), Arc::new(changed));
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(INTERVAL);
            let mut seen = known.clone();
            loop {
                ticks.tick().await;
                let (files, changed) = (Arc::clone(&files), Arc::clone(&changed));
                let (was_known, was_seen) = (known.clone(), seen.clone());
                let looked = tokio::task::spawn_blocking(move || {
                    let now: Vec<_> = files.iter().map(|file| look(file)).collect();
                    if now != was_seen || now == was_known {
                        return (was_known, now);
                    }
                    changed();
                    (now.clone(), now)
                });
                // Where that failed, the next look will tell.
                (known, seen) = looked.await.unwrap_or((known, seen));
            }
        });
    }
}

/// An error and what caused it.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = iter::successors(Some(error), |error| (*error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

//! Reads certificates and the auth file again when they have changed.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::error_chain::chain;
use super::options::Options;
use super::service::RegistryService;
use super::tls::Certificates;

/// How often the files are checked. A check is cheap, and sees files that are renamed, linked or mounted; events of a
/// file would have to be followed for each of these.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// Time of modification, size, and time of the last change of any kind, which no program can set. `None` if the file
/// cannot be found.
type WatchedState = Option<(SystemTime, u64, i64)>;

fn state_of(path: &Path) -> WatchedState {
    let found = fs::metadata(path).ok()?;
    Some((found.modified().ok()?, found.len(), changed(&found)))
}

fn changed(found: &fs::Metadata) -> i64 {
    found.ctime_nsec().wrapping_add(found.ctime().wrapping_mul(1_000_000_000))
}

/// Files, and their states before they were read.
struct WatchedFiles {
    files: Vec<PathBuf>,
    states: Vec<WatchedState>,
}

/// The files that are read again.
pub(super) struct Reload {
    certificates: WatchedFiles,
    auth_file: WatchedFiles,
}

impl Reload {
    /// Notes the states of the files. Call this before they are read, or a change in between would be missed.
    pub fn begin(options: &Options) -> Self {
        let pair = options.tls.iter().flat_map(|tls| [tls.certificates.clone(), tls.key.clone()]);
        Self {
            certificates: WatchedFiles::new(pair.collect()),
            auth_file: WatchedFiles::new(options.auth_file.iter().cloned().collect()),
        }
    }

    /// Reads the files again when they change, as long as the runtime lives.
    pub fn watch(self, service: Arc<RegistryService>, certificates: Option<Certificates>) {
        let metrics = Arc::clone(&service.access_log.metrics);
        if let Some(certificates) = certificates {
            self.certificates.watch(move || match certificates.reload() {
                Ok(()) => tracing::info!("certificates read again"),
                Err(error) => {
                    metrics.failed_reloads.inc();
                    tracing::error!(error = chain(&error), "certificates left as they were");
                }
            });
        }
        self.auth_file.watch(move || match service.authorizer.reload() {
            Ok(()) => tracing::info!("who may read was read again"),
            Err(error) => {
                service.access_log.metrics.failed_reloads.inc();
                tracing::error!(error = chain(&error), "who may read was left as it was");
            }
        });
    }
}

impl WatchedFiles {
    fn new(files: Vec<PathBuf>) -> Self {
        let states = files.iter().map(|file| state_of(file)).collect();
        Self { files, states }
    }

    /// Calls `reload` each time one of the files has changed, on a thread that may block. A file that is still being
    /// written is not read: two checks in a row have to find it the same.
    fn watch(self, reload: impl Fn() + Send + Sync + 'static) {
        let Self { files, states: mut loaded } = self;
        if files.is_empty() {
            return;
        }
        let (files, reload) = (Arc::new(files), Arc::new(reload));
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(CHECK_INTERVAL);
            let mut last = loaded.clone();
            loop {
                ticks.tick().await;
                let (files, reload) = (Arc::clone(&files), Arc::clone(&reload));
                let (was_loaded, was_last) = (loaded.clone(), last.clone());
                let checked = tokio::task::spawn_blocking(move || {
                    let now: Vec<_> = files.iter().map(|file| state_of(file)).collect();
                    if now != was_last || now == was_loaded {
                        return (was_loaded, now);
                    }
                    reload();
                    (now.clone(), now)
                });
                // After a panic, the next check repeats this one.
                (loaded, last) = checked.await.unwrap_or((loaded, last));
            }
        });
    }
}

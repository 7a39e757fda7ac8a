//! Reads the options, the certificates and the auth file again: when they have changed, and after SIGHUP.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::task::spawn_blocking;
use tokio::time::MissedTickBehavior;

use super::assembly::Assembly;
use super::check::check;
use super::current_service::CurrentService;
use super::error::Error;
use super::error_chain::chain;
use super::fixed_options::keep_fixed;
use super::options::Options;
use super::options_source::{OptionsSource, ReadOptions};
#[cfg(feature = "mirror")]
use super::running_mirrors;
#[cfg(feature = "mirror")]
use super::running_pulls;
use super::service::RegistryService;
use super::tls::{Certificates, LoadedCertificates};
use super::watched_files::WatchedFiles;

/// How often the files are checked. A check is cheap, and sees files that are renamed, linked or mounted; events of a
/// file would have to be followed for each of these.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// How often a service that was replaced is looked at: it is dropped once no request needs it any more.
const RETIREMENT_INTERVAL: Duration = Duration::from_secs(1);

/// The files that are read again.
pub(super) struct WatchedSources {
    options: WatchedFiles,
    certificates: WatchedFiles,
    auth_file: WatchedFiles,
}

impl WatchedSources {
    /// Notes the states of the files. Call this before they are read, or a change in between would be missed.
    pub fn note(options: &Options, source: Option<&OptionsSource>) -> Self {
        let files = source.map(|source| source.files.clone()).unwrap_or_default();
        let (certificates, auth_file) = (of_certificates(options), of_auth_file(options));
        Self { options: WatchedFiles::new(files), certificates, auth_file }
    }
}

fn of_certificates(options: &Options) -> WatchedFiles {
    let files: Vec<&PathBuf> =
        options.tls.iter().flat_map(|tls| [&tls.certificates, &tls.key]).collect();
    WatchedFiles::note(files)
}

fn of_auth_file(options: &Options) -> WatchedFiles {
    WatchedFiles::note(&options.auth_file)
}

/// What is read again, and what it is for.
pub(super) struct Reload {
    pub sources: WatchedSources,
    pub source: Option<OptionsSource>,
    pub assembly: Assembly,
    pub service: Arc<CurrentService>,
    pub certificates: Option<Certificates>,
}

impl Reload {
    /// Reads the files again when they change, and after SIGHUP, as long as the runtime lives.
    pub async fn run(self, mut hangups: Signal) {
        let this = Arc::new(Mutex::new(self));
        let mut ticks = tokio::time::interval(CHECK_INTERVAL);
        // After a pause of the machine too, two checks in a row are apart: between them, a file that is being written
        // changes.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let is_asked = tokio::select! {
                hangup = hangups.recv() => hangup.is_some(),
                _ = ticks.tick() => false,
            };
            let this = Arc::clone(&this);
            // After a panic, the next check finds what this one has not.
            let _ = spawn_blocking(move || {
                let mut reload = this.lock().unwrap_or_else(PoisonError::into_inner);
                reload.check(is_asked);
            })
            .await;
        }
    }

    /// Reads what has changed, or everything if the user asks for it.
    fn check(&mut self, is_asked: bool) {
        if is_asked {
            tracing::info!("SIGHUP: everything is read again");
        }
        if self.source.is_some() && needs_reading(&mut self.sources.options, is_asked) {
            self.read_options();
        }
        if needs_reading(&mut self.sources.certificates, is_asked) {
            self.read_certificates();
        }
        if needs_reading(&mut self.sources.auth_file, is_asked) {
            self.read_auth_file();
        }
    }

    fn read_certificates(&self) {
        let Some(certificates) = &self.certificates else { return };
        match certificates.reload() {
            Ok(()) => tracing::info!("certificates read again"),
            Err(error) => {
                self.assembly.metrics.failed_reloads.inc();
                tracing::error!(error = chain(&error), "certificates left as they were");
            }
        }
    }

    fn read_auth_file(&self) {
        let service = self.service.get();
        if service.options.auth_file.is_none() {
            return;
        }
        match service.authorizer.reload() {
            Ok(()) => tracing::info!("who may read was read again"),
            Err(error) => {
                self.assembly.metrics.failed_reloads.inc();
                tracing::error!(error = chain(&error), "who may read was left as it was");
            }
        }
    }

    fn read_options(&mut self) {
        let Some(source) = &self.source else { return };
        let ReadOptions { options, files, need_restart } = (source.read)();
        self.sources.options = WatchedFiles::new(files);
        let taken = options
            .and_then(|options| self.take(options, need_restart).map_err(|error| chain(&error)));
        #[cfg(feature = "mirror")]
        running_pulls::show(&self.service.get(), &self.assembly.metrics.pulls);
        match taken {
            Ok(need_restart) => {
                tracing::info!("configuration read again");
                if !need_restart.is_empty() {
                    let settings = need_restart.join(", ");
                    tracing::warn!(settings, "these settings hold from the next start");
                }
            }
            Err(error) => {
                self.assembly.metrics.failed_reloads.inc();
                tracing::error!(error, "configuration left as it was");
            }
        }
    }

    /// Puts options in force. Returns the names of those that hold from the next start only.
    fn take(
        &mut self,
        mut options: Options,
        mut need_restart: Vec<&'static str>,
    ) -> Result<Vec<&'static str>, Error> {
        let former = self.service.get();
        let fixed = keep_fixed(&mut options, &former.options);
        need_restart.splice(0..0, fixed);
        check(&options)?;
        let (certificate_files, auth_file) = (of_certificates(&options), of_auth_file(&options));
        let service = self.assembly.service(&options, Some(&former))?;
        let files =
            options.tls.as_ref().filter(|files| former.options.tls.as_ref() != Some(*files));
        let loaded = files.map(LoadedCertificates::read).transpose()?;
        // The last step that can fail, and the first that is seen.
        #[cfg(feature = "mirror")]
        running_mirrors::prepare(&service)?;
        #[cfg(feature = "mirror")]
        running_pulls::prepare(&service)?;
        if let Some((certificates, loaded)) = self.certificates.as_ref().zip(loaded) {
            certificates.replace(loaded);
            self.sources.certificates = certificate_files;
        }
        if !Arc::ptr_eq(&service.authorizer, &former.authorizer) {
            self.sources.auth_file = auth_file;
        }
        drop(former);
        let former = self.service.replace(service);
        #[cfg(feature = "mirror")]
        running_mirrors::replace(&former, &self.service.get(), &self.assembly.metrics.mirrors);
        #[cfg(feature = "mirror")]
        running_pulls::replace(&former, &self.service.get());
        retire(former, &self.assembly);
        Ok(need_restart)
    }
}

/// Whether files have to be read now.
fn needs_reading(files: &mut WatchedFiles, is_asked: bool) -> bool {
    if is_asked {
        files.read_now();
    }
    is_asked || files.have_changed()
}

/// Drops a service once no request needs it any more, on a thread that may block: what was kept of buckets is removed
/// from the disk then.
fn retire(service: Arc<RegistryService>, assembly: &Assembly) {
    assembly.runtime.spawn(async move {
        while Arc::strong_count(&service) > 1 {
            tokio::time::sleep(RETIREMENT_INTERVAL).await;
        }
        let _ = spawn_blocking(move || drop(service)).await;
    });
}

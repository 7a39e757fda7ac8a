//! Whether the server is healthy. A thread of its own finds out: the threads that read files and make pages may all be
//! busy, and a supervisor must not take that for a failure.

use std::fmt::Write;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use tokio::sync::oneshot;

#[cfg(feature = "mirror")]
use super::clock;
use super::files::source::FileSource;
#[cfg(feature = "mirror")]
use super::mirrors::status::MirrorStatus;
use super::responses::{plain, text};

/// How many requests may wait for the check. It takes microseconds, unless the disk hangs.
const MAX_WAITING: usize = 256;

/// How long a request waits for the check. A server whose disk hangs is not healthy.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// Checks the health of the server.
pub(super) struct Health(SyncSender<oneshot::Sender<Checked>>);

/// A repository whose health is checked.
pub(super) struct HealthyRepository {
    /// Its name in the report.
    pub name: String,
    pub source: Arc<dyn FileSource>,
    /// How it is kept up to date, if it is a mirror.
    #[cfg(feature = "mirror")]
    pub mirror: Option<Arc<MirrorStatus>>,
}

/// The health of the server.
#[derive(Clone)]
struct Checked {
    is_healthy: bool,
    /// A line for each repository.
    report: Arc<str>,
}

impl Health {
    /// The server is healthy while all these repositories can be reached.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub fn of(repositories: Vec<HealthyRepository>) -> io::Result<Self> {
        let (ask, asked) = sync_channel(MAX_WAITING);
        thread::Builder::new()
            .name("health".to_owned())
            .spawn(move || check_on_request(&repositories, &asked))?;
        Ok(Self(ask))
    }

    /// The response to a supervisor; with `?verbose`, it has a line for each repository.
    pub async fn respond(&self, query: Option<&str>) -> Response<Body> {
        let checked = self.check().await;
        let is_healthy = checked.as_ref().is_some_and(|checked| checked.is_healthy);
        let status = if is_healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        match checked {
            Some(checked) if query == Some("verbose") => text(status, checked.report.to_string()),
            _ => plain(status),
        }
    }

    /// `None` if a disk or a store hangs.
    async fn check(&self) -> Option<Checked> {
        let (sender, outcome) = oneshot::channel();
        self.0.try_send(sender).ok()?;
        tokio::time::timeout(CHECK_TIMEOUT, outcome).await.ok()?.ok()
    }
}

/// Checks until the server is dropped. All requests that wait get the outcome of one check.
fn check_on_request(
    repositories: &[HealthyRepository],
    asked: &Receiver<oneshot::Sender<Checked>>,
) {
    while let Ok(first) = asked.recv() {
        let more: Vec<_> = asked.try_iter().collect();
        let checked = check(repositories);
        for one in more.into_iter().chain([first]) {
            // The client may have closed its connection.
            let _ = one.send(checked.clone());
        }
    }
}

fn check(repositories: &[HealthyRepository]) -> Checked {
    let (mut is_healthy, mut report) = (true, String::new());
    for repository in repositories {
        let is_available = repository.source.is_available();
        is_healthy &= is_available;
        let state = if is_available { "available" } else { "not available" };
        let _ = writeln!(report, "{}: {state}{}", repository.name, repository.mirror_report());
    }
    Checked { is_healthy, report: report.into() }
}

impl HealthyRepository {
    /// How old a mirror is. Why a run failed is for the log and for those who may read: it may name upstream.
    #[cfg(feature = "mirror")]
    fn mirror_report(&self) -> String {
        let Some(status) = &self.mirror else { return String::new() };
        let state = status.current();
        let age = match state.succeeded {
            Some(time) => {
                format!("up to date {} s ago", clock::now().0.saturating_sub(time.0).max(0))
            }
            None => "not up to date yet".to_owned(),
        };
        let failed = if state.error.is_some() { "; the last run left something out" } else { "" };
        let running = if state.is_running { "; running" } else { "" };
        format!("; mirror: {age}{failed}{running}")
    }

    #[cfg(not(feature = "mirror"))]
    #[expect(clippy::unused_self, reason = "a server with mirrors has one to report of")]
    fn mirror_report(&self) -> &'static str {
        ""
    }
}

//! Whether the server is healthy. A thread of its own finds out: the threads that read files and make pages may all be
//! busy, and a supervisor must not take that for a failure.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use tokio::sync::oneshot;

use super::files::source::FileSource;
use super::responses::plain;

/// How many requests may wait for the check. It takes microseconds, unless the disk hangs.
const MAX_WAITING: usize = 256;

/// How long a request waits for the check. A server whose disk hangs is not healthy.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// Checks the health of the server.
pub(super) struct Health(SyncSender<oneshot::Sender<bool>>);

impl Health {
    /// The server is healthy while all these repositories can be reached.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub fn of(repositories: Vec<Arc<dyn FileSource>>) -> io::Result<Self> {
        let (ask, asked) = sync_channel(MAX_WAITING);
        thread::Builder::new()
            .name("health".to_owned())
            .spawn(move || check_on_request(&repositories, &asked))?;
        Ok(Self(ask))
    }

    /// The response to a supervisor.
    pub async fn respond(&self) -> Response<Body> {
        let is_healthy = self.check().await;
        plain(if is_healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE })
    }

    async fn check(&self) -> bool {
        let (sender, outcome) = oneshot::channel();
        if self.0.try_send(sender).is_err() {
            return false;
        }
        matches!(tokio::time::timeout(CHECK_TIMEOUT, outcome).await, Ok(Ok(true)))
    }
}

/// Checks until the server is dropped. All requests that wait get the outcome of one check.
fn check_on_request(repositories: &[Arc<dyn FileSource>], asked: &Receiver<oneshot::Sender<bool>>) {
    while let Ok(first) = asked.recv() {
        let more: Vec<_> = asked.try_iter().collect();
        let is_healthy = repositories.iter().all(|repository| repository.is_available());
        for one in more.into_iter().chain([first]) {
            // The client may have closed its connection.
            let _ = one.send(is_healthy);
        }
    }
}

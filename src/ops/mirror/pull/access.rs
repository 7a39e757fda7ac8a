//! Whether upstream lets this server read: object storage answers 403 for a file that is missing, unless it may be listed.

use std::time::{Duration, Instant};

use tokio::sync::Mutex;

/// When upstream last gave an index. Every registry has one, so a server that may not read it may read nothing.
#[derive(Default)]
pub(super) struct Access(Mutex<Option<Instant>>);

/// How long it is not asked for again.
const HOLDS: Duration = Duration::from_secs(60);

impl Access {
    /// Upstream has answered a request for an index.
    pub async fn was_granted(&self) {
        *self.0.lock().await = Some(Instant::now());
    }

    /// Whether upstream gives an index. If it has not done so a moment ago, it is asked.
    pub async fn is_granted(&self, ask: impl Future<Output = bool>) -> bool {
        // Others wait for the same answer.
        let mut granted = self.0.lock().await;
        if granted.is_some_and(|at| at.elapsed() < HOLDS) {
            return true;
        }
        let is_granted = ask.await;
        *granted = is_granted.then(Instant::now);
        is_granted
    }
}

//! Shutdown: no connection is accepted any more, and running requests are answered.

use std::future;
use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch::{self, Receiver, Sender};

/// The signals that end the process. Once they are listened for, they no longer kill it.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

/// Listens for SIGHUP, which does not kill the process from then on.
pub(super) fn hangups() -> io::Result<Signal> {
    signal(SignalKind::hangup())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ShutdownStage {
    Serving,
    /// Running requests are answered.
    ShuttingDown,
    /// Nothing is waited for any more.
    Over,
}

/// How far the shutdown is.
#[derive(Clone)]
pub(super) struct Shutdown(Receiver<ShutdownStage>);

impl Signals {
    pub fn listen() -> io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate())? })
    }

    /// Shuts the server down at the first signal: once the running requests are answered, or after `grace`. A second
    /// signal ends the wait. Runs in a task of its own.
    pub fn shut_down(self, grace: Duration) -> Shutdown {
        let (stage, shutdown) = watch::channel(ShutdownStage::Serving);
        tokio::spawn(self.follow(stage, grace));
        Shutdown(shutdown)
    }

    async fn follow(mut self, stage: Sender<ShutdownStage>, grace: Duration) {
        self.next().await;
        // Before the stage changes: without connections, the process may end right after that.
        tracing::info!(
            "shutting down: running requests are answered; a second signal ends it at once"
        );
        let _ = stage.send(ShutdownStage::ShuttingDown);
        let _ = tokio::time::timeout(grace, self.next()).await;
        let _ = stage.send(ShutdownStage::Over);
        // Keeps the sender: without it, the receivers would wait no more.
        future::pending::<()>().await;
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

impl Shutdown {
    /// Waits until no connection is to be accepted any more.
    pub async fn begun(&mut self) {
        let _ = self.0.wait_for(|stage| *stage >= ShutdownStage::ShuttingDown).await;
    }

    /// Waits until running requests are waited for no more.
    pub async fn over(&mut self) {
        let _ = self.0.wait_for(|stage| *stage == ShutdownStage::Over).await;
    }
}

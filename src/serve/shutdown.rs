//! How a server ends: nobody is let in any more, and those go on who are being answered.

use std::future;
use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch::{self, Receiver, Sender};

/// What tells a process to end. From the moment that there is one, nothing else ends it.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Serving,
    Ending,
    Over,
}

/// How far a server is with its end.
#[derive(Clone)]
pub(super) struct Ending(Receiver<Stage>);

impl Signals {
    pub fn listen() -> io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate())? })
    }

    /// Ends a server at the first one, once those are answered who have asked, or after `goodbye`; and
    /// at once at the second. Goes on in a task of its own.
    pub fn end(self, goodbye: Duration) -> Ending {
        let (stage, ending) = watch::channel(Stage::Serving);
        tokio::spawn(self.follow(stage, goodbye));
        Ending(ending)
    }

    async fn follow(mut self, stage: Sender<Stage>, goodbye: Duration) {
        self.next().await;
        // Where nobody is, the process may be gone right after the next line.
        tracing::info!(
            "ending: waiting for those who are being answered; once more ends it at once"
        );
        let _ = stage.send(Stage::Ending);
        // The second one, or the time that there is.
        let _ = tokio::time::timeout(goodbye, self.next()).await;
        let _ = stage.send(Stage::Over);
        // Nothing ends before its server does.
        future::pending::<()>().await;
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

impl Ending {
    /// Waits until no client is let in any more.
    pub async fn begins(&mut self) {
        let _ = self.0.wait_for(|stage| *stage >= Stage::Ending).await;
    }

    /// Waits until no request is waited for any more.
    pub async fn is_over(&mut self) {
        let _ = self.0.wait_for(|stage| *stage == Stage::Over).await;
    }
}

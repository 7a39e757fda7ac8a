//! How a server ends: nobody is let in any more, and those go on who are being answered.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum_server::Handle;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What tells a process to end. From the moment that there is one, nothing else ends it.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub fn listen() -> io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate())? })
    }

    /// Ends a server at the first one, once those are answered who have asked, or after `goodbye`; and
    /// at once at the second.
    pub async fn end(mut self, handle: Handle<SocketAddr>, goodbye: Duration) {
        self.next().await;
        // Where nobody is, the process may be gone right after the next line.
        tracing::info!(
            "ending: waiting for those who are being answered; once more ends it at once"
        );
        handle.graceful_shutdown(Some(goodbye));
        self.next().await;
        handle.shutdown();
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

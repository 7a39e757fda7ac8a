//! How a server ends: nobody is let in any more, and those go on who are being answered.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum_server::Handle;
#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What tells a process to end. From the moment that there is one, nothing else ends it.
pub(super) struct Signals {
    #[cfg(unix)]
    interrupt: Signal,
    #[cfg(unix)]
    terminate: Signal,
}

impl Signals {
    #[cfg(unix)]
    pub fn listen() -> io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate())? })
    }

    #[cfg(not(unix))]
    pub fn listen() -> io::Result<Self> {
        Ok(Self {})
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

    #[cfg(unix)]
    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        // Where it cannot be listened for, it ends the process by itself.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

//! What ends a mirror that runs again and again.

use std::process;
use std::thread;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::failure::Failure;

/// Ends the process at SIGTERM or SIGINT, also where it is the first process of a container, which these would not end.
/// Every file is whole at any moment, and the next run resumes.
pub fn end_on_signals() -> Result<(), Failure> {
    let failed = |error| Failure::environment(format!("could not listen for signals: {error}"));
    let runtime = Builder::new_current_thread().enable_io().build().map_err(failed)?;
    let listen = |kind| {
        let _entered = runtime.enter();
        signal(kind).map_err(failed)
    };
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    let wait = move || {
        runtime.block_on(async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        });
        process::exit(0);
    };
    thread::Builder::new().name("signals".to_owned()).spawn(wait).map(drop).map_err(failed)
}

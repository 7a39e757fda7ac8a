//! Saves what is known of files once a minute, and at the end.

use std::convert::Infallible;
use std::io;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Saves on a thread of its own.
#[derive(Default)]
pub(super) struct Saver(Mutex<Option<RunningSaver>>);

struct RunningSaver {
    /// It ends once this is dropped.
    running: Sender<Infallible>,
    thread: JoinHandle<()>,
}

/// How often it saves.
const SAVE_EVERY: Duration = Duration::from_secs(60);

/// How long the end waits until it has saved.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// How often the end looks whether it has.
const ASK_EVERY: Duration = Duration::from_millis(10);

impl Saver {
    /// Begins to save.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub fn start(&self, mut save: impl FnMut() + Send + 'static) -> io::Result<()> {
        let (running, ended) = channel();
        let run = move || {
            while matches!(ended.recv_timeout(SAVE_EVERY), Err(RecvTimeoutError::Timeout)) {
                save();
            }
            save();
        };
        let thread = thread::Builder::new().name("pulled files".to_owned()).spawn(run)?;
        *self.lock() = Some(RunningSaver { running, thread });
        Ok(())
    }

    /// Saves once more, and ends. A disk that hangs is not waited for. May block.
    pub fn end(&self) {
        let Some(RunningSaver { running, thread }) = self.lock().take() else { return };
        drop(running);
        let began = Instant::now();
        while began.elapsed() < END_TIMEOUT && !thread.is_finished() {
            thread::sleep(ASK_EVERY);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<RunningSaver>> {
        // It is replaced in one step, so it is valid after a panic too.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

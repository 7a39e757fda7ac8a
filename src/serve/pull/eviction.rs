//! Removes the tarballs and the documentation that were asked for the longest time ago, if all take more than the
//! allowed size.

use std::io;
use std::mem;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::kept_files::KeptFiles;
use crate::repository::RepositoryPath;

/// Removes files on a thread of its own, which ends when this is dropped.
pub(super) struct Eviction(Mutex<EvictionState>);

enum EvictionState {
    /// It has not begun.
    Waiting(Box<KeptFiles>),
    Running {
        written: Sender<RepositoryPath>,
        thread: JoinHandle<()>,
    },
    Ended,
}

/// How often uses are saved at most.
const SAVE_EVERY: Duration = Duration::from_secs(60);

/// How long the end waits until the uses are saved.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// How often it looks whether they are.
const ASK_EVERY: Duration = Duration::from_millis(10);

impl Eviction {
    /// Nothing is read or removed before it [is started](Self::start).
    pub fn new(files: KeptFiles) -> Self {
        Self(Mutex::new(EvictionState::Waiting(Box::new(files))))
    }

    /// Begins to keep within the size. Once it has begun, this does nothing.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub fn start(&self) -> io::Result<()> {
        let mut state = self.lock();
        let files = match mem::replace(&mut *state, EvictionState::Ended) {
            EvictionState::Waiting(files) => files,
            begun => {
                *state = begun;
                return Ok(());
            }
        };
        let (written, receiver) = channel();
        let run = move || run(*files, &receiver);
        let thread = thread::Builder::new().name("eviction".to_owned()).spawn(run)?;
        *state = EvictionState::Running { written, thread };
        Ok(())
    }

    /// Files were written: others may have to be removed.
    pub fn files_were_written(&self, paths: &[RepositoryPath]) {
        // Before the start this is not needed: all files are listed then.
        if let EvictionState::Running { written, .. } = &*self.lock() {
            for path in paths {
                let _ = written.send(path.clone());
            }
        }
    }

    /// Ends it, once the uses are saved. A disk that hangs is not waited for. May block.
    pub fn end(&self) {
        let ended = mem::replace(&mut *self.lock(), EvictionState::Ended);
        if let EvictionState::Running { written, thread } = ended {
            drop(written);
            let began = Instant::now();
            while began.elapsed() < END_TIMEOUT && !thread.is_finished() {
                thread::sleep(ASK_EVERY);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, EvictionState> {
        // It is replaced in one step, so it is valid after a panic too.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn run(mut files: KeptFiles, written: &Receiver<RepositoryPath>) {
    files.load_uses();
    let mut saved = Instant::now();
    let mut kept_log = EvictionLog::of(&files, "the files take more than `size`");
    let mut saved_log = EvictionLog::of(&files, "could not save when files were used");
    let mut paths = Vec::new();
    loop {
        if let Some(kept) = files.keep_within_size(&paths) {
            kept_log.log(kept);
        }
        if saved.elapsed() >= SAVE_EVERY {
            saved = Instant::now();
            saved_log.log(files.save_uses());
        }
        let wait = files.wait().unwrap_or(SAVE_EVERY).min(SAVE_EVERY);
        paths = match written.recv_timeout(wait) {
            Ok(first) => [first].into_iter().chain(written.try_iter()).collect(),
            Err(RecvTimeoutError::Timeout) => Vec::new(),
            Err(RecvTimeoutError::Disconnected) => break,
        };
    }
    saved_log.log(files.save_uses());
}

/// Logs why one kind of work fails: each error once, until another one or success.
struct EvictionLog {
    repository: String,
    message: &'static str,
    logged: Option<String>,
}

impl EvictionLog {
    fn of(files: &KeptFiles, message: &'static str) -> Self {
        Self { repository: files.repository.clone(), message, logged: None }
    }

    fn log(&mut self, result: Result<(), String>) {
        let error = result.err();
        if error.is_some() && error != self.logged {
            let (repository, error) = (self.repository.as_str(), error.as_deref());
            tracing::error!(repository, error, "{}", self.message);
        }
        self.logged = error;
    }
}

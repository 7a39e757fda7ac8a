//! Whether the server is well, found out on a thread of its own: those that read files and make pages may all be
//! taken, and a supervisor of the server must not take that for its end.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

/// How many may wait for an answer. It takes microseconds, unless the disk hangs.
const WAITING: usize = 256;

/// How long an answer is waited for: a disk that hangs is no health.
const PATIENCE: Duration = Duration::from_secs(5);

/// Tells whether the server is well.
pub(super) struct Health(SyncSender<oneshot::Sender<bool>>);

impl Health {
    /// Well is who has all these directories: a disk that was not mounted is no health.
    ///
    /// # Errors
    /// Where there is no thread for it.
    pub fn of(directories: Vec<PathBuf>) -> io::Result<Self> {
        let (ask, asked) = sync_channel(WAITING);
        thread::Builder::new()
            .name("health".to_owned())
            .spawn(move || look(&directories, &asked))?;
        Ok(Self(ask))
    }

    /// Whether it is well now.
    pub async fn is_well(&self) -> bool {
        let (tell, told) = oneshot::channel();
        if self.0.try_send(tell).is_err() {
            return false;
        }
        matches!(tokio::time::timeout(PATIENCE, told).await, Ok(Ok(true)))
    }
}

/// Answers until nothing is left that could ask. All who wait are told of one look.
fn look(directories: &[PathBuf], asked: &Receiver<oneshot::Sender<bool>>) {
    while let Ok(first) = asked.recv() {
        let more: Vec<_> = asked.try_iter().collect();
        let is_there =
            |directory: &PathBuf| fs::metadata(directory).is_ok_and(|found| found.is_dir());
        let is_well = directories.iter().all(is_there);
        for one in more.into_iter().chain([first]) {
            // Who asked may have gone.
            let _ = one.send(is_well);
        }
    }
}

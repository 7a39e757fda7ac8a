//! The bodies of requests: a small one in memory, an upload in a temporary file. Both are bounded in bytes and in time.
//!
//! hyper sends `100 Continue` when the first bytes of a body are asked for. So a client that waits for it
//! (`Expect: 100-continue`) sends nothing if the request is refused before.

use std::future::poll_fn;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use http_body::Body;
use tokio::task::spawn_blocking;

use super::upload::Upload;

/// In bytes a second: how fast a client has to send, averaged over the whole body.
const LEAST_RATE: u64 = 4 * 1024;

/// In bytes: how much is handed to the thread that writes the temporary file at once.
const CHUNK: usize = 256 * 1024;

/// The limits of a body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimits {
    /// In bytes.
    pub size: usize,
    /// How long the client may send nothing.
    pub stall: Duration,
    /// How long the client may take for all of it.
    pub total: Duration,
}

/// Why a body was not received.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the body has more than {0} bytes")]
    TooLarge(usize),
    #[error("the client sends too slowly")]
    TooSlow,
    #[error("the client sends too slowly: the body was not complete after {} seconds", .0.as_secs())]
    TooLate(Duration),
    #[error("the client closed the connection, or sent a malformed body")]
    Aborted,
    /// The disk of the server is full, for example.
    #[error("the body cannot be written to a temporary file")]
    Unwritten(#[source] io::Error),
}

/// Receives a small body.
///
/// # Errors
/// [`BodyError`].
pub(crate) async fn receive_small<B>(body: B, limits: BodyLimits) -> Result<Vec<u8>, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut receiver = Receiver::new(body, limits);
    let mut all = Vec::new();
    while let Some(bytes) = receiver.next().await? {
        all.extend_from_slice(&bytes);
    }
    Ok(all)
}

/// Receives a body into a temporary file in `folder`.
///
/// # Errors
/// [`BodyError`].
pub(crate) async fn receive_upload<B>(
    body: B,
    limits: BodyLimits,
    folder: PathBuf,
) -> Result<Upload, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut receiver = Receiver::new(body, limits);
    // The client is told to go on only once there is a file.
    let mut upload = blocking(move || Upload::create(&folder)).await?;
    let mut chunk = Vec::new();
    loop {
        let bytes = receiver.next().await?;
        chunk.extend_from_slice(bytes.as_deref().unwrap_or_default());
        if chunk.len() >= CHUNK || (bytes.is_none() && !chunk.is_empty()) {
            let full = std::mem::take(&mut chunk);
            upload = blocking(move || {
                upload.write_all(&full)?;
                Ok(upload)
            })
            .await?;
        }
        if bytes.is_none() {
            return Ok(upload);
        }
    }
}

/// Runs on a thread that may block: a disk may hang.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, BodyError> {
    let done = spawn_blocking(work).await.map_err(io::Error::other);
    done.and_then(|done| done).map_err(BodyError::Unwritten)
}

/// Receives a body within its limits.
struct Receiver<B> {
    body: B,
    limits: BodyLimits,
    began: Instant,
    received: usize,
}

impl<B: Body<Data = Bytes> + Unpin> Receiver<B> {
    fn new(body: B, limits: BodyLimits) -> Self {
        Self { body, limits, began: Instant::now(), received: 0 }
    }

    /// The next bytes; `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        let size = usize::try_from(self.body.size_hint().lower()).unwrap_or(usize::MAX);
        if self.received.saturating_add(size) > self.limits.size {
            return Err(BodyError::TooLarge(self.limits.size));
        }
        loop {
            // A client that sends without a pause is never waited for.
            if self.began.elapsed() >= self.limits.total {
                return Err(self.too_slow());
            }
            let patience = self.patience();
            let frame = poll_fn(|context| Pin::new(&mut self.body).poll_frame(context));
            let frame = tokio::time::timeout(patience, frame).await;
            let Some(frame) = frame.map_err(|_| self.too_slow())? else { return Ok(None) };
            // Trailers say nothing here.
            let Ok(bytes) = frame.map_err(|_| BodyError::Aborted)?.into_data() else { continue };
            self.received = self.received.saturating_add(bytes.len());
            if self.received > self.limits.size {
                return Err(BodyError::TooLarge(self.limits.size));
            }
            return Ok(Some(bytes));
        }
    }

    /// How long the next bytes may take: as long as nothing may be sent, and no longer than the least rate and the time
    /// for all of it allow.
    fn patience(&self) -> Duration {
        let received = u64::try_from(self.received).unwrap_or(u64::MAX);
        let earned = Duration::from_millis(received.saturating_mul(1_000) / LEAST_RATE);
        let allowed = self.limits.stall.saturating_add(earned).min(self.limits.total);
        self.limits.stall.min(allowed.saturating_sub(self.began.elapsed()))
    }

    fn too_slow(&self) -> BodyError {
        let total = self.limits.total;
        if self.began.elapsed() >= total { BodyError::TooLate(total) } else { BodyError::TooSlow }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::task::{Context, Poll};

    use http_body::Frame;
    use tempfile::TempDir;

    use super::*;

    /// A body that sends a frame each `gap`, and then ends, or stays silent.
    struct Slow {
        frames: VecDeque<&'static [u8]>,
        gap: Duration,
        ends: bool,
        /// The frames come again and again.
        endless: bool,
        timer: Option<Pin<Box<tokio::time::Sleep>>>,
    }

    impl Body for Slow {
        type Data = Bytes;
        type Error = io::Error;

        fn poll_frame(
            self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
            let this = self.get_mut();
            let gap = this.gap;
            let timer = this.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(gap)));
            if timer.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            this.timer = None;
            match this.frames.pop_front() {
                Some(bytes) => {
                    if this.endless {
                        this.frames.push_back(bytes);
                    }
                    Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(bytes)))))
                }
                None if this.ends => Poll::Ready(None),
                None => Poll::Pending,
            }
        }
    }

    fn slow(frames: &[&'static [u8]], gap: u64, ends: bool) -> Slow {
        let frames = frames.iter().copied().collect();
        Slow { frames, gap: Duration::from_millis(gap), ends, endless: false, timer: None }
    }

    fn limits(size: usize, stall: u64) -> BodyLimits {
        BodyLimits { size, stall: Duration::from_millis(stall), total: Duration::from_secs(60) }
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.unwrap().block_on(future)
    }

    #[test]
    fn a_body_of_the_largest_size_is_received_and_one_byte_more_is_not() {
        let body = || slow(&[b"12", b"", b"345"], 0, true);
        assert_eq!(block_on(receive_small(body(), limits(5, 60_000))).unwrap(), b"12345");
        let error = block_on(receive_small(body(), limits(4, 60_000))).unwrap_err();
        assert!(matches!(error, BodyError::TooLarge(4)), "{error}");
    }

    #[test]
    fn a_client_that_falls_silent_is_not_waited_for() {
        let error = block_on(receive_small(slow(&[b"1"], 0, false), limits(5, 50))).unwrap_err();
        assert!(matches!(error, BodyError::TooSlow), "{error}");
    }

    /// Each byte comes in time, and all of them below the least rate.
    #[test]
    fn a_client_that_drips_is_too_slow() {
        let frames = [b"1".as_slice(); 1_000];
        let began = Instant::now();
        let error =
            block_on(receive_small(slow(&frames, 20, true), limits(5_000, 200))).unwrap_err();
        assert!(matches!(error, BodyError::TooSlow), "{error}");
        // All of it would take twenty seconds.
        assert!(began.elapsed() < Duration::from_secs(10));
    }

    /// Each byte comes in time, and so fast that the least rate would allow more.
    #[test]
    fn a_client_has_a_time_for_the_whole_body() {
        const PIECE: &[u8] = &[b'1'; 1024];
        let total = Duration::from_millis(200);
        for gap in [0, 5] {
            let limits = BodyLimits { total, ..limits(usize::MAX, 10_000) };
            let body = Slow { endless: true, ..slow(&[PIECE], gap, false) };
            let began = Instant::now();
            let error = block_on(receive_small(body, limits)).unwrap_err();
            assert!(matches!(error, BodyError::TooLate(_)), "{error}");
            assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
        }
    }

    #[test]
    fn an_upload_is_removed_when_it_is_dropped() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().to_owned();
        let body = slow(&[b"12", b"345"], 0, true);
        let upload = block_on(receive_upload(body, limits(5, 1_000), path)).unwrap();
        assert_eq!(std::fs::read(upload.path()).unwrap(), b"12345");
        drop(upload);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

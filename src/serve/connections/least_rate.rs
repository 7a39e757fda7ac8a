//! The rate at which a client has to take its answer, and a connection that goes by it.
//!
//! What counts is what the socket takes, which is ahead of what the client has by what the system keeps for it:
//! a slow client seems to take nothing for a while, and then much at once. So a client is given time for what it
//! takes, a second for each [`LEAST_RATE`] bytes, and has as much of it in store as it may take nothing. The
//! system keeps at most [`BUFFER`] bytes where they would be many more from the start, as over loopback; where
//! its buffer has grown since, because the client was fast, the client has the time that emptying it takes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use crate::serve::connections::activity::Activity;

/// In bytes a second: at least as much a client takes, seen over the time in which it may take nothing.
const LEAST_RATE: u64 = 1024;

/// In bytes, how much the system may keep of what was sent, where nothing is known of the client yet.
const BUFFER: usize = 192 * 1024;

/// In bytes a second, how fast a client empties a buffer that has grown.
const SLOW: usize = 4 * 1024;

/// A connection whose client has to take what it is sent.
pub(crate) struct PacedStream {
    stream: TcpStream,
    activity: Arc<Activity>,
    pace: Pace,
    /// Runs while the client takes nothing, and is looked at only then.
    timer: Option<Pin<Box<Sleep>>>,
}

/// How far behind a client is.
#[derive(Debug)]
struct Pace {
    stall: Duration,
    /// Time for which it has taken nothing, less what it was given for bytes.
    behind: Duration,
    /// Since when the socket takes nothing.
    blocked: Option<Instant>,
}

impl Pace {
    fn new(stall: Duration) -> Self {
        Self { stall, behind: Duration::ZERO, blocked: None }
    }

    /// The socket takes nothing. Since when the client seems to have taken nothing, all in all.
    fn block(&mut self, now: Instant) -> Instant {
        let since = *self.blocked.get_or_insert(now);
        since.checked_sub(self.behind).unwrap_or(since)
    }

    /// The socket took so many bytes.
    fn take(&mut self, bytes: usize, now: impl FnOnce() -> Instant) {
        if let Some(since) = self.blocked.take() {
            let blocked = now().saturating_duration_since(since);
            self.behind = self.behind.saturating_add(blocked);
        }
        if self.behind > Duration::ZERO {
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            let paid = bytes.saturating_mul(1_000_000) / LEAST_RATE;
            self.behind = self.behind.saturating_sub(Duration::from_micros(paid));
        }
    }

    /// How far behind it may be, where the system keeps up to `buffer` bytes for it. It tells that there is room
    /// again when a third is.
    fn patience(&self, buffer: usize) -> Duration {
        // What is asked for is doubled, for what the system itself needs.
        let grown = buffer.saturating_sub(BUFFER.saturating_mul(2)) / 3 / SLOW;
        self.stall.saturating_add(Duration::from_secs(grown.try_into().unwrap_or(u64::MAX)))
    }
}

impl PacedStream {
    /// A connection whose client may take nothing for as long as `stall`.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(stream: TcpStream, activity: Arc<Activity>, stall: Duration) -> io::Result<Self> {
        // A head and a small file are two writes, and the second is not to wait for the client's word.
        stream.set_nodelay(true)?;
        if buffer(&stream) > BUFFER.saturating_mul(2) {
            rustix::net::sockopt::set_socket_send_buffer_size(&stream, BUFFER)?;
        }
        Ok(Self { stream, activity, pace: Pace::new(stall), timer: None })
    }

    fn wrote(
        &mut self,
        context: &mut Context<'_>,
        polled: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match polled {
            Poll::Ready(Ok(bytes)) => {
                if self.pace.blocked.is_some() {
                    self.activity.keeps_up();
                }
                self.pace.take(bytes, Instant::now);
                polled
            }
            Poll::Ready(Err(_)) => polled,
            Poll::Pending => self.wait(context),
        }
    }

    fn wait(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let since = self.pace.block(Instant::now());
        self.activity.lags(since);
        let deadline = |patience| since.checked_add(patience).unwrap_or(since);
        let timer = self.timer.get_or_insert_with(|| {
            Box::pin(tokio::time::sleep_until(deadline(self.pace.stall).into()))
        });
        while timer.as_mut().poll(context).is_ready() {
            let deadline = deadline(self.pace.patience(buffer(&self.stream)));
            if deadline <= Instant::now() {
                self.activity.is_given_up();
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            // It ran since an earlier wait, or the buffer has grown.
            timer.as_mut().reset(deadline.into());
        }
        Poll::Pending
    }
}

/// In bytes, how much the system keeps at most of what was sent on this socket.
fn buffer(stream: &TcpStream) -> usize {
    rustix::net::sockopt::socket_send_buffer_size(stream).unwrap_or(0)
}

impl AsyncRead for PacedStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            this.activity.received();
        }
        polled
    }
}

impl AsyncWrite for PacedStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.wrote(context, polled)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_write_vectored(context, bytes);
        this.wrote(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Is called once all that there is to write was written.
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_flush(context);
        if polled.is_ready() {
            this.activity.flushed();
        }
        polled
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STALL: Duration = Duration::from_secs(30);

    /// For how many seconds of `seconds` a client lasts that takes `lump` bytes at once, `gap` seconds apart.
    fn lasts(lump: usize, gap: usize, seconds: u64) -> u64 {
        let began = Instant::now();
        let mut pace = Pace::new(STALL);
        let takes = std::iter::repeat_n(false, gap.saturating_sub(1)).chain([true]).cycle();
        for (second, takes) in (0..seconds).zip(takes) {
            let now = began.checked_add(Duration::from_secs(second)).unwrap();
            if takes {
                pace.take(lump, || now);
            }
            if now.duration_since(pace.block(now)) >= pace.patience(0) {
                return second;
            }
        }
        seconds
    }

    #[test]
    fn who_takes_at_least_the_least_rate_is_never_given_up() {
        for (lump, gap) in
            [(1024, 1), (5 * 1024, 5), (29 * 1024, 29), (128 * 1024, 25), (64 << 20, 29)]
        {
            assert_eq!(lasts(lump, gap, 3_600), 3_600, "{lump} bytes each {gap} seconds");
        }
    }

    #[test]
    fn who_takes_less_is_given_up_in_the_end() {
        assert_eq!(lasts(0, 1, 3_600), 30);
        // A byte is a thousandth of a second.
        assert_eq!(lasts(1, 10, 3_600), 31);
        // Half the least rate: twice as long.
        assert!((50..70).contains(&lasts(512, 1, 3_600)));
        // What it once took at once is not time in store for the rest of the day.
        assert_eq!(lasts(64 << 20, 40, 3_600), 30);
    }

    #[test]
    fn a_buffer_that_has_grown_is_given_time_to_empty() {
        let pace = Pace::new(STALL);
        assert_eq!(pace.patience(2 * BUFFER), STALL);
        let patience = pace.patience(4 << 20);
        assert!(patience > Duration::from_secs(300) && patience < Duration::from_secs(400));
    }
}

//! The least rate at which a client has to take its response, and the stream that enforces it.
//!
//! Only the bytes that the socket accepts can be measured. The socket is ahead of the client by the send buffer of the
//! system: a slow client seems to take nothing for a while, and then much at once. So each [`LEAST_RATE`] bytes
//! that the socket accepts earn the client a second, and it may be behind by as long as it may take nothing. The send
//! buffer is limited to [`BUFFER`] bytes where the system would make it larger from the start, as over loopback. Where
//! the system has grown it later, because the client was fast, the client has the time in addition that emptying the
//! buffer takes.
//!
//! How many bytes the client has acknowledged (`SIOCOUTQ`, `TCP_INFO`) cannot be asked for without `unsafe`, and the
//! same holds for a limit of unsent bytes (`TCP_NOTSENT_LOWAT`).

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use crate::serve::connections::activity::Activity;

/// In bytes a second, averaged over the time for which a client may take nothing.
const LEAST_RATE: u64 = 1024;

/// In bytes: the send buffer of a new connection.
const BUFFER: usize = 192 * 1024;

/// In bytes a second: how fast a client is expected to empty a send buffer that has grown.
const DRAIN_RATE: usize = 4 * 1024;

/// A TCP stream that fails when the client takes bytes below the least rate.
pub(crate) struct LeastRateStream {
    stream: TcpStream,
    activity: Arc<Activity>,
    lag: Lag,
    /// Polled only while the client takes nothing.
    timer: Option<Pin<Box<Sleep>>>,
    /// While the rest of a refused body is discarded.
    discarding: Option<Discarding>,
}

/// How much more of a refused body is discarded.
struct Discarding {
    deadline: Pin<Box<Sleep>>,
    /// In bytes.
    rest: usize,
}

/// How far behind a client is.
#[derive(Debug)]
struct Lag {
    stall: Duration,
    /// The time for which it has taken nothing, less the time that it has earned by bytes.
    behind: Duration,
    /// Since when the socket accepts nothing.
    blocked: Option<Instant>,
}

impl Lag {
    fn new(stall: Duration) -> Self {
        Self { stall, behind: Duration::ZERO, blocked: None }
    }

    /// The socket accepts nothing. Returns since when the client would have taken nothing to be as far behind.
    fn block(&mut self, now: Instant) -> Instant {
        let since = *self.blocked.get_or_insert(now);
        since.checked_sub(self.behind).unwrap_or(since)
    }

    /// The socket accepted bytes.
    fn take(&mut self, bytes: usize, now: impl FnOnce() -> Instant) {
        if let Some(since) = self.blocked.take() {
            let blocked = now().saturating_duration_since(since);
            self.behind = self.behind.saturating_add(blocked);
        }
        if self.behind > Duration::ZERO {
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            let earned = bytes.saturating_mul(1_000_000) / LEAST_RATE;
            self.behind = self.behind.saturating_sub(Duration::from_micros(earned));
        }
    }

    /// How far behind it may be with a send buffer of this size. The system reports room again once a third of the
    /// buffer is free.
    fn limit(&self, buffer: usize) -> Duration {
        // The system doubles the requested size, for its own needs.
        let grown = buffer.saturating_sub(BUFFER.saturating_mul(2)) / 3 / DRAIN_RATE;
        self.stall.saturating_add(Duration::from_secs(grown.try_into().unwrap_or(u64::MAX)))
    }
}

impl LeastRateStream {
    /// Limits a stream whose client may take nothing for as long as `stall`.
    ///
    /// # Errors
    /// The client has closed the connection.
    pub fn new(stream: TcpStream, activity: Arc<Activity>, stall: Duration) -> io::Result<Self> {
        // A head and a small file are two writes; the second must not wait for an acknowledgement.
        stream.set_nodelay(true)?;
        if buffer(&stream) > BUFFER.saturating_mul(2) {
            rustix::net::sockopt::set_socket_send_buffer_size(&stream, BUFFER)?;
        }
        Ok(Self { stream, activity, lag: Lag::new(stall), timer: None, discarding: None })
    }

    fn wrote(
        &mut self,
        context: &mut Context<'_>,
        polled: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match polled {
            Poll::Ready(Ok(bytes)) => {
                if self.lag.blocked.is_some() {
                    self.activity.caught_up();
                }
                self.lag.take(bytes, Instant::now);
                polled
            }
            Poll::Ready(Err(_)) => polled,
            Poll::Pending => self.wait(context),
        }
    }

    fn wait(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let since = self.lag.block(Instant::now());
        self.activity.lagging(since);
        let deadline = |limit| since.checked_add(limit).unwrap_or(since);
        let timer = self.timer.get_or_insert_with(|| {
            Box::pin(tokio::time::sleep_until(deadline(self.lag.stall).into()))
        });
        while timer.as_mut().poll(context).is_ready() {
            let deadline = deadline(self.lag.limit(buffer(&self.stream)));
            if deadline <= Instant::now() {
                self.activity.mark_too_slow();
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            // The timer was set by an earlier wait, or the buffer has grown.
            timer.as_mut().reset(deadline.into());
        }
        Poll::Pending
    }
}

/// In bytes: what is discarded at once.
const DISCARDED: usize = 16 * 1024;

/// In bytes: what is discarded at most. No client of a registry sends a larger body; one that never ends does not keep
/// the server busy.
const MAX_DISCARDED: usize = 32 << 20;

impl LeastRateStream {
    /// Reads and discards what the client still sends, until it closes the connection, or has had its time or its bytes.
    fn discard(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let stall = self.lag.stall;
        let discarding = self.discarding.get_or_insert_with(|| Discarding {
            deadline: Box::pin(tokio::time::sleep(stall)),
            rest: MAX_DISCARDED,
        });
        while discarding.rest > 0 && discarding.deadline.as_mut().poll(context).is_pending() {
            let mut buffer = [MaybeUninit::uninit(); DISCARDED];
            let mut buffer = ReadBuf::uninit(&mut buffer);
            match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    discarding.rest = discarding.rest.saturating_sub(buffer.filled().len());
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(())
    }
}

/// In bytes: the send buffer of this socket.
fn buffer(stream: &TcpStream) -> usize {
    rustix::net::sockopt::socket_send_buffer_size(stream).unwrap_or(0)
}

impl AsyncRead for LeastRateStream {
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

impl AsyncWrite for LeastRateStream {
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

    /// hyper calls this after it has written all bytes that it has.
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_flush(context);
        if polled.is_ready() {
            this.activity.flushed();
        }
        polled
    }

    /// A socket that is closed while bytes of the client arrive resets the connection, and the client may lose the
    /// response. So the rest of a body that was refused is discarded first. The connection is idle meanwhile, and may
    /// be closed for another.
    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let closed = std::task::ready!(Pin::new(&mut this.stream).poll_shutdown(context));
        if closed.is_ok() && this.activity.may_have_unread_body() {
            std::task::ready!(this.discard(context));
        }
        Poll::Ready(closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STALL: Duration = Duration::from_secs(30);

    /// After how many seconds a client is too slow that takes `lump` bytes at once, `gap` seconds apart; at most `seconds`.
    fn lasts(lump: usize, gap: usize, seconds: u64) -> u64 {
        let began = Instant::now();
        let mut lag = Lag::new(STALL);
        let takes = std::iter::repeat_n(false, gap.saturating_sub(1)).chain([true]).cycle();
        for (second, takes) in (0..seconds).zip(takes) {
            let now = began.checked_add(Duration::from_secs(second)).unwrap();
            if takes {
                lag.take(lump, || now);
            }
            if now.duration_since(lag.block(now)) >= lag.limit(0) {
                return second;
            }
        }
        seconds
    }

    #[test]
    fn a_client_at_the_least_rate_is_never_too_slow() {
        for (lump, gap) in
            [(1024, 1), (5 * 1024, 5), (29 * 1024, 29), (128 * 1024, 25), (64 << 20, 29)]
        {
            assert_eq!(lasts(lump, gap, 3_600), 3_600, "{lump} bytes each {gap} seconds");
        }
    }

    #[test]
    fn a_client_below_the_least_rate_is_too_slow_at_last() {
        assert_eq!(lasts(0, 1, 3_600), 30);
        // A byte earns a thousandth of a second.
        assert_eq!(lasts(1, 10, 3_600), 31);
        // Half the least rate: twice as long.
        assert!((50..70).contains(&lasts(512, 1, 3_600)));
        // Many bytes at once earn no time in advance.
        assert_eq!(lasts(64 << 20, 40, 3_600), 30);
    }

    #[test]
    fn a_grown_buffer_gets_time_to_drain() {
        let lag = Lag::new(STALL);
        assert_eq!(lag.limit(2 * BUFFER), STALL);
        let limit = lag.limit(4 << 20);
        assert!(limit > Duration::from_secs(300) && limit < Duration::from_secs(400));
    }
}

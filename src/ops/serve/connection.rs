//! Connections: only so many, and none that stands still.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;

use super::metrics::Metrics;

/// How long a connection waits for another one to end before it is closed.
const PATIENCE: Duration = Duration::from_secs(5);

/// Lets connections in, as long as there is room.
#[derive(Clone)]
pub(super) struct Door {
    room: Arc<Semaphore>,
    stall: Duration,
    metrics: Arc<Metrics>,
}

/// A connection that has its place for as long as it lives.
pub(super) struct Connection {
    stream: Pin<Box<TimeoutStream<TcpStream>>>,
    _place: Place,
}

struct Place {
    metrics: Arc<Metrics>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.metrics.connections.dec();
    }
}

impl Door {
    /// For so many connections at once, each of which is closed where its client takes nothing for
    /// as long as `stall`.
    pub fn new(connections: usize, stall: Duration, metrics: Arc<Metrics>) -> Self {
        Self { room: Arc::new(Semaphore::new(connections)), stall, metrics }
    }
}

impl<S: Send + 'static> Accept<TcpStream, S> for Door {
    type Stream = Connection;
    type Service = S;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Connection, S)>> + Send>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let Self { room, stall, metrics } = self.clone();
        Box::pin(async move {
            let permit = tokio::time::timeout(PATIENCE, room.acquire_owned());
            let permit = permit.await.map_err(|_| io::ErrorKind::ConnectionRefused)?;
            let permit = permit.map_err(io::Error::other)?;
            metrics.connections.inc();
            let place = Place { metrics, _permit: permit };
            // A head and a small file are two writes, and nobody wants to wait for the second.
            stream.set_nodelay(true)?;
            let mut stream = TimeoutStream::new(stream);
            stream.set_write_timeout(Some(stall));
            Ok((Connection { stream: Box::pin(stream), _place: place }, service))
        })
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.get_mut().stream.as_mut().poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().stream.as_mut().poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().stream.as_mut().poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().stream.as_mut().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().stream.as_mut().poll_shutdown(context)
    }
}

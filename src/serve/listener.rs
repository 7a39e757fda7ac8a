//! The listening socket: accepts connections until shutdown, then waits for those that are open.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;

use super::connection::{self, RequestHandler};
use super::connections::activity::Stop;
use super::connections::admission::Admission;
use super::shutdown::Shutdown;
use super::tls::Certificates;

/// How many connections the system keeps that are not accepted yet; it may allow fewer.
const BACKLOG: i32 = 4_096;

/// Listens on an address.
///
/// # Errors
/// Another program listens there, or this one may not.
pub(super) fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    // The standard library asks for a backlog of 128, which a burst of clients exceeds.
    rustix::net::listen(&listener, BACKLOG)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Serves every connection until the server shuts down and the running requests are answered.
///
/// # Errors
/// The socket cannot be used; no connection was accepted then.
pub(super) async fn run<H: RequestHandler>(
    listener: std::net::TcpListener,
    certificates: Option<Certificates>,
    admission: Arc<Admission>,
    handler: Arc<H>,
    mut shutdown: Shutdown,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.begun() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                admission.accept_failed(&error).await;
                continue;
            }
        };
        if let Some(connection) = admission.admit(address) {
            let tls = certificates.as_ref().map(Certificates::config);
            let handler = Arc::clone(&handler);
            tokio::spawn(connection::serve(handler, connection, stream, tls));
        }
    }
    drop(listener);
    admission.stop_all(Stop::AfterResponse);
    tokio::select! {
        () = admission.all_ended() => {}
        () = shutdown.over() => {}
    }
    Ok(())
}

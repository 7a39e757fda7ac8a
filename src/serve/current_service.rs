//! The service of the options that hold now.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use axum::http::{Request, Response, StatusCode};
use hyper::body::Incoming;

use super::access_log::LoggedBody;
use super::connection::RequestHandler;
use super::connections::admission::ClientConnection;
use super::service::RegistryService;

/// The service of the options that hold now. A request keeps the one that it began with.
pub(super) struct CurrentService(RwLock<Arc<RegistryService>>);

impl CurrentService {
    pub fn new(service: RegistryService) -> Self {
        Self(RwLock::new(Arc::new(service)))
    }

    pub fn get(&self) -> Arc<RegistryService> {
        // It is replaced in one step, so it is valid after a panic too.
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another service in its place, and returns the former one.
    pub fn replace(&self, service: RegistryService) -> Arc<RegistryService> {
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *current, Arc::new(service))
    }
}

impl RequestHandler for CurrentService {
    type Body = LoggedBody;

    async fn handle(
        self: Arc<Self>,
        connection: Arc<ClientConnection>,
        request: Request<Incoming>,
    ) -> Response<LoggedBody> {
        self.get().handle(connection, request).await
    }

    fn malformed(&self, client: IpAddr, status: StatusCode) {
        self.get().malformed(client, status);
    }
}

/// Answers on the address of documentation: for that alone.
#[cfg(feature = "web")]
pub(super) struct DocsService(pub Arc<CurrentService>);

#[cfg(feature = "web")]
impl RequestHandler for DocsService {
    type Body = LoggedBody;

    async fn handle(
        self: Arc<Self>,
        connection: Arc<ClientConnection>,
        request: Request<Incoming>,
    ) -> Response<LoggedBody> {
        let (request, _) = request.into_parts();
        self.0.get().handle_docs(&connection, request).await
    }

    fn malformed(&self, client: IpAddr, status: StatusCode) {
        self.0.malformed(client, status);
    }
}

//! A request, as an endpoint gets it.

use std::net::IpAddr;
#[cfg(feature = "web")]
use std::sync::Arc;

use axum::http::request::Parts;

use super::repository::Repository;

/// A request to an endpoint.
#[derive(Clone, Copy)]
#[cfg_attr(not(feature = "web"), expect(dead_code, reason = "only pages need all of it"))]
pub(super) struct Call<'a> {
    /// The repository whose path was requested.
    pub repository: Option<&'a Repository>,
    pub request: &'a Parts,
    pub client: IpAddr,
    /// The body, of a request that has one.
    pub body: Option<&'a [u8]>,
    /// Whether the client may read every repository, and not only those that everyone may read.
    pub reads_all: bool,
}

#[cfg(feature = "web")]
impl Call<'_> {
    /// The repository whose path was requested, for work that goes on without the request.
    pub fn of(&self, repositories: &[Arc<Repository>]) -> Option<Arc<Repository>> {
        let asked = self.repository?;
        repositories.iter().find(|one| std::ptr::eq(&raw const ***one, asked)).cloned()
    }
}

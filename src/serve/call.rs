//! A request, as an endpoint gets it.

use std::net::IpAddr;

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
}

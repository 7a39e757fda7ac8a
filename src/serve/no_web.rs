//! A server without the feature `web` has no pages: where one would be, nothing is found.

use std::future::{Ready, ready};
use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{Response, StatusCode};

use crate::serve::Options;
use crate::serve::files::Mount;
use crate::serve::overview::{Facts, State};
use crate::serve::service::plain;

/// Stands in for the pages of all repositories.
pub(super) struct Pages {
    repositories: Vec<(Mount, Facts)>,
}

impl Pages {
    pub fn new(options: &Options) -> Self {
        let repositories = options.mounts.iter().map(|mount| {
            let store = Arc::new(options.store(mount));
            (mount.clone(), Facts::new(store))
        });
        Self { repositories: repositories.collect() }
    }

    /// Every repository, and its current state.
    pub fn states(&self) -> impl Iterator<Item = (&Mount, Arc<State>)> {
        self.repositories.iter().map(|(mount, facts)| (mount, facts.current()))
    }

    pub fn repository(&self, _: &Mount, _: &Parts, _: IpAddr) -> Ready<Response<Body>> {
        ready(plain(StatusCode::NOT_FOUND))
    }

    pub fn all(&self, _: IpAddr) -> Ready<Response<Body>> {
        ready(plain(StatusCode::NOT_FOUND))
    }
}

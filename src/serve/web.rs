//! Pages for people, as responses.
//!
//! A page may have to read and inflate files. So a few pages are made at once, of each peer in turn, and the queue is
//! bounded: pages never take all threads that read files.

mod browse;
mod browse_path;
pub(super) mod cache_file;
mod found;
mod home;
pub(super) mod indexing;
pub(super) mod known_policies;
mod package_reader;
pub mod page;
mod recent;
pub(super) mod recent_log;
pub(super) mod repository_pages;
mod required_facts;
pub(super) mod response;
mod search;
mod server_packages;
mod server_policies;
pub(super) mod tarballs;
mod visit;

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use tokio::task::spawn_blocking;

use super::base_url::BaseUrl;
use super::call::Call;
use super::connections::fair_queue::{FairQueue, QueueLimits};
use super::connections::refusals::{RefusalReason, Refusals};
use super::options::{DocsOptions, Options};
use super::repository::Repository;
use super::responses::{overloaded, plain};
use found::Searched;
use visit::Visit;

/// How many pages are made at once, and how many requests wait.
const PAGE_LIMITS: QueueLimits =
    QueueLimits { permits: 4, permits_of_peer: 2, waiting_of_peer: 32, waiting: 256 };

/// Makes pages.
pub(super) struct Web {
    queue: FairQueue,
    refusals: Arc<Refusals>,
    base_url: BaseUrl,
    /// Whether documentation has an origin of its own.
    has_docs_origin: bool,
}

impl Web {
    pub fn new(options: &Options, refusals: Arc<Refusals>) -> Self {
        Self {
            queue: FairQueue::new(PAGE_LIMITS),
            refusals,
            base_url: BaseUrl::new(options),
            has_docs_origin: options.docs != DocsOptions::default(),
        }
    }

    /// The page of a repository, with what a search finds.
    pub async fn repository(
        &self,
        call: Call<'_>,
        repositories: &[Arc<Repository>],
    ) -> Response<Body> {
        let visit = Visit::new(&call, &self.base_url);
        let Some(repository) = call.of(repositories) else { return plain(StatusCode::NOT_FOUND) };
        if let Some(response) = search::from_home(&visit) {
            return response;
        }
        let searched = Searched::from_repository(repositories, &repository, &visit).await;
        if search::is_asked(&visit) {
            return self.make(call.client, move || search::answer(&searched, &visit)).await;
        }
        self.make(call.client, move || home::repository(&repository, &searched, &visit)).await
    }

    /// The page that lists the repositories with names, with what a search finds in all of them.
    pub async fn index(&self, call: Call<'_>, repositories: &[Arc<Repository>]) -> Response<Body> {
        let visit = Visit::new(&call, &self.base_url);
        if let Some(response) = search::from_home(&visit) {
            return response;
        }
        let searched = Searched::all(repositories, &visit).await;
        if search::is_asked(&visit) {
            return self.make(call.client, move || search::answer(&searched, &visit)).await;
        }
        self.make(call.client, move || home::index(&searched, &visit)).await
    }

    /// The search in documentation; or, for a form with a lock file, the way to the search in what it pins.
    pub async fn search(&self, call: Call<'_>, repositories: &[Arc<Repository>]) -> Response<Body> {
        let visit = Visit::new(&call, &self.base_url);
        let searched = match call.of(repositories) {
            Some(repository) => Searched::from_repository(repositories, &repository, &visit).await,
            None => Searched::all(repositories, &visit).await,
        };
        let Some(body) = call.body.map(<[u8]>::to_owned) else {
            return self.make(call.client, move || search::show(&searched, &visit)).await;
        };
        let headers = call.request.headers.clone();
        self.make(call.client, move || search::form(&searched, &visit, &headers, &body)).await
    }

    /// Packages for what a user types into the search.
    pub async fn suggestions(
        &self,
        call: Call<'_>,
        repositories: &[Arc<Repository>],
    ) -> Response<Body> {
        let visit = Visit::new(&call, &self.base_url);
        let searched = match call.of(repositories) {
            Some(repository) => Searched::from_repository(repositories, &repository, &visit).await,
            None => Searched::all(repositories, &visit).await,
        };
        self.make(call.client, move || found::suggestions(&searched, &visit)).await
    }

    /// The policies of a repository.
    pub async fn policies(
        &self,
        call: Call<'_>,
        repositories: &[Arc<Repository>],
    ) -> Response<Body> {
        self.of_repository(call, repositories, server_policies::page).await
    }

    /// What came lately in a repository.
    pub async fn recent(&self, call: Call<'_>, repositories: &[Arc<Repository>]) -> Response<Body> {
        self.of_repository(call, repositories, recent::page).await
    }

    /// The same as a feed.
    pub async fn feed(&self, call: Call<'_>, repositories: &[Arc<Repository>]) -> Response<Body> {
        self.of_repository(call, repositories, recent::feed).await
    }

    async fn of_repository(
        &self,
        call: Call<'_>,
        repositories: &[Arc<Repository>],
        page: fn(&Searched, &Visit) -> Response<Body>,
    ) -> Response<Body> {
        let visit = Visit::new(&call, &self.base_url);
        let Some(repository) = call.of(repositories) else { return plain(StatusCode::NOT_FOUND) };
        let searched = Searched::new(repositories, &repository, visit.urls.clone()).await;
        self.make(call.client, move || page(&searched, &visit)).await
    }

    /// A page about a package.
    pub async fn browse(&self, call: Call<'_>, repositories: &[Arc<Repository>]) -> Response<Body> {
        let visit = Visit::new(&call, &self.base_url);
        let Some(repository) = call.of(repositories) else { return plain(StatusCode::NOT_FOUND) };
        let shows_docs = self.has_docs_origin || !repository.needs_credentials;
        let response = match browse::ask(repositories, &repository, &visit, shows_docs).await {
            Ok(asked) => {
                let visit = visit.clone();
                self.make(call.client, move || browse::respond(&asked, &visit)).await
            }
            Err(response) => response,
        };
        if response.status() != StatusCode::NOT_FOUND {
            return response;
        }
        self.make(call.client, move || browse::missing(&repository, &visit)).await
    }

    /// Makes a page on another thread, when it is the turn of this client.
    async fn make(
        &self,
        client: IpAddr,
        page: impl FnOnce() -> Response<Body> + Send + 'static,
    ) -> Response<Body> {
        let permit = match self.queue.acquire(client.into()).await {
            Ok(permit) => permit,
            Err(overload) => {
                self.refusals.count(RefusalReason::Pages, Some(client));
                return overloaded(overload);
            }
        };
        // If the client closes its connection, the work goes on, and keeps its permit until it ends.
        let made = spawn_blocking(move || {
            let response = page();
            drop(permit);
            response
        });
        made.await.unwrap_or_else(|_| plain(StatusCode::INTERNAL_SERVER_ERROR))
    }
}

//! Tests of searches, in the repository that the real Hex client built.

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::serve::api::packages::tests::{acme, packages};
use crate::store::DirStore;

fn catalog(directory: &TempDir) -> Arc<Catalog> {
    let overview = Arc::new(OverviewCache::new(Arc::new(DirStore::new(directory.path()))));
    Arc::new(Catalog::new(overview, packages(directory)))
}

fn peer(number: u8) -> Peer {
    std::net::IpAddr::from([192, 0, 2, number]).into()
}

async fn names(catalog: &Arc<Catalog>, query: &str) -> Vec<String> {
    let found = catalog.search(Query::parse(query), peer(1), |_| false).await.unwrap();
    found.iter().map(|package| package.releases.package.to_string()).collect()
}

#[tokio::test]
async fn a_search_looks_at_names_descriptions_and_dependencies() {
    let directory = acme();
    let catalog = catalog(&directory);
    let all = ["apple", "banana", "cherry", "date_fruit", "elder", "fig", "grape"];
    assert_eq!(names(&catalog, "").await, all);
    assert_eq!(
        names(&catalog, "search=e&sort=name&per_page=2&page=2").await,
        ["cherry", "date_fruit"]
    );
    assert_eq!(names(&catalog, "search=depends:telemetry").await, ["banana"]);
    let query = Query::parse("search=name:banana");
    let found = catalog.search(query, peer(1), |_| false).await.unwrap();
    assert_eq!(found[0].docs.len(), 1);
    assert!(found[0].updated_at.is_some());
    assert_eq!(found[0].description.as_ref().unwrap().app.as_deref(), Some("banana"));
    let description = found[0].description.as_ref().unwrap().description.clone().unwrap();
    let word = description.split(' ').next_back().unwrap();
    assert!(names(&catalog, &format!("search={word}")).await.contains(&"banana".to_owned()));
}

#[tokio::test]
async fn a_repository_that_was_not_built_has_no_packages() {
    let directory = TempDir::new().unwrap();
    let catalog = catalog(&directory);
    assert_eq!(names(&catalog, "search=a").await, [""; 0]);
}

#[tokio::test]
async fn a_package_that_is_gone_is_not_found() {
    let directory = acme();
    let catalog = catalog(&directory);
    assert_eq!(names(&catalog, "search=fig").await, ["fig"]);
    assert!(lock(&catalog.known).insides.contains_key(&"fig".parse().unwrap()));
    fs::remove_file(directory.path().join("packages/fig")).unwrap();
    assert_eq!(names(&catalog, "search=fig").await, [""; 0]);
}

/// One that asks for many searches waits for its own.
#[tokio::test]
async fn a_peer_has_one_search_at_a_time_and_keeps_no_other_waiting() {
    let directory = acme();
    let catalog = catalog(&directory);
    let running = catalog.searches.acquire(peer(1)).await.unwrap();
    let search = async |number: u8, within: Duration| {
        let searching = catalog.search(Query::parse("search=name:apple"), peer(number), |_| false);
        timeout(within, searching).await
    };
    let long = Duration::from_secs(60);
    assert!(search(1, Duration::from_millis(500)).await.is_err(), "it waits");
    assert_eq!(search(2, long).await.unwrap().unwrap().len(), 1);
    drop(running);
    assert_eq!(search(1, long).await.unwrap().unwrap().len(), 1);
}

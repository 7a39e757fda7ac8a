//! A package.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use super::configs::Configs;
use super::escaped::escaped;
use super::release::{RetirementView, app};
use super::site::{Site, date, date_of, user_url};
use crate::package::UnixSeconds;
use crate::registry::Releases;
use crate::tarball::{Description, is_web_url};
use crate::version::Version;

/// What is known of a package.
#[derive(Clone, Copy)]
pub(crate) struct PackageFacts<'a> {
    /// As it is signed, in ascending order of version.
    pub releases: &'a Releases,
    /// What the tarball of its [`recommended`](Releases::recommended) release says for people.
    pub description: Option<&'a Description>,
    /// The time of its last change, as `names` says.
    pub updated_at: Option<UnixSeconds>,
    /// Whether a release has documentation.
    pub has_docs: &'a dyn Fn(&Version) -> bool,
    /// The tokens that may publish it, and manage it, as far as the client may know.
    pub owners: &'a [&'a str],
}

/// The package, as the answer to `GET packages/NAME`.
pub(crate) fn package(site: &Site<'_>, facts: &PackageFacts<'_>) -> Value {
    let description = facts.description.and_then(|found| found.description.as_deref());
    view(site, facts, description)
}

/// The package in the answer to `GET packages`. rebar3 crashes where a description is not text.
pub(crate) fn listed_package(site: &Site<'_>, facts: &PackageFacts<'_>) -> Value {
    let description = facts.description.and_then(|found| found.description.as_deref());
    view(site, facts, Some(description.unwrap_or_default()))
}

fn view(site: &Site<'_>, facts: &PackageFacts<'_>, text: Option<&str>) -> Value {
    let PackageFacts { releases, description, updated_at, has_docs, owners } = *facts;
    let name = &releases.package;
    let recommended = releases.recommended().map(|release| &release.version);
    let newest_first = || releases.releases.iter().rev();
    let times = || newest_first().filter_map(|one| one.remarks.published_at.as_ref());
    let nothing = Description::default();
    let known = description.unwrap_or(&nothing);
    let view = PackageView {
        repository: site.repository.as_str(),
        name: name.as_str(),
        inserted_at: times().map(|time| time.seconds).min().and_then(date),
        updated_at: updated_at.or_else(|| times().map(|time| time.seconds).max()).and_then(date),
        url: site.package(name),
        html_url: site.page(name),
        docs_html_url: None,
        latest_version: newest_first().next().map(|release| release.version.to_string()),
        latest_stable_version: releases.latest_stable().map(|release| release.version.to_string()),
        configs: Configs::new(site.repository, name, app(description, name), recommended),
        meta: PackageMeta {
            description: text,
            licenses: &known.licenses,
            links: known.links.iter().filter(|(_, url)| is_web_url(url)).collect(),
            maintainers: &known.maintainers,
        },
        releases: newest_first()
            .map(|release| ListedRelease {
                version: release.version.to_string(),
                url: site.release(name, &release.version),
                has_docs: has_docs(&release.version),
                inserted_at: date_of(release.remarks.published_at.as_ref()),
            })
            .collect(),
        retirements: newest_first()
            .filter_map(|release| {
                let retirement = RetirementView::of(release.remarks.retired.as_ref()?);
                Some((release.version.to_string(), retirement))
            })
            .collect(),
        downloads: Map::new(),
        owners: owners
            .iter()
            .map(|username| PackageOwner { username, url: user_url(site.api, username) })
            .collect(),
    };
    // Keys are text, and nothing else can fail.
    escaped(serde_json::to_value(view).unwrap_or_default())
}
#[derive(Serialize)]
struct PackageView<'a> {
    repository: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    inserted_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<String>,
    url: String,
    html_url: String,
    /// Documentation is served as archives, and not as pages.
    docs_html_url: Option<String>,
    latest_version: Option<String>,
    latest_stable_version: Option<String>,
    configs: Configs,
    /// Always there: `mix hex.info` and a search crash without it.
    meta: PackageMeta<'a>,
    /// Newest first: a search shows the first stable one.
    releases: Vec<ListedRelease>,
    retirements: BTreeMap<String, RetirementView<'a>>,
    /// Not counted. A search of rebar3 crashes without the map.
    downloads: Map<String, Value>,
    owners: Vec<PackageOwner<'a>>,
}

#[derive(Serialize)]
struct PackageMeta<'a> {
    description: Option<&'a str>,
    licenses: &'a [String],
    /// Those that a browser may follow.
    links: BTreeMap<&'a String, &'a String>,
    maintainers: &'a [String],
}

#[derive(Serialize)]
struct ListedRelease {
    version: String,
    url: String,
    has_docs: bool,
    /// Left out if it is not known: Renovate drops a release whose time is null.
    #[serde(skip_serializing_if = "Option::is_none")]
    inserted_at: Option<String>,
}

#[derive(Serialize)]
struct PackageOwner<'a> {
    username: &'a str,
    url: String,
}

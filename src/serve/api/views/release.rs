//! A release.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::configs::Configs;
use super::escaped::escaped;
use super::site::{Site, date_of, user_url};
use crate::name::PackageName;
use crate::package::{Advisory, Dependency, Release, Retirement, RetirementReason};
use crate::tarball::Description;

/// What is known of a release.
#[derive(Clone, Copy)]
pub(crate) struct ReleaseFacts<'a> {
    pub package: &'a PackageName,
    /// As the signed package lists it.
    pub release: &'a Release,
    /// What its tarball says for people; `None` if that could not be read.
    pub description: Option<&'a Description>,
    pub has_docs: bool,
    /// The token that has just published it. It is not known later.
    pub publisher: Option<&'a str>,
}

/// The release, as the answer to its publication and to `GET packages/NAME/releases/VERSION`.
pub(crate) fn release(site: &Site<'_>, facts: &ReleaseFacts<'_>) -> Value {
    let ReleaseFacts { package, release, description, has_docs, publisher } = *facts;
    let published_at = date_of(release.remarks.published_at.as_ref());
    let app = app(description, package);
    let view = ReleaseView {
        version: release.version.to_string(),
        checksum: release.outer_checksum.to_string().to_lowercase(),
        has_docs,
        inserted_at: published_at.as_deref(),
        updated_at: published_at.as_deref(),
        retirement: release.remarks.retired.as_ref().map(RetirementView::of),
        package_url: site.package(package),
        url: site.release(package, &release.version),
        html_url: site.page(package),
        docs_html_url: None,
        requirements: requirements(&release.dependencies),
        configs: Configs::new(site.repository, package, app, Some(&release.version)),
        meta: ReleaseMeta {
            app,
            build_tools: description.map_or(&[], |description| &description.build_tools),
            elixir: description.and_then(|description| description.elixir.as_deref()),
        },
        downloads: None,
        publisher: publisher
            .map(|username| Publisher { username, url: user_url(site.api, username) }),
        security_advisories: advisories(release),
    };
    // Keys are text, and nothing else can fail.
    escaped(serde_json::to_value(view).unwrap_or_default())
}

/// The OTP application. The registry has it in dependencies alone.
pub(super) fn app<'a>(description: Option<&'a Description>, package: &'a PackageName) -> &'a str {
    let app = description.and_then(|description| description.app.as_deref());
    app.unwrap_or(package.as_str())
}

#[derive(Serialize)]
struct ReleaseView<'a> {
    version: String,
    checksum: String,
    has_docs: bool,
    /// Left out if it is not known: Renovate drops a release whose time is null.
    #[serde(skip_serializing_if = "Option::is_none")]
    inserted_at: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<&'a str>,
    /// Always there: mix prints "has been retired" where it is absent.
    retirement: Option<RetirementView<'a>>,
    package_url: String,
    url: String,
    html_url: String,
    /// Documentation is served as an archive, and not as pages.
    docs_html_url: Option<String>,
    requirements: BTreeMap<&'a str, RequirementView<'a>>,
    configs: Configs,
    meta: ReleaseMeta<'a>,
    /// Not counted. mix prints a number, and nothing for `nil`.
    downloads: Option<u64>,
    publisher: Option<Publisher<'a>>,
    security_advisories: Vec<AdvisoryView<'a>>,
}

#[derive(Serialize)]
struct ReleaseMeta<'a> {
    app: &'a str,
    build_tools: &'a [String],
    elixir: Option<&'a str>,
}

#[derive(Serialize)]
struct RequirementView<'a> {
    requirement: &'a str,
    app: &'a str,
    optional: bool,
    /// Not on hex.pm, where it is hex.pm's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    repository: Option<&'a str>,
}

#[derive(Serialize)]
struct Publisher<'a> {
    username: &'a str,
    url: String,
}

#[derive(Serialize)]
struct AdvisoryView<'a> {
    id: &'a str,
    summary: &'a str,
    aliases: &'a [String],
    cvss_rating: Option<String>,
    cvss_score: Option<f32>,
    html_url: &'a str,
    api_url: &'a str,
}

/// Why a release is retired, in the words of hex.pm.
#[derive(Serialize)]
pub(super) struct RetirementView<'a> {
    reason: &'static str,
    message: Option<&'a str>,
}

impl<'a> RetirementView<'a> {
    pub fn of(retirement: &'a Retirement) -> Self {
        // mix knows no other words than these.
        let other = RetirementReason::Other.word().unwrap_or("other");
        Self {
            reason: retirement.reason.word().unwrap_or(other),
            message: retirement.message.as_deref(),
        }
    }
}

fn requirements(dependencies: &[Dependency]) -> BTreeMap<&str, RequirementView<'_>> {
    let requirements = dependencies.iter().map(|one| {
        let view = RequirementView {
            requirement: &one.requirement.0,
            app: &one.app,
            optional: one.optional,
            repository: one.repository.as_deref(),
        };
        (one.package.as_str(), view)
    });
    requirements.collect()
}

fn advisories(release: &Release) -> Vec<AdvisoryView<'_>> {
    let advisories = release.remarks.advisories.iter().map(|advisory| {
        let Advisory { id, summary, severity, cvss_score, html_url, api_url, aliases, .. } =
            &**advisory;
        AdvisoryView {
            id,
            summary,
            aliases,
            cvss_rating: severity.map(|severity| severity.to_string()),
            // JSON has no infinite number.
            cvss_score: cvss_score.map(f32::from).filter(|score| score.is_finite()),
            html_url,
            api_url,
        }
    });
    advisories.collect()
}

//! Where links of documentation lead in a site, and which of them its pages have asked for.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::context::SiteContext;
use super::digest::Inputs;
use crate::browse::pages::Urls;
use crate::docs::links::{DocsLinks, nearest};
use crate::name::PackageName;
use crate::version::Version;

/// How many different links of one documentation are noted. One with more is made again whenever any package comes or goes.
const MOST_ASKED: usize = 2_000;

/// What is noted in place of too many links.
const ALL: &str = "*";

/// Links from one documentation.
pub(super) struct SiteLinks<'a> {
    context: &'a SiteContext<'a>,
    urls: Urls,
    asked: RefCell<BTreeSet<String>>,
}

impl<'a> SiteLinks<'a> {
    pub fn new(context: &'a SiteContext<'a>) -> Self {
        // As seen from the folder of all documentation.
        let urls = context.urls("docs/index.html");
        Self { context, urls, asked: RefCell::default() }
    }

    /// What was asked for, as a manifest has it.
    pub fn into_asked(self) -> Vec<String> {
        let asked = self.asked.into_inner();
        if asked.len() > MOST_ASKED { vec![ALL.to_owned()] } else { asked.into_iter().collect() }
    }

    fn note(&self, package: &PackageName, version: Option<&Version>) {
        let mut asked = self.asked.borrow_mut();
        if asked.len() <= MOST_ASKED {
            let version = version.map(ToString::to_string).unwrap_or_default();
            asked.insert(format!("{package}-{version}"));
        }
    }
}

impl DocsLinks for SiteLinks<'_> {
    fn nearest(&self, package: &str, version: Option<&Version>) -> Option<Version> {
        let package = package.parse().ok()?;
        self.note(&package, version);
        nearest(version, self.context.docs_of(&package)).cloned()
    }

    fn package_url(&self, package: &str, _: Option<&Version>) -> Option<String> {
        let package = package.parse().ok()?;
        self.note(&package, None);
        self.context.source.package(&package).map(|_| self.urls.package(package.as_str()))
    }

    fn file_url(&self, _: &str, _: &Version, _: Option<&str>) -> Option<String> {
        None
    }

    /// All that the site has is searched at once.
    fn search_url(&self, _: &[&str]) -> Option<String> {
        Some(self.urls.search(""))
    }
}

/// Adds what a site answers to what was asked for.
pub(super) fn add_answers(context: &SiteContext<'_>, asked: &[String], inputs: &mut Inputs) {
    if asked.iter().any(|one| one == ALL) {
        for (package, versions) in &context.docs {
            inputs.add(package.as_str());
            inputs.add(format!("{versions:?}"));
        }
        for package in &context.source.packages {
            inputs.add(package.releases.package.as_str());
        }
    }
    for one in asked {
        inputs.add(one);
        let Some((package, version)) = one.split_once('-') else { continue };
        let Ok(package) = package.parse::<PackageName>() else { continue };
        let version = version.parse().ok();
        let found = nearest(version.as_ref(), context.docs_of(&package));
        inputs.add(found.map(ToString::to_string).unwrap_or_default());
        inputs.add([u8::from(context.source.package(&package).is_some())]);
    }
}

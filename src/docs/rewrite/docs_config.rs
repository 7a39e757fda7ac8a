//! The menu of versions: `docs_config.js`, which each page of ExDoc and Gleam loads from its documentation.

use serde::Serialize;

use super::docs_file::RewriteForm;
use super::scripts::PACKAGES_SCRIPT;
use crate::name::PackageName;
use crate::version::Version;

/// A version whose documentation is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocsVersion {
    /// Which.
    pub version: Version,
    /// Whether the release is retired.
    pub is_retired: bool,
}

/// As hexdocs.pm writes them: `latest` and `retired` are there if they are true.
#[derive(Serialize)]
struct VersionNode {
    version: String,
    url: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    latest: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    retired: bool,
}

#[derive(Serialize)]
struct SearchNode<'a> {
    name: &'a str,
    version: String,
}

/// The `docs_config.js` of one version's documentation, with the versions of the package that are here.
///
/// It has what hexdocs.pm's has: `versionNodes`, newest first, and `searchNodes`. The URLs are seen from the script
/// itself, so they are right in pages in folders, and wherever the documentation is. ExDoc adds `/PAGE.html` to one, and
/// goes there if it can be requested. From a disk it cannot, so URLs lead to an index there.
#[must_use]
pub fn docs_config(
    package: &PackageName,
    version: &Version,
    versions: &[DocsVersion],
    form: RewriteForm,
) -> String {
    let mut versions: Vec<&DocsVersion> = versions.iter().collect();
    versions.sort_by(|a, b| b.version.cmp(&a.version));
    let stable = versions.iter().find(|node| !node.version.is_pre_release());
    let latest = stable.or(versions.first()).map(|node| node.version.clone());
    let nodes: Vec<VersionNode> = versions
        .iter()
        .map(|node| VersionNode {
            version: format!("v{}", node.version),
            url: format!("../{}", node.version),
            latest: Some(&node.version) == latest.as_ref(),
            retired: node.is_retired,
        })
        .collect();
    let nodes = serde_json::to_string(&nodes).unwrap_or_default();
    let search = [SearchNode { name: package.as_str(), version: version.to_string() }];
    let search = serde_json::to_string(&search).unwrap_or_default();
    let (index, packages) = match form {
        RewriteForm::Server => ("\"\"", String::new()),
        RewriteForm::Static => (
            "location.protocol===\"file:\"?\"/index.html\":\"\"",
            format!(
                "document.head.appendChild(document.createElement(\"script\")).src=\
                 new URL(\"../../{PACKAGES_SCRIPT}\",src).href;"
            ),
        ),
    };
    format!(
        "var versionNodes = {nodes};\nvar searchNodes = {search};\n\
         (function(src,index){{versionNodes.forEach(function(node){{\
         node.url=new URL(node.url,src).href+index}});{packages}}})\
         (document.currentScript.src,{index});\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_listed_as_on_hexdocs() {
        let versions: Vec<_> = [("1.2.0", true), ("1.10.0", false), ("2.0.0-rc.0", false)]
            .map(|(version, is_retired)| DocsVersion {
                version: version.parse().unwrap(),
                is_retired,
            })
            .into();
        let version = "1.2.0".parse().unwrap();
        let config = |form| docs_config(&"ecto".parse().unwrap(), &version, &versions, form);
        let server = config(RewriteForm::Server);
        let lines: Vec<&str> = server.lines().collect();
        assert_eq!(
            lines[0],
            "var versionNodes = [{\"version\":\"v2.0.0-rc.0\",\"url\":\"../2.0.0-rc.0\"},\
             {\"version\":\"v1.10.0\",\"url\":\"../1.10.0\",\"latest\":true},\
             {\"version\":\"v1.2.0\",\"url\":\"../1.2.0\",\"retired\":true}];"
        );
        assert_eq!(lines[1], "var searchNodes = [{\"name\":\"ecto\",\"version\":\"1.2.0\"}];");
        assert!(!server.contains("file:"), "{server}");
        let site = config(RewriteForm::Static);
        assert!(site.contains("/index.html") && site.contains("../../packages.js"), "{site}");
    }

    #[test]
    fn without_a_stable_version_a_pre_release_is_the_latest() {
        let version: Version = "1.0.0-rc.0".parse().unwrap();
        let versions = [DocsVersion { version: version.clone(), is_retired: false }];
        let config = docs_config(&"a".parse().unwrap(), &version, &versions, RewriteForm::Server);
        assert!(config.contains("\"latest\":true"), "{config}");
    }
}

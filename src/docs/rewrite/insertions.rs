//! What hexreg adds to a page: storage in memory, a style, and a link to the package. All of it is ASCII.

use super::docs_file::{DocsFile, RewriteForm};
use super::resolve::Resolver;

/// Replaces storage by memory. ExDoc does not work without.
///
/// Browsers look for `<meta charset>` in the first kilobyte of a page: this comes before it.
macro_rules! storage_script {
    ($before:literal, $after:literal, $more:literal) => {
        concat!(
            "<script>(function(w){function s(){var m=new Map;return{getItem:function(k){k+=\"\";",
            "return m.has(k)?m.get(k):null},setItem:function(k,v){m.set(k+\"\",v+\"\")},",
            "removeItem:function(k){m.delete(k+\"\")},clear:function(){m.clear()},",
            "key:function(i){return Array.from(m.keys())[i]||null},get length(){return m.size}}}",
            "[\"localStorage\",\"sessionStorage\"].forEach(function(n){",
            $before,
            "Object.defineProperty(w,n,{value:s()})",
            $after,
            "})})(window)",
            $more,
            "</script>"
        )
    };
}

/// In a sandbox, access to storage throws.
const STORAGE_IF_REFUSED: &str = storage_script!("try{w[n].length}catch(e){", "}", "");

/// All packages of a static site have one storage. From a disk, nothing can be requested: ExDoc's menu of versions asks
/// whether a page is there, and goes to the index of the version if it is not.
const STORAGE_ALWAYS: &str = storage_script!(
    "",
    "",
    ";if(location.protocol==\"file:\")fetch=function(f){return function(u,o){\
     return o&&o.method==\"HEAD\"?Promise.resolve(new Response(null,{status:404})):f(u,o)}}(fetch)"
);

/// The style of marked links, and of the link to the package, which has its own colours on any page.
const STYLE: &str = "<style>a[data-hexreg-missing]::after{content:\"\\2197\";font-size:.7em;\
    vertical-align:super}#hexreg-package{all:initial;position:fixed;right:8px;bottom:8px;\
    z-index:50;padding:2px 8px;border-radius:4px;background:#444;color:#fff;cursor:pointer;\
    font:12px/1.6 system-ui,sans-serif}#hexreg-package:hover{text-decoration:underline}\
    #hexreg-package:focus-visible{outline:3px solid #6af}\
    @media print{#hexreg-package{display:none}}</style>";

/// What comes before everything else in a page.
pub(super) fn head(form: RewriteForm) -> &'static str {
    match form {
        RewriteForm::Server => STORAGE_IF_REFUSED,
        RewriteForm::Static => STORAGE_ALWAYS,
    }
}

/// What comes first in the body.
pub(super) fn body(file: &DocsFile<'_>, resolver: &Resolver<'_>) -> String {
    let (package, version) = (file.package, file.version);
    let link = resolver.package_url(package.as_str(), version).map(|url| {
        format!("<a id=\"hexreg-package\" href=\"{url}\">Package {package} {version}</a>")
    });
    format!("{STYLE}{}", link.unwrap_or_default())
}

/// What comes before the name of an attribute by which a browser would load something from another host.
pub(super) const UNLOADED: &str = "data-hexreg-";

/// What is added to a link that leads to what is not here, before its attributes.
///
/// `missing` is a name, or parts of a URL that are a name and a version.
pub(super) fn mark(missing: &str, has_title: bool) -> String {
    let title = if has_title {
        String::new()
    } else {
        format!(" title=\"{missing} is not here: this link leads to the internet\"")
    };
    format!(" data-hexreg-missing=\"\"{title}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_still_finds_the_encoding_of_the_page() {
        for form in [RewriteForm::Server, RewriteForm::Static] {
            assert!(head(form).len() <= 640, "{}", head(form).len());
            assert!(head(form).is_ascii());
        }
        assert!(STYLE.is_ascii());
    }
}

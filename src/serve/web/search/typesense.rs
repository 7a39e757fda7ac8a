//! The search as `mix hex.search QUERY` asks for it: at `/` of search.hexdocs.pm, as Typesense answers.
//!
//! ```text
//! /?q=changeset&query_by=doc,title&filter_by=package:=[ecto-3.12.0,mix-1.18.4]&per_page=10
//! {"found":1,"hits":[{"document":{"doc":"…","package":"ecto-3.12.0","ref":"Ecto.Changeset.html","title":"…"}}]}
//! ```
//!
//! The host is fixed in Hex, so this answers where a site has its own address for that name. `doc` is the beginning of
//! the text.

use std::time::Duration;

use axum::body::Body;
use axum::http::Response;
use serde_json::{Value, json};

use super::found::found;
use super::request::DocsRequest;
use crate::serve::web::found::Searched;
use crate::serve::web::response;
use crate::serve::web::visit::Visit;

/// How many results there are at most, as in Hex.
const MAX_RESULTS: usize = 250;

/// How many results there are without a number.
const RESULTS: usize = 10;

/// How long to wait for versions to be read that are not the latest. Hex waits longer.
const WAIT: Duration = Duration::from_secs(5);

/// Whether a visit of `/` asks for this.
pub(crate) fn is_asked(visit: &Visit) -> bool {
    !visit.field("query_by").is_empty()
}

/// The answer. May block.
pub(crate) fn answer(searched: &[Searched], visit: &Visit) -> Response<Body> {
    let packages = packages(visit.field("filter_by"));
    let request = DocsRequest {
        query: visit.field("q").to_owned(),
        packages: DocsRequest::packages(packages),
    };
    let count = visit.field("per_page").parse().unwrap_or(RESULTS).clamp(1, MAX_RESULTS);
    let skip = visit.page().saturating_sub(1).saturating_mul(count).min(MAX_RESULTS);
    let found = found(searched, &request, skip, count, WAIT);
    let hits = found.hits.iter().map(|(hit, _)| {
        json!({"document": {
            "doc": hit.snippet,
            "package": format!("{}-{}", hit.docs.package, hit.docs.version),
            "ref": hit.place,
            "title": hit.title,
            "type": hit.kind,
        }})
    });
    let hits: Vec<Value> = hits.collect();
    let body = json!({"found": found.total, "hits": hits, "page": visit.page()});
    response::document(body.to_string(), "application/json")
}

/// The packages of a filter `package:=[a-1.0.0,b-2.0.0]`.
fn packages(filter: &str) -> &str {
    let list = filter.strip_prefix("package:").unwrap_or_default();
    list.trim_start_matches(['=', '[', ' ']).trim_end_matches([']', ' '])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_of_hex_is_read() {
        assert_eq!(packages("package:=[ecto-3.12.0,mix-1.18.4]"), "ecto-3.12.0,mix-1.18.4");
        assert_eq!(packages("package:=[]"), "");
        assert_eq!(packages("other:=[a]"), "");
    }
}

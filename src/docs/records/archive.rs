//! The records of one documentation, from its archive.

use super::headings;
use super::limits;
use super::record::DocsRecord;
use super::search_data::{self, is_search_data};
use crate::tarball::{DocsError, DocsLimits, read_docs};

/// The records of the documentation in a gzipped tar: those of its search data, or else of its pages.
///
/// # Errors
/// It is not documentation that clients can unpack.
pub fn docs_records(archive: &[u8], limits: &DocsLimits) -> Result<Vec<DocsRecord>, DocsError> {
    let records = search_data_of(archive, limits)?;
    if records.is_empty() { records_of_pages(archive, limits) } else { Ok(records) }
}

/// The records of the search data alone. Documentation without search data has none.
///
/// # Errors
/// As of [`docs_records`].
pub fn search_data_of(archive: &[u8], limits: &DocsLimits) -> Result<Vec<DocsRecord>, DocsError> {
    let mut found: Vec<(String, Vec<DocsRecord>)> = Vec::new();
    let is_wanted = |path: &str, size: usize| is_search_data(path) && size <= limits::SEARCH_DATA;
    read_docs(archive, limits, is_wanted, |path, data| {
        // Gleam 1.9 and later write both of its names; what was left of an older build has another digest.
        let records = search_data::records(&data);
        let is_more = found.first().is_none_or(|(_, best)| best.len() < records.len());
        if is_more && !records.is_empty() {
            found = vec![(path, records)];
        }
    })?;
    Ok(found.pop().map(|(_, records)| records).unwrap_or_default())
}

fn records_of_pages(archive: &[u8], limits: &DocsLimits) -> Result<Vec<DocsRecord>, DocsError> {
    let mut left = limits::ALL_TEXT;
    let mut records: Vec<DocsRecord> = Vec::new();
    let is_page = |path: &str, size: usize| {
        let path = path.strip_prefix("./").unwrap_or(path);
        let is_other = matches!(path, "404.html" | "search.html" | "modules-frame.html");
        [".html", ".htm"].iter().any(|end| path.strip_suffix(end).is_some())
            && !is_other
            && size <= limits::PAGE
    };
    read_docs(archive, limits, is_page, |path, data| {
        let path = path.strip_prefix("./").unwrap_or(&path);
        for record in headings::records(path, &data) {
            let Some(rest) = left.checked_sub(record.weight()) else { return };
            if records.len() < limits::RECORDS {
                left = rest;
                records.push(record);
            }
        }
    })?;
    // An archive has its files in any order.
    records.sort_by(|a, b| {
        let page = |record: &DocsRecord| record.place.split('#').next().map(str::to_owned);
        page(a).cmp(&page(b))
    });
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tarball::samples::docs_archive;

    fn titles(files: &[(&str, &str)]) -> Vec<String> {
        let records = docs_records(&docs_archive(files), &DocsLimits::HEX).unwrap();
        records.into_iter().map(|record| record.title).collect()
    }

    #[test]
    fn search_data_is_read_and_else_the_pages() {
        let data =
            r#"searchData={"items":[{"ref":"A.html","title":"A","type":"module","doc":""}]}"#;
        let pages = [("b.html", "<title>B</title>"), ("a.html", "<title>P</title><h2 id=x>X</h2>")];
        assert_eq!(titles(&[pages[0], ("dist/search_data-1.js", data)]), ["A"]);
        assert_eq!(titles(&pages), ["P", "X - P", "B"]);
        assert_eq!(titles(&[("dist/search_data-1.js", "broken"), pages[0]]), ["B"]);
        assert_eq!(titles(&[("404.html", "<title>N</title>"), ("a.txt", "x")]), [""; 0]);
        let cut = docs_archive(&pages);
        assert!(docs_records(&cut[..cut.len() - 9], &DocsLimits::HEX).is_err());
        assert!(docs_records(&docs_archive(&[("1.0.0/a", "b")]), &DocsLimits::HEX).is_err());
    }
}

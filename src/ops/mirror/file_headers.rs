//! What the headers of a response say of its file.

use std::time::Duration;

use reqwest::header::{AGE, CACHE_CONTROL, ETAG, HeaderMap};

/// What the headers of a response say of its file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FileHeaders {
    /// Its entity tag.
    pub tag: Option<String>,
    /// How long a shared cache may go on without asking again, from now (RFC 9111, section 4.2); `None` if it is not
    /// said.
    pub max_age: Option<Duration>,
}

impl FileHeaders {
    pub fn of(headers: &HeaderMap) -> Self {
        let tag = headers.get(ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        Self { tag, max_age: max_age(headers) }
    }
}

/// `max-age`, or `s-maxage` where both are there, less the time that the file was in other caches.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let texts = headers.get_all(CACHE_CONTROL).into_iter().filter_map(|text| text.to_str().ok());
    let directives: Vec<_> =
        texts.flat_map(|text| text.split(',')).map(|one| one.trim().to_ascii_lowercase()).collect();
    if directives.iter().any(|one| one == "no-store" || one.starts_with("no-cache")) {
        return Some(Duration::ZERO);
    }
    let seconds = |name: &str| {
        let mut values = directives.iter().filter_map(|one| one.split_once('='));
        let (_, value) = values.find(|(directive, _)| directive.trim_end() == name)?;
        value.trim().trim_matches('"').parse::<u64>().ok()
    };
    let age = headers.get(AGE).and_then(|age| age.to_str().ok()?.trim().parse().ok());
    let seconds = seconds("s-maxage").or_else(|| seconds("max-age"))?;
    Some(Duration::from_secs(seconds.saturating_sub(age.unwrap_or(0))))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn max_age_of(fields: &[(&'static str, &'static str)]) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        FileHeaders::of(&headers).max_age.map(|age| age.as_secs())
    }

    #[test]
    fn the_time_is_what_is_left_of_it_for_a_shared_cache() {
        let control = "cache-control";
        assert_eq!(max_age_of(&[]), None);
        assert_eq!(max_age_of(&[(control, "public")]), None);
        assert_eq!(max_age_of(&[(control, "public, max-age=3600")]), Some(3600));
        assert_eq!(max_age_of(&[(control, "Public,Max-Age = \"60\"")]), Some(60));
        assert_eq!(max_age_of(&[(control, "max-age=60, s-maxage=5")]), Some(5));
        assert_eq!(max_age_of(&[(control, "public"), (control, "max-age=7")]), Some(7));
        assert_eq!(max_age_of(&[(control, "max-age=60"), ("age", "50")]), Some(10));
        assert_eq!(max_age_of(&[(control, "max-age=60"), ("age", "90")]), Some(0));
        assert_eq!(max_age_of(&[(control, "max-age=60, no-cache")]), Some(0));
        assert_eq!(max_age_of(&[(control, "no-store")]), Some(0));
        assert_eq!(max_age_of(&[(control, "max-age=soon")]), None);
    }
}

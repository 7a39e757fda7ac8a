//! What the headers of a response say of its file.

use std::time::Duration;

use reqwest::header::{AGE, CACHE_CONTROL, ETAG, HeaderMap};

/// What the headers of a response say of its file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FileHeaders {
    /// Its entity tag.
    pub tag: Option<String>,
    /// How long a shared cache may keep it without asking again (RFC 9111, section 4.2.1); `None` if it is not said.
    pub lifetime: Option<Duration>,
    /// How much of that it was in other caches.
    pub age: Duration,
}

impl FileHeaders {
    pub fn of(headers: &HeaderMap) -> Self {
        let tag = headers.get(ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        let age = headers.get(AGE).and_then(|age| age.to_str().ok()?.trim().parse().ok());
        Self { tag, lifetime: lifetime(headers), age: Duration::from_secs(age.unwrap_or(0)) }
    }
}

/// `max-age`, or `s-maxage` where both are there.
fn lifetime(headers: &HeaderMap) -> Option<Duration> {
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
    seconds("s-maxage").or_else(|| seconds("max-age")).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> FileHeaders {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        FileHeaders::of(&headers)
    }

    fn lifetime_of(fields: &[(&'static str, &'static str)]) -> Option<u64> {
        headers(fields).lifetime.map(|lifetime| lifetime.as_secs())
    }

    #[test]
    fn the_lifetime_is_that_for_a_shared_cache() {
        let control = "cache-control";
        assert_eq!(lifetime_of(&[]), None);
        assert_eq!(lifetime_of(&[(control, "public")]), None);
        assert_eq!(lifetime_of(&[(control, "public, max-age=3600")]), Some(3600));
        assert_eq!(lifetime_of(&[(control, "Public,Max-Age = \"60\"")]), Some(60));
        assert_eq!(lifetime_of(&[(control, "max-age=60, s-maxage=5")]), Some(5));
        assert_eq!(lifetime_of(&[(control, "public"), (control, "max-age=7")]), Some(7));
        assert_eq!(lifetime_of(&[(control, "max-age=60"), ("age", "50")]), Some(60));
        assert_eq!(lifetime_of(&[(control, "max-age=60, no-cache")]), Some(0));
        assert_eq!(lifetime_of(&[(control, "no-store")]), Some(0));
        assert_eq!(lifetime_of(&[(control, "max-age=soon")]), None);
    }
    #[test]
    fn the_age_is_the_time_in_other_caches() {
        for (age, seconds) in [("50", 50), (" 7 ", 7), ("-1", 0), ("soon", 0)] {
            assert_eq!(headers(&[("age", age)]).age.as_secs(), seconds, "{age}");
        }
        assert_eq!(headers(&[]).age, Duration::ZERO);
    }
}

//! What the headers of a response say of its file.

use std::time::Duration;

use reqwest::header::{AGE, CACHE_CONTROL, DATE, ETAG, HeaderMap, HeaderName, LAST_MODIFIED};

use super::file_validator::RequestCondition;

/// What the headers of a response say of its file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FileHeaders {
    /// With which a later request gets the file only if it has changed.
    pub condition: Option<RequestCondition>,
    /// How long a shared cache may keep it without asking again (RFC 9111, section 4.2.1); `None` if it is not said.
    pub lifetime: Option<Duration>,
    /// How much of that it was in other caches.
    pub age: Duration,
}

impl FileHeaders {
    pub fn of(headers: &HeaderMap) -> Self {
        let tag = text(headers, &ETAG).map(|tag| RequestCondition::Tag(tag.to_owned()));
        let modified = || modified(headers).map(|time| RequestCondition::Modified(time.to_owned()));
        let age = text(headers, &AGE).and_then(|age| age.trim().parse().ok());
        Self {
            condition: tag.or_else(modified),
            lifetime: lifetime(headers),
            age: Duration::from_secs(age.unwrap_or(0)),
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// `Last-Modified`, unless the file was sent in the second of its last change: another change in that second would have
/// the same time (RFC 9110, section 8.8.2.2).
fn modified(headers: &HeaderMap) -> Option<&str> {
    let time = |name| httpdate::parse_http_date(text(headers, name)?).ok();
    let since = time(&DATE)?.duration_since(time(&LAST_MODIFIED)?).ok()?;
    text(headers, &LAST_MODIFIED).filter(|_| since >= Duration::from_secs(1))
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
    fn a_time_is_a_condition_where_there_is_no_tag() {
        const TAG: (&str, &str) = ("etag", "\"1\"");
        const MODIFIED: (&str, &str) = ("last-modified", "Fri, 27 Nov 2026 12:00:00 GMT");
        const SAME: (&str, &str) = ("date", MODIFIED.1);
        const LATER: (&str, &str) = ("date", "Fri, 27 Nov 2026 12:00:01 GMT");
        const EARLIER: (&str, &str) = ("date", "Fri, 27 Nov 2026 11:59:59 GMT");
        let condition = |fields: &[_]| headers(fields).condition;
        let tag = Some(RequestCondition::Tag(TAG.1.to_owned()));
        assert_eq!(condition(&[TAG, MODIFIED, LATER]), tag);
        assert_eq!(condition(&[TAG]), tag);
        let modified = Some(RequestCondition::Modified(MODIFIED.1.to_owned()));
        assert_eq!(condition(&[MODIFIED, LATER]), modified);
        for fields in [
            &[MODIFIED, SAME][..],
            &[MODIFIED, EARLIER],
            &[MODIFIED],
            &[LATER],
            &[("last-modified", "today"), LATER],
        ] {
            assert_eq!(condition(fields), None, "{fields:?}");
        }
    }

    #[test]
    fn the_age_is_the_time_in_other_caches() {
        for (age, seconds) in [("50", 50), (" 7 ", 7), ("-1", 0), ("soon", 0)] {
            assert_eq!(headers(&[("age", age)]).age.as_secs(), seconds, "{age}");
        }
        assert_eq!(headers(&[]).age, Duration::ZERO);
    }
}

//! The URL of a repository in a bucket.

use std::fmt;
use std::str::FromStr;

use object_store::path::Path;

use crate::store::scheme::Scheme;

/// A repository in object storage: `s3://bucket/prefix`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketUrl {
    scheme: Scheme,
    bucket: String,
    /// Without slashes at its ends.
    prefix: String,
}

/// A text is not the URL of a bucket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BucketUrlError {
    /// The scheme is unknown.
    #[error(
        "`{0}:` is no kind of bucket: write s3://BUCKET/PREFIX, gs:// or az://, or a directory"
    )]
    UnknownScheme(String),
    /// The scheme is not followed by two slashes.
    #[error("write {0}://BUCKET/PREFIX, with two slashes; a directory of this name is ./{0}:…")]
    Slashes(&'static str),
    /// The bucket is missing.
    #[error("it names no bucket: write {0}://BUCKET/PREFIX")]
    NoBucket(&'static str),
    /// It contains a user name or a password.
    #[error("it contains a user name or a password: credentials come from the environment")]
    Credentials,
    /// A bucket cannot have the name.
    #[error("`{0}` cannot be the name of a bucket: write only letters, digits, `-`, `_` and `.`")]
    Bucket(String),
    /// The prefix is encoded, or a query or a fragment follows it.
    #[error("it contains `{0}`: write the prefix without encoding, and nothing after it")]
    Character(char),
    /// It cannot be a prefix.
    #[error("`{0}` cannot be a prefix: write names with one `/` between them")]
    Prefix(String),
}

impl BucketUrl {
    pub(super) fn scheme(&self) -> Scheme {
        self.scheme
    }

    pub(super) fn bucket(&self) -> &str {
        &self.bucket
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }
}

impl FromStr for BucketUrl {
    type Err = BucketUrlError;

    fn from_str(text: &str) -> Result<Self, BucketUrlError> {
        let (scheme, rest) = text.split_once(':').unwrap_or(("", text));
        let known =
            Scheme::ALL.into_iter().find(|known| scheme.eq_ignore_ascii_case(known.as_str()));
        let known = known.ok_or_else(|| BucketUrlError::UnknownScheme(scheme.to_owned()))?;
        let name = known.as_str();
        let rest = rest.strip_prefix("//").ok_or(BucketUrlError::Slashes(name))?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        // First of all: no message may repeat a password.
        if bucket.contains('@') {
            return Err(BucketUrlError::Credentials);
        }
        if let Some(wrong) = rest.chars().find(|char| "?#%\\".contains(*char)) {
            return Err(BucketUrlError::Character(wrong));
        }
        if bucket.is_empty() {
            return Err(BucketUrlError::NoBucket(name));
        }
        // Azure has containers called `$web` and `$root`.
        let plain = if known == Scheme::Az { bucket.strip_prefix('$') } else { None };
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if !plain.unwrap_or(bucket).bytes().all(is_plain) || bucket.starts_with('.') {
            return Err(BucketUrlError::Bucket(bucket.to_owned()));
        }
        let given = prefix;
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let is_prefix =
            given != "/" && Path::parse(prefix).is_ok_and(|parsed| parsed.as_ref() == prefix);
        if !is_prefix {
            return Err(BucketUrlError::Prefix(given.to_owned()));
        }
        Ok(Self { scheme: known, bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

impl fmt::Display for BucketUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.bucket)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::is_bucket_url;

    #[test]
    fn urls_are_parsed_and_paths_are_not_taken_for_urls() {
        for (text, bucket, prefix) in [
            ("s3://acme", "acme", ""),
            ("s3://acme/", "acme", ""),
            ("S3://acme/hex/acme/", "acme", "hex/acme"),
            ("gs://my_bucket.example/a b", "my_bucket.example", "a b"),
            ("az://$web/x+y~z", "$web", "x+y~z"),
        ] {
            assert!(is_bucket_url(text), "{text}");
            let url: BucketUrl = text.parse().unwrap();
            assert_eq!((url.bucket(), url.prefix()), (bucket, prefix), "{text}");
            let normal = text.to_lowercase();
            assert_eq!(url.to_string(), normal.trim_end_matches('/'));
        }
    }

    #[test]
    fn mistakes_are_named() {
        let wrong = |text: &str| {
            assert!(is_bucket_url(text), "{text}");
            format!("{text}: {}", text.parse::<BucketUrl>().unwrap_err())
        };
        let all = [
            "https://acme.example/x",
            "file:///srv",
            "s3:/acme",
            "s3:acme",
            "s3://",
            "gs:///acme",
            "s3://key:secret@acme/x",
            "s3://acme:80/x",
            "s3://acme?versions",
            "s3://acme/x#y",
            "s3://acme/a%20b",
            "az://acme/a//b",
            "s3://acme//",
            "s3://acme/../x",
            "s3://../x",
        ];
        insta::assert_snapshot!(all.map(wrong).join("\n"), @r"
        https://acme.example/x: `https:` is no kind of bucket: write s3://BUCKET/PREFIX, gs:// or az://, or a directory
        file:///srv: `file:` is no kind of bucket: write s3://BUCKET/PREFIX, gs:// or az://, or a directory
        s3:/acme: write s3://BUCKET/PREFIX, with two slashes; a directory of this name is ./s3:…
        s3:acme: write s3://BUCKET/PREFIX, with two slashes; a directory of this name is ./s3:…
        s3://: it names no bucket: write s3://BUCKET/PREFIX
        gs:///acme: it names no bucket: write gs://BUCKET/PREFIX
        s3://key:secret@acme/x: it contains a user name or a password: credentials come from the environment
        s3://acme:80/x: `acme:80` cannot be the name of a bucket: write only letters, digits, `-`, `_` and `.`
        s3://acme?versions: it contains `?`: write the prefix without encoding, and nothing after it
        s3://acme/x#y: it contains `#`: write the prefix without encoding, and nothing after it
        s3://acme/a%20b: it contains `%`: write the prefix without encoding, and nothing after it
        az://acme/a//b: `a//b` cannot be a prefix: write names with one `/` between them
        s3://acme//: `/` cannot be a prefix: write names with one `/` between them
        s3://acme/../x: `../x` cannot be a prefix: write names with one `/` between them
        s3://../x: `..` cannot be the name of a bucket: write only letters, digits, `-`, `_` and `.`
        ");
    }
}

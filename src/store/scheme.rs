//! The schemes of bucket URLs.

/// The provider of the object storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// Amazon, and all storage with its API.
    S3,
    /// Google.
    Gs,
    /// Microsoft.
    Az,
}

impl Scheme {
    pub const ALL: [Self; 3] = [Self::S3, Self::Gs, Self::Az];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Gs => "gs",
            Self::Az => "az",
        }
    }
}

/// Whether a text is meant as the URL of a bucket, well-formed or not, and not as the path of a directory.
#[must_use]
pub fn is_bucket_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let is_known = Scheme::ALL.iter().any(|known| scheme.eq_ignore_ascii_case(known.as_str()));
    let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    is_known || (rest.starts_with("//") && !scheme.is_empty() && scheme.bytes().all(is_scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_directory_is_no_url() {
        for url in ["s3://acme", "S3:acme", "gs:", "az:/acme", "file:///srv", "x+y.z-1://acme"] {
            assert!(is_bucket_url(url), "{url}");
        }
        for path in
            ["public", "./s3:x", "/srv/public", "a:b", "C:\\public", "", ":", "://x", "/a://b"]
        {
            assert!(!is_bucket_url(path), "{path}");
        }
    }
}

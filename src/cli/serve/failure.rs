//! Why `hexreg serve` does not start, and what to do.

#[cfg(feature = "mirror")]
use hexreg::ops::mirror;
use hexreg::serve::Error;

#[cfg(feature = "buckets")]
use super::bucket_hint::hint_of_bucket;
use super::spelling::Spelling;
use crate::cli::auth_file;
use crate::cli::failure::{Failure, chain};

/// What is wrong with the arguments.
pub fn failed(message: impl std::fmt::Display) -> Failure {
    Failure::environment(format!("failed to serve: {message}"))
}

/// Why it does not start, and what to do.
pub fn failure(error: Error, spelling: Spelling) -> Failure {
    let message = format!("failed to serve: {}", chain(&error));
    let hint = match error {
        Error::NotADirectory(_) => "name the directory that `hexreg build` writes".to_owned(),
        Error::LeadsOut(_) => format!(
            "give {} to serve the files behind it to everyone who may read",
            spelling.switch("follow-links")
        ),
        Error::Twice(_) => match spelling {
            Spelling::Arguments => "give each a name of its own: --repo NAME=DEST".to_owned(),
            Spelling::Keys => "give each a `name` of its own, and `root = true` to one".to_owned(),
        },
        Error::NotBuilt { location } => {
            format!("make one: hexreg build {location} --name=NAME --private-key=PATH")
        }
        Error::Unsound { .. } => "see what `hexreg verify` says".to_owned(),
        Error::Unreadable { is_denied: true, .. } => {
            "give this user, or the credentials of the bucket, the permission to read it".to_owned()
        }
        Error::Unreadable { .. } => {
            "check the endpoint, the name of the bucket, and its credentials".to_owned()
        }
        Error::OtherKey { .. } => "give the private key with this fingerprint".to_owned(),
        Error::Exposed(_) => format!(
            "give {} and {}, listen on 127.0.0.1, or say {}",
            spelling.option("auth-file"),
            spelling.option("tls-cert"),
            spelling.switch("allow-anonymous")
        ),
        Error::SharedOrigin { .. } => format!(
            "documentation is the code of strangers, which must not read the registry: give {} another port, or {} \
             another name",
            spelling.option("docs-listen"),
            spelling.option("docs-url")
        ),
        Error::UnknownOrigin(_) => format!("give {} too", spelling.with_value("url", "URL")),
        Error::Listen(..) => {
            "stop the program that listens there, or give another address".to_owned()
        }
        Error::Tls(_) => format!(
            "give {} the whole chain, and {} the key of its first certificate",
            spelling.option("tls-cert"),
            spelling.option("tls-key")
        ),
        Error::Auth(error) => return auth_file::failure(error),
        Error::SecretServed(_) => "keep it elsewhere".to_owned(),
        #[cfg(feature = "buckets")]
        Error::Bucket { ref source, .. } => match hint_of_bucket(source) {
            Some(hint) => hint.to_owned(),
            None => return Failure::environment(message),
        },
        #[cfg(feature = "mirror")]
        Error::Mirror { .. } => "give a directory that this user may write to".to_owned(),
        #[cfg(feature = "mirror")]
        Error::Pull { source: mirror::Error::OtherRegistry { .. }, .. } => format!(
            "give another directory, or the {} that signed its files",
            spelling.option("upstream-key")
        ),
        #[cfg(feature = "mirror")]
        Error::Pull { .. } => "give a directory or a bucket that can be written to".to_owned(),
        #[cfg(feature = "buckets")]
        Error::Cache { .. } => format!(
            "give a directory that this user may write to: {}",
            spelling.with_value("cache-dir", "DIR")
        ),
        Error::Key(_) | Error::NoRandomness(_) | Error::Run(_) => "nothing is served".to_owned(),
    };
    Failure::environment(message).hint(hint)
}

#[cfg(test)]
mod tests {
    #[cfg(feature = "buckets")]
    use hexreg::store::OpenError;

    use super::*;

    fn hint(error: Error, spelling: Spelling) -> Option<String> {
        failure(error, spelling).into_parts().1
    }

    #[test]
    fn hints_are_spelled_as_the_options_were_given() {
        let twice = || Error::Twice("/".to_owned());
        let arguments = hint(twice(), Spelling::Arguments).unwrap();
        assert!(arguments.contains("--repo NAME=DEST"), "{arguments}");
        let keys = hint(twice(), Spelling::Keys).unwrap();
        assert!(keys.contains("`root = true`") && !keys.contains("--"), "{keys}");
    }

    #[test]
    fn a_file_that_may_not_be_read_is_no_damage() {
        let unreadable = |is_denied| {
            let reason = "could not read s3://hex/acme/public_key: refused".to_owned();
            hint(Error::Unreadable { reason, is_denied, is_away: false }, Spelling::Keys).unwrap()
        };
        assert!(unreadable(true).contains("permission"));
        assert!(unreadable(false).contains("endpoint"));
    }

    #[cfg(feature = "buckets")]
    #[test]
    fn the_hint_about_keys_is_for_keys() {
        let bucket = |source| {
            let source = Box::new(source);
            hint(Error::Bucket { location: "s3://hex".to_owned(), source }, Spelling::Keys)
        };
        assert_eq!(bucket(OpenError::NoRegion), None);
        assert!(bucket(OpenError::NoCredentials).unwrap().contains("keys of a bucket"));
    }
}

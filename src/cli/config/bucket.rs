//! A repository in a bucket.

use hexreg::serve::{BucketLocation, RepositoryLocation};
use hexreg::store::{BucketUrl, Settings, Variables};

use super::section::{Section, Text};
use super::values::from_str;
use crate::cli::failure::{Failure, chain};
use crate::cli::serve::bucket_hint::hint_of_bucket;

/// Reads the keys of a repository whose `at` is the URL of a bucket; `no_bucket.rs` has the same function for a binary
/// that cannot open any.
pub fn read(table: &Section<'_>, at: &Text) -> Option<RepositoryLocation> {
    let url = table.parse::<BucketUrl>("at", at, from_str);
    let settings = Settings {
        endpoint: table.text("endpoint").map(|endpoint| endpoint.value),
        variables: Variables::of_process(),
        ..Settings::default()
    };
    let location = BucketLocation {
        url: url?,
        settings,
        assume_single_writer: table.boolean("assume-single-writer").unwrap_or(false),
        private: table.boolean("private").unwrap_or(false),
    };
    if let Err(error) = location.open() {
        // The library names the argument.
        let reason = chain(&error).replace("--endpoint", "`endpoint`");
        let place = if reason.starts_with("`endpoint`") {
            table.place_of("endpoint")
        } else {
            at.place.clone()
        };
        let failure = Failure::input(format!("could not open {}: {reason}", location.url));
        let failure = match hint_of_bucket(&error) {
            Some(hint) => failure.hint(hint),
            None => failure,
        };
        table.failure(place, failure);
    }
    Some(RepositoryLocation::Bucket(location))
}

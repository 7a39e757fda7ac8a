//! What to do about a bucket that cannot be opened.

use hexreg::store::OpenError;

/// The hint for a bucket that cannot be opened, if its message does not say what to do.
pub fn hint_of_bucket(error: &OpenError) -> Option<&'static str> {
    error.is_of_credentials().then_some(
        "the keys of a bucket come from the environment, under the names of its provider",
    )
}

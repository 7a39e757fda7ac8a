//! The names of files that hexreg itself puts into a store. No client asks for them.

/// The prefix and the suffix of the name of a file that is being written.
pub(crate) const TEMPORARY: (&str, &str) = (".hexreg-", ".tmp");

/// The file at the root of a bucket that hexreg tests the store's conditions with.
pub(crate) const PROBE: &str = ".hexreg-probe";

/// Whether it is the name of a file that is being written, or whose writer was killed.
pub(crate) fn is_temporary(name: &str) -> bool {
    name.starts_with(TEMPORARY.0) && name.ends_with(TEMPORARY.1)
}

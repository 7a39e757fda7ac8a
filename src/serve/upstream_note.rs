//! What a page says of an upstream that files are fetched from.

/// What a page says of an upstream that files are fetched from when clients ask for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpstreamNote {
    /// Why files are served as they are here, though upstream should have been asked.
    pub problem: Option<String>,
}

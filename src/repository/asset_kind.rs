//! The kinds of files that clients ask for, and the headers of each.

/// What a file is to clients, and to the caches between them and the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AssetKind {
    /// `names`, `versions`, `packages/NAME`, `public_key`: they change with every release.
    Registry,
    /// `policies/NAME`. Clients must learn soon that a release is denied.
    Policy,
    /// `tarballs/NAME-VERSION.tar`
    Tarball,
    /// `docs/NAME-VERSION.tar.gz`
    Docs,
    /// `installs/…`, which `mix local.hex` and `mix local.rebar` ask for.
    Installs,
    /// `git/HOST/PATH.git/…`, the files that change: `HEAD`, and the lists of references and packs.
    GitRefs,
    /// `git/HOST/PATH.git/objects/…`, each named by its content.
    GitObjects,
}

impl AssetKind {
    /// `Cache-Control`: for how many seconds a copy is fresh, and whether shared caches may keep it. The values are
    /// hex.pm's, for the files that hex.pm has.
    #[must_use]
    pub fn cache_control(self, is_public: bool) -> &'static str {
        match (self, is_public) {
            (Self::Registry | Self::Installs, true) => "public, max-age=3600",
            (Self::Registry | Self::Installs, false) => "private, max-age=3600",
            (Self::Policy, true) => "public, max-age=600",
            (Self::Policy, false) => "private, max-age=60",
            (Self::Tarball | Self::GitObjects, true) => "public, max-age=604800",
            (Self::Tarball | Self::GitObjects, false) => "private, max-age=604800",
            (Self::Docs, true) => "public, max-age=86400",
            (Self::Docs, false) => "private, max-age=86400",
            (Self::GitRefs, true) => "public, max-age=0",
            (Self::GitRefs, false) => "private, max-age=0",
        }
    }

    /// `Content-Type`. No file is text to the clients that ask for it, and no client should guess a type.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Registry
            | Self::Policy
            | Self::Tarball
            | Self::Docs
            | Self::Installs
            | Self::GitRefs
            | Self::GitObjects => OCTET_STREAM,
        }
    }

    /// The label in the metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Policy => "policy",
            Self::Tarball => "tarball",
            Self::Docs => "docs",
            Self::Installs => "installs",
            Self::GitRefs | Self::GitObjects => "git",
        }
    }
}

/// The type of bytes that have no other type.
pub(crate) const OCTET_STREAM: &str = "application/octet-stream";

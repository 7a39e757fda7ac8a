//! The arguments of a server that fetches from an upstream what clients ask for.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use hexreg::name::PackageName;
use hexreg::ops::mirror::Upstream;
use hexreg::serve::pull::options::PullOptions;

use crate::cli::failure::Failure;
use crate::cli::mirror::upstream::{self, UpstreamName};
use crate::cli::upstream_auth::AuthSource;

/// Where DEST is pulled through from.
#[derive(clap::Args)]
pub struct PullThrough {
    /// Fetch what DEST does not have from the repository at this URL when a client asks for it, check it, and keep
    /// it in DEST, which may be empty or missing; `hexpm` stands for the URL of hex.pm
    // Parsed later: clap would print the credentials that it may have.
    #[arg(long, value_name = "URL")]
    upstream: Option<String>,
    /// With --upstream: its name in its signed files, or an organisation's in lock files, such as hexpm:acme
    #[arg(long, value_name = "NAME", default_value = Upstream::HEXPM_NAME, requires = "upstream")]
    upstream_name: UpstreamName,
    /// With --upstream: its public key, in PEM [default: hex.pm's]
    #[arg(long, value_name = "PATH", requires = "upstream")]
    upstream_key: Option<PathBuf>,
    /// With --upstream: the source of the Authorization header: `env:NAME`, `file:PATH` or `netrc`
    #[arg(long, value_name = "SOURCE", requires = "upstream")]
    upstream_auth: Option<String>,
    /// With --upstream: take a package's file even if it lost or changed releases
    #[arg(long, value_name = "PACKAGE", requires = "upstream")]
    accept: Vec<PackageName>,
}

impl PullThrough {
    /// What DEST is pulled through from, if it is.
    pub fn options(self, has_destination: bool) -> Result<Option<PullOptions>, Failure> {
        let Some(url) = self.upstream else { return Ok(None) };
        if !has_destination {
            let message = "--upstream is for DEST, and there are only repositories of --repo";
            return Err(Failure::environment(message).hint(
                "give the directory in which what is fetched is kept; for several, write a file for --config",
            ));
        }
        let name = self.upstream_name;
        let url = Some(url.as_str()).filter(|url| *url != Upstream::HEXPM_NAME);
        let url = upstream::url(url, &name)?;
        let key = upstream::key(self.upstream_key.as_deref(), &name, &url)?;
        let authorization = self.upstream_auth.as_deref().map(AuthSource::parse).transpose()?;
        let authorization = authorization.map(|source| source.read(&url)).transpose()?;
        let UpstreamName { source, name } = name;
        Ok(Some(PullOptions {
            upstream: Upstream { url, name, source, key, authorization },
            accept: self.accept.into_iter().collect(),
            size: None,
            pinned: Arc::new(|| Ok(BTreeSet::new())),
            locks: Vec::new(),
        }))
    }
}

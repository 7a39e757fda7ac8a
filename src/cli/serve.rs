//! `hexreg serve`

mod announcement;
#[cfg(feature = "buckets")]
pub mod bucket_hint;
mod failure;
mod named;
#[cfg(feature = "mirror")]
mod pull_through;
mod source;
pub mod spelling;
pub mod values;
pub mod warnings;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hexreg::key::PrivateKey;
use hexreg::name::{PackageName, RepositoryName};
use hexreg::ops::batch::ReplaceRule;
#[cfg(feature = "mirror")]
use hexreg::serve::pull::options::PullOptions;
use hexreg::serve::{
    self, CacheOptions, DocsOptions, Mount, Options, RepositoryOptions, ServerLimits, TlsFiles,
};
use ipnet::IpNet;
use tracing_subscriber::filter::LevelFilter;

use super::cache;
use super::config::Config;
use super::destination::{Destination, Following, Writing};
use super::failure::Failure;
use super::log;
use super::output;
use super::private_key::KeySource;
use announcement::announcement;
use failure::{failed, failure};
use named::NamedDestination;
#[cfg(feature = "mirror")]
use pull_through::PullThrough;
use spelling::Spelling;
use values::{DEFAULT_ADDRESS, LogFormat, address, base_url, bytes, network};

/// Serve registries over HTTP, as their clients expect it
///
/// The server sends the files that `hexreg build` writes, and no other files in the directory. Clients get the files of
/// a new build at once. After SIGTERM or SIGINT the server answers the running requests and ends.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hexreg serve public
  hexreg serve public --listen=0.0.0.0:8443 --tls-cert=cert.pem --tls-key=key.pem --auth-file=readers
  hexreg serve --repo acme=public --repo hexpm=copy
  hexreg serve s3://company-hex/acme --auth-file=readers
  hexreg serve --upstream hexpm cache
  hexreg serve --config hexreg.toml

Health check: GET /healthz, without credentials.")]
pub struct Args {
    /// The directory to serve at /, or a bucket: s3://BUCKET/PREFIX, gs:// or az://
    #[arg(
        value_name = "DEST",
        required_unless_present_any = ["repo", "config"],
        value_parser = Destination::parser()
    )]
    destination: Option<Destination>,
    /// A file in TOML that says all of this, in place of the other arguments; `hexreg config check` checks it
    #[arg(long, value_name = "FILE", exclusive = true)]
    config: Option<PathBuf>,
    /// A directory or a bucket to serve at /repos/NAME; may be given more than once
    #[arg(long, value_name = "NAME=DEST", value_parser = NamedDestination)]
    repo: Vec<(RepositoryName, Destination)>,
    #[cfg(feature = "mirror")]
    #[command(flatten)]
    pull_through: PullThrough,
    #[command(flatten)]
    following: Following,
    #[command(flatten)]
    writing: Writing,
    /// The directory for what is kept of buckets and for pages [default: hexreg in $XDG_CACHE_HOME, else in ~/.cache]
    #[arg(long, value_name = "DIR")]
    cache_dir: Option<PathBuf>,
    /// How much is kept of each bucket, as in 512MiB or 10GiB [default: 1GiB]
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    cache_size: Option<u64>,
    /// The private key of the registry, in PEM: let tokens of --auth-file publish to it. For a registry of
    /// --repo it is NAME=PATH; may be given more than once
    #[arg(long, value_name = "[NAME=]PATH")]
    private_key: Vec<OsString>,
    /// For how long a published release may be replaced and reverted: `never`, `always`, or after its publication,
    /// as in `within=1h`. Tokens with `--can admin` may do it later too, except with `never`
    #[arg(long, value_name = "RULE", default_value_t)]
    replace: ReplaceRule,
    /// Let published releases require NAME from hex.pm, though a registry here has a package of that name
    #[arg(long, value_name = "NAME")]
    allow_public: Vec<PackageName>,
    /// The address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value_t = DEFAULT_ADDRESS, value_parser = address)]
    listen: SocketAddr,
    /// The URL under which clients reach it [default: the address]
    #[arg(long, value_name = "URL", value_parser = base_url)]
    url: Option<String>,
    /// The users who may read and publish: passwords and tokens, as `hexreg auth add` writes them
    #[arg(long, value_name = "FILE")]
    auth_file: Option<PathBuf>,
    /// Let everyone read: without --auth-file also from other machines and without encryption, with it also
    /// without credentials; publishing needs a token
    #[arg(long)]
    allow_anonymous: bool,
    /// The certificate, followed by the intermediate certificates, in PEM: serve HTTPS
    #[arg(long, value_name = "PATH", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key, in PEM
    #[arg(long, value_name = "PATH", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// A proxy, or a network of proxies as 192.0.2.0/24, whose X-Forwarded-For names the client; may be given
    /// more than once [default: 127.0.0.0/8 and ::1]
    #[arg(long, value_name = "CIDR", value_parser = network)]
    trusted_proxy: Vec<IpNet>,
    /// Serve metrics for Prometheus at /metrics of this address, without credentials
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    metrics_listen: Option<SocketAddr>,
    #[cfg(feature = "web")]
    #[command(flatten)]
    docs: DocsOrigin,
    /// The format of the access log, on standard error
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "text")]
    log_format: LogFormat,
    /// How many connections may be open at once; one address may have a quarter of them
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_connections: u32,
    /// Close a connection after this time in which its client sends nothing, or takes less than 1 KiB a second
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    idle_timeout: u64,
    /// Print only errors: no instructions for clients, and no access log
    #[arg(long, short)]
    quiet: bool,
}

/// Where documentation is shown.
#[cfg(feature = "web")]
#[derive(clap::Args)]
struct DocsOrigin {
    /// Show documentation at this address, and nothing else there: where reading needs credentials, documentation is
    /// shown in an origin of its own only
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    docs_listen: Option<SocketAddr>,
    /// The URL under which clients reach documentation: its host is not the one of --url, and leads to this server
    #[arg(long, value_name = "URL", value_parser = base_url)]
    docs_url: Option<String>,
}

impl Args {
    /// Serves until a signal ends it.
    pub fn run(self) -> Result<(), Failure> {
        let spelling = if self.config.is_some() { Spelling::Keys } else { Spelling::Arguments };
        let (config, source) = match self.config {
            Some(file) => source::read(file)?,
            None => (self.into_config()?, None),
        };
        let Config { options, log_format, quiet, secrets, warnings } = &config;
        let level = if *quiet { LevelFilter::ERROR } else { LevelFilter::INFO };
        log::start(level, *log_format == LogFormat::Json);
        if !quiet {
            let exposed = warnings::of(options, secrets, spelling);
            warnings.iter().chain(&exposed).for_each(|warning| output::warning(warning));
        }
        let done = serve::serve(options, source, |started| {
            if !quiet {
                // If standard output is closed, the server goes on.
                let _ = announcement(started, options, spelling).lines().try_for_each(output::line);
            }
        });
        done.map_err(|error| failure(error, spelling))
    }

    fn into_config(self) -> Result<Config, Failure> {
        #[cfg(feature = "mirror")]
        let pull = self.pull_through.options(self.destination.is_some())?;
        let plain = self.destination.into_iter().map(|destination| (Mount::root(), destination));
        let named = self.repo.into_iter();
        let named = named.map(|(name, destination)| (Mount::named(name), destination));
        let allow_public: BTreeSet<_> = self.allow_public.into_iter().collect();
        let writing = &self.writing;
        let repositories = plain.chain(named).map(|(mount, destination)| RepositoryOptions {
            replace: self.replace,
            allow_public: allow_public.clone(),
            ..RepositoryOptions::new(mount, writing.location(destination))
        });
        let mut repositories: Vec<_> = repositories.collect();
        let mut directories = repositories.iter().map(|one| one.location.as_directory());
        if let Some(directory) =
            directories.next().flatten().filter(|_| directories.all(|it| it.is_some()))
        {
            writing.refuse_for(directory)?;
        }
        let secrets = add_keys(&self.private_key, &mut repositories)?;
        #[cfg(feature = "mirror")]
        pull_root(&mut repositories, pull)?;
        let cache_dir = match self.cache_dir {
            Some(given) => Some(given),
            None => cache::directory_of_server()?,
        };
        let default = CacheOptions::default();
        let cache = CacheOptions {
            directory: cache_dir.unwrap_or(default.directory),
            size: self.cache_size.unwrap_or(default.size),
        };
        let tls = self.tls_cert.zip(self.tls_key);
        let proxies = self.trusted_proxy;
        let options = Options {
            repositories,
            follow_links: self.following.follow_links,
            listen: self.listen,
            url: self.url,
            allow_anonymous: self.allow_anonymous,
            auth_file: self.auth_file,
            tls: tls.map(|(certificates, key)| TlsFiles { certificates, key }),
            trusted_proxies: if proxies.is_empty() { serve::loopback() } else { proxies },
            #[cfg(feature = "web")]
            docs: DocsOptions { listen: self.docs.docs_listen, url: self.docs.docs_url },
            #[cfg(not(feature = "web"))]
            docs: DocsOptions::default(),
            metrics: self.metrics_listen,
            log_requests: !self.quiet && self.log_format != LogFormat::Off,
            limits: ServerLimits {
                connections: usize::try_from(self.max_connections).unwrap_or(usize::MAX),
                idle: Duration::from_secs(self.idle_timeout),
                stall: Duration::from_secs(self.idle_timeout),
                ..ServerLimits::default()
            },
            cache,
            secret_files: secrets.clone(),
        };
        let (log_format, quiet) = (self.log_format, self.quiet);
        Ok(Config { options, log_format, quiet, secrets, warnings: Vec::new() })
    }
}

/// Reads the private keys, and gives each to its repository. Returns the paths of their files.
fn add_keys(
    arguments: &[OsString],
    repositories: &mut [RepositoryOptions],
) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for argument in arguments {
        let (name, path) = match named_key(argument, repositories) {
            Some((name, path)) => (Some(name), path),
            None => (None, PathBuf::from(argument)),
        };
        let key = read_key(&path, repositories)?;
        files.push(path);
        let place = name.as_ref().map_or_else(|| "DEST".to_owned(), ToString::to_string);
        let mut all = repositories.iter_mut();
        let repository = all.find(|one| one.mount.name() == name.as_ref()).ok_or_else(|| {
            failed(format!("there is a private key of {place}, and no repository")).hint(
                "give --private-key=PATH for DEST itself, and --private-key=NAME=PATH for --repo=NAME=DEST",
            )
        })?;
        if repository.key.replace(key).is_some() {
            return Err(failed(format!("there are two private keys of {place}"))
                .hint("give --private-key once for each repository"));
        }
    }
    Ok(files)
}

/// DEST is pulled through, and nothing can be published to it then.
#[cfg(feature = "mirror")]
fn pull_root(
    repositories: &mut [RepositoryOptions],
    pull: Option<PullOptions>,
) -> Result<(), Failure> {
    let mut roots = repositories.iter_mut().filter(|one| one.mount.is_root());
    let Some((root, pull)) = roots.next().zip(pull) else { return Ok(()) };
    if root.key.is_some() {
        return Err(failed("--private-key and --upstream are for different repositories")
            .hint("leave --private-key out: what is pulled through is signed by its upstream"));
    }
    root.pull = Some(pull);
    Ok(())
}

/// The name and the path in `NAME=PATH`. A path may have an equals sign in it too.
fn named_key(
    argument: &OsString,
    repositories: &[RepositoryOptions],
) -> Option<(RepositoryName, PathBuf)> {
    let (name, path) = argument.to_str()?.split_once('=')?;
    let name: RepositoryName = name.parse().ok()?;
    let is_repository = repositories.iter().any(|one| one.mount.name() == Some(&name));
    (is_repository || !Path::new(argument).exists()).then(|| (name, PathBuf::from(path)))
}

fn read_key(path: &Path, repositories: &[RepositoryOptions]) -> Result<PrivateKey, Failure> {
    let source = KeySource::from_argument(Some(path))?;
    let mut directories = repositories.iter().filter_map(|one| one.location.as_directory());
    directories.try_for_each(|directory| source.refuse_inside(directory))?;
    source.parse(&source.read()?)
}

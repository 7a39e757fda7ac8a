//! `hexreg serve`

mod announcement;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::Uri;
use axum::http::uri::Authority;
use hexreg::key::PrivateKey;
use hexreg::name::{PackageName, RepositoryName};
use hexreg::ops::batch::ReplaceRule;
use hexreg::serve::{
    self, Error, Mount, Options, RepositoryLocation, RepositoryOptions, ServerLimits, TlsFiles,
};
use ipnet::IpNet;
use tracing_subscriber::filter::LevelFilter;

use super::auth_file;
use super::destination::Following;
use super::failure::{Failure, chain};
use super::log;
use super::output;
use super::private_key::KeySource;
use super::secret_file;
use announcement::announcement;

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

Health check: GET /healthz, without credentials.")]
pub struct Args {
    /// The directory to serve at /
    #[arg(value_name = "PUBLIC_DIR", required_unless_present = "repo")]
    public_dir: Option<PathBuf>,
    /// A directory to serve at /repos/NAME; may be given more than once
    #[arg(long, value_name = "NAME=DIR", value_parser = named)]
    repo: Vec<(RepositoryName, PathBuf)>,
    #[command(flatten)]
    following: Following,
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
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8000", value_parser = address)]
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
    /// Serve metrics for Prometheus at /metrics of this loopback address
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    metrics_listen: Option<SocketAddr>,
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

/// The warning about a private key that no client can use.
const KEY_WITHOUT_TOKENS: &str = "--private-key has no effect without --auth-file: clients publish with tokens. Make one \
    with `hexreg auth add FILE NAME --can=publish`, and give --auth-file=FILE";

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
    /// No access log; other messages are for people
    Off,
}

fn named(text: &str) -> Result<(RepositoryName, PathBuf), String> {
    let (name, directory) = text.split_once('=').ok_or("expected NAME=DIR")?;
    let name: RepositoryName = name.parse().map_err(|error| format!("{error}"))?;
    if directory.is_empty() {
        return Err("expected a directory after =".to_owned());
    }
    Ok((name, directory.into()))
}

/// An address, or a name that resolves to one: of several, the first of IPv4.
fn address(text: &str) -> Result<SocketAddr, String> {
    let found = text.to_socket_addrs();
    let found =
        found.map_err(|error| format!("{error}; expected HOST:PORT, as in 127.0.0.1:8000"))?;
    let found: Vec<_> = found.collect();
    let first = found.iter().find(|address| address.is_ipv4()).or(found.first());
    first.copied().ok_or_else(|| "the name resolves to no address".to_owned())
}

/// A network, or one address.
fn network(text: &str) -> Result<IpNet, String> {
    let one = text.parse::<IpAddr>().map(IpNet::from);
    one.or_else(|_| text.parse::<IpNet>())
        .map_err(|_| "expected an address or a network, as in 192.0.2.1 or 192.0.2.0/24".to_owned())
}

/// The URL in the instructions for clients, in a form without user, query and fragment.
fn base_url(text: &str) -> Result<String, String> {
    let url: Uri = text.parse().map_err(|error| format!("{error}"))?;
    // The parser lowers the scheme, which clients compare literally.
    let scheme = url.scheme_str().filter(|scheme| matches!(*scheme, "http" | "https"));
    let is_plain = url.authority().is_some_and(is_host) && url.query().is_none();
    match scheme.zip(text.split_once(':')) {
        Some((scheme, (_, rest))) if is_plain && !text.contains('#') => {
            Ok(format!("{scheme}:{rest}"))
        }
        _ => {
            Err("expected http://HOST or https://HOST, with nothing but a path after it".to_owned())
        }
    }
}

/// Whether it is a host, with a valid port or none, and without a user.
fn is_host(authority: &Authority) -> bool {
    let (text, host) = (authority.as_str(), authority.host());
    let is_port = text == host || authority.port_u16().is_some();
    !host.is_empty() && is_port && !text.contains('@')
}

impl Args {
    /// Serves until a signal ends it.
    pub fn run(self) -> Result<(), Failure> {
        self.start_log();
        let plain = self.public_dir.into_iter().map(|directory| (Mount::root(), directory));
        let named = self.repo.into_iter();
        let named = named.map(|(name, directory)| (Mount::named(name), directory));
        let allow_public: BTreeSet<_> = self.allow_public.into_iter().collect();
        let repositories = plain.chain(named).map(|(mount, directory)| RepositoryOptions {
            replace: self.replace,
            allow_public: allow_public.clone(),
            ..RepositoryOptions::new(mount, RepositoryLocation::Directory(directory))
        });
        let mut repositories: Vec<_> = repositories.collect();
        add_keys(&self.private_key, &mut repositories, self.quiet)?;
        let tls = self.tls_cert.zip(self.tls_key);
        let proxies = self.trusted_proxy;
        if !self.private_key.is_empty() && self.auth_file.is_none() && !self.quiet {
            output::warning(KEY_WITHOUT_TOKENS);
        }
        let options = Options {
            repositories,
            follow_links: self.following.follow_links,
            listen: self.listen,
            url: self.url,
            allow_anonymous: self.allow_anonymous,
            auth_file: self.auth_file,
            tls: tls.map(|(certificates, key)| TlsFiles { certificates, key }),
            trusted_proxies: if proxies.is_empty() { serve::loopback() } else { proxies },
            metrics: self.metrics_listen,
            log_requests: !self.quiet && self.log_format != LogFormat::Off,
            limits: ServerLimits {
                connections: usize::try_from(self.max_connections).unwrap_or(usize::MAX),
                idle: Duration::from_secs(self.idle_timeout),
                stall: Duration::from_secs(self.idle_timeout),
                ..ServerLimits::default()
            },
        };
        let quiet = self.quiet;
        for secret in options.auth_file.iter().chain(options.tls.iter().map(|tls| &tls.key)) {
            if let Some(exposure) = secret_file::exposure(secret).filter(|_| !quiet) {
                output::warning(&exposure);
            }
        }
        let done = serve::serve(&options, |started| {
            if !quiet {
                // If standard output is closed, the server goes on.
                let _ = announcement(started, &options).lines().try_for_each(output::line);
            }
        });
        done.map_err(failure)
    }

    fn start_log(&self) {
        let level = if self.quiet { LevelFilter::ERROR } else { LevelFilter::INFO };
        log::start(level, self.log_format == LogFormat::Json);
    }
}

/// Reads the private keys, and gives each to its repository.
fn add_keys(
    arguments: &[OsString],
    repositories: &mut [RepositoryOptions],
    quiet: bool,
) -> Result<(), Failure> {
    for argument in arguments {
        let (name, path) = match named_key(argument, repositories) {
            Some((name, path)) => (Some(name), path),
            None => (None, PathBuf::from(argument)),
        };
        let key = read_key(&path, repositories, quiet)?;
        let place = name.as_ref().map_or_else(|| "PUBLIC_DIR".to_owned(), ToString::to_string);
        let mut all = repositories.iter_mut();
        let repository = all.find(|one| one.mount.name() == name.as_ref()).ok_or_else(|| {
            failed(format!("there is a private key of {place}, and no repository")).hint(
                "give --private-key=PATH for the directory itself, and --private-key=NAME=PATH for --repo=NAME=DIR",
            )
        })?;
        if repository.key.replace(key).is_some() {
            return Err(failed(format!("there are two private keys of {place}"))
                .hint("give --private-key once for each repository"));
        }
    }
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

fn read_key(
    path: &Path,
    repositories: &[RepositoryOptions],
    quiet: bool,
) -> Result<PrivateKey, Failure> {
    let source = KeySource::from_argument(Some(path))?;
    let mut directories = repositories.iter().filter_map(|one| one.location.as_directory());
    directories.try_for_each(|directory| source.refuse_inside(directory))?;
    let key = source.parse(&source.read()?)?;
    if let Some(exposure) = source.exposure().filter(|_| !quiet) {
        output::warning(&exposure);
    }
    Ok(key)
}

fn failed(message: impl std::fmt::Display) -> Failure {
    Failure::environment(format!("failed to serve: {message}"))
}

fn failure(error: Error) -> Failure {
    let message = format!("failed to serve: {}", chain(&error));
    let hint = match error {
        Error::NotADirectory(_) => "name the directory that `hexreg build` writes",
        Error::LeadsOut(_) => {
            "give --follow-links to serve the files behind it to everyone who may read"
        }
        Error::Twice(_) => "give each a name of its own: --repo NAME=DIR",
        Error::NotBuilt { location } => {
            let line = format!("make one: hexreg build {location} --name=NAME --private-key=PATH");
            return Failure::environment(message).hint(line);
        }
        Error::Unsound { .. } => "see what `hexreg verify` says",
        Error::OtherKey { .. } => "give the private key with this fingerprint",
        Error::Exposed(_) => {
            "give --auth-file and --tls-cert, listen on 127.0.0.1, or say --allow-anonymous"
        }
        Error::ExposedMetrics(_) => "give --metrics-listen=127.0.0.1:PORT",
        Error::Listen(..) => "stop the program that listens there, or give another address",
        Error::Tls(_) => {
            "give --tls-cert the whole chain, and --tls-key the key of its first certificate"
        }
        Error::Auth(error) => return auth_file::failure(error),
        Error::AuthFileServed(_) => "keep it elsewhere",
        Error::Key(_) | Error::NoRandomness(_) | Error::Run(_) => "nothing is served",
    };
    Failure::environment(message).hint(hint)
}

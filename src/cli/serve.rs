//! `hexreg serve`

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use axum::http::Uri;
use axum::http::uri::Authority;
use hexreg::name::RepositoryName;
use hexreg::ops;
use hexreg::registry::PUBLIC_REPOSITORY;
use hexreg::serve::overview::{Overview, RepositoryState};
use hexreg::serve::snippets::{self, ClientConfig};
use hexreg::serve::{self, Error, Mount, Options, ServerLimits, Started, TlsFiles};
use ipnet::IpNet;
use tracing_subscriber::filter::LevelFilter;

use super::auth_file;
use super::destination::Following;
use super::failure::{Failure, chain};
use super::log::LogWriter;
use super::output;
use super::secret_file;

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
    /// The address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8000", value_parser = address)]
    listen: SocketAddr,
    /// The URL under which clients reach it [default: the address]
    #[arg(long, value_name = "URL", value_parser = base_url)]
    url: Option<String>,
    /// Who may read: passwords and tokens, as `hexreg auth add` writes them
    #[arg(long, value_name = "FILE")]
    auth_file: Option<PathBuf>,
    /// Serve other machines without credentials and without encryption
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
        let plain = self.public_dir.into_iter().map(|directory| Mount { name: None, directory });
        let named = self.repo.into_iter();
        let named = named.map(|(name, directory)| Mount { name: Some(name), directory });
        let tls = self.tls_cert.zip(self.tls_key);
        let proxies = self.trusted_proxy;
        let options = Options {
            mounts: plain.chain(named).collect(),
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
        let is_json = self.log_format == LogFormat::Json;
        let log = tracing_subscriber::fmt().with_writer(move || LogWriter { is_json });
        let log = log.with_max_level(level);
        let coloured = AutoStream::choice(&std::io::stderr()) != ColorChoice::Never;
        // If standard error is closed, the server goes on.
        let log = log.with_ansi(coloured).log_internal_errors(false);
        match self.log_format {
            LogFormat::Text | LogFormat::Off => log.init(),
            LogFormat::Json => log.json().flatten_event(true).init(),
        }
    }
}

fn is_empty(auth_file: &Path) -> bool {
    ops::auth::read(auth_file).is_ok_and(|readers| readers.is_empty())
}

/// The instructions that a user needs next.
fn announcement(started: &Started, options: &Options) -> String {
    let needs_token = options.auth_file.is_some();
    let (is_open, is_unspecified) =
        (!options.listen.ip().is_loopback(), options.listen.ip().is_unspecified());
    let Started { url, address, metrics, repositories } = started;
    let mut text = format!("listening on {address}\n\n");
    let readers = options.auth_file.as_ref();
    if let Some(file) = readers.filter(|file| is_empty(file)) {
        let file = file.display();
        let _ = write!(
            text,
            "{file} has no entries: make a token with `hexreg auth add {file} NAME`\n\n"
        );
    }
    if url == address && url.starts_with("https:") {
        text.push_str(
            "clients look for the name in the certificate, and take no address: give --url=https://NAME\n\n",
        );
    }
    if is_open && needs_token && url.starts_with("http:") {
        text.push_str(
            "credentials travel in the clear: give --tls-cert, or put a proxy that has one in front\n\n",
        );
    }
    // With HTTPS, the note on the certificate says it.
    if url == address && is_unspecified && url.starts_with("http:") {
        text.push_str("clients need a name or an address of this machine: give --url\n\n");
    }
    let url_of = |mount: &Mount| format!("{url}{}", mount.path()).trim_end_matches('/').to_owned();
    // The repository with the packages of hex.pm, for clients of the others.
    let public = repositories.iter().find_map(|(mount, state)| match &**state {
        RepositoryState::Built(overview) if overview.repository.as_str() == PUBLIC_REPOSITORY => {
            Some((url_of(mount), overview))
        }
        _ => None,
    });
    let public = public.as_ref().map(|(url, Overview { repository, key, .. })| ClientConfig {
        repository,
        url,
        key,
        needs_token,
    });
    for (mount, state) in repositories {
        let url = &url_of(mount);
        match &**state {
            RepositoryState::Built(overview) => {
                let Overview { repository, key, .. } = overview;
                let config = ClientConfig { repository, url, key, needs_token };
                let _ = write!(
                    text,
                    "serving {repository} at {url}\nfingerprint {}\n\nfor mix, in a shell:\n\n{}\n\n{}",
                    key.fingerprint(),
                    snippets::mix(&config),
                    for_rebar3(&config, public.as_ref()),
                );
            }
            RepositoryState::NotBuilt => {
                let _ = write!(text, "serving {url}, where no registry was built yet\n\n");
            }
            RepositoryState::Unsound(reason) => {
                let _ = write!(
                    text,
                    "serving {url}, which clients will refuse: {}\nsee what `hexreg verify {}` says\n\n",
                    chain(reason),
                    mount.directory.display()
                );
            }
        }
    }
    if url == address && !is_open && !needs_token {
        text.push_str("it answers to localhost and 127.0.0.1 alone: for another name, as behind a proxy, give --url\n\n");
    }
    if let Some(metrics) = metrics {
        let _ = write!(text, "metrics at {metrics}\n\n");
    }
    text.push_str("Ctrl-C ends it");
    text
}

/// The configurations of rebar3, each with its risk. `public` has the packages of hex.pm.
fn for_rebar3(config: &ClientConfig<'_>, public: Option<&ClientConfig<'_>>) -> String {
    let plain = snippets::rebar3(config);
    if let Some(line) = snippets::rebar3_public(config) {
        return format!(
            "for rebar3, in rebar.config and in a shell, as it goes by no repo_url of `hexpm`:\n\n{plain}\n\n\
             {line}\n\n"
        );
    }
    let replace = snippets::rebar3_replace(config, public);
    let line = public.and_then(snippets::rebar3_public);
    let line = line.map(|line| format!("{line}\n\n")).unwrap_or_default();
    format!(
        "for rebar3, in rebar.config ({}):\n\n{plain}\n\n\
         or, for a project whose dependencies are all here ({}):\n\n{replace}\n\n{line}",
        snippets::REBAR3_RISK,
        snippets::REBAR3_REPLACE_RISK,
    )
}

fn failure(error: Error) -> Failure {
    let message = format!("failed to serve: {}", chain(&error));
    let hint = match error {
        Error::NotADirectory(_) => "name the directory that `hexreg build` writes",
        Error::LeadsOut(_) => {
            "give --follow-links to serve the files behind it to everyone who may read"
        }
        Error::Twice(_) => "give each a name of its own: --repo NAME=DIR",
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
        Error::NoRandomness(_) | Error::Run(_) => "nothing is served",
    };
    Failure::environment(message).hint(hint)
}

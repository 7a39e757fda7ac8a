//! Whether the server is healthy. Threads of its own find out: the threads that read files and make pages may all be
//! busy, and a supervisor must not take that for a failure.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::api::form::fields;
#[cfg(feature = "mirror")]
use super::clock;
use super::files::source::FileSource;
#[cfg(feature = "mirror")]
use super::mirrors::status::MirrorStatus;
#[cfg(feature = "mirror")]
use super::pull::{pull_through::PullThrough, upstream_log::UpstreamState};
use super::responses::{plain, text};

/// How many requests may wait for a check. It takes microseconds, unless the disk hangs.
const MAX_WAITING: usize = 256;

/// How long a request waits for a check. A repository whose disk or store hangs is not healthy.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// Checks the health of the server.
pub(super) struct Health(Vec<Checker>);

/// A thread that checks repositories one after the other: all directories, or one bucket, because each bucket may take
/// seconds to answer.
struct Checker {
    /// The place of each repository in the report, and its name.
    repositories: Vec<(usize, String)>,
    ask: SyncSender<oneshot::Sender<Checked>>,
}

/// A repository whose health is checked.
pub(super) struct HealthyRepository {
    /// Its name in the report.
    pub name: String,
    pub source: Arc<dyn FileSource>,
    /// Whether its files are behind a network.
    pub is_remote: bool,
    /// How it is kept up to date, if it is a mirror.
    #[cfg(feature = "mirror")]
    pub mirror: Option<Arc<MirrorStatus>>,
    /// What fetches its files when clients ask for them.
    #[cfg(feature = "mirror")]
    pub pull: Option<Arc<PullThrough>>,
}

/// What a checker has found of each of its repositories.
type Checked = Arc<[CheckedRepository]>;

/// The health of a repository.
struct CheckedRepository {
    is_available: bool,
    /// Its line in the report.
    line: String,
}

/// What a supervisor asks.
#[derive(Debug, Default, PartialEq, Eq)]
struct HealthQuery {
    /// With a line for each repository.
    is_verbose: bool,
    /// Only of this repository.
    repository: Option<String>,
}

impl HealthQuery {
    fn parse(query: Option<&str>) -> Self {
        let mut parsed = Self::default();
        for (field, value) in fields(query.unwrap_or_default()) {
            match field.as_str() {
                "verbose" => parsed.is_verbose = true,
                "repository" => parsed.repository = Some(value),
                _ => {}
            }
        }
        parsed
    }

    fn is_of(&self, name: &str) -> bool {
        self.repository.as_ref().is_none_or(|asked| asked == name)
    }
}

impl Health {
    /// The server is healthy while all these repositories can be reached.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub fn of(repositories: Vec<HealthyRepository>) -> io::Result<Self> {
        let all = repositories.into_iter().enumerate();
        let (remote, local): (Vec<_>, Vec<_>) = all.partition(|(_, one)| one.is_remote);
        let groups = remote.into_iter().map(|one| vec![one]).chain([local]);
        let checkers = groups.filter(|group| !group.is_empty()).map(Checker::start);
        Ok(Self(checkers.collect::<io::Result<_>>()?))
    }

    /// The response to a supervisor; with `?verbose`, it has a line for each repository, and with `?repository=NAME` it is
    /// of that one alone.
    pub async fn respond(&self, query: Option<&str>) -> Response<Body> {
        let query = HealthQuery::parse(query);
        // All are asked before the first answer is waited for.
        let asked = self.0.iter().filter_map(|checker| {
            let has_one = checker.repositories.iter().any(|(_, name)| query.is_of(name));
            has_one.then(|| (checker, checker.ask()))
        });
        let asked: Vec<_> = asked.collect();
        if asked.is_empty() && query.repository.is_some() {
            return plain(StatusCode::NOT_FOUND);
        }
        let deadline = Instant::now().checked_add(CHECK_TIMEOUT).unwrap_or_else(Instant::now);
        let (mut is_healthy, mut lines) = (true, BTreeMap::new());
        for (checker, outcome) in asked {
            let checked = match outcome {
                Some(outcome) => timeout_at(deadline, outcome).await.ok().and_then(Result::ok),
                None => None,
            };
            for (index, (place, name)) in checker.repositories.iter().enumerate() {
                if query.is_of(name) {
                    let one = checked.as_ref().and_then(|checked| checked.get(index));
                    is_healthy &= one.is_some_and(|one| one.is_available);
                    let line = one.map_or_else(|| not_checked(name), |one| one.line.clone());
                    lines.insert(*place, line);
                }
            }
        }
        let status = if is_healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        if query.is_verbose {
            return text(status, lines.into_values().collect());
        }
        plain(status)
    }
}

/// The line of a repository whose disk or store hangs.
fn not_checked(name: &str) -> String {
    format!("{name}: not available: no answer within {} s\n", CHECK_TIMEOUT.as_secs())
}

impl Checker {
    fn start(repositories: Vec<(usize, HealthyRepository)>) -> io::Result<Self> {
        let (ask, asked) = sync_channel(MAX_WAITING);
        let names = repositories.iter().map(|(place, one)| (*place, one.name.clone())).collect();
        thread::Builder::new()
            .name("health".to_owned())
            .spawn(move || check_on_request(&repositories, &asked))?;
        Ok(Self { repositories: names, ask })
    }

    /// `None` if too many wait already.
    fn ask(&self) -> Option<oneshot::Receiver<Checked>> {
        let (sender, outcome) = oneshot::channel();
        self.ask.try_send(sender).ok()?;
        Some(outcome)
    }
}

/// Checks until the server is dropped. All requests that wait get the outcome of one check.
fn check_on_request(
    repositories: &[(usize, HealthyRepository)],
    asked: &Receiver<oneshot::Sender<Checked>>,
) {
    while let Ok(first) = asked.recv() {
        let more: Vec<_> = asked.try_iter().collect();
        let checked: Checked = repositories.iter().map(|(_, one)| one.check()).collect();
        for one in more.into_iter().chain([first]) {
            // The client may have closed its connection.
            let _ = one.send(Arc::clone(&checked));
        }
    }
}

impl HealthyRepository {
    fn check(&self) -> CheckedRepository {
        let is_available = self.source.is_available();
        let state = if is_available { "available" } else { "not available" };
        let (mirror, upstream) = (self.mirror_report(), self.upstream_report());
        let line = format!("{}: {state}{mirror}{upstream}\n", self.name);
        CheckedRepository { is_available, line }
    }

    /// How old a mirror is. Why a run failed is for the log and for those who may read: it may name upstream.
    #[cfg(feature = "mirror")]
    fn mirror_report(&self) -> String {
        let Some(status) = &self.mirror else { return String::new() };
        let state = status.current();
        let age = match state.succeeded {
            Some(time) => {
                format!("up to date {} s ago", clock::now().0.saturating_sub(time.0).max(0))
            }
            None => "not up to date yet".to_owned(),
        };
        let failed = if state.error.is_some() { "; the last run left something out" } else { "" };
        let running = if state.is_running { "; running" } else { "" };
        format!("; mirror: {age}{failed}{running}")
    }

    /// Whether upstream answers. A server whose upstream is down serves what it has, so it is healthy.
    #[cfg(feature = "mirror")]
    fn upstream_report(&self) -> &'static str {
        match self.pull.as_ref().map(|pull| pull.upstream_state()) {
            Some(UpstreamState::Answers) => "; upstream: answers",
            Some(UpstreamState::DoesNotAnswer) => "; upstream: does not answer",
            Some(UpstreamState::IsRefused) => "; upstream: what it sends is refused",
            None => "",
        }
    }

    #[cfg(not(feature = "mirror"))]
    #[expect(clippy::unused_self, reason = "a server with mirrors has one to report of")]
    fn upstream_report(&self) -> &'static str {
        ""
    }

    #[cfg(not(feature = "mirror"))]
    #[expect(clippy::unused_self, reason = "a server with mirrors has one to report of")]
    fn mirror_report(&self) -> &'static str {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_says_what_is_asked() {
        let of = |is_verbose, repository: Option<&str>| HealthQuery {
            is_verbose,
            repository: repository.map(str::to_owned),
        };
        for (query, expected) in [
            (None, of(false, None)),
            (Some("verbose"), of(true, None)),
            (Some("repository=acme"), of(false, Some("acme"))),
            (Some("verbose&repository=%2F"), of(true, Some("/"))),
            (Some("other=1"), of(false, None)),
        ] {
            assert_eq!(HealthQuery::parse(query), expected, "{query:?}");
        }
    }
}

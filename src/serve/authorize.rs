//! The user of a request, and whether they may read: [`crate::auth::Authenticator`], for a server that must not block.
//!
//! A password that is not known to be right takes the time and the memory that its hash was made to take. So a few are
//! checked at once, of each peer in turn, and the queue is bounded ([`fair_queue`](super::connections::fair_queue)).
//! Requests of one peer with the same name and password share one check: clients send many at once.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
#[cfg(feature = "web")]
use std::sync::RwLock;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::header::HeaderValue;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

use super::clock;
use super::connections::fair_queue::{FairQueue, QueueLimits};
use super::connections::peer::{Overload, Peer};
#[cfg(feature = "web")]
use super::docs::pass::DocsPasses;
use super::error::Error;
use super::options::Options;
#[cfg(feature = "web")]
use crate::auth::AuthFile;
use crate::auth::{
    Authentication, Authenticator, BearerKey, ExchangeError, Exchanged, NotEnoughMemory, User,
};
use crate::name::PackageName;
use crate::ops;
use crate::ops::auth::AuthError;
use crate::package::UnixSeconds;

/// How many passwords are checked at once, and how many wait. 32 machines behind one address may begin at once, each with
/// its own name.
const CHECK_LIMITS: QueueLimits =
    QueueLimits { permits: 2, permits_of_peer: 1, waiting_of_peer: 32, waiting: 512 };

/// Authorizes requests: those of the users in a file, or all if there is no file.
pub(super) struct Authorizer {
    users: Option<Users>,
}

/// The outcome of a request's credentials.
pub(super) enum Authorization {
    /// The server asks for no credentials.
    Anonymous,
    User(User),
    Denied(CredentialError),
}

/// Why a client's credentials permit nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CredentialError {
    Missing,
    /// They are those of no user.
    Unknown,
    /// They are a token that is not valid since then.
    Expired(UnixSeconds),
}

struct Users {
    file: PathBuf,
    authenticator: Authenticator,
    queue: FairQueue,
    checks: RunningChecks,
    /// What passes of documentation are made of, beside the file.
    #[cfg(feature = "web")]
    docs_secret: Zeroizing<Vec<u8>>,
    #[cfg(feature = "web")]
    docs_passes: RwLock<Arc<DocsPasses>>,
}

/// The running checks of each peer.
#[derive(Default)]
struct RunningChecks(Mutex<HashMap<CheckId, CheckOutcome>>);

/// The second part is the same for the same name and password.
type CheckId = (Peer, [u8; 32]);

/// The user of the password, once that is known.
type CheckOutcome = Arc<OnceCell<Result<User, CredentialError>>>;

/// A check that other requests may share. The last of them removes it.
struct SharedCheck<'a> {
    checks: &'a RunningChecks,
    id: CheckId,
    outcome: CheckOutcome,
}

impl Authorizer {
    /// Reads the file that says who may do what. `bearer_keys` make the bearer tokens of [`exchange`](Self::exchange), and
    /// `docs_secret` makes the passes of documentation.
    ///
    /// # Errors
    /// The file is invalid, or the system has no randomness.
    pub fn open(
        options: &Options,
        bearer_keys: Vec<BearerKey>,
        docs_secret: Zeroizing<Vec<u8>>,
    ) -> Result<Self, Error> {
        let Some(file) = options.auth_file.clone() else { return Ok(Self { users: None }) };
        let users = ops::auth::read(&file)?;
        #[cfg(feature = "web")]
        let docs_passes = DocsPasses::new(&docs_secret, &users.digest());
        #[cfg(not(feature = "web"))]
        drop(docs_secret);
        Ok(Self {
            users: Some(Users {
                file,
                authenticator: Authenticator::new(users, bearer_keys)?,
                queue: FairQueue::new(CHECK_LIMITS),
                checks: RunningChecks::default(),
                #[cfg(feature = "web")]
                docs_secret,
                #[cfg(feature = "web")]
                docs_passes: RwLock::new(Arc::new(docs_passes)),
            }),
        })
    }

    /// The passes of documentation, for users of the file as it is now; `None` if the server asks for no credentials.
    #[cfg(feature = "web")]
    pub fn docs_passes(&self) -> Option<Arc<DocsPasses>> {
        let passes = &self.users.as_ref()?.docs_passes;
        // They are replaced in one step, so they are valid after a panic too.
        Some(Arc::clone(&passes.read().unwrap_or_else(PoisonError::into_inner)))
    }

    /// The users whose token permits to publish a package.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn users_who_may_publish(&self, package: &PackageName) -> Result<Vec<User>, AuthError> {
        let Some(users) = &self.users else { return Ok(Vec::new()) };
        let now = clock::now();
        let file = ops::auth::read(&users.file)?;
        let permitted = file
            .users()
            .filter(|user| !user.grant.is_expired(now) && user.grant.may_publish(package));
        let mut permitted: Vec<_> = permitted.collect();
        permitted.sort_by(|a, b| a.name.as_str().cmp(b.name.as_str()));
        permitted.dedup_by(|a, b| a.name == b.name);
        Ok(permitted)
    }

    /// Makes a bearer token for a token.
    ///
    /// # Errors
    /// [`ExchangeError`].
    pub fn exchange(&self, token: &[u8]) -> Result<Exchanged, ExchangeError> {
        let users = self.users.as_ref().ok_or(ExchangeError::Unknown)?;
        users.authenticator.exchange(token, clock::now())
    }

    /// Reads the file again. If it is invalid, its former users may still read.
    pub fn reload(&self) -> Result<(), AuthError> {
        if let Some(users) = &self.users {
            let file = ops::auth::read(&users.file)?;
            #[cfg(feature = "web")]
            users.renew_passes(&file);
            users.authenticator.replace(file);
        }
        Ok(())
    }

    /// Authorizes a request of a client by its `Authorization` header.
    ///
    /// # Errors
    /// A password was not checked: too many wait.
    pub async fn authorize(
        &self,
        client: IpAddr,
        authorization: Option<&HeaderValue>,
    ) -> Result<Authorization, Overload> {
        let Some(users) = &self.users else { return Ok(Authorization::Anonymous) };
        let authorization = authorization.map(HeaderValue::as_bytes);
        match users.authenticator.authenticate(authorization, clock::now()) {
            Authentication::User(user) => Ok(Authorization::User(user)),
            Authentication::NoCredentials => Ok(Authorization::Denied(CredentialError::Missing)),
            Authentication::Refused => Ok(Authorization::Denied(CredentialError::Unknown)),
            Authentication::Expired(token) => {
                Ok(Authorization::Denied(CredentialError::Expired(token.since)))
            }
            Authentication::Unchecked(check) => {
                let authorization = authorization.unwrap_or_default();
                users.check(client.into(), check.id(), authorization).await
            }
        }
    }
}

impl Users {
    /// Passes of users before are not valid any more.
    #[cfg(feature = "web")]
    fn renew_passes(&self, file: &AuthFile) {
        let passes = Arc::new(DocsPasses::new(&self.docs_secret, &file.digest()));
        *self.docs_passes.write().unwrap_or_else(PoisonError::into_inner) = passes;
    }

    async fn check(
        &self,
        peer: Peer,
        id: [u8; 32],
        authorization: &[u8],
    ) -> Result<Authorization, Overload> {
        let shared = self.checks.share((peer, id));
        let checked = shared.outcome.get_or_try_init(|| async {
            let permit = self.queue.acquire(peer).await?;
            // While this waited, the password may have been verified, or the file replaced.
            let check = match self.authenticator.authenticate(Some(authorization), clock::now()) {
                Authentication::Unchecked(check) => check,
                Authentication::User(user) => return Ok(Ok(user)),
                Authentication::NoCredentials | Authentication::Refused => {
                    return Ok(Err(CredentialError::Unknown));
                }
                Authentication::Expired(token) => {
                    return Ok(Err(CredentialError::Expired(token.since)));
                }
            };
            // If the client closes its connection, the check goes on, and keeps its permit until it ends.
            let checked = spawn_blocking(move || {
                let checked = check.run();
                drop(permit);
                checked
            });
            // The thread fails only by a panic, which is reported like a lack of memory.
            let checked = checked.await.unwrap_or(Err(NotEnoughMemory));
            checked.map(|user| user.ok_or(CredentialError::Unknown)).map_err(|_| {
                let error = NotEnoughMemory;
                tracing::error!("a password was not checked: {error}; give the server more");
                Overload::OfServer
            })
        });
        Ok(match checked.await? {
            Ok(user) => Authorization::User(user.clone()),
            Err(error) => Authorization::Denied(*error),
        })
    }
}

impl RunningChecks {
    fn share(&self, id: CheckId) -> SharedCheck<'_> {
        let outcome = Arc::clone(self.lock().entry(id).or_default());
        SharedCheck { checks: self, id, outcome }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CheckId, CheckOutcome>> {
        // The map is valid after a panic too.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for SharedCheck<'_> {
    fn drop(&mut self) {
        let mut checks = self.checks.lock();
        // One reference is the map's, and one is this one.
        if Arc::strong_count(&self.outcome) <= 2 {
            checks.remove(&self.id);
        }
    }
}

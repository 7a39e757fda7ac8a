//! Who asks, and whether they may read: [`crate::auth::Authenticator`], for a server that must not block.
//!
//! A password that is not known to be right takes the time and the memory that its hash was made to take. So a few are
//! checked at once, of each peer in turn, and the queue is bounded ([`fair_queue`](super::connections::fair_queue)).
//! Requests of one peer with the same name and password share one check: clients send many at once.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::header::HeaderValue;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use super::clock;
use super::connections::fair_queue::{FairQueue, QueueLimits};
use super::connections::peer::{Overload, Peer};
use super::error::Error;
use super::options::Options;
use crate::auth::{Authentication, Authenticator, NotEnoughMemory, User};
use crate::ops;
use crate::ops::auth::AuthError;

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
    /// There are none, or they are wrong or no longer valid.
    Denied,
    /// The password was not checked: too many wait.
    Overloaded(Overload),
}

struct Users {
    file: PathBuf,
    authenticator: Authenticator,
    queue: FairQueue,
    checks: RunningChecks,
}

/// The running checks of each peer.
#[derive(Default)]
struct RunningChecks(Mutex<HashMap<CheckId, CheckOutcome>>);

/// The second part is the same for the same name and password.
type CheckId = (Peer, [u8; 32]);

/// The user of the password, once that is known.
type CheckOutcome = Arc<OnceCell<Option<User>>>;

/// A check that other requests may share. The last of them removes it.
struct SharedCheck<'a> {
    checks: &'a RunningChecks,
    id: CheckId,
    outcome: CheckOutcome,
}

impl Authorizer {
    /// Reads the file that says who may read.
    ///
    /// # Errors
    /// The file is invalid, or the system has no randomness.
    pub fn open(options: &Options) -> Result<Self, Error> {
        let Some(file) = options.auth_file.clone() else { return Ok(Self { users: None }) };
        let authenticator = Authenticator::new(ops::auth::read(&file)?, Vec::new())?;
        let (queue, checks) = (FairQueue::new(CHECK_LIMITS), RunningChecks::default());
        Ok(Self { users: Some(Users { file, authenticator, queue, checks }) })
    }

    /// Reads the file again. If it is invalid, its former users may still read.
    pub fn reload(&self) -> Result<(), AuthError> {
        if let Some(users) = &self.users {
            users.authenticator.replace(ops::auth::read(&users.file)?);
        }
        Ok(())
    }

    /// Authorizes a request of a client by its `Authorization` header.
    pub async fn authorize(
        &self,
        client: IpAddr,
        authorization: Option<&HeaderValue>,
    ) -> Authorization {
        let Some(users) = &self.users else { return Authorization::Anonymous };
        let authorization = authorization.map(HeaderValue::as_bytes);
        match users.authenticator.authenticate(authorization, clock::now()) {
            Authentication::User(user) => Authorization::User(user),
            Authentication::NoCredentials
            | Authentication::Refused
            | Authentication::Expired(_) => Authorization::Denied,
            Authentication::Unchecked(check) => {
                let authorization = authorization.unwrap_or_default();
                users.check(client.into(), check.id(), authorization).await
            }
        }
    }
}

impl Users {
    async fn check(&self, peer: Peer, id: [u8; 32], authorization: &[u8]) -> Authorization {
        let shared = self.checks.share((peer, id));
        let checked = shared.outcome.get_or_try_init(|| async {
            let permit = self.queue.acquire(peer).await?;
            // While this waited, the password may have been verified, or the file replaced.
            let check = match self.authenticator.authenticate(Some(authorization), clock::now()) {
                Authentication::Unchecked(check) => check,
                Authentication::User(user) => return Ok(Some(user)),
                Authentication::NoCredentials
                | Authentication::Refused
                | Authentication::Expired(_) => return Ok(None),
            };
            // If the client closes its connection, the check goes on, and keeps its permit until it ends.
            let checked = spawn_blocking(move || {
                let checked = check.run();
                drop(permit);
                checked
            });
            // The thread fails only by a panic, which is reported like a lack of memory.
            checked.await.unwrap_or(Err(NotEnoughMemory)).map_err(|_| {
                let error = NotEnoughMemory;
                tracing::error!("a password was not checked: {error}; give the server more");
                Overload::OfServer
            })
        });
        match checked.await {
            Ok(Some(user)) => Authorization::User(user.clone()),
            Ok(None) => Authorization::Denied,
            Err(overload) => Authorization::Overloaded(overload),
        }
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

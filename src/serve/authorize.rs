//! Who may read: [`crate::auth::Authenticator`], for a server that must not wait.
//!
//! A password that was not seen to be right takes the time and the memory that its hash was made to take. So
//! a few are checked at once, of each peer in turn, and only so many wait ([`super::connections::fair_queue`]). Requests of
//! one peer with one name and one password wait for one check: clients send many at once.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::http::header::{self, HeaderValue};
use axum::http::{Response, StatusCode};
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use crate::auth::{Authentication, Authenticator, NotEnoughMemory, UserName};
use crate::ops;
use crate::ops::auth::AuthError;
use crate::serve::connections::fair_queue::{Bounds, FairQueue, NoRoom, Peer};
use crate::serve::service::plain;
use crate::serve::{Error, Options};

/// How many passwords are checked at once, and how many wait, of one peer and of all: so many of one peer
/// as there are machines behind one address that begin at once, each with a name of its own.
const CHECKS: Bounds =
    Bounds { places: 2, places_of_a_peer: 1, waiting_of_a_peer: 32, waiting: 512 };

/// After how many seconds to ask again where too many wait.
const RETRY_AFTER: &str = "1";

/// Lets in whom a file names, or everybody where there is none.
pub(super) struct Gate {
    guard: Option<Guard>,
}

struct Guard {
    file: PathBuf,
    gate: Authenticator,
    queue: FairQueue,
    checks: Checks,
}

/// What each peer has checked at the moment, by what tells one name and password from others.
#[derive(Default)]
struct Checks(Mutex<HashMap<CheckId, Outcome>>);

type CheckId = (Peer, [u8; 32]);

/// Whose password it is, once that is known.
type Outcome = Arc<OnceCell<Option<UserName>>>;

/// A check that others may wait for too, until the last of them drops it.
struct SharedCheck<'a> {
    checks: &'a Checks,
    id: CheckId,
    outcome: Outcome,
}

/// Who asks.
pub(super) enum Visitor {
    /// Nobody is asked.
    Anybody,
    Known(UserName),
    Stranger,
    /// It cannot be told now.
    Undecided(Unchecked),
}

/// Why a password was not checked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unchecked {
    NoRoom(NoRoom),
    NoMemory,
}

impl From<NotEnoughMemory> for Unchecked {
    fn from(_: NotEnoughMemory) -> Self {
        Self::NoMemory
    }
}

impl Checks {
    fn share(&self, id: CheckId) -> SharedCheck<'_> {
        let outcome = Arc::clone(self.lock().entry(id).or_default());
        SharedCheck { checks: self, id, outcome }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CheckId, Outcome>> {
        // The map is whole at any moment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for SharedCheck<'_> {
    fn drop(&mut self) {
        let mut checks = self.checks.lock();
        // The map's and this one.
        if Arc::strong_count(&self.outcome) <= 2 {
            checks.remove(&self.id);
        }
    }
}

impl Guard {
    async fn check(&self, peer: Peer, id: [u8; 32], authorization: &[u8]) -> Visitor {
        let shared = self.checks.share((peer, id));
        let checked = shared.outcome.get_or_try_init(|| async {
            let place = self.queue.take(peer).await.map_err(Unchecked::NoRoom)?;
            // It may be known by now, or the file may name others.
            let check = match self.gate.authenticate(Some(authorization)) {
                Authentication::Unchecked(check) => check,
                Authentication::User(name) => return Ok(Some(name)),
                Authentication::NoCredentials | Authentication::Refused => return Ok(None),
            };
            // A client that hangs up does not end the check, and its place is free only after the check.
            let settled = spawn_blocking(move || {
                let settled = check.run();
                drop(place);
                settled
            });
            // A check that panicked has told as little.
            settled.await.map_err(|_| Unchecked::NoMemory)?.map_err(Unchecked::from)
        });
        match checked.await {
            Ok(Some(name)) => Visitor::Known(name.clone()),
            Ok(None) => Visitor::Stranger,
            Err(unchecked) => Visitor::Undecided(unchecked),
        }
    }
}

impl Gate {
    pub fn open(options: &Options) -> Result<Self, Error> {
        let Some(file) = options.auth_file.clone() else { return Ok(Self { guard: None }) };
        let gate = Authenticator::new(ops::auth::read(&file)?)?;
        let (queue, checks) = (FairQueue::new(CHECKS), Checks::default());
        Ok(Self { guard: Some(Guard { file, gate, queue, checks }) })
    }

    /// Reads the file again; where it is no good, those may read who could.
    pub fn reload(&self) -> Result<(), AuthError> {
        if let Some(guard) = &self.guard {
            guard.gate.replace(ops::auth::read(&guard.file)?);
        }
        Ok(())
    }

    /// Tells who sends this as `Authorization`, from this address.
    pub async fn admit(&self, client: IpAddr, authorization: Option<&HeaderValue>) -> Visitor {
        let Some(guard) = &self.guard else { return Visitor::Anybody };
        let authorization = authorization.map(HeaderValue::as_bytes);
        match guard.gate.authenticate(authorization) {
            Authentication::User(name) => Visitor::Known(name),
            Authentication::NoCredentials | Authentication::Refused => Visitor::Stranger,
            Authentication::Unchecked(check) => {
                let authorization = authorization.unwrap_or_default();
                guard.check(client.into(), check.id(), authorization).await
            }
        }
    }
}

/// What a stranger is told. A browser asks its user for a name and a password.
pub(super) fn ask_who() -> Response<Body> {
    let mut response = plain(StatusCode::UNAUTHORIZED);
    let challenge = HeaderValue::from_static("Basic realm=\"hexreg\", charset=\"UTF-8\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}

/// The response to a password that was not checked.
pub(super) fn not_checked(unchecked: Unchecked) -> Response<Body> {
    match unchecked {
        Unchecked::NoRoom(no_room) => ask_later(no_room),
        Unchecked::NoMemory => {
            tracing::error!("a password was not checked: {NotEnoughMemory}; give the server more");
            ask_later(NoRoom::AtAll)
        }
    }
}

/// The response where too many of this client or of all wait for what it asks for.
pub(super) fn ask_later(no_room: NoRoom) -> Response<Body> {
    let mut response = plain(match no_room {
        NoRoom::OfThisPeer => StatusCode::TOO_MANY_REQUESTS,
        NoRoom::AtAll => StatusCode::SERVICE_UNAVAILABLE,
    });
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
    response
}

//! Who may read: [`crate::auth::Gate`], for a server that must not wait.

use std::path::PathBuf;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{self, HeaderValue};
use axum::http::{Response, StatusCode};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::answer::plain;
use super::{Error, Options};
use crate::auth::{self, Answer, UserName};
use crate::ops;
use crate::ops::auth::AuthError;

/// How many passwords are checked at once. Each takes the time and the memory that its hash was made to
/// take, and whoever tries many must not take all of both.
const CHECKS: usize = 2;

/// Lets in whom a file names, or everybody where there is none.
pub(super) struct Gate {
    guard: Option<Guard>,
}

struct Guard {
    file: PathBuf,
    gate: auth::Gate,
    checks: Arc<Semaphore>,
}

/// Who asks.
pub(super) enum Visitor {
    /// Nobody is asked.
    Anybody,
    Known(UserName),
    Stranger,
}

impl Gate {
    pub fn open(options: &Options) -> Result<Self, Error> {
        let Some(file) = options.auth_file.clone() else { return Ok(Self { guard: None }) };
        let gate = auth::Gate::new(ops::auth::read(&file)?)?;
        Ok(Self { guard: Some(Guard { file, gate, checks: Arc::new(Semaphore::new(CHECKS)) }) })
    }

    /// Reads the file again; where it is no good, those may read who could.
    pub fn reload(&self) -> Result<(), AuthError> {
        if let Some(guard) = &self.guard {
            guard.gate.replace(ops::auth::read(&guard.file)?);
        }
        Ok(())
    }

    /// Tells who sends this as `Authorization`.
    pub async fn admit(&self, authorization: Option<&HeaderValue>) -> Visitor {
        let Some(guard) = &self.guard else { return Visitor::Anybody };
        match guard.gate.ask(authorization.map(HeaderValue::as_bytes)) {
            Answer::Admitted(name) => Visitor::Known(name),
            Answer::NoCredentials | Answer::Refused => Visitor::Stranger,
            Answer::Undecided(check) => {
                let permit = Arc::clone(&guard.checks).acquire_owned().await;
                let Ok(permit) = permit else { return Visitor::Stranger };
                // Whoever hangs up does not end the check, nor may anybody take its place before.
                let settled = spawn_blocking(move || {
                    let settled = check.settle();
                    drop(permit);
                    settled
                });
                let settled = settled.await;
                settled.ok().flatten().map_or(Visitor::Stranger, Visitor::Known)
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

//! Who may read.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::HeaderValue;
use axum::http::{Response, StatusCode};

use super::answer::plain;

/// Why nobody could be let in.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("x")]
    X(#[source] io::Error),
}

pub(super) struct Gate;

/// Who asks.
pub(super) enum Visitor {
    Anybody,
    Known(Arc<str>),
    Stranger,
}

impl Gate {
    pub fn open(_: Option<&Path>) -> Result<Self, Error> {
        Ok(Self)
    }
    pub fn file(&self) -> Option<PathBuf> {
        None
    }
    pub fn reload(&self) -> Result<(), Error> {
        Ok(())
    }
    pub async fn admit(&self, _: Option<&HeaderValue>) -> Visitor {
        Visitor::Anybody
    }
    pub fn ask_who(&self) -> Response<Body> {
        plain(StatusCode::UNAUTHORIZED)
    }
}

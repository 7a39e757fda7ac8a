//! What a browser is shown.

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{Response, StatusCode};

use super::Options;
use super::answer::plain;
use super::site::{Mount, Site};

pub(super) struct Pages;

impl Pages {
    pub fn new(_: &Options) -> Self {
        Self
    }
    pub async fn repository(&self, _: &Mount, _: &Parts) -> Response<Body> {
        plain(StatusCode::OK)
    }
    pub async fn all(&self, _: &Site, _: &Parts) -> Response<Body> {
        plain(StatusCode::OK)
    }
}

//! Why a request gets no response of its route.

use axum::body::Body;
use axum::http::Response;

use super::connections::peer::Overload;
use super::responses::{bad_request, misdirected, overloaded};

/// Why a request gets no response of its route. The API has its own responses: its clients take some statuses for
/// success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestRefusal {
    /// No client of a registry sends such a request.
    Malformed,
    /// It is for another host.
    OtherHost,
    /// There is no room for it at the moment.
    Overloaded(Overload),
}

impl RequestRefusal {
    /// What is said of a request for another host.
    pub const OTHER_HOST: &'static str = "Without --auth-file, a server on a loopback address answers to localhost, to \
        loopback addresses and to the host of --url alone. For another name, start it with --url=http://NAME.";

    /// The response of all routes but those of the API.
    pub fn response(self) -> Response<Body> {
        match self {
            Self::Malformed => bad_request(),
            Self::OtherHost => misdirected(Self::OTHER_HOST),
            Self::Overloaded(overload) => overloaded(overload),
        }
    }
}

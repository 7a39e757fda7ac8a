//! Why a request of upstream came to nothing.

use std::time::Duration;

use reqwest::StatusCode;

/// Why there is no answer that could be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Another status than one that has what was asked for.
    #[error("{url} answers {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// As it came.
        status: StatusCode,
    },
    /// More bytes than such a file has.
    #[error("{url} has more than {limit} bytes, the most that such a file has")]
    TooLarge {
        /// What was asked for.
        url: String,
        /// In bytes.
        limit: usize,
    },
    /// It asks for more timeouts than there is.
    #[error("{url} answers {status}, and asks to be left alone for {} s", .wait.as_secs())]
    Later {
        /// What was asked for.
        url: String,
        /// As it came.
        status: StatusCode,
        /// For how long.
        wait: Duration,
    },
    /// A page for people, where no such file is one: of a login, a proxy, or another site than was meant.
    #[error("{url} answers with a web page (text/html){}", sent_to(.at.as_deref()))]
    Page {
        /// What was asked for.
        url: String,
        /// Where it was, if not there.
        at: Option<String>,
    },
    /// It came so slowly that it kept others from coming.
    #[error("{url} came at less than {least} bytes a second for {} s", .stretch.as_secs())]
    TooSlow {
        /// What was asked for.
        url: String,
        /// In bytes a second.
        least: u64,
        /// For how long.
        stretch: Duration,
    },
    /// No connection, one that broke, or one on which nothing came.
    #[error("{url}: {reason}")]
    Broken {
        /// What was asked for.
        url: String,
        /// What was seen.
        reason: String,
    },
}

fn sent_to(at: Option<&str>) -> String {
    at.map(|at| format!(", as it was sent on to {at}")).unwrap_or_default()
}

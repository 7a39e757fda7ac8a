//! Why a request got no usable response.

use std::time::Duration;

use reqwest::StatusCode;

/// Why a request got no usable response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message names each field")]
pub enum RequestError {
    #[error("{url} answers {status}")]
    Status { url: String, status: StatusCode },
    #[error("{url} has more than {limit} bytes, the most that such a file has")]
    TooLarge { url: String, limit: usize },
    /// `Retry-After` names a longer time than [`Timeouts`](super::Timeouts) allow.
    #[error("{url} answers {status}, and asks to wait for {} s", .wait.as_secs())]
    Later { url: String, status: StatusCode, wait: Duration },
    /// An HTML page of a login, a proxy, or a site that is no repository. `at` is the URL after redirects.
    #[error("{url} answers with a web page (text/html){}", redirected_to(.at.as_deref()))]
    Page { url: String, at: Option<String> },
    /// So slow a body would keep other requests from being made.
    #[error("{url} came at less than {least} bytes a second for {} s", .stretch.as_secs())]
    TooSlow { url: String, least: u64, stretch: Duration },
    /// Other large bodies had all the memory for so long.
    #[error("{url} is large, and found no memory beside other large files for {} s", .waited.as_secs())]
    NoMemory { url: String, waited: Duration },
    /// A redirect that is not followed, or too many of them.
    #[error("{url}: {reason}")]
    Redirect { url: String, reason: String },
    /// No connection, or one that broke or stalled.
    #[error("{url}: {reason}")]
    Broken { url: String, reason: String },
}

fn redirected_to(at: Option<&str>) -> String {
    at.map(|at| format!(", redirected to {at}")).unwrap_or_default()
}

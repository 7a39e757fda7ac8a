//! Credentials that a service hands out, asked for when they are first needed and again before they end.
//!
//! A service that cannot give any is asked once: a command that needs them for sixteen requests at a time would
//! else wait for it sixteen times over.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::StatusCode;
use jiff::Timestamp;
use object_store::CredentialProvider;
use object_store::client::{HttpClient, HttpErrorKind, HttpRequest};
use tokio::sync::Mutex;

use super::checked_client::{host_of, redirected_to};
use super::failure::message;
use super::transport_error::through_proxy;
use super::xml::field;

/// How long before their end credentials are asked for anew.
const MARGIN: Duration = Duration::from_secs(60);

/// Why there are no credentials.
#[derive(Clone, Debug, thiserror::Error)]
#[error("there are no credentials ({advice}), and asking for some failed: {reason}")]
pub(super) struct NoCredentials {
    reason: String,
    advice: &'static str,
}

/// Credentials, and until when they are good, if not for ever.
pub(super) struct Lease<T> {
    pub credential: Arc<T>,
    pub until: Option<Timestamp>,
}

impl<T> Lease<T> {
    fn is_good(&self, margin: Duration) -> bool {
        let now = Timestamp::now();
        self.until.is_none_or(|until| now.checked_add(margin).is_ok_and(|then| then < until))
    }
}

/// A service that hands out credentials.
#[async_trait]
pub(super) trait Issuer<T>: Debug + Send + Sync {
    /// New ones, or why there are none.
    async fn issue(&self) -> Result<Lease<T>, String>;
}

/// What asks an issuer as seldom as it can.
#[derive(Debug)]
pub(super) struct Issued<T> {
    issuer: Box<dyn Issuer<T>>,
    /// What to set instead, where there are none.
    advice: &'static str,
    state: Mutex<State<T>>,
}

enum State<T> {
    Unasked,
    Given(Lease<T>),
    Refused(NoCredentials),
}

/// Whether there are any; they are secret.
impl<T> Debug for State<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Unasked => "Unasked",
            Self::Given(_) => "Given",
            Self::Refused(_) => "Refused",
        })
    }
}

impl<T> Issued<T> {
    pub fn new(issuer: impl Issuer<T> + 'static, advice: &'static str) -> Self {
        Self { issuer: Box::new(issuer), advice, state: Mutex::new(State::Unasked) }
    }
}

#[async_trait]
impl<T: Debug + Send + Sync> CredentialProvider for Issued<T> {
    type Credential = T;

    async fn get_credential(&self) -> object_store::Result<Arc<T>> {
        // The others wait for the one that asks.
        let mut state = self.state.lock().await;
        match &*state {
            State::Given(lease) if lease.is_good(MARGIN) => {
                return Ok(Arc::clone(&lease.credential));
            }
            State::Refused(error) => return Err(unauthenticated(error)),
            State::Given(_) | State::Unasked => {}
        }
        match (self.issuer.issue().await, &*state) {
            (Ok(lease), _) => {
                let credential = Arc::clone(&lease.credential);
                *state = State::Given(lease);
                Ok(credential)
            }
            // Those that are about to end are good for as long as they last.
            (Err(_), State::Given(lease)) if lease.is_good(Duration::ZERO) => {
                Ok(Arc::clone(&lease.credential))
            }
            (Err(reason), before) => {
                let error = NoCredentials { reason, advice: self.advice };
                let told = unauthenticated(&error);
                // A service that gave some before may do so again.
                if matches!(before, State::Unasked) {
                    *state = State::Refused(error);
                }
                Err(told)
            }
        }
    }
}

fn unauthenticated(error: &NoCredentials) -> object_store::Error {
    object_store::Error::Unauthenticated { path: String::new(), source: Box::new(error.clone()) }
}

/// A provider of the store's client, which knows itself how long its credentials are good.
#[derive(Debug)]
pub(super) struct Client<T>(pub Arc<dyn CredentialProvider<Credential = T>>);

#[async_trait]
impl<T: Debug + Send + Sync> Issuer<T> for Client<T> {
    async fn issue(&self) -> Result<Lease<T>, String> {
        let credential = self.0.get_credential().await.map_err(|error| message(&error))?;
        Ok(Lease { credential, until: Some(Timestamp::UNIX_EPOCH) })
    }
}

/// How often a service that hands out credentials is asked, where there was no connection or it had a
/// failure of its own.
const TRIES: usize = 2;

/// Before another try.
const PAUSE: Duration = Duration::from_millis(300);

/// What a server answers, if that is a success; else what it says is wrong.
pub(super) async fn ask(
    client: &HttpClient,
    request: impl Fn() -> Result<HttpRequest, String>,
) -> Result<Vec<u8>, String> {
    let mut result = Err(String::new());
    for attempt in 0..TRIES {
        if attempt > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        let request = request()?;
        let host = host_of(request.uri());
        let again;
        (result, again) = match client.execute(request).await {
            Err(error) => {
                let is_worth_it = error.kind() == HttpErrorKind::Connect;
                let proxy = through_proxy(&error);
                (Err(format!("could not ask {host}{proxy}: {}", last(&error))), is_worth_it)
            }
            Ok(answer) => {
                let status = answer.status();
                let to = redirected_to(answer.headers()).filter(|_| status.is_redirection());
                let body = answer.into_body().bytes().await;
                match body.map_err(|error| format!("could not ask {host}: {}", last(&error))) {
                    Ok(body) if status.is_success() => (Ok(body.into()), false),
                    Ok(body) => {
                        let told = match to {
                            Some(to) => format!("{host} redirects to {to}, which is not asked"),
                            None => refusal(&host, status, &body),
                        };
                        (Err(told), status.is_server_error())
                    }
                    Err(error) => (Err(error), false),
                }
            }
        };
        if !again {
            break;
        }
    }
    result
}

/// The innermost cause.
fn last(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&cause| cause.source());
    causes.last().map(ToString::to_string).unwrap_or_default()
}

/// What a server says of its refusal, in one of the ways in which they all do.
fn refusal(host: &str, status: StatusCode, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let json = serde_json::from_str::<serde_json::Value>(&text).ok();
    let fields = ["/error_description", "/error/message", "/message", "/error"];
    let in_json = json.as_ref().and_then(|json| {
        fields.iter().find_map(|field| json.pointer(field)?.as_str().map(ToOwned::to_owned))
    });
    let detail = in_json.or_else(|| field(&text, "Message").map(ToOwned::to_owned));
    let detail = detail.map_or_else(String::new, |detail| format!(" ({detail})"));
    format!("{host} refused: {status}{detail}")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Gives numbers, as long as there are any, each for so long.
    #[derive(Debug)]
    struct Numbers {
        given: Arc<AtomicU32>,
        most: u32,
        lasting: Duration,
    }

    #[async_trait]
    impl Issuer<u32> for Numbers {
        async fn issue(&self) -> Result<Lease<u32>, String> {
            // The others wait meanwhile.
            tokio::task::yield_now().await;
            let number = self.given.fetch_add(1, Ordering::SeqCst) + 1;
            if number > self.most {
                return Err("no more".to_owned());
            }
            let until = Timestamp::now().checked_add(self.lasting).unwrap();
            Ok(Lease { credential: Arc::new(number), until: Some(until) })
        }
    }

    /// What sixteen at once get, one after the other and again, and how often the service was asked for it.
    fn ask_often(most: u32, lasting: Duration) -> (Vec<Result<u32, String>>, u32) {
        let given = Arc::new(AtomicU32::new(0));
        let issuer = Numbers { given: Arc::clone(&given), most, lasting };
        let provider = Issued::new(issuer, "set NUMBER");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let told =
            |error: object_store::Error| std::error::Error::source(&error).unwrap().to_string();
        let got = (0..2).flat_map(|_| {
            let all = futures_util::future::join_all((0..16).map(|_| provider.get_credential()));
            runtime.block_on(all).into_iter().map(|got| got.map(|number| *number).map_err(told))
        });
        (got.collect(), given.load(Ordering::SeqCst))
    }

    #[test]
    fn one_is_asked_for_as_long_as_it_lasts() {
        assert_eq!(ask_often(9, Duration::from_secs(3600)), (vec![Ok(1); 32], 1));
        // These are about to end.
        let (got, asked) = ask_often(99, Duration::from_secs(5));
        assert_eq!((got, asked), ((1..=32).map(Ok).collect(), 32));
    }

    #[test]
    fn whoever_has_none_is_asked_once() {
        let (got, asked) = ask_often(0, Duration::ZERO);
        let told = "there are no credentials (set NUMBER), and asking for some failed: no more";
        assert_eq!((got, asked), (vec![Err(told.to_owned()); 32], 1));
    }

    #[test]
    fn what_was_given_is_good_until_it_ends() {
        let (got, _) = ask_often(1, Duration::from_secs(30));
        assert_eq!(got, vec![Ok(1); 32]);
        let (got, asked) = ask_often(1, Duration::ZERO);
        assert_eq!(got.iter().filter(|got| got.is_ok()).count(), 1);
        assert_eq!(asked, 32, "it may give some again");
    }
}

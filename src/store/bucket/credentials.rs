//! Credentials that a service hands out. They are requested when they are first needed, and again before they end.
//!
//! A service that has none is asked once: otherwise a command that sends sixteen requests at a time would wait for it
//! sixteen times.

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

/// How long before their end credentials are requested again.
const MARGIN: Duration = Duration::from_secs(60);

/// There are no credentials.
#[derive(Clone, Debug, thiserror::Error)]
#[error("there are no credentials ({advice}), and asking for some failed: {reason}")]
pub(super) struct NoCredentials {
    reason: String,
    advice: &'static str,
}

/// Credentials, and their end if they have one.
pub(super) struct Lease<T> {
    pub credential: Arc<T>,
    pub until: Option<Timestamp>,
}

impl<T> Lease<T> {
    fn is_valid(&self, margin: Duration) -> bool {
        let now = Timestamp::now();
        self.until.is_none_or(|until| now.checked_add(margin).is_ok_and(|then| then < until))
    }
}

/// A service that hands out credentials.
#[async_trait]
pub(super) trait Issuer<T>: Debug + Send + Sync {
    /// New credentials, or why there are none.
    async fn issue(&self) -> Result<Lease<T>, String>;
}

/// Asks an issuer as rarely as possible.
#[derive(Debug)]
pub(super) struct IssuedCredentials<T> {
    issuer: Box<dyn Issuer<T>>,
    /// What the user may set instead, if there are none.
    advice: &'static str,
    lease: Mutex<LeaseState<T>>,
}

enum LeaseState<T> {
    NotRequested,
    Issued(Lease<T>),
    Refused(NoCredentials),
}

/// Without the credentials, which are secret.
impl<T> Debug for LeaseState<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotRequested => "NotRequested",
            Self::Issued(_) => "Issued",
            Self::Refused(_) => "Refused",
        })
    }
}

impl<T> IssuedCredentials<T> {
    pub fn new(issuer: impl Issuer<T> + 'static, advice: &'static str) -> Self {
        Self { issuer: Box::new(issuer), advice, lease: Mutex::new(LeaseState::NotRequested) }
    }
}

#[async_trait]
impl<T: Debug + Send + Sync> CredentialProvider for IssuedCredentials<T> {
    type Credential = T;

    async fn get_credential(&self) -> object_store::Result<Arc<T>> {
        // Other requests wait for the one that asks the issuer.
        let mut state = self.lease.lock().await;
        match &*state {
            LeaseState::Issued(lease) if lease.is_valid(MARGIN) => {
                return Ok(Arc::clone(&lease.credential));
            }
            LeaseState::Refused(error) => return Err(unauthenticated(error)),
            LeaseState::Issued(_) | LeaseState::NotRequested => {}
        }
        match (self.issuer.issue().await, &*state) {
            (Ok(lease), _) => {
                let credential = Arc::clone(&lease.credential);
                *state = LeaseState::Issued(lease);
                Ok(credential)
            }
            // Credentials that end soon are valid until then.
            (Err(_), LeaseState::Issued(lease)) if lease.is_valid(Duration::ZERO) => {
                Ok(Arc::clone(&lease.credential))
            }
            (Err(reason), before) => {
                let error = NoCredentials { reason, advice: self.advice };
                let unauthenticated = unauthenticated(&error);
                // A service that has issued credentials before may do so again.
                if matches!(before, LeaseState::NotRequested) {
                    *state = LeaseState::Refused(error);
                }
                Err(unauthenticated)
            }
        }
    }
}

fn unauthenticated(error: &NoCredentials) -> object_store::Error {
    object_store::Error::Unauthenticated { path: String::new(), source: Box::new(error.clone()) }
}

/// A provider of the store's client, which itself knows the end of its credentials.
#[derive(Debug)]
pub(super) struct ClientProvider<T>(pub Arc<dyn CredentialProvider<Credential = T>>);

#[async_trait]
impl<T: Debug + Send + Sync> Issuer<T> for ClientProvider<T> {
    async fn issue(&self) -> Result<Lease<T>, String> {
        let credential = self.0.get_credential().await.map_err(|error| message(&error))?;
        Ok(Lease { credential, until: Some(Timestamp::UNIX_EPOCH) })
    }
}

/// How often a service is asked, if there was no connection or the service failed.
const MAX_ATTEMPTS: usize = 2;

/// The pause before another attempt.
const PAUSE: Duration = Duration::from_millis(300);

/// The body of a successful response; otherwise what the server says is wrong.
pub(super) async fn ask(
    client: &HttpClient,
    request: impl Fn() -> Result<HttpRequest, String>,
) -> Result<Vec<u8>, String> {
    let mut result = Err(String::new());
    for attempt in 0..MAX_ATTEMPTS {
        if attempt > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        let request = request()?;
        let host = host_of(request.uri());
        let again;
        (result, again) = match client.execute(request).await {
            Err(error) => {
                let may_pass = error.kind() == HttpErrorKind::Connect;
                let proxy = through_proxy(&error);
                (Err(format!("could not ask {host}{proxy}: {}", innermost(&error))), may_pass)
            }
            Ok(response) => {
                let status = response.status();
                let to = redirected_to(response.headers()).filter(|_| status.is_redirection());
                let body = response.into_body().bytes().await;
                match body.map_err(|error| format!("could not ask {host}: {}", innermost(&error))) {
                    Ok(body) if status.is_success() => (Ok(body.into()), false),
                    Ok(body) => {
                        let refusal = match to {
                            Some(to) => format!(
                                "{host} redirects to {to}, and redirections are not followed"
                            ),
                            None => refusal(&host, status, &body),
                        };
                        (Err(refusal), status.is_server_error())
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
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&cause| cause.source());
    causes.last().map(ToString::to_string).unwrap_or_default()
}

/// What a server says of its refusal, in the form of one of these services.
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

    /// Issues the numbers up to `most`, each for the same time.
    #[derive(Debug)]
    struct Numbers {
        given: Arc<AtomicU32>,
        most: u32,
        lasting: Duration,
    }

    #[async_trait]
    impl Issuer<u32> for Numbers {
        async fn issue(&self) -> Result<Lease<u32>, String> {
            // The other requests wait in the meantime.
            tokio::task::yield_now().await;
            let number = self.given.fetch_add(1, Ordering::SeqCst) + 1;
            if number > self.most {
                return Err("no more".to_owned());
            }
            let until = Timestamp::now().checked_add(self.lasting).unwrap();
            Ok(Lease { credential: Arc::new(number), until: Some(until) })
        }
    }

    /// What two rounds of sixteen requests at once get, and how often the issuer was asked.
    fn ask_often(most: u32, lasting: Duration) -> (Vec<Result<u32, String>>, u32) {
        let given = Arc::new(AtomicU32::new(0));
        let issuer = Numbers { given: Arc::clone(&given), most, lasting };
        let provider = IssuedCredentials::new(issuer, "set NUMBER");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let message =
            |error: object_store::Error| std::error::Error::source(&error).unwrap().to_string();
        let got = (0..2).flat_map(|_| {
            let all = futures_util::future::join_all((0..16).map(|_| provider.get_credential()));
            runtime.block_on(all).into_iter().map(|got| got.map(|number| *number).map_err(message))
        });
        (got.collect(), given.load(Ordering::SeqCst))
    }

    #[test]
    fn an_issuer_is_asked_again_when_its_credentials_end() {
        assert_eq!(ask_often(9, Duration::from_secs(3600)), (vec![Ok(1); 32], 1));
        // These end soon.
        let (got, asked) = ask_often(99, Duration::from_secs(5));
        assert_eq!((got, asked), ((1..=32).map(Ok).collect(), 32));
    }

    #[test]
    fn an_issuer_without_credentials_is_asked_once() {
        let (got, asked) = ask_often(0, Duration::ZERO);
        let told = "there are no credentials (set NUMBER), and asking for some failed: no more";
        assert_eq!((got, asked), (vec![Err(told.to_owned()); 32], 1));
    }

    #[test]
    fn credentials_are_used_until_they_end() {
        let (got, _) = ask_often(1, Duration::from_secs(30));
        assert_eq!(got, vec![Ok(1); 32]);
        let (got, asked) = ask_often(1, Duration::ZERO);
        assert_eq!(got.iter().filter(|got| got.is_ok()).count(), 1);
        assert_eq!(asked, 32, "it may issue some again");
    }
}

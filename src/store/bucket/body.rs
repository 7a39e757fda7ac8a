//! The bodies of requests and responses, whose progress is watched.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use object_store::client::{HttpError, HttpRequestBody};
use tokio::time::{Sleep, sleep_until};

use super::progress::{Progress, RequestLimits};
use super::transport_error::broken;
use super::unexpected_response::UnexpectedResponse;

/// The size of the pieces in which an upload is handed over, in bytes, so that its progress shows.
const PIECE: usize = 64 << 10;

/// The largest response that is no object, in bytes. The largest ones are pages of listings: a page has at most 5,000
/// entries, and a name at most 1,024 bytes.
const MAX_RESPONSE: u64 = 16 << 20;

/// The body of a request, in pieces that are counted as they are taken.
pub(super) struct Upload {
    inner: HttpRequestBody,
    /// The rest of the part that was begun.
    rest: Bytes,
    progress: Arc<Progress>,
}

impl Upload {
    pub fn new(inner: HttpRequestBody, progress: Arc<Progress>) -> Self {
        Self { inner, rest: Bytes::new(), progress }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let this = self.get_mut();
        while this.rest.is_empty() {
            let Some(frame) = ready!(Pin::new(&mut this.inner).poll_frame(context)?) else {
                return Poll::Ready(None);
            };
            match frame.into_data() {
                Ok(data) => this.rest = data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        let piece = this.rest.split_to(this.rest.len().min(PIECE));
        this.progress.note(piece.len());
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = u64::try_from(self.rest.len()).unwrap_or(u64::MAX);
        SizeHint::with_exact(self.inner.size_hint().lower().saturating_add(rest))
    }
}

/// The body of a response, which fails if no more bytes come.
#[derive(Debug)]
pub(super) struct Download {
    inner: reqwest::Body,
    host: String,
    progress: Progress,
    timer: Pin<Box<Sleep>>,
    /// How many more bytes it may have; `None` for an object, which has any size.
    left: Option<u64>,
}

impl Download {
    /// `is_object` if the body has no limit.
    pub fn new(inner: reqwest::Body, host: String, limits: RequestLimits, is_object: bool) -> Self {
        let progress = Progress::begin(limits, false);
        let timer = Box::pin(sleep_until(progress.deadline()));
        Self { inner, host, progress, timer, left: (!is_object).then_some(MAX_RESPONSE) }
    }

    /// Counts bytes; whether they are too many.
    fn is_too_large(&mut self, bytes: usize) -> bool {
        let Some(left) = &mut self.left else { return false };
        let taken = u64::try_from(bytes).ok().and_then(|bytes| left.checked_sub(bytes));
        *left = taken.unwrap_or(0);
        taken.is_none()
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(context) {
            if let Some(data) = frame.as_ref().and_then(|it| it.as_ref().ok()?.data_ref()) {
                let bytes = data.len();
                this.progress.note(bytes);
                if this.is_too_large(bytes) {
                    let (host, limit) = (this.host.clone(), MAX_RESPONSE);
                    let error = UnexpectedResponse::TooLarge { host, limit }.into_error();
                    return Poll::Ready(Some(Err(error)));
                }
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(broken)));
        }
        loop {
            ready!(this.timer.as_mut().poll(context));
            if let Some(error) = this.progress.overdue(&this.host) {
                return Poll::Ready(Some(Err(error)));
            }
            this.timer.as_mut().reset(this.progress.deadline());
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

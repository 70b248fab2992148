//! What a form may hold back: whoever reads one keeps all that comes before the file until it makes sense.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use axum::body::{Body, BodyDataStream};
use axum::extract::Request;
use bytes::Bytes;
use futures::{Stream, StreamExt as _};

/// The gate of one form: how much has gone through, and how much may.
#[derive(Debug, Clone, Default)]
pub(super) struct Gate(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    passed: AtomicU64,
    passed_max: AtomicU64,
}

impl Gate {
    /// Puts a gate before a request's body. It is shut.
    pub fn before(request: Request) -> (Gate, Request) {
        let gate = Gate::default();
        let behind = gate.clone();
        let request = request.map(|body| {
            Body::from_stream(Gated { gate: behind, body: body.into_data_stream(), gave: false })
        });
        (gate, request)
    }

    /// So many bytes more may pass. A piece goes through whole.
    pub fn let_pass(&self, bytes: u64) {
        self.0.passed_max.store(self.0.passed.load(Relaxed).saturating_add(bytes), Relaxed);
    }

    /// More was asked for than may pass.
    pub fn is_shut(&self) -> bool {
        self.0.passed.load(Relaxed) >= self.0.passed_max.load(Relaxed)
    }
}

/// A body behind a gate.
struct Gated {
    gate: Gate,
    body: BodyDataStream,
    gave: bool,
}

impl Stream for Gated {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        // One piece at a time: who takes all that is there before it looks at any of it would hold it all.
        if std::mem::take(&mut self.gave) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.gate.is_shut() {
            return Poll::Ready(Some(Err(axum::Error::new("more comes before the file than may"))));
        }
        let next = ready!(self.body.poll_next_unpin(context));
        if let Some(Ok(piece)) = &next {
            self.gate.0.passed.fetch_add(piece.len() as u64, Relaxed);
            self.gave = true;
        }
        Poll::Ready(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_more_passes_than_was_let() {
        let pieces = ["ab", "cd", "ef", "gh"].map(Ok::<_, std::io::Error>);
        let body = Body::from_stream(futures::stream::iter(pieces));
        let (gate, request) = Gate::before(Request::new(body));
        let mut body = request.into_body().into_data_stream();
        gate.let_pass(3);
        assert_eq!(body.next().await.unwrap().unwrap(), "ab");
        assert!(futures::poll!(body.next()).is_pending(), "it is to look at this one first");
        assert_eq!(body.next().await.unwrap().unwrap(), "cd");
        gate.let_pass(1);
        assert_eq!(body.next().await.unwrap().unwrap(), "ef");
        assert!(gate.is_shut() && body.next().await.unwrap().is_err());
    }
}

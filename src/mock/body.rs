//! The body of an answer, stamped as hyper takes it.

use super::connection::RequestGuard;
use super::play::Move;
use super::shared::{Driven, Shared};
use crate::sync::lock;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::time::Sleep;

/// Ledger entries per piece of `GET /deadheat/ledger`.
const PAGE: usize = 1000;

/// The connection ends here, on purpose.
#[derive(Debug, thiserror::Error)]
#[error("the built-in provider ends this connection: a fault asks for it")]
pub(super) struct Broken;

/// What a response carries.
pub(super) enum Answer {
    /// One piece.
    Whole(Option<Bytes>),
    /// A play.
    Played(Played),
    /// The ledger, page by page, from a position on.
    Ledger(Arc<Shared>, usize),
}

/// A play's body.
pub(super) struct Played {
    pub(super) driven: Driven,
    pub(super) length: Option<u64>,
    busy: RequestGuard,
    sleep: Option<Pin<Box<Sleep>>>,
    /// Bytes were handed over that hyper has not flushed yet.
    unflushed: bool,
    over: bool,
}

impl Played {
    pub(super) fn new(driven: Driven, length: Option<u64>, busy: RequestGuard) -> Self {
        Self { driven, length, busy, sleep: None, unflushed: false, over: false }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        // hyper drops what it has not flushed when a body fails: let it flush first.
        if std::mem::take(&mut self.unflushed) && self.ends_abruptly() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        loop {
            if self.over {
                return Poll::Ready(None);
            }
            if let Some(sleep) = &mut self.sleep {
                if sleep.as_mut().poll(cx).is_pending() {
                    return self.wait_for_client(cx);
                }
                self.sleep = None;
            }
            match self.driven.next() {
                Move::Wait(None) => return self.wait_for_client(cx),
                Move::Wait(Some(until)) => {
                    let until = tokio::time::Instant::from_std(self.driven.clock().at(until));
                    self.sleep = Some(Box::pin(tokio::time::sleep_until(until)));
                }
                Move::Head(_) => {}
                Move::Bytes(bytes) => {
                    self.unflushed = true;
                    return Poll::Ready(Some(Ok(Frame::data(bytes.into()))));
                }
                Move::Last(bytes) => {
                    self.over = true;
                    let frame = (!bytes.is_empty()).then(|| Ok(Frame::data(bytes.into())));
                    return Poll::Ready(frame);
                }
                Move::Close => return self.fail(),
                Move::Reset => {
                    self.driven.reset();
                    self.busy.link().reset();
                    return self.fail();
                }
            }
        }
    }

    /// Nothing to say: only a client that goes ends this.
    fn wait_for_client(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self.busy.link().poll_gone(cx) {
            Poll::Ready(()) => self.fail(),
            Poll::Pending => Poll::Pending,
        }
    }

    fn fail(&mut self) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        self.over = true;
        Poll::Ready(Some(Err(Broken)))
    }

    fn ends_abruptly(&self) -> bool {
        self.driven.ends_abruptly()
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Played(played) => played.poll(cx),
            Self::Ledger(shared, at) => {
                let lines = shared.store.as_ref().and_then(|store| lock(store).lines(*at, PAGE));
                *at += PAGE;
                Poll::Ready(lines.map(|lines| Ok(Frame::data(lines.into()))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Played(played) => played.over,
            Self::Ledger(..) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            Self::Played(played) => played.length.map_or_else(SizeHint::default, SizeHint::with_exact),
            Self::Ledger(..) => SizeHint::default(),
        }
    }
}

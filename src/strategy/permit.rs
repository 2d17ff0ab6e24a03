//! The waiting around [`PermitPool`]: a queue that tasks can await.

use super::Hands;
use crate::history::JobEnd;
use crate::shared::{Acquired, PermitPool, Ticket};
use std::ops::Deref;
use tokio::sync::oneshot;

/// A fair pool of permits that tasks on all engine threads wait for.
#[derive(Debug)]
pub struct PermitQueue {
    permits: PermitPool<oneshot::Sender<()>>,
}

/// One permit, given back when it is dropped. It keeps its queue by reference or by `Arc`.
#[derive(Debug)]
#[must_use = "a permit that is dropped at once limits nothing"]
pub struct Permit<Q: Deref<Target = PermitQueue>> {
    queue: Q,
}

impl PermitQueue {
    /// A pool of `permits`, all free.
    #[must_use]
    pub fn new(permits: u32) -> Self {
        Self { permits: PermitPool::new(permits) }
    }

    /// From now on there are `permits`. Fewer take effect as permits come back.
    pub fn resize(&self, permits: u32) {
        for waker in self.permits.resize(permits) {
            Self::wake(Some(waker));
        }
    }

    fn wake(waker: Option<oneshot::Sender<()>>) {
        if let Some(waker) = waker {
            // A waiter that is being dropped at this moment abandons its ticket, which passes the permit on.
            let _ = waker.send(());
        }
    }
}

impl<Q: Deref<Target = PermitQueue>> Permit<Q> {
    /// Waits for a permit. Dropping the future gives up the place in the queue, and loses no permit.
    pub async fn acquire(queue: Q) -> Self {
        let (waker, woken) = oneshot::channel();
        if let Acquired::Queued(ticket) = queue.permits.acquire(waker) {
            let place = QueuedWaiter { queue: &queue, ticket };
            // The sender stays in the queue until it has sent, or until this place is dropped.
            let _ = woken.await;
            std::mem::forget(place);
        }
        Self { queue }
    }

    /// Waits for a permit to make an attempt with.
    ///
    /// # Errors
    /// [`JobEnd::Cancelled`] if the run is stopped first.
    pub async fn unless_stopped(queue: Q, hands: &dyn Hands) -> Result<Self, JobEnd> {
        tokio::select! {
            biased;
            permit = Self::acquire(queue) => Ok(permit),
            () = hands.stopped() => Err(JobEnd::Cancelled),
        }
    }

    /// A permit if one is free now.
    pub fn try_acquire(queue: Q) -> Option<Self> {
        // Built only if it was granted: a permit that is dropped gives one back.
        queue.permits.try_acquire().then(|| Self { queue })
    }
}

impl<Q: Deref<Target = PermitQueue>> Drop for Permit<Q> {
    fn drop(&mut self) {
        PermitQueue::wake(self.queue.permits.release());
    }
}

/// A place in the queue; dropped when its waiter stops waiting.
struct QueuedWaiter<'a> {
    queue: &'a PermitQueue,
    ticket: Ticket,
}

impl Drop for QueuedWaiter<'_> {
    fn drop(&mut self) {
        PermitQueue::wake(self.queue.permits.abandon(self.ticket));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn a_refused_try_makes_no_permit() {
        let queue = PermitQueue::new(1);
        let _held = Permit::try_acquire(&queue).expect("a free permit");
        for _ in 0..3 {
            assert!(Permit::try_acquire(&queue).is_none());
        }
    }

    #[test]
    fn permits_are_handed_on_in_order_and_a_leaver_loses_none() {
        let queue = PermitQueue::new(1);
        let first = Permit::try_acquire(&queue).expect("a free permit");
        let mut leaver = Box::pin(Permit::acquire(&queue));
        let mut stayer = Box::pin(Permit::acquire(&queue));
        assert!(leaver.as_mut().now_or_never().is_none() && stayer.as_mut().now_or_never().is_none());
        drop(first);
        // The waiter owns the permit now, and is dropped before it was polled again.
        drop(leaver);
        let held = stayer.as_mut().now_or_never().expect("the permit passed on");
        assert!(Permit::try_acquire(&queue).is_none());
        drop(held);
        assert!(Permit::try_acquire(&queue).is_some());
    }
}

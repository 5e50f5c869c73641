//! Ports that give up their turn before every call, so that a test can weave two runs together call by call.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use domain::cost::{BillPage, BillQuery, PageToken};
use domain::ports::{Bill, NoticeTopic, Put, StateStore, Stored, Version};
use domain::{Failure, Notice, Usd, Window};

/// A port whose every call waits for its turn first.
#[derive(Clone, Debug)]
pub struct InTurns<P>(pub P);

async fn next_turn() {
    let mut waited = false;
    poll_fn(|_| if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

impl<P: StateStore + Sync> StateStore for InTurns<P> {
    async fn get(&self, key: &str) -> Result<Option<Stored>, Failure> {
        next_turn().await;
        self.0.get(key).await
    }

    async fn put(&self, key: &str, body: Vec<u8>, expected: Option<&Version>) -> Result<Put, Failure> {
        next_turn().await;
        self.0.put(key, body, expected).await
    }
}

impl<P: NoticeTopic + Sync> NoticeTopic for InTurns<P> {
    async fn publish(&self, notice: &Notice) -> Result<(), Failure> {
        next_turn().await;
        self.0.publish(notice).await
    }
}

impl<P: Bill + Sync> Bill for InTurns<P> {
    async fn page(&self, query: &BillQuery, token: Option<&PageToken>) -> Result<BillPage, Failure> {
        next_turn().await;
        self.0.page(query, token).await
    }

    async fn forecast(&self, window: Window) -> Result<Usd, Failure> {
        next_turn().await;
        self.0.forecast(window).await
    }
}

/// A run over [`InTurns`] ports. Dropping it before its end is killing it.
pub struct Turns<'a, T> {
    run: Pin<Box<dyn Future<Output = T> + 'a>>,
    outcome: Option<T>,
}

impl<'a, T> Turns<'a, T> {
    /// A run that has not begun.
    pub fn of(run: impl Future<Output = T> + 'a) -> Self {
        Self { run: Box::pin(run), outcome: None }
    }

    /// Goes on to just before the next call, having made the one it stood before. `false` when it is over.
    pub fn go_on(&mut self) -> bool {
        if self.outcome.is_none()
            && let Poll::Ready(outcome) = self.run.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        {
            self.outcome = Some(outcome);
        }
        self.outcome.is_none()
    }

    /// Goes on to the end, and how many turns that took.
    pub fn finish(mut self) -> (T, usize) {
        let mut turns = 0;
        while self.go_on() {
            turns += 1;
        }
        (self.outcome.expect("a run that is over has an outcome"), turns)
    }
}

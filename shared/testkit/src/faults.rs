//! A wrapper around any port that fails one chosen call, before or after its effect, or kills the run there.

use std::future::{Future, pending};
use std::sync::{Arc, Mutex};

use domain::cost::{BillPage, BillQuery, PageToken};
use domain::ports::{Bill, NoticeTopic, Put, StateStore, Stored, Version};
use domain::{Failure, FailureKind, Notice, Usd, Window};
use tokio::sync::Notify;

/// What happens to a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// It fails and has no effect.
    FailsBefore,
    /// It has its effect, and the reply is lost.
    LostReply,
    /// It is throttled and has no effect.
    Throttled,
    /// The process is killed before the call has an effect.
    KilledBefore,
    /// The process is killed after the call had its effect.
    KilledAfter,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::FailsBefore, Self::LostReply, Self::Throttled, Self::KilledBefore, Self::KilledAfter];
}

/// Counts the calls of a run through all its ports, and fails one of them. Clones share it.
#[derive(Clone, Default)]
pub struct Faults(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    killed: Notify,
}

#[derive(Default)]
struct State {
    calls: Vec<String>,
    chosen: Option<(usize, Fault)>,
}

impl Faults {
    /// No fault: for counting.
    pub fn none() -> Self {
        Self::default()
    }

    /// The call with this number, from 0, meets `fault`.
    pub fn at(call: usize, fault: Fault) -> Self {
        let faults = Self::default();
        faults.0.state.lock().unwrap().chosen = Some((call, fault));
        faults
    }

    /// The names of the calls so far.
    pub fn calls(&self) -> Vec<String> {
        self.0.state.lock().unwrap().calls.clone()
    }

    /// `port` behind this wrapper.
    pub fn around<P>(&self, port: P) -> Faulty<P> {
        Faulty { port, faults: self.clone() }
    }

    /// Runs `run` to its end, or to where it is killed (then `None`).
    pub async fn run<T>(&self, run: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.0.killed.notified() => None,
            outcome = run => Some(outcome),
        }
    }

    async fn call<T>(&self, name: String, effect: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let fault = {
            let mut state = self.0.state.lock().unwrap();
            let number = state.calls.len();
            state.calls.push(name.clone());
            state.chosen.filter(|(chosen, _)| *chosen == number).map(|(_, fault)| fault)
        };
        match fault {
            None => effect.await,
            Some(Fault::FailsBefore) => {
                Err(Failure::new(FailureKind::Transient, format!("{name}: connection refused")))
            }
            Some(Fault::Throttled) => Err(Failure::new(FailureKind::Throttled, format!("{name}: rate exceeded"))
                .with_code(Some("ThrottlingException"))),
            Some(Fault::LostReply) => {
                effect.await?;
                Err(Failure::new(FailureKind::Transient, format!("{name}: connection reset")))
            }
            Some(Fault::KilledBefore) => self.kill().await,
            Some(Fault::KilledAfter) => {
                effect.await?;
                self.kill().await
            }
        }
    }

    async fn kill<T>(&self) -> T {
        self.0.killed.notify_one();
        pending().await
    }
}

/// A port behind [`Faults`].
#[derive(Clone)]
pub struct Faulty<P> {
    port: P,
    faults: Faults,
}

impl<P: StateStore + Sync> StateStore for Faulty<P> {
    async fn get(&self, key: &str) -> Result<Option<Stored>, Failure> {
        self.faults.call(format!("get {key}"), self.port.get(key)).await
    }

    async fn put(&self, key: &str, body: Vec<u8>, expected: Option<&Version>) -> Result<Put, Failure> {
        self.faults.call(format!("put {key}"), self.port.put(key, body, expected)).await
    }
}

impl<P: NoticeTopic + Sync> NoticeTopic for Faulty<P> {
    async fn publish(&self, notice: &Notice) -> Result<(), Failure> {
        self.faults.call(format!("publish {}", notice.id), self.port.publish(notice)).await
    }
}

impl<P: Bill + Sync> Bill for Faulty<P> {
    async fn page(&self, query: &BillQuery, token: Option<&PageToken>) -> Result<BillPage, Failure> {
        let name = match query {
            BillQuery::Usage { .. } => "page of usage",
            BillQuery::ChargeTypes { .. } => "page of charge types",
        };
        self.faults.call(name.to_owned(), self.port.page(query, token)).await
    }

    async fn forecast(&self, window: Window) -> Result<Usd, Failure> {
        self.faults.call("forecast".to_owned(), self.port.forecast(window)).await
    }
}

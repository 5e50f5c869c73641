//! The pipeline: observe, plan, check, apply, report.

use domain::Envelope;
use domain::ports::{Bill, NoticeTopic, StateStore};
use runtime::{Outcome, Report};

use crate::apply::apply;
use crate::check::check;
use crate::config::Policy;
use crate::event::Trigger;
use crate::observe::{Run, observe};
use crate::plan::plan;
use crate::report;

/// What the function reaches.
#[derive(Clone, Debug)]
pub struct World<S, T, B> {
    /// Its memory.
    pub store: S,
    /// The people on call.
    pub topic: T,
    /// The bill.
    pub bill: B,
}

/// One invocation.
pub async fn run<S: StateStore, T: NoticeTopic, B: Bill>(
    policy: &Policy,
    world: &World<S, T, B>,
    envelope: Envelope,
    run_id: &str,
    dry_run: bool,
) -> Outcome {
    let as_of = match Trigger::of(envelope) {
        Ok(Trigger::Check { as_of }) => as_of,
        Ok(Trigger::Ignored(what)) => return Report::ignored(format!("not an event of cost-check: {what}")).into(),
        Err(failure) => return failure.into(),
    };
    let run = Run { id: run_id.to_owned(), as_of, dry_run };
    let (snapshot, versions) = match observe(policy, &world.store, &world.bill, &run).await {
        Ok(observed) => observed,
        Err(failure) => return failure.into(),
    };
    let plan = match check(policy, &snapshot, plan(policy, &snapshot)) {
        Ok(plan) => plan,
        Err(failure) => return failure.into(),
    };
    if dry_run {
        return report::planned(&plan);
    }
    let applied = apply(&plan, &snapshot.state, run_id, versions, &world.store, &world.topic).await;
    report::done(&plan, applied)
}

//! Yesterday's cost by service and by tenant, and one alert when a day exceeds its budget.
//!
//! The rooms: [`event`] says what the run is for, [`observe`] reads state and bill, [`plan`] decides (pure), [`check`]
//! refuses a plan that breaks an invariant, [`apply`] writes and sends, [`report`] tells. `README.md` says what is
//! guaranteed.

pub mod alerts;
pub mod apply;
pub mod assemble;
pub mod check;
pub mod config;
pub mod event;
pub mod notice;
pub mod observe;
pub mod plan;
pub mod reading;
pub mod report;
pub mod run;
pub mod state;
#[cfg(test)]
mod testing;
pub mod views;

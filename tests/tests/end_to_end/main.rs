//! The built functions on the local platform, each under its own role.
//!
//! One test binary, so that preparing happens once and the tests that wait leave the processors to the others.
#![expect(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on panics")]

// The test that waits longest is in the module that comes first in the alphabet: the others run meanwhile.
mod by_itself;
mod crash_points;
mod day;
mod least_privilege;

//! Small simulators of our own, only for behaviour that no emulator has.
//!
//! Each is a plain library: requests in, answers out, the clock an argument. The gateway puts them on the network.

pub mod cost_explorer;

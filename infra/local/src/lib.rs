//! The whole platform on one computer: real parts where they can be had, well-kept emulators where not, and small
//! simulators of our own for behaviour that no emulator has. `platform` (the binary) plays days on it; tests use the
//! same library.

pub mod automation;
pub mod cli;
pub mod gateway;
pub mod package;
pub mod parts;
pub mod platform;
pub mod play;
pub mod running;
pub mod simulators;
pub mod wiring;

//! Publishing as a visible state machine.

pub mod routes;
pub mod worker;

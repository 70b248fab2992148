//! The harness, and the conformance suites that hold every adapter of a port to its promises.

pub mod bus_conformance;
pub mod private_broker;
pub mod queue_conformance;

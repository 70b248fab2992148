//! What the tests stand on: the conformance suites of the ports, private servers that may be killed,
//! fleets of the real binary, load with known answers, and the oracle that checks the ledger afterwards.
//!
//! A function here returns an error where what its name or its comment says does not hold or cannot be done. The error
//! says what was found, and fails the test.
//!
//! Everything started here ends with the test process, however that ends: see [`sandbox`].

pub mod authority;
pub mod browser;
pub mod bus_conformance;
pub mod client;
pub mod cluster;
pub mod fleet;
pub mod ledger_conformance;
pub mod load;
pub mod oracle;
pub mod proxy;
pub mod queue_conformance;
pub mod refusing;
pub mod registry;
pub mod relay;
pub mod reports;
pub mod rights;
pub mod sandbox;
pub mod servers;
pub mod small_disk;
pub mod status;
pub mod wait;

//! The vocabulary and the ports of Tellers.
//!
//! Read [`domain`] first: it is pure and says what the product is. Dependencies run one way:
//! `domain ← contract ← {queue, ledger, fleet} ← {api, worker, monitor} ← tellers`.

pub mod analyses;
pub mod clock;
pub mod config;
pub mod contract;
pub mod domain;
pub mod fleet;
pub mod imports;
pub mod keys;
pub mod ledger;
pub mod listener;
pub mod queue;
pub mod records;
pub mod server_url;
pub mod settings;
pub mod shutdown;
pub mod telemetry;
pub mod tls;
pub mod work_pool;

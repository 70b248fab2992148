//! What the monitor answers, as JSON. Names are stable and end in their unit; what is not known is `null`,
//! never zero. `docs/monitor-api.md` shows an example of each.

pub mod alerts;
pub mod config;
pub mod dashboard;
pub mod dead_letters;
pub mod health;
pub mod history;
pub mod metrics;
pub mod optimize;
pub mod policies;
pub mod problems;
pub mod replica;
pub mod status;

//! Load tests: load as upstream systems make it, over HTTP, with figures, a verdict, and a proof that nothing
//! was lost or done twice.
//!
//! The [`engine`](run) is a client of the ingress and nothing else, so it runs in the monitor and at a terminal
//! alike: it opens accounts of its own in the currency for testing, moves money between them as its
//! [`Plan`] says, waits until every accepted job has its outcome, and reads the accounts again.

mod accounts;
mod engine;
pub mod figures;
mod load;
pub mod page;
pub mod plan;
pub mod progress;
mod proof;
mod recorder;
pub mod report;
mod series;
pub mod usage;
pub mod verdict;

pub use self::engine::{Failure, Target, run};
pub use self::figures::Times;
pub use self::load::{paced, steady};
pub use self::plan::{Invalid, Plan, Request};
pub use self::progress::Progress;
pub use self::report::Report;
pub use self::usage::UsageSource;

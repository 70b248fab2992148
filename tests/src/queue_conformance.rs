//! What every adapter of the queue port promises, as functions over the port.
//!
//! Each takes a queue of its own with `LANES` lanes and nothing in it.

#![allow(clippy::expect_used, reason = "a broken promise fails the test that found it")]

mod dead_letters;
mod harness;
mod lanes;
mod publishing;
mod work;

pub use self::dead_letters::*;
pub use self::harness::{LANE, lanes, publish_until_accepted, resume};
pub use self::lanes::*;
pub use self::publishing::*;
pub use self::work::*;

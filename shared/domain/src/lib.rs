//! What the product is: ids, money, accounts, jobs, entries, outcomes, and the fold that turns jobs
//! into entries. Pure: no I/O, no clock, no async, no logging.

pub mod access;
pub mod account;
pub mod cancellation;
pub mod entry;
pub mod fingerprint;
pub mod fold;
pub mod former;
pub mod hold;
pub mod id;
pub mod job;
pub mod json;
pub mod lane;
pub mod metadata;
pub mod money;
pub mod outcome;
pub mod payment;
mod reference;
pub mod schedule;
pub mod standing_order;
pub mod text;
pub mod value_date;

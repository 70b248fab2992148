//! What the product is: ids, money, accounts, jobs, entries, outcomes, and the fold that turns jobs
//! into entries. Pure: no I/O, no clock, no async, no logging.

pub mod account;
pub mod entry;
pub mod fold;
pub mod hold;
pub mod id;
pub mod job;
pub mod lane;
pub mod money;
pub mod outcome;
pub mod patterns;
pub mod text;
pub mod value_date;

//! What the product is: ids, money, accounts, jobs, entries, outcomes, and the fold that turns jobs
//! into entries. Pure: no I/O, no clock, no async, no logging.

pub mod lane;

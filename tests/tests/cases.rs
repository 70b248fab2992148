//! What comes in is what is meant: inputs that people in this trade really meet, each with its right result.
//!
//! The inputs of `tests/cases` are as they came; those that stand in a test are of the same kinds. All share one
//! fleet, and each has accounts of its own: see [`bank`].

#![allow(clippy::unwrap_used)] // What the tests share fails as they do.

#[path = "cases/advice.rs"]
mod advice;
#[path = "cases/amounts.rs"]
mod amounts;
#[path = "cases/bank.rs"]
mod bank;
#[path = "cases/batches.rs"]
mod batches;
#[path = "cases/clients.rs"]
mod clients;
#[path = "cases/conflicts.rs"]
mod conflicts;
#[path = "cases/currencies.rs"]
mod currencies;
#[path = "cases/dates.rs"]
mod dates;
#[path = "cases/files.rs"]
mod files;
#[path = "cases/forms_of_dates.rs"]
mod forms_of_dates;
#[path = "cases/http.rs"]
mod http;
#[path = "cases/identity.rs"]
mod identity;
#[path = "cases/messages.rs"]
mod messages;
#[path = "cases/metadata.rs"]
mod metadata;
#[path = "cases/operations.rs"]
mod operations;
#[path = "cases/pain001.rs"]
mod pain001;
#[path = "cases/payments.rs"]
mod payments;
#[path = "cases/read.rs"]
mod read;
#[path = "cases/references.rs"]
mod references;
#[path = "cases/rows.rs"]
mod rows;
#[path = "cases/signs.rs"]
mod signs;
#[path = "cases/statements.rs"]
mod statements;
#[path = "cases/upgrade.rs"]
mod upgrade;
#[path = "cases/value_dates.rs"]
mod value_dates;

//! The ingress through its router and its listener, on ports that a test can hold still.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // A test that fails panics.

mod accounts;
mod admission;
mod bad_input;
mod batch;
mod connections;
mod events;
mod fakes;
mod harness;
mod imports;
mod jobs;
mod keys;
mod metrics;
mod openapi;
mod packed;
mod patience;
mod rigged;
mod statements;
mod trial_balances;
mod uploads;
mod waiting;
mod waiting_batches;

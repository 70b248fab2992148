//! The ingress: accepts jobs over HTTP and puts them on the queue.
//!
//! A `202` means that the queue holds the job on disk. Accepting one never touches the database.

mod admission;
mod batch;
mod body;
mod context;
mod csv;
mod events;
mod identity;
pub mod imports;
mod intake;
pub mod keys;
mod ledger_reads;
mod observe;
mod openapi;
mod order;
pub mod problem;
mod rfc3339;
mod routes;
mod server;
mod statement;
mod trial_balance;
mod wait;

pub use context::{Config, Ingress, Parts};
pub use routes::router;
pub use server::{bind, run, serve};

//! What every ledger must do: one suite, run on each adapter by `tests/ledger.rs`.
//!
//! Each public function is a test. It takes a [`Subject`] with an empty, migrated ledger, and ends by auditing
//! it.

mod analyses;
mod applied;
mod audit;
mod audit_of_state;
mod batches;
mod cancelling;
mod finding;
mod imports;
mod kinds;
mod listings;
mod model;
mod prefetches;
mod reads;
mod records;
mod scheduling;
mod schema;
mod standing_orders;
mod subject;
mod webhooks;

pub use analyses::*;
pub use applied::*;
pub use audit::*;
pub use audit_of_state::*;
pub use batches::*;
pub use cancelling::*;
pub use finding::*;
pub use imports::*;
pub use kinds::*;
pub use listings::*;
pub use model::*;
pub use prefetches::*;
pub use reads::*;
pub use records::*;
pub use scheduling::*;
pub use schema::*;
pub use standing_orders::*;
pub use subject::{Jobs, Subject};
pub use webhooks::*;

//! Webhooks from end to end: what an endpoint gets, what becomes of one that does not answer as it should, and who may do
//! what with whose.

#[path = "webhooks/endpoints.rs"]
mod endpoints;
#[path = "webhooks/keys.rs"]
mod keys;
#[path = "webhooks/kills.rs"]
mod kills;
#[path = "webhooks/library.rs"]
mod library;
#[path = "webhooks/many.rs"]
mod many;
#[path = "webhooks/receiver.rs"]
mod receiver;

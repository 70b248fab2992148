//! What every HTTP listener of the fleet shares.

pub mod access;
pub mod event_stream;
pub mod keys;
pub mod listener;
pub mod media_type;
pub mod openapi;
pub mod probes;
pub mod problem;
pub mod query;
pub mod shares;
pub mod tls;
pub mod trail;

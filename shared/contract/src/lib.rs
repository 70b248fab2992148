//! What crosses a process boundary: bodies that clients send, envelopes on the queue, and what
//! replicas tell each other. Golden tests hold each form still.

pub mod analysis;
pub mod envelope;
pub mod event;
pub mod message;
pub mod report;
pub mod result;
pub mod settings;
pub mod submission;
pub mod trace;
pub mod trial;

//! Clients with keys: what each may do, and that none learns or changes anything of another's.

#[path = "keys/bank.rs"]
mod bank;
#[path = "keys/foreign.rs"]
mod foreign;
#[path = "keys/lifecycle.rs"]
mod lifecycle;
#[path = "keys/matrix.rs"]
mod matrix;

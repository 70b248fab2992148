//! Ports for servers that have to come back on the port that they had.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::net::{Ipv4Addr, TcpListener};

use anyhow::Context as _;

/// Below the ports that Linux gives to outgoing connections (32768 and up): while a server is down,
/// no client that tries to reconnect may be given the server's own port.
const FIRST: u16 = 12_000;
const LAST: u16 = 32_000;
const TRIES: usize = 100;

/// A port of 127.0.0.1 on which nothing listens, picked at random so that test runs beside each
/// other do not meet.
pub fn free_port() -> anyhow::Result<u16> {
    // Each `RandomState` has keys of its own.
    (0..TRIES)
        .map(|_| RandomState::new().build_hasher().finish() % u64::from(LAST - FIRST))
        .filter_map(|offset| Some(FIRST + u16::try_from(offset).ok()?))
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .with_context(|| format!("no free port in {TRIES} tries between {FIRST} and {LAST}"))
}

//! What goes to the database goes at once: TCP_NODELAY.
//!
//! sqlx 0.9.0 does not set it (transact-rs/sqlx#4335; #4336 mends it and is in no release yet), and a batch over TLS, which
//! leaves in records of 16 KiB, then waits 40 ms for a delayed acknowledgement. sqlx gives nobody its sockets, so they are
//! found among the open files of the process. Once a release has the change this module goes, and
//! `the_sockets_to_the_database_send_at_once` in `tests/tests/connections.rs` tells whether it has.

use std::os::fd::RawFd;

use nix::sys::socket::sockopt::TcpNoDelay;
use nix::sys::socket::{SockaddrStorage, getpeername, setsockopt};

/// Where every Unix lists the open files of the process that looks.
const OPEN_FILES: &str = "/dev/fd";

/// Sets it on every socket of this process that leads to this port. Whatever else leads there may as well have it.
pub(crate) fn send_at_once(port: u16) {
    let files = match std::fs::read_dir(OPEN_FILES) {
        Ok(files) => files,
        Err(error) => return tracing::debug!(%error, "batches to the database may wait for acknowledgements"),
    };
    let numbers = files.flatten().filter_map(|file| file.file_name().to_str()?.parse().ok());
    for socket in numbers.filter(|socket| peer_port(*socket) == Some(port)) {
        if let Err(error) = setsockopt(socket, TcpNoDelay, &true) {
            tracing::debug!(%error, "batches to the database may wait for acknowledgements");
        }
    }
}

fn peer_port(file: RawFd) -> Option<u16> {
    let peer: SockaddrStorage = getpeername(file).ok()?;
    let v4 = peer.as_sockaddr_in().map(|address| address.port());
    v4.or_else(|| Some(peer.as_sockaddr_in6()?.port()))
}

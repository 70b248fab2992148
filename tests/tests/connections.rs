//! Connections that ask for nothing are closed, whichever listener they are to; what goes to the database goes at once.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use futures::future::try_join_all;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use tests::client::Client;
use tests::fleet::{Fleet, Role};
use tests::ledger_conformance::Subject;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A listener gives a head 30 s.
const CLOSED_WITHIN: Duration = Duration::from_secs(40);
/// Of each kind, to each listener.
const CONNECTIONS: usize = 50;

const HALF: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ";
const WHOLE: &str = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn whoever_sends_no_request_is_cut_off_by_every_listener() -> anyhow::Result<()> {
    let fleet = Fleet::embedded()?;
    let dev = fleet.start(Role::Dev).await?;
    let mut all = Vec::new();
    for role in [Role::Api, Role::Worker, Role::Monitor] {
        let url = dev.url_as(role, "").with_context(|| format!("{role:?} listens nowhere"))?;
        let address = url.trim_start_matches("http://").to_owned();
        // Nothing at all, half a head, and nothing more after a request.
        for sent in ["", HALF, WHOLE].repeat(CONNECTIONS) {
            let mut connection = TcpStream::connect(&address).await?;
            connection.write_all(sent.as_bytes()).await?;
            all.push(async move {
                let mut read = Vec::new();
                let ended = timeout(CLOSED_WITHIN, connection.read_to_end(&mut read)).await;
                // However it is cut off, it is.
                ended
                    .map(drop)
                    .with_context(|| format!("{role:?} still holds a connection that sent {sent:?}"))
            });
        }
        // Meanwhile others are answered.
        let answer = Client::new(&url)?.get("/livez").await?;
        ensure!(answer.status == 200, "{answer:?}");
    }
    try_join_all(all).await?;
    Ok(())
}

/// Without TCP_NODELAY a batch over TLS waits 40 ms for a delayed acknowledgement.
#[tokio::test]
async fn the_sockets_to_the_database_send_at_once() -> anyhow::Result<()> {
    let subject = Subject::mysql().await?;
    let port = subject.number("SELECT CAST(@@port AS SIGNED)").await?;
    let sockets = own_sockets(u16::try_from(port)?)?;
    ensure!(!sockets.is_empty(), "no socket of this process leads to port {port}");
    for socket in sockets {
        ensure!(socket.nodelay()?, "{socket:?} waits for acknowledgements");
    }
    Ok(())
}

/// The sockets of this process that lead to this port.
fn own_sockets(port: u16) -> anyhow::Result<Vec<std::net::TcpStream>> {
    let this = pidfd_open(getpid(), PidfdFlags::empty())?;
    let mut sockets = Vec::new();
    for file in std::fs::read_dir("/proc/self/fd")? {
        let number = file?.file_name().to_string_lossy().parse()?;
        // The one that lists the folder has gone by now.
        let Ok(file) = pidfd_getfd(&this, number, PidfdGetfdFlags::empty()) else { continue };
        let socket = std::net::TcpStream::from(file);
        if socket.peer_addr().is_ok_and(|peer| peer.port() == port) {
            sockets.push(socket);
        }
    }
    Ok(sockets)
}

//! Connections that ask for nothing are closed, whichever listener they are to.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use futures::future::try_join_all;
use tests::client::Client;
use tests::fleet::{Fleet, Role};
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

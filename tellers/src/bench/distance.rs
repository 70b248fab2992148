//! A database that is far away: a TCP proxy that delays what passes, each way, and passes as much as ever.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

use super::servers::ServerUrl;

/// What one way holds at the most, in chunks: at 64 KiB each, far more than is on the way within any delay.
const CHUNKS_MAX: usize = 4_096;
const CHUNK_BYTES: usize = 64 * 1024;

/// Leads to a server of the database, at a distance, until it is dropped.
pub(crate) struct Distance {
    port: u16,
    serves: JoinHandle<()>,
}

impl Distance {
    /// `delay` passes on each way, so a round trip takes twice as long as that.
    ///
    /// # Errors
    /// No port could be opened.
    pub(crate) async fn to(server: &ServerUrl, delay: Duration) -> anyhow::Result<Distance> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (host, server_port) = (server.host.clone(), server.port);
        let serves = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let host = host.clone();
                connections.spawn(async move {
                    // Whoever connected sees it end.
                    let _ = pass_on(client, &host, server_port, delay).await;
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Distance { port, serves })
    }

    /// The same database by way of this proxy.
    ///
    /// # Errors
    /// It cannot be named so.
    pub(crate) fn url(&self, server: &ServerUrl) -> anyhow::Result<String> {
        let mut url = server.url.clone();
        let here = url.set_ip_host(Ipv4Addr::LOCALHOST.into()).and_then(|()| url.set_port(Some(self.port)));
        here.ok().context("the URL of the database has no host and port to replace")?;
        Ok(url.into())
    }
}

impl Drop for Distance {
    fn drop(&mut self) {
        self.serves.abort();
    }
}

async fn pass_on(client: TcpStream, host: &str, port: u16, delay: Duration) -> std::io::Result<()> {
    let server = TcpStream::connect((host, port)).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::try_join!(one_way(from_client, to_server, delay), one_way(from_server, to_client, delay))?;
    Ok(())
}

/// Reads as it comes, and writes what was read `delay` ago.
async fn one_way(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    delay: Duration,
) -> std::io::Result<()> {
    let (chunks, mut delayed) = mpsc::channel::<(Instant, Vec<u8>)>(CHUNKS_MAX);
    let reading = async {
        loop {
            let mut chunk = Vec::with_capacity(CHUNK_BYTES);
            let is_end = from.read_buf(&mut chunk).await? == 0;
            if is_end || chunks.send((Instant::now() + delay, chunk)).await.is_err() {
                drop(chunks);
                return Ok(());
            }
        }
    };
    let writing = async {
        while let Some((due, chunk)) = delayed.recv().await {
            sleep_until(due).await;
            to.write_all(&chunk).await?;
        }
        to.shutdown().await
    };
    tokio::try_join!(reading, writing)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What goes in at once comes out at once, a delay later: ten megabytes take no longer than a byte.
    #[tokio::test]
    async fn a_distance_delays_what_passes_and_does_not_hold_it_back() -> anyhow::Result<()> {
        const DELAY: Duration = Duration::from_millis(50);
        const BYTES: usize = 10 << 20;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let server = ServerUrl::read(&format!("mysql://root@{}/x", listener.local_addr()?), 3306)?;
        let echo = tokio::spawn(async move {
            let (mut peer, _) = listener.accept().await?;
            let (mut from, mut to) = peer.split();
            tokio::io::copy(&mut from, &mut to).await
        });
        let distance = Distance::to(&server, DELAY).await?;
        let here = ServerUrl::read(&distance.url(&server)?, 3306)?;
        let stream = TcpStream::connect((here.host.as_str(), here.port)).await?;
        let (mut from, mut to) = stream.into_split();
        let started = Instant::now();
        let sending = tokio::spawn(async move {
            to.write_all(&vec![7; BYTES]).await?;
            to.shutdown().await
        });
        let mut first = [0; 1];
        from.read_exact(&mut first).await?;
        assert!(started.elapsed() >= 2 * DELAY, "there and back took {:?}", started.elapsed());
        let mut rest = Vec::new();
        from.read_to_end(&mut rest).await?;
        // One chunk after the other would take 160 delays.
        assert!(started.elapsed() < 80 * DELAY, "all of it took {:?}", started.elapsed());
        assert_eq!(rest.len() + 1, BYTES);
        sending.await??;
        echo.await??;
        Ok(())
    }
}

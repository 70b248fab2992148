//! An address of which a test decides what is behind it: a TCP relay.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

/// Passes bytes on between its own address and a server's, until it is dropped.
#[derive(Debug)]
pub struct Relay {
    port: u16,
    way: Arc<Mutex<Way>>,
    serves: JoinHandle<()>,
}

#[derive(Debug, Clone, Default)]
struct Way {
    /// `host:port`
    to: String,
    silenced: CancellationToken,
}

impl Relay {
    /// Leads to the server of `url`.
    pub async fn start(url: &str) -> anyhow::Result<Relay> {
        let way =
            Arc::new(Mutex::new(Way { to: server(url)?.to_owned(), silenced: CancellationToken::new() }));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let ways = Arc::clone(&way);
        let serves = tokio::spawn(async move {
            let mut passing = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let way = ways.lock().unwrap_or_else(PoisonError::into_inner).clone();
                passing.spawn(pass_on(client, way));
            }
        });
        Ok(Relay { port, way, serves })
    }

    /// The same URL by way of this relay.
    pub fn url(&self, url: &str) -> anyhow::Result<String> {
        Ok(url.replacen(server(url)?, &format!("127.0.0.1:{}", self.port), 1))
    }

    /// From now on leads new connections to the server of `url`; those that there are live on.
    pub fn lead_to(&self, url: &str) -> anyhow::Result<()> {
        self.way.lock().unwrap_or_else(PoisonError::into_inner).to = server(url)?.to_owned();
        Ok(())
    }

    /// The connections that there are stay open and pass nothing on any more, as if the host behind them had lost its
    /// power; new ones are served.
    pub fn silence(&self) {
        let mut way = self.way.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut way.silenced).cancel();
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.serves.abort();
    }
}

async fn pass_on(mut client: TcpStream, way: Way) {
    let Ok(mut server) = TcpStream::connect(way.to.as_str()).await else { return };
    tokio::select! {
        // Whichever side ends it: the other one sees it end.
        _ = copy_bidirectional(&mut client, &mut server) => {}
        () = way.silenced.cancelled() => std::future::pending().await,
    }
}

/// `host:port` of a URL, which may hold a password that no message is to show.
fn server(url: &str) -> anyhow::Result<&str> {
    let authority = url.split_once("://").and_then(|(_, rest)| rest.split('/').next());
    let server =
        authority.map(|authority| authority.rsplit_once('@').map_or(authority, |(_, server)| server));
    server.filter(|server| server.contains(':')).context("the URL of the server names no port")
}

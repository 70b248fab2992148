//! A TCP connection in between that can go silent without closing, as a failing network does.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, tcp};
use tokio::sync::watch;

/// Forwards to a broker until it is frozen.
pub struct Wire {
    url: String,
    frozen: watch::Sender<bool>,
}

impl Wire {
    /// Listens on a port of its own and forwards to the broker at `url`.
    pub async fn to(url: &str) -> Wire {
        let target =
            url.split(['@', '/']).find(|part| part.contains("127.0.0.1:")).expect("an address").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let frozen = watch::Sender::new(false);
        let state = frozen.subscribe();
        let url = url.replace(&target, &address);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&target).await.expect("the broker");
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                tokio::spawn(forward(from_client, to_server, state.clone()));
                tokio::spawn(forward(from_server, to_client, state.clone()));
            }
        });
        Wire { url, frozen }
    }

    pub fn url(&self) -> String {
        self.url.clone()
    }

    pub fn freeze(&self, frozen: bool) {
        self.frozen.send_replace(frozen);
    }
}

async fn forward(
    mut from: tcp::OwnedReadHalf,
    mut to: tcp::OwnedWriteHalf,
    mut frozen: watch::Receiver<bool>,
) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(read) = from.read(&mut bytes).await {
        if frozen.wait_for(|frozen| !frozen).await.is_err() || read == 0 {
            break;
        }
        if to.write_all(&bytes[..read]).await.is_err() {
            break;
        }
    }
}

//! The listener and its connections.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use shared::ledger::durability;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admission::rates::Peer;
use crate::ingress::{Config, Ingress, Parts};
use crate::keys::check_listen;
use crate::routes::router;

/// Connections that wait to be accepted: a burst of clients that connect at once is not refused.
const BACKLOG: u32 = 2_048;
/// A head comes in one piece; whoever drips it, or sends nothing on a connection, is cut off.
const HEAD_READ_MAX: Duration = Duration::from_secs(30);
/// What is in flight takes milliseconds; the longest is a publish that waits for its confirmation.
const STOP_MAX: Duration = Duration::from_secs(8);
/// The machine has no file descriptors left: others close theirs meanwhile.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Listens and serves until `shutdown`; see [`bind`] and [`serve`].
///
/// # Errors
/// See [`bind`] and [`serve`].
pub async fn run(config: Config, parts: Parts, shutdown: CancellationToken) -> anyhow::Result<()> {
    let listener = bind(&config)?;
    serve(listener, config, parts, shutdown).await
}

/// Listens at the configured address; [`TcpListener::local_addr`] tells which port it took.
///
/// # Errors
/// The address is taken or not ours, or strangers would not be asked for a key.
pub fn bind(config: &Config) -> anyhow::Result<TcpListener> {
    check_listen(config.listen, &config.keys, config.allow_anonymous)?;
    listen(config.listen).with_context(|| format!("could not listen on {} (API_LISTEN)", config.listen))
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restart takes the port over from connections of the old process that linger.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until `shutdown`, then stops to accept, answers waiting clients with what is known, and
/// finishes what is in flight, for a bounded time.
///
/// # Errors
/// The machine gives no random numbers.
pub async fn serve(
    listener: TcpListener,
    config: Config,
    parts: Parts,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let ingress = Ingress::new(config, parts, shutdown.clone())?;
    let router = router(Arc::clone(&ingress));
    let hearing = tokio::spawn({
        let ingress = Arc::clone(&ingress);
        async move { ingress.hear().await }
    });
    // Before the first job: one of a client whose key has another name now is to be known.
    ingress.ask_former_ids().await;
    let learning = tokio::spawn({
        let ingress = Arc::clone(&ingress);
        async move { ingress.learn_former_ids().await }
    });
    let looking = tokio::spawn(durability::watch(ingress.parts.ledger.clone(), shutdown.clone()));
    let importing = tokio::spawn(Arc::clone(&ingress).run_imports());
    let address = listener.local_addr().ok();
    let ended = CancellationToken::new();
    let reporting = tokio::spawn(Arc::clone(&ingress).report(address, ended.clone()));
    if let Some(address) = address {
        tracing::info!(%address, replica = ingress.parts.replica, "the ingress listens");
    }
    let connections = TaskTracker::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(serve_connection(stream, Peer(peer), router.clone(), shutdown.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            () = shutdown.cancelled() => break,
        }
    }
    drop(listener);
    connections.close();
    tracing::info!(connections = connections.len(), "the ingress stops");
    connections.wait().await;
    let imported = importing.await;
    ended.cancel();
    imported.context("the imports did not end well")?;
    reporting.await.context("the reports did not end well")?;
    learning.await.context("the question for former ids did not end well")?;
    looking.await.context("the looks at the ledger's durability did not end well")?;
    hearing.await.context("the listener for outcomes did not end well")
}

async fn serve_connection(stream: TcpStream, peer: Peer, router: Router, shutdown: CancellationToken) {
    // Answers are small and written at once: waiting for more only delays them.
    let _ = stream.set_nodelay(true);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_READ_MAX);
    let asked = AtomicBool::new(false);
    let router = TowerToHyperService::new(router);
    let service = service_fn(|mut request: hyper::Request<hyper::body::Incoming>| {
        asked.store(true, Ordering::Relaxed);
        request.extensions_mut().insert(peer);
        router.call(request)
    });
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        // Pools and browsers open connections ahead of need: nobody waits for one that was never used.
        () = shutdown.cancelled() => if asked.load(Ordering::Relaxed) {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(STOP_MAX, connection).await {
                Ok(ended) => ended,
                Err(_) => return tracing::warn!("a request took longer than {STOP_MAX:?} to finish and is cut off"),
            }
        } else {
            return;
        },
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

//! The listener of the ingress, and what runs beside it.

use std::sync::Arc;

use anyhow::Context;
use store::ledger::durability;
use tellers_http::listener::{self, Listener, Stop};
use tokio_util::sync::CancellationToken;

use crate::context::{Config, Ingress, Parts};
use crate::keys::check_listen;
use crate::routes::router;

/// Listens and serves until `shutdown`; see [`bind`] and [`serve`].
///
/// # Errors
/// See [`bind`] and [`serve`].
pub async fn run(config: Config, parts: Parts, shutdown: CancellationToken) -> anyhow::Result<()> {
    let listener = bind(&config)?;
    serve(listener, config, parts, shutdown).await
}

/// Listens at the configured address; [`Listener::local_addr`] tells which port it took.
///
/// # Errors
/// The address is taken or not ours, or strangers would not be asked for a key.
pub fn bind(config: &Config) -> anyhow::Result<Listener> {
    check_listen(config.listen, &config.keys)?;
    Listener::bind(config.listen, config.tls.clone())
        .with_context(|| format!("could not listen on {} (API_LISTEN)", config.listen))
}

/// Serves until `shutdown`, then answers waiting clients with what is known and sends clients elsewhere, accepts nobody
/// after the pause that is configured, and finishes what is in flight, for a bounded time.
///
/// # Errors
/// The machine gives no random numbers.
pub async fn serve(
    listener: Listener,
    config: Config,
    parts: Parts,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let pause = config.stop_pause;
    let ingress = Ingress::new(config, parts, shutdown.clone())?;
    let router = router(Arc::clone(&ingress));
    let hearing = tokio::spawn({
        let ingress = Arc::clone(&ingress);
        async move { ingress.receive().await }
    });
    // Before the first job: one of a client whose key has another name now is to be known.
    ingress.ask_former_ids().await;
    let learning = tokio::spawn({
        let ingress = Arc::clone(&ingress);
        async move { ingress.learn_former_ids().await }
    });
    let looking = tokio::spawn(durability::watch(ingress.parts.ledger.clone(), shutdown.clone()));
    let importing = tokio::spawn(Arc::clone(&ingress).run_imports());
    let (address, tls) = (listener.local_addr().ok(), listener.is_tls());
    let ended = CancellationToken::new();
    let reporting = tokio::spawn(Arc::clone(&ingress).report(address, tls, ended.clone()));
    if let Some(address) = address {
        tracing::info!(%address, tls, replica = ingress.parts.replica, "the ingress listens");
    }
    listener::serve(listener, router, Stop { begins: shutdown, pause }).await;
    let imported = importing.await;
    ended.cancel();
    imported.context("the imports did not end well")?;
    reporting.await.context("the reports did not end well")?;
    learning.await.context("asking for former ids did not end well")?;
    looking.await.context("checking the ledger's durability did not end well")?;
    hearing.await.context("the listener for outcomes did not end well")
}

//! Where webhooks go and where they do not: over TLS that is verified, to no redirect, to no private address unless it
//! is allowed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use anyhow::ensure;
use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::post;
use tellers_http::listener::{self, Listener};
use tellers_http::tls::{ServerTls, TlsFiles};
use tests::authority::{Authority, Pair, text};
use tests::fleet::{Fleet, Replica, Role};
use tests::wait::until;
use tokio_util::sync::{CancellationToken, DropGuard};

const WITHIN: Duration = Duration::from_secs(30);

/// Receives at `/alerts`, and redirects from `/moved` to there.
struct Receiver {
    received: Arc<AtomicU64>,
    port: u16,
    _stop: DropGuard,
}

impl Receiver {
    async fn start(pair: Option<Pair>) -> anyhow::Result<Receiver> {
        let received = Arc::new(AtomicU64::new(0));
        let count = received.clone();
        let alerts = post(move || async move {
            count.fetch_add(1, Relaxed);
            StatusCode::OK
        });
        let moved = post(|| async { Redirect::temporary("/alerts").into_response() });
        let router = Router::new().route("/alerts", alerts).route("/moved", moved);
        let tls = pair.map(|Pair { certificate, key }| ServerTls::load(TlsFiles { certificate, key }));
        let listener = Listener::bind("127.0.0.1:0".parse()?, tls.transpose()?)?;
        let port = listener.local_addr()?.port();
        let stop = CancellationToken::new();
        tokio::spawn(listener::serve(listener, router, stop.clone().into()));
        Ok(Receiver { received, port, _stop: stop.drop_guard() })
    }
}

/// A fleet whose dead letters fire an alert at once.
async fn firing(url: &str, settings: &[(&str, &str)]) -> anyhow::Result<Replica> {
    let fleet = Fleet::embedded()?.with("ALERT_WEBHOOK_URL", url).with("ALERT_FOR_SECONDS", "0");
    let fleet = settings.iter().fold(fleet, |fleet, (name, value)| fleet.with(name, value));
    fleet.keep_dead_letters(1).await?;
    fleet.start(Role::Dev).await
}

async fn logs(dev: &Replica, part: &str) -> anyhow::Result<String> {
    until(&format!("the log says {part:?}"), WITHIN, async || {
        let output = dev.output();
        ensure!(output.contains(part), "{output}");
        Ok(output)
    })
    .await
}

const ALLOWED: (&str, &str) = ("WEBHOOK_ALLOW_PRIVATE", "127.0.0.0/8,::1");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_over_tls_is_verified_by_the_authority_that_is_given() -> anyhow::Result<()> {
    let authority = Authority::new("Authority of the receiver")?;
    let receiver = Receiver::start(Some(authority.issue("receiver", &["localhost"])?)).await?;
    let url = format!("https://localhost:{}/alerts?token=s3cret", receiver.port);
    let file = text(&authority.file());
    let dev = firing(&url, &[ALLOWED, ("TLS_CA", &file)]).await?;
    logs(&dev, "the webhook took the alert").await?;
    ensure!(receiver.received.load(Relaxed) >= 1);
    drop(dev);

    let dev = firing(&url, &[ALLOWED]).await?;
    let output = logs(&dev, "the server's certificate is not trusted").await?;
    ensure!(output.contains("TLS_CA") && !output.contains("s3cret"), "{output}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_follows_no_redirect() -> anyhow::Result<()> {
    let receiver = Receiver::start(None).await?;
    let dev = firing(&format!("http://127.0.0.1:{}/moved", receiver.port), &[ALLOWED]).await?;
    logs(&dev, "the webhook redirects, which is not followed").await?;
    ensure!(receiver.received.load(Relaxed) == 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_reaches_no_private_address_unless_it_is_allowed() -> anyhow::Result<()> {
    let receiver = Receiver::start(None).await?;
    // An address, and a name that leads to it.
    for host in ["127.0.0.1", "localhost"] {
        let dev = firing(&format!("http://{host}:{}/alerts?token=s3cret", receiver.port), &[]).await?;
        let output = logs(&dev, "the webhook is not called").await?;
        ensure!(output.contains("WEBHOOK_ALLOW_PRIVATE") && !output.contains("s3cret"), "{output}");
    }
    ensure!(receiver.received.load(Relaxed) == 0);
    Ok(())
}

//! `tellers migrate`.

use std::process::ExitCode;

use fleet::config::FleetConfig;
use tracing::info;

use crate::cli::MigrateArgs;
use crate::output;
use crate::{keys, parts};

/// Brings the ledger's schema up to date, and makes the first key of a fleet that strangers would reach without one.
pub(crate) async fn run(fleet: FleetConfig, args: MigrateArgs) -> anyhow::Result<ExitCode> {
    let MigrateArgs { api_listen, monitor_listen, access } = args;
    let books = parts::existing_books(&fleet)?;
    books.ledger.migrate(fleet.lanes).await?;
    let on_loopback = [api_listen, monitor_listen].iter().all(|address| address.ip().is_loopback());
    let has_fixed = !access.api_keys.as_deref().unwrap_or_default().trim().is_empty();
    if !on_loopback
        && !has_fixed
        && !access.allow_anonymous
        && let Some(secret) = keys::first(&books).await?
    {
        let what = "first key of this fleet, for everything; it is shown this once";
        output::secret(format_args!("{what}: {}", secret.reveal()))?;
    }
    books.ledger.close().await;
    info!(lanes = fleet.lanes.count(), "the schema is up to date");
    Ok(ExitCode::SUCCESS)
}

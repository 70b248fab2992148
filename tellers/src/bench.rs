//! `tellers bench`: what a fleet does on given servers, measured end to end, with the ledger checked
//! afterwards. On the servers that `AMQP_URL` and `DATABASE_URL` name it starts one ingress and one
//! worker as processes of their own; without them, one process on the embedded parts.

mod bare;
mod books;
mod children;
pub(crate) mod figures;
mod load;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use client::Client;
use fleet::config::FleetConfig;

use self::books::Accounts;
use self::children::Children;
use self::figures::Figures;
use crate::cli::BenchArgs;
use crate::{parts, roles, verify};

/// Connections that send batches, and that send single jobs.
const BATCH_CONNECTIONS: usize = 8;
const SINGLE_CONNECTIONS: usize = 100;
/// Jobs a second that the latency is measured at.
const OFFERED_PER_SECOND: u32 = 1_000;
/// Pages of entries that are read.
const PAGES_READ: usize = 200;

#[allow(clippy::print_stdout)] // The figures are the answer.
pub(crate) async fn run(mut fleet: FleetConfig, args: BenchArgs) -> anyhow::Result<ExitCode> {
    ensure!(
        fleet.amqp_url.is_some() == fleet.database_url.is_some(),
        "set both AMQP_URL and DATABASE_URL to measure a real fleet, or neither for the embedded parts"
    );
    let folder = tempfile::tempdir().context("a temporary folder cannot be made")?;
    fleet.data_dir = folder.path().to_owned();
    eprintln_progress(match fleet.database_url {
        Some(_) => "a fleet of one ingress and one worker on DATABASE_URL and AMQP_URL",
        None => {
            "one process on the embedded parts, in a temporary folder (set DATABASE_URL and AMQP_URL for a fleet)"
        }
    });
    let span = Duration::from_secs(args.seconds);
    let run = roles::replica_id("bench")?;
    let mut figures = Figures::default();

    let ledger = parts::ledger(&fleet).await?;
    ledger.migrate(fleet.lanes).await?;
    let accounts = Accounts::open(ledger.as_ref(), fleet.lanes, &run, args.accounts).await?;
    if args.prefill > 0 {
        eprintln_progress(&format!("filling the books with {} entries", args.prefill));
        bare::prefill(&ledger, &accounts, args.prefill).await?;
    }
    eprintln_progress("bare posting");
    figures.bare_per_second = bare::measure(&ledger, &accounts, span).await?;

    let mut children = Children::start(&fleet).await?;
    let client = Client::new(&format!("http://{}", children.api))?;
    eprintln_progress("batches of 100");
    figures.batches = load::batches(&client, ledger.as_ref(), &accounts, BATCH_CONNECTIONS, span).await?;
    eprintln_progress("single jobs");
    figures.singles = load::singles(&client, ledger.as_ref(), &accounts, SINGLE_CONNECTIONS, span).await?;
    eprintln_progress("an even load");
    let ids = load::even(&client, &accounts, OFFERED_PER_SECOND, span).await?;
    figures.latency = load::latency(ledger.as_ref(), &ids, span).await?;
    figures.page_ms = load::pages(&client, &accounts, PAGES_READ).await?;
    figures.resident_mb = children.resident_mb()?;
    children.stop().await?;

    eprintln_progress("checking the books");
    let audit = ledger.audit().await?;
    ledger.close().await;
    if args.json {
        println!("{}", figures.as_json(audit.is_clean()));
    } else {
        println!("{figures}\n{}", verify::sentence(&audit));
    }
    audit.findings.iter().for_each(|finding| println!("  - {finding}"));
    Ok(if audit.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[allow(clippy::print_stderr)] // Standard output is for the figures.
fn eprintln_progress(what: &str) {
    eprintln!("… {what}");
}

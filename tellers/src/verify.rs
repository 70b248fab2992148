//! `tellers verify`: the audit for operators.

use std::process::ExitCode;

use comfy_table::Table;
use comfy_table::presets::UTF8_BORDERS_ONLY;
use fleet::config::FleetConfig;
use store::ledger::Audit;

use crate::cli::VerifyArgs;
use crate::output;
use crate::parts;

/// Exit status 0: the ledger is in order; 1: it is not, or could not be read.
pub(crate) async fn run(fleet: FleetConfig, args: VerifyArgs) -> anyhow::Result<ExitCode> {
    let ledger = parts::existing_ledger(&fleet).await?;
    ledger.check(fleet.lanes).await?;
    let audit = ledger.audit().await?;
    ledger.close().await;
    print(&audit, args.json);
    Ok(if audit.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(audit: &Audit, json: bool) {
    if json {
        let Audit { accounts, entries, jobs, findings, findings_total } = audit;
        let answer = serde_json::json!({
            "clean": audit.is_clean(), "accounts": accounts, "entries": entries, "jobs": jobs,
            "findings_total": findings_total, "findings": findings,
        });
        output::done(&answer);
    } else {
        output::done(table(audit));
        for finding in &audit.findings {
            output::done(format_args!("  - {finding}"));
        }
        output::done(sentence(audit));
    }
}

/// What was read, as a table.
pub(crate) fn table(audit: &Audit) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY);
    table.add_row(["accounts read", &audit.accounts.to_string()]);
    table.add_row(["entries read", &audit.entries.to_string()]);
    table.add_row(["jobs read", &audit.jobs.to_string()]);
    table.add_row(["findings", &audit.findings_total.to_string()]);
    table
}

/// What it comes to.
pub(crate) fn sentence(audit: &Audit) -> String {
    match audit.findings_total {
        0 => "The books balance: every account is the sum of its entries, every job sums to zero, every chain holds."
            .to_owned(),
        1 => "The books are NOT in order: 1 finding.".to_owned(),
        many => format!("The books are NOT in order: {many} findings."),
    }
}

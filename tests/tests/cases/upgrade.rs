//! What the release before has posted is not posted again, however it is sent once more.
//!
//! `tests/cases/release-before/ledger.sqlite.gz` holds the ledger of a fleet of that release, to which each request of
//! this file was sent once.

use std::io::Read as _;

use flate2::read::GzDecoder;
use serde_json::{Value, json};

use super::bank::{Bank, at_a_bank_on, deposit, fleet, input, text};

const ACCOUNT: &str = "before";
const PAYER: &str = "DE76123456780000000200";

/// A fleet of this release on a copy of that ledger.
fn upgraded(case: impl AsyncFnOnce(&mut Bank)) {
    let folder = tempfile::tempdir().unwrap();
    let mut books = Vec::new();
    GzDecoder::new(input("release-before/ledger.sqlite.gz").as_slice()).read_to_end(&mut books).unwrap();
    std::fs::write(folder.path().join("ledger.sqlite"), books).unwrap();
    at_a_bank_on(fleet().with("DATA_DIR", &folder.path().to_string_lossy()), async |bank| {
        assert_eq!((bank.balance(ACCOUNT).await, bank.balance(PAYER).await), (4_200, -60_000), "before");
        case(bank).await;
        assert_eq!((bank.balance(ACCOUNT).await, bank.balance(PAYER).await), (4_200, -60_000), "afterwards");
    });
}

fn with_reference(amount: i64, reference: &str) -> Value {
    let mut job = deposit(ACCOUNT, amount);
    job["reference"] = json!(reference);
    job
}

#[test]
fn a_single_job_of_the_release_before_is_not_posted_again() {
    upgraded(async |bank| {
        for (key, job) in [
            (None, with_reference(100, "ref-1")),
            (Some("key-1"), deposit(ACCOUNT, 200)),
            (Some("\"key-2\""), deposit(ACCOUNT, 300)),
            (Some("key-3"), with_reference(400, "ref-2")),
        ] {
            let headers: Vec<_> = key.iter().map(|key| ("idempotency-key", *key)).collect();
            let answer = bank.job_under(&headers, &job).await;
            assert!([200, 409, 422].contains(&answer.status.as_u16()), "{job}: {answer:?}");
        }
    });
}

#[test]
fn a_batch_of_the_release_before_is_not_posted_again() {
    upgraded(async |bank| {
        let jobs = [deposit(ACCOUNT, 500), deposit(ACCOUNT, 600), with_reference(700, "ref-3")];
        let lines: String = jobs.iter().map(|job| format!("{job}\n")).collect();
        bank.batch(&[("idempotency-key", "batch-1")], &lines).await;
    });
}

#[test]
fn a_file_of_the_release_before_is_not_posted_again() {
    upgraded(async |bank| {
        let map = format!("account='{ACCOUNT}', currency='EUR', value_date=Date, amount=Amount");
        let import = bank.csv("Date,Amount\n2025-11-03,10.00\n2025-11-04,-4.00\n", &map).await;
        assert_eq!(import["posted"], 0, "{import}");
        let csv = format!("kind,account,amount,currency,reference\ndeposit,{ACCOUNT},8.00,EUR,ref-4\n");
        let import = bank.import(csv, "text/csv", &[]).await;
        assert_eq!(import["posted"], 0, "{import}");
    });
}

#[test]
fn a_message_of_the_release_before_is_not_paid_again() {
    upgraded(async |bank| {
        let import = bank.xml(text("release-before/payments.xml")).await;
        assert_eq!(import["posted"], 0, "{import}");
        let report = bank.report(&import).await;
        assert_eq!(report.matches("<TxSts>ACSC</TxSts>").count(), 3, "they are in the books: {report}");
    });
}

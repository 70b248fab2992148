//! Tampering shows: whoever edits the database behind the ledger's back is found out.

use anyhow::{Context as _, ensure};
use domain::job::Job;

use super::subject::{Jobs, Subject, deposit, open, transfer};

/// Each kind of tampering is found, by account and entry.
pub async fn tampering_shows(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    // One account for each deed. `bystander` takes part in all and is never touched, so its own entries are
    // right, whatever became of the jobs that made them.
    let deeds: [(&str, &str, &[&str]); 14] = [
        (
            "amount",
            "UPDATE entries SET amount = amount + 1 WHERE seq = 3 AND account_id = KEY",
            &["account amount, entry 3"],
        ),
        (
            "digest",
            "UPDATE entries SET posted_at = posted_at + 1 WHERE seq = 2 AND account_id = KEY",
            &["account digest: the digest"],
        ),
        (
            "removed",
            "DELETE FROM entries WHERE seq = 2 AND account_id = KEY",
            &["account removed: entry 2 is missing", "on account removed, which has no such entry"],
        ),
        (
            "last",
            "DELETE FROM entries WHERE seq = 4 AND account_id = KEY",
            &["account last: it has 4 entries, the last one found is 3"],
        ),
        (
            "added",
            "INSERT INTO entries SELECT account_id, 5, job, 0, balance_after, posted_at, era FROM entries WHERE seq = 4 AND account_id = KEY",
            &["account added: it has 4 entries, the last one found is 5", "account added, entry 5 of 0"],
        ),
        (
            "balance",
            "UPDATE accounts SET balance = balance + 1 WHERE id = KEY",
            &["account balance: its balance is", "all balances in EUR sum to 1"],
        ),
        (
            "held",
            "UPDATE accounts SET held = 2 WHERE id = KEY",
            &["account held: 2 is held, its active holds sum to 0"],
        ),
        ("overdrawn", "UPDATE accounts SET held = 1000000 WHERE id = KEY", &["below its overdraft limit"]),
        (
            "limit",
            "UPDATE accounts SET overdraft_limit = 1000 WHERE id = KEY",
            &["account limit: its overdraft limit is 1000, by its jobs it is 3"],
        ),
        (
            "holder",
            "UPDATE accounts SET holder = 'Mallory' WHERE id = KEY",
            &["account holder: its holder is Some(\"Mallory\"), by its jobs it is None"],
        ),
        (
            "job-removed",
            "DELETE FROM jobs WHERE account = 'job-removed' AND kind = 'transfer' AND id = (SELECT job FROM entries WHERE account_id = KEY AND seq = 3)",
            &["account job-removed, entry 3 of -10", "its job is not in the ledger"],
        ),
        (
            "job-body",
            "UPDATE jobs SET body = REPLACE(body, '\"amount\":10,', '\"amount\":11,') WHERE account = 'job-body' AND kind = 'transfer'",
            &[
                "account job-body, entry 3 of -10",
                "of account job-body: its body is not the one that was submitted",
            ],
        ),
        (
            "job-outcome",
            "UPDATE jobs SET outcome = 'dead' WHERE account = 'job-outcome' AND kind = 'transfer'",
            &["account job-outcome, entry 3 of -10"],
        ),
        (
            "order",
            "UPDATE jobs SET accepted_at = 1 WHERE account = 'order' AND kind = 'transfer'",
            &["account order, job number"],
        ),
    ];
    let mut batch = vec![jobs.job(&open("bystander"))];
    for (account, ..) in deeds {
        batch.push(jobs.job(&open(account)));
        batch.extend((0..2).map(|_| jobs.job(&deposit(account, 100))));
        batch.extend((0..2).map(|_| jobs.job(&transfer(account, "bystander", 10))));
    }
    let set_limit =
        |limit| format!(r#"{{"kind":"set_overdraft_limit","account":"limit","overdraft_limit":{limit}}}"#);
    let drawn = [set_limit(500), transfer("limit", "bystander", 300), set_limit(3)];
    batch.extend(drawn.iter().map(|body| jobs.job(body)));
    batch.push(jobs.job(r#"{"kind":"set_holder","account":"holder"}"#));
    batch.push(jobs.job(&transfer("order", "bystander", 10)));
    subject.post(6, &batch).await?;
    // What is drawn already is no fault of a limit that was lowered since.
    ensure!(subject.funds("limit").await? == (-120, 0));
    subject.books_are_right().await?;

    let added_job: &Job = batch.last().context("a batch")?;
    for (account, sql, _) in deeds {
        let key = subject.account(account).await?.key.context("a key")?;
        let rows = subject.behind_its_back(&sql.replace("KEY", &key.to_string())).await?;
        ensure!(rows > 0, "{account}: {sql} changed nothing");
    }
    // A job that nobody submitted; and a rejected one that goes.
    let added = format!(
        "INSERT INTO jobs (id, client, kind, lane, account, body, fingerprint, outcome, ingress, accepted_at, \
         posted_at) SELECT x'{}', client, kind, lane, account, body, fingerprint, outcome, ingress, \
         accepted_at + 1000, posted_at FROM jobs WHERE id = x'{}'",
        hex(jobs.job(&open("x")).id.as_bytes()),
        hex(added_job.id.as_bytes()),
    );
    subject.behind_its_back(&added).await?;

    let audit = subject.ledger.audit().await?;
    let all = audit.findings.join("\n");
    for (account, _, expected) in deeds {
        for expected in expected {
            ensure!(all.contains(expected), "{account}: nothing says `{expected}` in:\n{all}");
        }
    }
    ensure!(all.contains("posted jobs, and "), "the lane's totals do not show:\n{all}");
    ensure!(all.contains("on account order, which has no such entry"), "an added job does not show:\n{all}");
    ensure!(!all.contains("account bystander: "), "an account is accused that nobody touched:\n{all}");
    Ok(())
}

/// A value that the ledger never writes is a finding, not an error.
pub async fn a_row_that_makes_no_sense_is_a_finding(subject: Subject) -> anyhow::Result<()> {
    subject.post(0, &[Jobs::default().job(&open("a"))]).await?;
    subject.behind_its_back("UPDATE jobs SET outcome = 'maybe'").await?;
    let audit = subject.ledger.audit().await?;
    ensure!(audit.findings.iter().any(|finding| finding.contains("\"maybe\"")), "{audit:?}");
    Ok(())
}

/// An audit that runs while jobs are posted sees one moment of the ledger.
pub async fn an_audit_beside_posting_sees_one_moment(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    subject.post(0, &[jobs.job(&open("a")), jobs.job(&open("b")), jobs.job(&deposit("a", 100_000))]).await?;
    let posting = async {
        for _ in 0..60 {
            let batch: Vec<_> = (0..20).map(|_| jobs.job(&transfer("a", "b", 1))).collect();
            subject.post(0, &batch).await?;
        }
        anyhow::Ok(())
    };
    let auditing = async {
        for _ in 0..8 {
            subject.books_are_right().await?;
        }
        anyhow::Ok(())
    };
    futures::future::try_join(posting, auditing).await?;
    subject.books_are_right().await
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

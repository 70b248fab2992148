//! Tampering with what jobs have made of accounts, holds, reversals and rows of imports shows.

use std::fmt::Write as _;

use anyhow::{Context as _, ensure};
use domain::id::JobId;
use domain::job::{Job, Origin};
use store::imports::NewImport;

use super::subject::{Jobs, Subject, deposit, open, transfer};

/// What somebody does to one account, and what is to be said of it. In SQL, KEY is the account's, HOLD the id of its hold and
/// DEPOSIT that of its deposit.
struct Deed {
    account: &'static str,
    /// Bodies without the account, beside its opening, a deposit of 100 and a hold of 7.
    jobs: &'static [&'static str],
    sql: &'static [&'static str],
    says: &'static [&'static str],
}

const FREEZE: &str = r#"{"kind":"freeze_account","account":"ACCOUNT"}"#;
const SET_LIMIT: &str = r#"{"kind":"set_overdraft_limit","account":"ACCOUNT","overdraft_limit":30}"#;
const CAPTURE: &str = r#"{"kind":"capture","account":"ACCOUNT","hold":"HOLD","amount":5}"#;
const CAPTURE_ALL: &str = r#"{"kind":"capture","account":"ACCOUNT","hold":"HOLD"}"#;
const RELEASE: &str = r#"{"kind":"release","account":"ACCOUNT","hold":"HOLD"}"#;
const REVERSE: &str = r#"{"kind":"reversal","account":"ACCOUNT","job":"DEPOSIT"}"#;

const DEEDS: [Deed; 24] = [
    Deed {
        account: "limit-raised",
        jobs: &[],
        sql: &["UPDATE accounts SET overdraft_limit = 9007199254740991 WHERE id = KEY"],
        says: &["account limit-raised: its overdraft limit is 9007199254740991, by its jobs it is 0"],
    },
    Deed {
        account: "limit-lowered",
        jobs: &[SET_LIMIT],
        sql: &["UPDATE accounts SET overdraft_limit = 0 WHERE id = KEY"],
        says: &["account limit-lowered: its overdraft limit is 0, by its jobs it is 30"],
    },
    Deed {
        account: "holder-named",
        jobs: &[],
        sql: &["UPDATE accounts SET holder = 'Mallory' WHERE id = KEY"],
        says: &[r#"account holder-named: its holder is Some("Mallory"), by its jobs it is None"#],
    },
    Deed {
        account: "frozen",
        jobs: &[],
        sql: &["UPDATE accounts SET status = 'frozen' WHERE id = KEY"],
        says: &["account frozen: its status is Frozen, by its jobs it is Open"],
    },
    Deed {
        account: "thawed",
        jobs: &[FREEZE],
        sql: &["UPDATE accounts SET status = 'open' WHERE id = KEY"],
        says: &["account thawed: its status is Open, by its jobs it is Frozen"],
    },
    Deed {
        account: "currency",
        jobs: &[],
        sql: &["UPDATE accounts SET currency = 'CHF' WHERE id = KEY"],
        says: &["account currency: its currency is CHF, by its jobs it is EUR"],
    },
    Deed {
        account: "renumbered",
        jobs: &[],
        sql: &["UPDATE accounts SET number = 'renumbered-2' WHERE id = KEY"],
        says: &[
            "account renumbered-2: no job opened it",
            "account renumbered: a job opened or changed it, and it is not there",
        ],
    },
    Deed {
        account: "copied",
        jobs: &[],
        sql: &[
            "INSERT INTO accounts (number, currency, balance, held, overdraft_limit, status, seq, digest, holder, opened_at) \
             SELECT 'ghost', currency, 0, 0, 1000, status, 0, x'0000000000000000000000000000000000000000000000000000000000000000', \
             holder, opened_at FROM accounts WHERE id = KEY",
        ],
        says: &["account ghost: no job opened it"],
    },
    Deed {
        account: "posted-at",
        jobs: &[],
        sql: &["UPDATE jobs SET posted_at = posted_at + 1 WHERE id = DEPOSIT"],
        says: &["account posted-at, entry 1 of 100", "on account posted-at, which has no such entry"],
    },
    Deed {
        account: "reference",
        jobs: &[],
        sql: &["UPDATE jobs SET reference = 'other' WHERE id = DEPOSIT"],
        says: &[r#"of account reference: its row has the reference Some("other"), its body Some("#],
    },
    Deed {
        account: "reference-gone",
        jobs: &[],
        sql: &["UPDATE jobs SET reference = NULL WHERE id = DEPOSIT"],
        says: &["of account reference-gone: its row has the reference None"],
    },
    Deed {
        account: "kind",
        jobs: &[],
        sql: &["UPDATE jobs SET kind = 'withdrawal' WHERE id = DEPOSIT"],
        says: &["of account kind: its row says withdrawal of kind, its body another"],
    },
    Deed {
        account: "job-moved",
        jobs: &[],
        sql: &["UPDATE jobs SET account = 'elsewhere' WHERE id = DEPOSIT"],
        says: &["its row says deposit of elsewhere, its body another"],
    },
    Deed {
        account: "hold-lessened",
        jobs: &[],
        sql: &["UPDATE holds SET amount = 1 WHERE id = HOLD", "UPDATE accounts SET held = 1 WHERE id = KEY"],
        says: &[
            "of account hold-lessened: its row says that it held 1 EUR on account hold-lessened; no job did that",
            "of account hold-lessened: by its jobs it held 7 EUR on account hold-lessened, and its row does not say so",
        ],
    },
    Deed {
        account: "hold-ended",
        jobs: &[],
        sql: &[
            "UPDATE holds SET status = 'released' WHERE id = HOLD",
            "UPDATE accounts SET held = 0 WHERE id = KEY",
        ],
        says: &["of account hold-ended: its row says that it was released; no job did that"],
    },
    Deed {
        account: "hold-revived",
        jobs: &[RELEASE],
        sql: &[
            "UPDATE holds SET status = 'active' WHERE id = HOLD",
            "UPDATE accounts SET held = 7 WHERE id = KEY",
        ],
        says: &["of account hold-revived: by its jobs it was released, and its row does not say so"],
    },
    Deed {
        account: "hold-captured",
        jobs: &[CAPTURE],
        sql: &["UPDATE holds SET captured = 4 WHERE id = HOLD"],
        says: &[
            "of account hold-captured: its row says that it was captured with 4; no job did that",
            "of account hold-captured: by its jobs it was captured with 5, and its row does not say so",
        ],
    },
    Deed {
        account: "hold-captured-whole",
        jobs: &[CAPTURE_ALL],
        sql: &["UPDATE holds SET captured = 6 WHERE id = HOLD"],
        says: &["of account hold-captured-whole: by its jobs it was captured with 7"],
    },
    Deed {
        account: "hold-capture-called-release",
        jobs: &[CAPTURE],
        sql: &["UPDATE holds SET captured = NULL, status = 'released' WHERE id = HOLD"],
        says: &["of account hold-capture-called-release: its row says that it was released"],
    },
    Deed {
        account: "hold-expires",
        jobs: &[],
        sql: &["UPDATE holds SET expires_at = 1000000 WHERE id = HOLD"],
        says: &["it held 7 EUR on account hold-expires until 1970-01-01T00:00:01Z; no job did that"],
    },
    Deed {
        account: "hold-gone",
        jobs: &[],
        sql: &["DELETE FROM holds WHERE id = HOLD", "UPDATE accounts SET held = 0 WHERE id = KEY"],
        says: &["of account hold-gone: by its jobs it held 7 EUR on account hold-gone"],
    },
    Deed {
        account: "reversal-gone",
        jobs: &[RELEASE, REVERSE],
        sql: &["DELETE FROM reversals WHERE original = DEPOSIT"],
        says: &["and no row says so"],
    },
    Deed {
        account: "reversal-made-up",
        jobs: &[],
        sql: &["INSERT INTO reversals (original, by_job) VALUES (DEPOSIT, HOLD)"],
        says: &["its row says that it was reversed by job"],
    },
    Deed {
        account: "outside",
        jobs: &[],
        sql: &["UPDATE accounts SET overdraft_limit = 1 WHERE number = 'external:EUR:6'"],
        says: &["account external:EUR:6: it is Open in EUR with limit 1"],
    },
];

/// Each kind of tampering with what jobs have made is found, by account, with what it is and what it should be.
pub async fn tampering_with_what_jobs_made_shows(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    let mut made: Vec<(JobId, JobId)> = Vec::new();
    for deed in &DEEDS {
        let account = deed.account;
        let money = jobs.job(&format!(
            r#"{{"kind":"deposit","account":"{account}","amount":100,"currency":"EUR","reference":"{account}"}}"#
        ));
        let hold =
            jobs.job(&format!(r#"{{"kind":"hold","account":"{account}","amount":7,"currency":"EUR"}}"#));
        let (hold_id, deposit_id) = (hold.id, money.id);
        let body = |body: &&str| {
            let body = body.replace("ACCOUNT", account).replace("HOLD", &hold_id.to_string());
            jobs.job(&body.replace("DEPOSIT", &deposit_id.to_string()))
        };
        let mut batch = vec![jobs.job(&open(account)), money, hold];
        batch.extend(deed.jobs.iter().map(body));
        let outcomes = subject.post(6, &batch).await?;
        ensure!(outcomes.iter().all(|outcome| *outcome == domain::outcome::Outcome::Posted), "{outcomes:?}");
        made.push((hold_id, deposit_id));
    }
    subject.books_are_right().await?;

    for (deed, (hold, deposit)) in DEEDS.iter().zip(made) {
        let key = subject.account(deed.account).await?.key.context("a key")?.to_string();
        for sql in deed.sql {
            let sql = sql.replace("KEY", &key).replace("HOLD", &literal(hold));
            let rows = subject.behind_its_back(&sql.replace("DEPOSIT", &literal(deposit))).await?;
            ensure!(rows > 0, "{}: {sql} changed nothing", deed.account);
        }
    }
    let audit = subject.ledger.audit().await?;
    let all = audit.findings.join("\n");
    for deed in &DEEDS {
        for expected in deed.says {
            ensure!(all.contains(expected), "{}: nothing says `{expected}` in:\n{all}", deed.account);
        }
    }
    Ok(())
}

/// Rows of imports and their counts are held to the jobs that they came by.
pub async fn tampering_with_rows_of_imports_shows(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    let file = NewImport {
        client: "acme".to_owned(),
        digest: [1; 32],
        owner: "api-1".to_owned(),
        description: "{}".to_owned(),
        created_at: 1_000,
    };
    let import = subject.again()?.create(&file).await?.import.number;
    let of_row = |row, job: Job| Job { origin: Some(Origin { import, row }), ..job };
    let batch = [
        jobs.job(&open("a")),
        of_row(1, jobs.job(&deposit("a", 1))),
        of_row(2, jobs.job(&transfer("a", "nobody", 1))),
        of_row(3, jobs.job(&deposit("a", 3))),
        of_row(4, jobs.job(&deposit("a", 4))),
    ];
    subject.post(0, &batch).await?;
    subject.books_are_right().await?;
    let deeds = [
        (
            "UPDATE import_rows SET outcome = 'rejected', reason = 'insufficient_funds' WHERE number = 1",
            "row 1: it says rejected of",
        ),
        ("UPDATE import_rows SET reason = 'account_frozen' WHERE number = 2", "row 2: it says rejected of"),
        (
            &format!("UPDATE import_rows SET job = {} WHERE number = 3", literal(jobs.job(&open("x")).id)),
            "there is no such job",
        ),
        ("DELETE FROM import_rows WHERE number = 4", "it has 2 rows that say rejected, and 1 were recorded"),
        (
            "UPDATE import_totals SET dead = 7 WHERE lane = 0",
            "it has 0 rows that say dead, and 7 were recorded",
        ),
    ];
    for (sql, _) in deeds {
        ensure!(subject.behind_its_back(sql).await? > 0, "{sql} changed nothing");
    }
    let all = subject.ledger.audit().await?.findings.join("\n");
    for (_, expected) in deeds {
        ensure!(all.contains(expected), "nothing says `{expected}` in:\n{all}");
    }
    Ok(())
}

/// An id as SQL has it.
fn literal(id: JobId) -> String {
    id.as_bytes().iter().fold("x'".to_owned(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    }) + "'"
}

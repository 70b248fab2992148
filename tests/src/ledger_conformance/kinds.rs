//! Every kind of job and every rejection, through the database.

use anyhow::ensure;
use domain::account::AccountStatus;
use domain::outcome::{Outcome, RecordedOutcome, Rejection};

use super::subject::{Jobs, Subject, deposit, open, transfer};

/// Each kind does to the ledger what its name says.
pub async fn every_kind_takes_effect(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    let job = |body: String| jobs.job(&body);
    let hold = |amount| format!(r#"{{"kind":"hold","account":"a","amount":{amount},"currency":"EUR"}}"#);
    let of_a = |kind: &str| format!(r#"{{"kind":"{kind}","account":"a"}}"#);

    let opening = job(
        r#"{"kind":"open_account","account":"a","currency":"EUR","overdraft_limit":5,"holder":"Zoë 'O''Neil' \\ 𝄞"}"#
            .into(),
    );
    let paid = job(transfer("a", "b", 100));
    let batch = [
        opening,
        job(open("b")),
        job(deposit("a", 1_000)),
        job(r#"{"kind":"withdrawal","account":"a","amount":50,"currency":"EUR"}"#.into()),
        paid.clone(),
        job(r#"{"kind":"journal","currency":"EUR","legs":[{"account":"a","amount":-30},{"account":"b","amount":20},{"account":"b","amount":10}]}"#.into()),
    ];
    ensure!(subject.post(3, &batch).await? == vec![Outcome::Posted; 6]);
    ensure!(subject.funds("a").await? == (820, 0));
    ensure!(subject.funds("b").await? == (130, 0));
    ensure!(subject.funds("external:EUR:3").await? == (-950, 0));
    ensure!(subject.account("a").await?.holder.as_deref() == Some("Zoë 'O''Neil' \\ 𝄞"));

    // Holds of an earlier batch, captured in part, in whole to an account, and released.
    let holds = [job(hold(100)), job(hold(200)), job(hold(300))];
    ensure!(subject.post(3, &holds).await? == vec![Outcome::Posted; 3]);
    ensure!(subject.funds("a").await? == (820, 600));
    let [first, second, third] = holds.map(|hold| hold.id);
    let captured = job(format!(r#"{{"kind":"capture","account":"a","hold":"{first}","amount":40}}"#));
    let batch = [
        captured.clone(),
        job(format!(r#"{{"kind":"capture","account":"a","hold":"{second}","to":"b"}}"#)),
        job(format!(r#"{{"kind":"release","account":"a","hold":"{third}"}}"#)),
    ];
    ensure!(subject.post(3, &batch).await? == vec![Outcome::Posted; 3]);
    ensure!(subject.funds("a").await? == (580, 0));
    ensure!(subject.funds("b").await? == (330, 0));
    ensure!(subject.funds("external:EUR:3").await? == (-910, 0));

    // Reversals of earlier batches, by another lane: one of a transfer, one of a capture that paid out.
    let (paid, captured) = (paid.id, captured.id);
    let batch = [
        job(format!(r#"{{"kind":"reversal","account":"b","job":"{paid}"}}"#)),
        job(format!(r#"{{"kind":"reversal","account":"a","job":"{captured}"}}"#)),
    ];
    ensure!(subject.post(5, &batch).await? == vec![Outcome::Posted; 2]);
    ensure!(subject.funds("a").await? == (720, 0));
    ensure!(subject.funds("b").await? == (230, 0));

    let status = async |body: String| -> anyhow::Result<AccountStatus> {
        ensure!(subject.post(3, &[job(body)]).await? == [Outcome::Posted]);
        Ok(subject.account("a").await?.status)
    };
    let terms = async |body: &str| -> anyhow::Result<(i64, Option<String>)> {
        ensure!(subject.post(3, &[job(body.to_owned())]).await? == [Outcome::Posted], "{body}");
        let account = subject.account("a").await?;
        Ok((account.overdraft_limit.minor_units(), account.holder))
    };
    let name = "Zoë 'O''Neil' \\ 𝄞".to_owned();
    let limit = r#"{"kind":"set_overdraft_limit","account":"a","overdraft_limit":70}"#;
    ensure!(terms(limit).await? == (70, Some(name.clone())));
    ensure!(terms(r#"{"kind":"set_holder","account":"a"}"#).await? == (70, None));
    ensure!(
        terms(r#"{"kind":"set_holder","account":"a","holder":"Zoë 'O''Neil' \\ 𝄞"}"#).await?
            == (70, Some(name))
    );
    // With other changes of the same account in one batch, and on an account that is opened by the same one.
    let batch = [
        job(transfer("a", "b", 780)),
        job(r#"{"kind":"set_overdraft_limit","account":"a","overdraft_limit":0}"#.to_owned()),
        job(transfer("b", "a", 780)),
        job(open("c")),
        job(r#"{"kind":"set_overdraft_limit","account":"c","overdraft_limit":9,"currency":"EUR"}"#.to_owned()),
    ];
    ensure!(subject.post(3, &batch).await? == vec![Outcome::Posted; 5]);
    ensure!(subject.funds("a").await? == (720, 0));
    ensure!(subject.account("a").await?.overdraft_limit.minor_units() == 0);
    ensure!(subject.account("c").await?.overdraft_limit.minor_units() == 9);

    ensure!(status(of_a("freeze_account")).await? == AccountStatus::Frozen);
    ensure!(status(of_a("unfreeze_account")).await? == AccountStatus::Open);
    ensure!(status(transfer("a", "b", 720)).await? == AccountStatus::Open);
    ensure!(status(of_a("close_account")).await? == AccountStatus::Closed);

    let totals = subject.ledger.totals().await?;
    ensure!((totals.accounts, totals.posted, totals.rejected, totals.dead) == (3, 26, 0, 0), "{totals:?}");
    ensure!(totals.balances.iter().all(|(_, sum)| *sum == 0), "{totals:?}");
    subject.books_are_right().await
}

/// Each rejection is answered, recorded, and changes nothing.
pub async fn every_rejection_is_recorded(subject: Subject) -> anyhow::Result<()> {
    use Rejection::*;
    let jobs = Jobs::default();
    let max = 9_007_199_254_740_991_i64;
    let hold = |amount| format!(r#"{{"kind":"hold","account":"a","amount":{amount},"currency":"EUR"}}"#);
    let moved = jobs.job(&deposit("a", 1_000));
    let [held, ended] = [jobs.job(&hold(10)), jobs.job(&hold(10))];
    let reversed = jobs.job(&deposit("a", 1));
    let opening = jobs.job(&open("a"));
    let change =
        |kind: &str, order| format!(r#"{{"kind":"{kind}_standing_order","account":"a","order":"{order}"}}"#);
    let order = jobs.job(
        r#"{"kind":"open_standing_order","account":"a","to":"b","amount":1,"currency":"EUR","rule":{"unit":"days","from":"2027-01-01"}}"#,
    );
    let setting = [
        opening.clone(),
        jobs.job(&open("frozen")),
        jobs.job(&open("closed")),
        jobs.job(&open("b")),
        jobs.job(r#"{"kind":"freeze_account","account":"frozen"}"#),
        jobs.job(r#"{"kind":"close_account","account":"closed"}"#),
        moved.clone(),
        held.clone(),
        ended.clone(),
        jobs.job(&format!(r#"{{"kind":"release","account":"a","hold":"{}"}}"#, ended.id)),
        reversed.clone(),
        jobs.job(&format!(r#"{{"kind":"reversal","account":"a","job":"{}"}}"#, reversed.id)),
        order.clone(),
        jobs.job(&change("close", order.id)),
    ];
    ensure!(subject.post(0, &setting).await? == vec![Outcome::Posted; setting.len()]);
    // As much as an account may hold, so that one more does not fit. From another lane than the others come by: the outside
    // world, as a lane sees it, has the same limit.
    ensure!(subject.post(1, &[jobs.job(&deposit("b", max))]).await? == [Outcome::Posted]);
    let before = subject.account("a").await?;

    let unknown = jobs.job(&open("unused")).id;
    let capture =
        |hold, amount| format!(r#"{{"kind":"capture","account":"a","hold":"{hold}","amount":{amount}}}"#);
    let reverse = |job| format!(r#"{{"kind":"reversal","account":"a","job":"{job}"}}"#);
    let pause = |order| change("pause", order);
    let cases = [
        (AccountNotFound, transfer("a", "nobody", 1)),
        (AccountExists, open("a")),
        (AccountClosed, deposit("closed", 1)),
        (AccountFrozen, transfer("a", "frozen", 1)),
        (CurrencyMismatch, deposit("a", 1).replace("EUR", "USD")),
        (InsufficientFunds, transfer("a", "b", 991)),
        (AmountOverflow, deposit("b", 1)),
        (HoldNotFound, capture(unknown, 1)),
        (HoldNotActive, capture(ended.id, 1)),
        (HoldExceeded, capture(held.id, 11)),
        (JobNotFound, reverse(unknown)),
        (JobNotReversible, reverse(opening.id)),
        (AlreadyReversed, reverse(reversed.id)),
        (AccountNotEmpty, r#"{"kind":"close_account","account":"a"}"#.to_owned()),
        (StandingOrderNotFound, pause(unknown)),
        (StandingOrderEnded, pause(order.id)),
    ];
    // Jobs that are known by former ids have a test of their own, and so have payments of standing orders.
    ensure!(cases.len() + 3 == Rejection::ALL.len(), "a rejection is not tried");
    let batch: Vec<_> = cases.iter().map(|(_, body)| jobs.job(body)).collect();
    let outcomes = subject.post(0, &batch).await?;
    for (((expected, body), outcome), job) in cases.iter().zip(&outcomes).zip(&batch) {
        ensure!(*outcome == Outcome::Rejected(*expected), "{body}: {outcome:?}, not {expected}");
        let record = subject.ledger.job(job.id).await?;
        let outcome = record.map(|record| record.outcome);
        ensure!(outcome == Some(RecordedOutcome::Rejected(*expected)), "{body}: recorded as {outcome:?}");
    }
    ensure!(subject.account("a").await? == before, "a rejected job changed the account");
    ensure!(subject.ledger.totals().await?.rejected == 16);
    subject.books_are_right().await
}

//! Batches: duplicates, conflicts, others in the way, and a job that cannot be written.

use std::sync::Arc;

use anyhow::{Context as _, ensure};
use domain::account::AccountNumber;
use domain::id::{FormerId, Sameness};
use domain::job::Job;
use domain::lane::{Lane, Lanes};
use domain::outcome::{Outcome, RecordedOutcome, Rejection};
use domain::text::Client;
use futures::future::{join_all, try_join_all};
use store::StoreError;
use store::ledger::{OutcomeCounts, Unposted, post_bisecting, try_bisecting};

use super::subject::{Jobs, Subject, deposit, job, open, transfer};

/// The outcomes of a batch that is taken apart where it has to be.
async fn bisected(subject: &Subject, batch: &[Job]) -> anyhow::Result<Vec<Result<Outcome, Unposted>>> {
    let answers = post_bisecting(&*subject.ledger, batch).await?;
    Ok(answers.into_iter().map(|answer| answer.map(|applied| applied.outcome)).collect())
}

/// A job that comes again, in the same batch or a later one, takes effect once.
pub async fn a_job_that_comes_again_takes_effect_once(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    let [opening, money, too_much] =
        [jobs.job(&open("a")), jobs.job(&deposit("a", 5)), jobs.job(&transfer("a", "a2", 6))];
    let batch = [opening.clone(), money.clone(), money.clone(), too_much.clone(), too_much.clone()];
    let rejected = RecordedOutcome::Rejected(Rejection::AccountNotFound);
    let expected = [
        Outcome::Posted,
        Outcome::Posted,
        Outcome::Duplicate(RecordedOutcome::Posted),
        Outcome::Rejected(Rejection::AccountNotFound),
        Outcome::Duplicate(rejected),
    ];
    ensure!(subject.post(0, &batch).await? == expected);
    let mut again = batch.to_vec();
    again.push(jobs.job(&deposit("a", 1)));
    let outcomes = subject.post(0, &again).await?;
    ensure!(outcomes[..3] == [Outcome::Duplicate(RecordedOutcome::Posted); 3]);
    ensure!(outcomes[3..] == [Outcome::Duplicate(rejected), Outcome::Duplicate(rejected), Outcome::Posted]);
    ensure!(subject.post(0, &batch).await?.len() == 5, "a batch of duplicates only");
    ensure!(subject.post(0, &[]).await?.is_empty());
    ensure!(subject.funds("a").await? == (6, 0));
    subject.books_are_right().await
}

/// The same id with another body never takes effect.
pub async fn another_body_under_the_same_id_is_a_conflict(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    let money = jobs.job(&deposit("a", 5));
    let other = job(money.id, money.accepted_at + 1, &deposit("a", 500));
    let batch = [jobs.job(&open("a")), money, other.clone()];
    let conflict = Outcome::Conflict(RecordedOutcome::Posted);
    ensure!(subject.post(0, &batch).await? == [Outcome::Posted, Outcome::Posted, conflict]);
    ensure!(subject.post(0, std::slice::from_ref(&other)).await? == [conflict]);
    ensure!(subject.funds("a").await? == (5, 0));
    let conflicts = async || -> anyhow::Result<_> {
        let record = subject.ledger.job(other.id).await?.context("the job is not there")?;
        Ok(record.conflicts.map(|conflicts| (conflicts.count, conflicts.last_body)))
    };
    ensure!(conflicts().await? == Some((1, other.body.clone())), "each body counts once");
    let third = job(other.id, other.accepted_at + 1, &deposit("a", 7));
    ensure!(subject.post(0, std::slice::from_ref(&third)).await? == [conflict]);
    ensure!(conflicts().await? == Some((2, third.body.clone())));
    let opened = subject.ledger.job(batch[0].id).await?.context("the first job is not there")?;
    ensure!(opened.conflicts.is_none());
    subject.books_are_right().await
}

/// A job that the ledger holds under an id that it had before takes no effect again.
pub async fn a_job_is_known_by_the_ids_that_it_had_before(subject: Subject) -> anyhow::Result<()> {
    use Sameness::{Always, SameMoney, SameReference};
    let jobs = Jobs::default();
    let named = |reference: &str, amount: i64| {
        deposit("a", amount).replace('}', &format!(r#","reference":"{reference}"}}"#))
    };
    let known = Outcome::Rejected(Rejection::KnownByFormerId);
    let [before, plain] = [jobs.job(&named("r", 5)), jobs.job(&deposit("a", 7))];
    subject.post(0, &[jobs.job(&open("a")), before.clone(), plain.clone()]).await?;
    let again = |former: &Job, sameness, body: &str| Job {
        former: vec![FormerId { id: former.id, sameness }],
        ..jobs.job(body)
    };
    let batch = [
        again(&before, SameReference, &named("r", 5)),
        again(&before, SameReference, &named("r", 6)),
        again(&before, SameReference, &deposit("a", 5)),
        again(&plain, SameMoney, &deposit("a", 7)),
        again(&plain, SameMoney, &deposit("a", 7).replace("deposit", "withdrawal")),
        again(&plain, SameMoney, &deposit("a", 8)),
        again(&plain, Always, &deposit("a", 9)),
        again(&jobs.job(&deposit("a", 1)), Always, &deposit("a", 10)),
    ];
    let expected = [known, known, Outcome::Posted, known, known, Outcome::Posted, known, Outcome::Posted];
    ensure!(subject.post(0, &batch).await? == expected);
    let duplicate = Outcome::Duplicate(RecordedOutcome::Rejected(Rejection::KnownByFormerId));
    ensure!(subject.post(0, &batch[..1]).await? == [duplicate]);
    // Its id is another's by now, and it had its outcome under one that it had before.
    let taken = jobs.job(&deposit("a", 20));
    let other = Job { former: batch[3].former.clone(), ..job(taken.id, 0, &deposit("a", 7)) };
    ensure!(
        subject.post(0, &[taken, other]).await?
            == [Outcome::Posted, Outcome::Duplicate(RecordedOutcome::Posted)]
    );
    // Both in one batch.
    let first = jobs.job(&deposit("a", 100));
    let second = again(&first, SameMoney, &deposit("a", 100));
    ensure!(subject.post(0, &[first, second]).await? == [Outcome::Posted, known]);
    ensure!(subject.funds("a").await? == (5 + 7 + 5 + 8 + 10 + 20 + 100, 0));
    ensure!(!subject.ledger.former_ids(&[]).await?.of_release, "no release before wrote to it");
    subject.books_are_right().await
}

/// A client whose key comes with another name is known by the ids that it had.
pub async fn a_client_is_known_whatever_its_key_is_called(subject: Subject) -> anyhow::Result<()> {
    let client = |id: &str| Client::parse(id);
    let of_clients = async |keys: &[(u8, &str)]| -> anyhow::Result<_> {
        let keys = keys.iter().map(|(key, id)| Ok(([*key; 32], client(id)?)));
        let keys = keys.collect::<anyhow::Result<Vec<_>>>()?;
        Ok(subject.ledger.former_ids(&keys).await?.of_clients)
    };
    for _ in 0..2 {
        ensure!(of_clients(&[(1, "acme"), (2, "acme"), (3, "other")]).await?.is_empty());
    }
    let renamed = of_clients(&[(1, "acme-ltd"), (4, "other")]).await?;
    ensure!(renamed == [(client("acme-ltd")?, vec![client("acme")?])].into(), "{renamed:?}");
    Ok(())
}

/// The same id on two lanes at once takes effect once, whichever comes first.
pub async fn an_id_on_two_lanes_takes_effect_once(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    let accounts: Vec<_> = (0..8).map(|n| jobs.job(&open(&format!("a{n}")))).collect();
    subject.post(0, &accounts).await?;
    for _ in 0..10 {
        // Batches that share an id and no account meet nowhere but at the unique key.
        let shared = jobs.job(&deposit("a0", 1));
        let batches = (1..8_u16).map(|lane| {
            let meeting = job(shared.id, shared.accepted_at, &deposit(&format!("a{lane}"), 1));
            [jobs.job(&deposit(&format!("a{lane}"), 1)), meeting]
        });
        let batches: Vec<_> = batches.collect();
        let posting = (1..8).zip(&batches).map(|(lane, batch)| subject.post(lane, batch));
        let outcomes = try_join_all(posting).await?;
        ensure!(outcomes.iter().all(|outcomes| outcomes[0] == Outcome::Posted));
        let posted = outcomes.iter().filter(|outcomes| outcomes[1] == Outcome::Posted).count();
        let conflicts =
            outcomes.iter().filter(|outcomes| outcomes[1] == Outcome::Conflict(RecordedOutcome::Posted));
        ensure!((posted, conflicts.count()) == (1, 6), "{outcomes:?}");
    }
    subject.books_are_right().await
}

/// Lanes that credit each other's accounts, in opposite orders, lose nothing.
pub async fn lanes_over_few_accounts_lose_no_update(subject: Subject) -> anyhow::Result<()> {
    const LANES: u16 = 8;
    const ROUNDS: usize = 12;
    let jobs = Jobs::default();
    let name = |lane: u16| format!("acc-{lane}");
    for lane in 0..LANES {
        subject.post(lane, &[jobs.job(&open(&name(lane))), jobs.job(&deposit(&name(lane), 100_000))]).await?;
    }
    let lanes = (0..LANES).map(|lane| {
        let (subject, jobs) = (&subject, &jobs);
        async move {
            for _ in 0..ROUNDS {
                let others = (1..LANES).map(|step| (lane + step) % LANES);
                let batch: Vec<_> = others
                    .map(|other| jobs.job(&transfer(&name(lane), &name(other), 1 + i64::from(lane))))
                    .collect();
                let outcomes = subject.post(lane, &batch).await?;
                ensure!(outcomes.iter().all(|outcome| *outcome == Outcome::Posted), "{outcomes:?}");
            }
            Ok(())
        }
    });
    try_join_all(lanes).await?;
    for lane in 0..LANES {
        let others = i64::from(LANES - 1);
        let all: i64 = (0..LANES).map(|other| 1 + i64::from(other)).sum();
        let own = 1 + i64::from(lane);
        let per_round = (all - own) - own * others;
        let expected = 100_000 + per_round * i64::try_from(ROUNDS)?;
        ensure!(subject.funds(&name(lane)).await? == (expected, 0), "lane {lane}");
    }
    subject.books_are_right().await
}

/// Accounts that several lanes touch for the first time at once are made once.
pub async fn an_account_opened_twice_at_once_is_opened_once(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    for round in 0..5 {
        let account = format!("new-{round}");
        let batches: Vec<_> = (0..4).map(|_| [jobs.job(&open(&account))]).collect();
        let posting = (0..4).zip(&batches).map(|(lane, batch)| subject.post(lane, batch));
        let outcomes: Vec<_> = try_join_all(posting).await?.concat();
        let posted = outcomes.iter().filter(|outcome| **outcome == Outcome::Posted).count();
        let refused = Outcome::Rejected(Rejection::AccountExists);
        ensure!(
            posted == 1 && outcomes.iter().filter(|outcome| **outcome == refused).count() == 3,
            "{outcomes:?}"
        );
    }
    subject.books_are_right().await
}

/// A job that cannot be written stands alone: its neighbours post, it is recorded as dead, and once the
/// cause is gone a replay posts it.
pub async fn a_poison_job_never_harms_its_neighbours(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    subject.post(2, &[jobs.job(&open("a"))]).await?;
    subject.refuse("poison").await?;
    let poison = deposit("a", 7).replace('}', r#","memo":"poison"}"#);
    let body = |place| if [4, 14].contains(&place) { poison.clone() } else { deposit("a", 1) };
    let lane = Lane(2);
    let batch: Vec<_> = (0..22).map(|place| Job { lane, ..jobs.job(&body(place)) }).collect();
    ensure!(subject.post(lane.0, &batch).await.is_err());
    ensure!(subject.funds("a").await? == (0, 0), "a batch that failed left something behind");

    let answers = bisected(&subject, &batch).await?;
    for (place, answer) in answers.iter().enumerate() {
        match place {
            4 | 14 => {
                ensure!(
                    matches!(answer, Err(Unposted::Dead(cause)) if cause.contains("poison")),
                    "{answer:?}"
                );
            }
            _ => ensure!(matches!(answer, Ok(Outcome::Posted)), "{place}: {answer:?}"),
        }
    }
    for (place, is_new) in [(4, true), (14, true), (4, false), (0, false)] {
        let recorded = subject.ledger.record_dead(&batch[place], "the cause, with 'quotes'").await?;
        ensure!(recorded == is_new, "{place}: {recorded}");
    }
    let outcome = async |place: usize| -> anyhow::Result<_> {
        Ok(subject.ledger.job(batch[place].id).await?.map(|record| record.outcome))
    };
    ensure!(outcome(4).await? == Some(RecordedOutcome::Dead));
    ensure!(outcome(0).await? == Some(RecordedOutcome::Posted), "a posted job was recorded as dead");
    ensure!(subject.ledger.totals().await?.dead == 2);
    let before: OutcomeCounts = subject.ledger.outcome_counts().await?.values().sum();
    ensure!(before.dead == 2, "{before:?}");
    subject.books_are_right().await?;

    let tried = try_bisecting(&*subject.ledger, &[batch[14].clone(), batch[0].clone()]).await?;
    ensure!(
        matches!(tried.as_slice(), [Err(Unposted::Dead(_)), Ok(Outcome::Duplicate(RecordedOutcome::Posted))]),
        "{tried:?}"
    );
    subject.behind_its_back("DROP TRIGGER poison").await?;
    let opens = jobs.job(&open("b"));
    let tried = subject.ledger.try_post(&[batch[14].clone(), opens, jobs.job(&deposit("b", 3))]).await?;
    let revived = Outcome::Revived(RecordedOutcome::Posted);
    ensure!(tried == [revived, Outcome::Posted, Outcome::Posted], "{tried:?}");
    ensure!(outcome(14).await? == Some(RecordedOutcome::Dead), "a trial wrote something");
    ensure!(
        subject.ledger.account(&AccountNumber::parse("b")?).await?.is_none(),
        "a trial opened an account"
    );
    let outcomes = subject.post(2, &[batch[14].clone(), batch[4].clone()]).await?;
    ensure!(outcomes == [revived; 2], "{outcomes:?}");
    ensure!(outcome(4).await? == Some(RecordedOutcome::Posted));
    ensure!(subject.funds("a").await? == (34, 0));
    ensure!(subject.ledger.totals().await?.dead == 0);
    let after: OutcomeCounts = subject.ledger.outcome_counts().await?.values().sum();
    ensure!((after.posted, after.dead) == (before.posted + 2, 0), "{after:?} after {before:?}");
    subject.books_are_right().await
}

/// Another body under the id of a job that is dead takes no effect, be it in the same batch.
pub async fn another_body_does_not_take_the_identity_of_a_dead_job(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    subject.post(2, &[jobs.job(&open("a"))]).await?;
    subject.refuse("poison").await?;
    let dead = jobs.job(&deposit("a", 7).replace('}', r#","memo":"poison"}"#));
    let another = Job { id: dead.id, ..jobs.job(&deposit("a", 5)) };
    let answers = bisected(&subject, &[dead, jobs.job(&deposit("a", 1)), another]).await?;
    ensure!(
        matches!(
            answers.as_slice(),
            [Err(Unposted::Dead(_)), Ok(Outcome::Posted), Ok(Outcome::Conflict(RecordedOutcome::Dead))]
        ),
        "{answers:?}"
    );
    ensure!(subject.funds("a").await? == (1, 0));
    subject.books_are_right().await
}

/// A row that this release cannot read holds up the lane that needs it, and no other; no job is dead of it.
///
/// # Errors
/// It does more, or less.
pub async fn a_row_that_can_not_be_read_holds_up_its_lane_alone(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    let opened =
        [jobs.job(&open("a")), jobs.job(&open("b")), jobs.job(&open("odd")), jobs.job(&open("full"))];
    subject.post(1, &opened).await?;
    let on = |lane, account| Job { lane: Lane(lane), ..jobs.job(&deposit(account, 1)) };
    let batch = [on(1, "a"), on(1, "odd"), on(1, "a"), on(2, "b"), on(3, "full"), on(3, "b"), on(4, "b")];
    subject.behind_its_back("UPDATE accounts SET status = 'odd' WHERE number = 'odd'").await?;
    // Its next entry is there already, which no job has caused either.
    let entry = "INSERT INTO entries (account_id, seq, job, amount, balance_after, posted_at, era) \
                 SELECT id, 1, SUBSTR(digest, 1, 16), 0, 0, 0, 0 FROM accounts WHERE number = 'full'";
    subject.behind_its_back(entry).await?;

    let answers = bisected(&subject, &batch).await?;
    let posted: Vec<_> = answers.iter().map(|answer| matches!(answer, Ok(Outcome::Posted))).collect();
    ensure!(posted == [true, false, false, true, false, false, true], "{answers:?}");
    for waiting in answers.iter().filter_map(|answer| answer.as_ref().err()) {
        let Unposted::Waits(StoreError::Obstructed(why)) = waiting else { anyhow::bail!("{waiting:?}") };
        ensure!(!why.is_empty());
    }

    subject.behind_its_back("UPDATE accounts SET status = 'open' WHERE number = 'odd'").await?;
    subject.behind_its_back("DELETE FROM entries WHERE posted_at = 0").await?;
    let answers = bisected(&subject, &batch).await?;
    let again = Outcome::Duplicate(RecordedOutcome::Posted);
    let expected = [again, Outcome::Posted, Outcome::Posted, again, Outcome::Posted, Outcome::Posted, again];
    let outcomes: Vec<_> = answers.into_iter().filter_map(Result::ok).collect();
    ensure!(outcomes == expected, "{outcomes:?}");
    subject.books_are_right().await
}

/// A caller that goes away in the middle of a batch leaves neither locks nor halves behind.
pub async fn a_caller_that_goes_away_leaves_nothing_behind(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    let accounts: Vec<_> = (0..20).map(|n| jobs.job(&open(&format!("a{n}")))).collect();
    subject.post(1, &accounts).await?;
    let batches: Vec<Vec<_>> = (0..40)
        .map(|round| (0..20).map(|n| jobs.job(&deposit(&format!("a{n}"), 1 + round % 2))).collect())
        .collect();
    for (round, batch) in batches.iter().enumerate() {
        let (ledger, batch) = (Arc::clone(&subject.ledger), batch.clone());
        let posting = tokio::spawn(async move { ledger.post(&batch).await });
        // Let it get as far as a varying number of turns takes it.
        for _ in 0..round * 3 {
            tokio::task::yield_now().await;
        }
        posting.abort();
        drop(posting.await);
    }
    for batch in &batches {
        let outcomes = subject.post(1, batch).await?;
        let first = outcomes.first();
        ensure!(
            outcomes.iter().all(|outcome| Some(outcome) == first),
            "half of a batch is there: {outcomes:?}"
        );
    }
    ensure!(subject.funds("a7").await? == (60, 0));
    subject.books_are_right().await
}

/// A hundred journals of a hundred legs are one batch.
pub async fn the_largest_batch_posts(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    let lanes: Vec<Lane> = Lanes::DEFAULT.iter().collect();
    let accounts: Vec<_> = (0..2_000).map(|n| jobs.job(&open(&format!("acc-{n}")))).collect();
    let opened =
        join_all(accounts.chunks(200).zip(&lanes).map(|(chunk, lane)| subject.post(lane.0, chunk))).await;
    ensure!(opened.into_iter().all(|outcomes| outcomes.is_ok()));
    let journal = |first: usize| {
        let legs = (0..100).map(|leg| {
            let account = (first * 37 + leg * 13) % 2_000;
            let amount = if leg == 0 { -99 } else { 1 };
            format!(r#"{{"account":"acc-{account}","amount":{amount}}}"#)
        });
        format!(r#"{{"kind":"journal","currency":"EUR","legs":[{}]}}"#, legs.collect::<Vec<_>>().join(","))
    };
    let funded: Vec<_> =
        (0..100).map(|n| jobs.job(&deposit(&format!("acc-{}", n * 37 % 2_000), 1_000))).collect();
    subject.post(0, &funded).await?;
    let batch: Vec<_> = (0..100).map(|n| jobs.job(&journal(n))).collect();
    let outcomes = subject.post(0, &batch).await?;
    ensure!(outcomes.iter().all(|outcome| *outcome == Outcome::Posted), "{outcomes:?}");
    subject.books_are_right().await
}

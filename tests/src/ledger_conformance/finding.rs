//! Finding jobs, accounts and holds, and what is recorded beside a job.

use anyhow::{Context as _, ensure};
use domain::access::Accounts;
use domain::account::AccountStatus;
use domain::hold::Hold;
use domain::id::JobId;
use domain::job::{Job, Kind, Origin};
use domain::outcome::Outcome;
use domain::text::{Client, FLEET, Reference};
use store::imports::NewImport;
use store::ledger::{
    AccountFilter, BodyFilter, HoldEnd, HoldFilter, HoldPlace, HoldState, JobFilter, MetadataFilter,
    OutcomeName,
};

use super::listings::listed;
use super::subject::{Jobs, Subject, deposit, job, number_of, open, transfer};

/// A deposit with more in its body.
fn with(amount: i64, more: &str) -> String {
    deposit("a", amount).replace("\"currency\":\"EUR\"", &format!("\"currency\":\"EUR\",{more}"))
}

fn patterns(text: &str) -> anyhow::Result<Accounts> {
    Ok(text.parse()?)
}

/// A filter of bodies finds exactly those that say what it asks for, whatever the size of the pages.
pub async fn jobs_are_found_by_what_they_say(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    let bodies = [
        open("a"),
        open("b"),
        with(1_250, r#""reference":"INV-7","memo":"Rent May","counterparty":{"name":"Anna MÜLLER","account":"DE89 3704 0044"}"#),
        with(1_251, r#""reference":"INV-8","memo":"rent june","metadata":{"order":"A-7","lines":3}"#),
        with(12_500, r#""metadata":{"\u006frder":"A-7","say \"hi\"":[1,2]},"payment":{"end_to_end_id":"E-1","creditor_name":"O'Brien & Söhne"}"#),
        with(5, r#""metadata":{"amount":1250,"message_id":"M","end_to_end_id":"E-2"}"#),
        transfer("a", "b", 1_250),
        r#"{"kind":"journal","currency":"EUR","legs":[{"account":"a","amount":-70},{"account":"b","amount":70}]}"#.to_owned(),
        r#"{"kind":"open_account","account":"c","currency":"USD","holder":"Miller Ltd"}"#.to_owned(),
        with(7, r#""memo":"100% _ 'quoted' \\ \"","counterparty":{"name":"%_'"}"#),
    ];
    let batch: Vec<_> = bodies.iter().map(|body| jobs.job(body)).collect();
    subject.post(0, &batch).await?;

    let some = |text: &str| Some(text.to_owned());
    let of = |change: &dyn Fn(&mut BodyFilter)| {
        let mut body = BodyFilter::default();
        change(&mut body);
        body
    };
    let amounts = |min, max| BodyFilter { amount_min: min, amount_max: max, ..BodyFilter::default() };
    let metadata = |key: &str, value: Option<&str>| {
        let (key, value) = (key.to_owned(), value.map(str::to_owned));
        BodyFilter { metadata: Some(MetadataFilter { key, value }), ..BodyFilter::default() }
    };
    let cases: [(BodyFilter, &[usize]); 22] = [
        (amounts(Some(1_250), Some(1_250)), &[6, 2]),
        (amounts(Some(1_250), Some(1_251)), &[6, 3, 2]),
        (amounts(Some(70), Some(70)), &[7]),
        (amounts(Some(1_252), None), &[4]),
        (amounts(None, Some(70)), &[9, 7, 5]),
        (of(&|body| body.currency = "USD".parse().ok()), &[8]),
        (of(&|body| body.counterparty = some("müll")), &[2]),
        (of(&|body| body.counterparty = some("MILLER")), &[8]),
        (of(&|body| body.counterparty = some("brien & sö")), &[4]),
        (of(&|body| body.counterparty = some("%_'")), &[9]),
        (of(&|body| body.counterparty = some("rent")), &[]),
        (of(&|body| body.counterparty_account = some("de893704 0044")), &[2]),
        (of(&|body| body.counterparty_account = some("DE89")), &[]),
        (of(&|body| body.memo = some("RENT")), &[3, 2]),
        (of(&|body| body.memo = some("100% _ 'quoted' \\ \"")), &[9]),
        (of(&|body| body.memo = some("May")), &[]),
        (of(&|body| body.end_to_end_id = some("E-1")), &[4]),
        (of(&|body| body.end_to_end_id = some("E-2")), &[5]),
        (metadata("order", Some("A-7")), &[4, 3]),
        (metadata("lines", Some("3")), &[3]),
        (metadata("say \"hi\"", None), &[4]),
        (metadata("amount", Some("125")), &[]),
    ];
    for (body, expected) in cases {
        let expected: Vec<_> = expected.iter().map(|place| batch[*place].id).collect();
        let filter = JobFilter { body: body.clone(), ..JobFilter::default() };
        for limit in [1, 2, 50] {
            let found = listed(&subject, &filter, limit).await?;
            ensure!(found == expected, "{body:?}, {limit} a page: {found:?} instead of {expected:?}");
        }
        // The same on the account's entries alone: what moved nothing is none of it.
        let on_a = JobFilter { account: number_of("a").ok(), ..filter };
        let entered =
            JobFilter { kind: Some(Kind::Deposit), outcome: Some(OutcomeName::Posted), ..on_a.clone() };
        let moved = |id: &&JobId| batch.iter().any(|job| job.id == **id && job.body.contains("\"deposit\""));
        let expected: Vec<_> = expected.iter().filter(moved).copied().collect();
        ensure!(listed(&subject, &entered, 1).await? == expected, "{entered:?}");
        let with_others = listed(&subject, &on_a, 2).await?;
        ensure!(expected.iter().all(|id| with_others.contains(id)), "{on_a:?}");
    }

    let called = JobFilter { reference: Reference::parse("INV-8").ok(), ..JobFilter::default() };
    ensure!(listed(&subject, &called, 9).await? == [batch[3].id]);
    let ids: Vec<_> = batch.iter().map(|job| job.id).collect();
    let read = subject.ledger.jobs_of(&ids[2..4]).await?;
    ensure!(read.iter().map(|job| job.id).eq([ids[3], ids[2]]), "{read:?}");
    ensure!(read.iter().filter(|job| called.admits(job)).count() == 1);
    ensure!(subject.ledger.jobs_of(&[]).await?.is_empty());

    let accepted = |place: usize| subject_accepted(&subject, ids[place]);
    let (from, to) = (accepted(3).await?, accepted(5).await?);
    let between = JobFilter { accepted_from: Some(from), accepted_to: Some(to), ..JobFilter::default() };
    ensure!(listed(&subject, &between, 9).await? == [ids[4], ids[3]]);
    let of_other = JobFilter { of_client: some("other"), ..JobFilter::default() };
    ensure!(listed(&subject, &of_other, 9).await?.is_empty());
    subject.books_are_right().await
}

async fn subject_accepted(subject: &Subject, id: JobId) -> anyhow::Result<i64> {
    Ok(subject.ledger.job(id).await?.context("a job is lost")?.accepted_at)
}

/// A page goes on for a bounded time, says how far it came, and the next one goes on from there; what an account's entries
/// tell is found at once however many jobs lie between.
pub async fn a_search_through_many_jobs_comes_in_parts(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    let batch = [jobs.job(&open("a")), jobs.job(&with(7, r#""memo":"old""#))];
    subject.post(0, &batch).await?;
    subject.post(0, &[jobs.job(&with(8, r#""memo":"new""#))]).await?;
    // As if two thousand million jobs lay between.
    subject.behind_its_back("UPDATE jobs SET seq = seq + 2000000000 WHERE seq = (SELECT s FROM (SELECT MAX(seq) AS s FROM jobs) m)").await?;
    let memo = |memo: &str| BodyFilter { memo: Some(memo.to_owned()), ..BodyFilter::default() };
    let old = JobFilter { body: memo("old"), ..JobFilter::default() };
    let first = subject.ledger.jobs(&old, None, 5).await?;
    let next = first.next.context("a search through two thousand million jobs ended")?;
    ensure!(first.jobs.is_empty() && first.looked_back_to.is_some(), "{first:?}");
    let second = subject.ledger.jobs(&old, Some(next), 5).await?;
    ensure!(second.next.is_some_and(|further| further.before < next.before), "{second:?}");

    let new = JobFilter { body: memo("new"), ..JobFilter::default() };
    ensure!(subject.ledger.jobs(&new, None, 1).await?.jobs.len() == 1);
    Ok(())
}

async fn accounts(subject: &Subject, filter: &AccountFilter, limit: u32) -> anyhow::Result<Vec<String>> {
    let (mut found, mut after) = (Vec::new(), None);
    for _ in 0..100 {
        let page = subject.ledger.find_accounts(filter, after.as_ref(), limit).await?;
        ensure!(page.accounts.len() <= usize::try_from(limit)?);
        found.extend(page.accounts.into_iter().map(|account| account.number.to_string()));
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(found),
        }
    }
    anyhow::bail!("the pages do not end")
}

/// Accounts come by filter in the order of their numbers, and of those only the ones that are shown.
pub async fn accounts_are_listed_by_filter(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    let mut batch: Vec<_> =
        ["acme:2", "acme:1", "acme:10", "beta:1", "acme", "Acme:1", "acme_1"].map(open).to_vec();
    batch.push(open("usd:1").replace("EUR", "USD"));
    batch.extend([
        deposit("acme:1", 50),
        deposit("acme:2", 70),
        r#"{"kind":"freeze_account","account":"acme:2"}"#.to_owned(),
    ]);
    let batch: Vec<_> = batch.iter().map(|body| jobs.job(body)).collect();
    ensure!(subject.post(0, &batch).await?.iter().all(|outcome| *outcome == Outcome::Posted));
    let all = AccountFilter {
        among: Accounts::all(),
        prefix: String::new(),
        currency: None,
        status: None,
        balance_min: None,
        balance_max: None,
    };
    let of_acme = ["acme:1", "acme:10", "acme:2"];
    for limit in [1, 2, 50] {
        let everything = accounts(&subject, &all, limit).await?;
        ensure!(
            everything.len() == 9
                && everything.is_sorted()
                && everything.contains(&"external:EUR:0".to_owned()),
            "{everything:?}"
        );
        let prefixed = AccountFilter { prefix: "acme:".to_owned(), ..all.clone() };
        ensure!(accounts(&subject, &prefixed, limit).await? == of_acme);
        let granted = AccountFilter { among: patterns("acme:*+beta:1")?, ..all.clone() };
        ensure!(accounts(&subject, &granted, limit).await? == ["acme:1", "acme:10", "acme:2", "beta:1"]);
        // The system's own are nobody's, however a pattern begins.
        let begun = AccountFilter { among: patterns("e*+usd:1")?, ..all.clone() };
        ensure!(accounts(&subject, &begun, limit).await? == ["usd:1"]);
        let both = AccountFilter { among: patterns("beta:*")?, ..prefixed.clone() };
        ensure!(accounts(&subject, &both, limit).await?.is_empty());
        let frozen = AccountFilter { status: Some(AccountStatus::Frozen), ..all.clone() };
        ensure!(accounts(&subject, &frozen, limit).await? == ["acme:2"]);
        let dollars = AccountFilter { currency: "USD".parse().ok(), ..all.clone() };
        ensure!(accounts(&subject, &dollars, limit).await? == ["usd:1"]);
        let rich = AccountFilter { balance_min: Some(50), balance_max: Some(69), ..all.clone() };
        ensure!(accounts(&subject, &rich, limit).await? == ["acme:1"]);
        let owing = AccountFilter { balance_max: Some(-1), ..all.clone() };
        ensure!(accounts(&subject, &owing, limit).await? == ["external:EUR:0"]);
    }
    subject.books_are_right().await
}

async fn holds(subject: &Subject, filter: &HoldFilter, limit: u32) -> anyhow::Result<Vec<Hold>> {
    let (mut found, mut after): (_, Option<HoldPlace>) = (Vec::new(), None);
    for _ in 0..100 {
        let page = subject.ledger.find_holds(filter, after, limit).await?;
        ensure!(page.holds.len() <= usize::try_from(limit)?);
        found.extend(page.holds);
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(found),
        }
    }
    anyhow::bail!("the pages do not end")
}

fn hold(account: &str, amount: i64, expires_at: Option<&str>) -> String {
    let until = expires_at.map(|end| format!(r#","expires_at":"{end}""#)).unwrap_or_default();
    format!(r#"{{"kind":"hold","account":"{account}","amount":{amount},"currency":"EUR"{until}}}"#)
}

/// Holds come by account and status, each once, and of those only the ones on accounts that are shown.
pub async fn holds_are_listed_by_filter(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    let mut batch: Vec<_> = [open("a"), open("b"), deposit("a", 500), deposit("b", 500)]
        .iter()
        .map(|body| jobs.job(body))
        .collect();
    let placed: Vec<_> = [
        hold("a", 1, None),
        hold("a", 2, Some("2030-01-02T00:00:00Z")),
        hold("b", 3, Some("2030-01-01T00:00:00Z")),
        hold("b", 4, None),
        hold("a", 5, Some("2030-01-01T00:00:00Z")),
        hold("a", 6, None),
    ]
    .iter()
    .map(|body| jobs.job(body))
    .collect();
    batch.extend(placed.iter().cloned());
    let release = format!(r#"{{"kind":"release","account":"a","hold":"{}"}}"#, placed[5].id);
    batch.push(jobs.job(&release));
    ensure!(subject.post(0, &batch).await?.iter().all(|outcome| *outcome == Outcome::Posted));
    let all = HoldFilter { among: Accounts::all(), account: None, status: None };
    let amounts = |holds: &[Hold]| holds.iter().map(|hold| hold.amount.minor_units()).collect::<Vec<_>>();
    let by_id = |wanted: &[usize]| {
        let mut wanted: Vec<_> = wanted
            .iter()
            .map(|place| (placed[*place].id, i64::try_from(*place).map_or(0, |place| place + 1)))
            .collect();
        wanted.sort_unstable();
        wanted.into_iter().map(|(_, amount)| amount).collect::<Vec<_>>()
    };
    let ties = |first: usize, second: usize| by_id(&[first, second]);
    for limit in [1, 2, 50] {
        ensure!(amounts(&holds(&subject, &all, limit).await?) == by_id(&[0, 1, 2, 3, 4, 5]));
        let of_a = HoldFilter { account: number_of("a").ok(), ..all.clone() };
        ensure!(amounts(&holds(&subject, &of_a, limit).await?) == by_id(&[0, 1, 4, 5]));
        let active = HoldFilter { status: Some(HoldState::Active), ..all.clone() };
        let expected = [ties(0, 3), ties(2, 4), vec![2]].concat();
        let found = amounts(&holds(&subject, &active, limit).await?);
        ensure!(found == expected, "{limit} a page: {found:?} instead of {expected:?}");
        let active_of_a = HoldFilter { status: Some(HoldState::Active), ..of_a.clone() };
        ensure!(amounts(&holds(&subject, &active_of_a, limit).await?) == by_id(&[0, 1, 4]));
        let released = HoldFilter { status: Some(HoldState::Released), ..all.clone() };
        ensure!(amounts(&holds(&subject, &released, limit).await?) == [6]);
        let granted = HoldFilter { among: patterns("b")?, ..active.clone() };
        ensure!(amounts(&holds(&subject, &granted, limit).await?) == [4, 3]);
        let nobody = HoldFilter { account: number_of("nobody").ok(), ..all.clone() };
        ensure!(holds(&subject, &nobody, limit).await?.is_empty());
    }
    subject.books_are_right().await
}

/// What other jobs made of a job is found, and its entries with it.
pub async fn a_job_says_what_became_of_it(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    let mut batch: Vec<_> = [open("a"), open("b"), deposit("a", 500), transfer("a", "b", 30)]
        .iter()
        .map(|body| jobs.job(body))
        .collect();
    let held: Vec<_> = (1..=4).map(|amount| jobs.job(&hold("a", amount, None))).collect();
    batch.extend(held.iter().cloned());
    subject.post(0, &batch).await?;
    let of_hold = |kind: &str, hold: &Job| {
        jobs.job(&format!(r#"{{"kind":"{kind}","account":"a","hold":"{}"}}"#, hold.id))
    };
    let (capture, release, late) =
        (of_hold("capture", &held[0]), of_hold("release", &held[1]), of_hold("capture", &held[2]));
    let fleet = Client::parse(FLEET)?;
    let expiry = of_hold("release", &held[3]);
    let expiry = Job { id: Hold::expiry_job(held[3].id, &fleet), ..expiry };
    let reversal = jobs.job(&format!(r#"{{"kind":"reversal","account":"b","job":"{}"}}"#, batch[3].id));
    subject.post(0, &[capture.clone(), release.clone(), reversal.clone()]).await?;
    subject.post(0, &[expiry.clone(), late.clone()]).await?;
    // As if many jobs lay between.
    subject
        .behind_its_back("UPDATE jobs SET seq = seq + 1000000 WHERE seq >= (SELECT s FROM (SELECT MAX(seq) - 1 AS s FROM jobs) m)")
        .await?;

    let related = async |job: &Job| -> anyhow::Result<_> {
        let record = subject.ledger.job(job.id).await?.context("a job is lost")?;
        Ok((subject.ledger.related(&record).await?, record))
    };
    let (plain, _) = related(&batch[2]).await?;
    ensure!(plain.ingress == "ingress-0" && plain.reversed_by.is_none() && plain.hold.is_none(), "{plain:?}");
    ensure!(related(&batch[3]).await?.0.reversed_by == Some(reversal.id));
    for (hold, by, is_expiry) in
        [(0, &capture, false), (1, &release, false), (2, &late, false), (3, &expiry, true)]
    {
        let (found, _) = related(&held[hold]).await?;
        let at = subject.ledger.job(by.id).await?.context("a job is lost")?.posted_at;
        let end = HoldEnd { by: by.id, at, is_expiry };
        ensure!(found.hold_end == Some(end) && found.hold.is_some(), "hold {hold}: {found:?}");
    }
    let (of_capture, _) = related(&capture).await?;
    ensure!(of_capture.hold.is_some_and(|hold| hold.id == held[0].id) && of_capture.hold_end.is_none());

    let entries = async |job: &Job, among: &str| -> anyhow::Result<Vec<(String, i64, i64)>> {
        let record = subject.ledger.job(job.id).await?.context("a job is lost")?;
        let entries = subject.ledger.entries_of(&record, &patterns(among)?).await?;
        Ok(entries
            .iter()
            .map(|entry| (entry.account.to_string(), entry.amount, entry.balance_after))
            .collect())
    };
    let entry = |account: &str, amount, after| (account.to_owned(), amount, after);
    ensure!(entries(&batch[3], "*").await? == [entry("a", -30, 470), entry("b", 30, 30)]);
    ensure!(entries(&batch[3], "b").await? == [entry("b", 30, 30)]);
    ensure!(entries(&batch[2], "*").await? == [entry("a", 500, 500), entry("external:EUR:0", -500, -500)]);
    ensure!(entries(&reversal, "a+b").await? == [entry("a", 30, 499), entry("b", -30, 0)]);
    ensure!(entries(&capture, "a").await? == [entry("a", -1, 469)]);
    ensure!(entries(&held[0], "*").await?.is_empty());

    let dead = jobs.job(&deposit("a", 77));
    subject.ledger.record_dead(&dead, "a fault").await?;
    ensure!(related(&dead).await?.0.cause.as_deref() == Some("a fault"));
    Ok(())
}

/// A job that came in a file says which row it is; one that was there before is none of it.
pub async fn a_row_is_found_by_its_job(subject: Subject) -> anyhow::Result<()> {
    let jobs = Jobs::default();
    let imports = subject.again()?;
    let file = |digest, created_at| NewImport {
        client: "acme".to_owned(),
        digest: [digest; 32],
        owner: "api-1".to_owned(),
        description: "{}".to_owned(),
        created_at,
    };
    let import = imports.create(&file(1, 1_000)).await?.import.number;
    let later = imports.create(&file(2, i64::MAX / 2)).await?.import.number;
    let alone = jobs.job(&open("a"));
    subject.post(0, std::slice::from_ref(&alone)).await?;
    let row = |row, job: Job| Job { origin: Some(Origin { import, row }), ..job };
    let mut batch = vec![row(1, alone.clone())];
    batch.extend((2..=40).map(|n| row(n * 3_000, jobs.job(&deposit("a", i64::try_from(n).unwrap_or(1))))));
    subject.post(0, &batch).await?;
    for job in &batch[1..] {
        let record = subject.ledger.job(job.id).await?.context("a job is lost")?;
        let found = subject.ledger.import_row(&record).await?;
        ensure!(found == job.origin, "{found:?} instead of {:?}, beside import {later}", job.origin);
    }
    let record = subject.ledger.job(alone.id).await?.context("a job is lost")?;
    ensure!(subject.ledger.import_row(&record).await?.is_none(), "the file brought it a second time");
    let single = job(JobId::from_chance(1, [3; 6]), 1_800_000_000_000_000, &deposit("a", 1));
    subject.post(0, std::slice::from_ref(&single)).await?;
    let record = subject.ledger.job(single.id).await?.context("a job is lost")?;
    ensure!(subject.ledger.import_row(&record).await?.is_none());
    Ok(())
}

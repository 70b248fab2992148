//! The audit: reads all of the ledger and checks its parts against each other, in constant memory.
//!
//! | what | how |
//! |---|---|
//! | accounts against entries | in the order of the entries: no gaps, running balance, digest chain, sums ([`chain`]) |
//! | entries, holds, reversals against jobs | both sides are summed up as hashes, by buckets of jobs; only buckets that differ are read again, to name what is wrong ([`facts`]) |
//! | order of acceptance | in the order of the jobs, by lanes; only accounts that may be out of order are read again ([`order`]) |
//! | currencies, limits, holders, statuses | every account against the jobs that opened and changed it ([`terms`]) |
//! | schedules | what says that it is scheduled against what is to be put on the lanes, both ways ([`schedules`]) |
//! | standing orders | moved on by their jobs as the fold moves them, against their rows; what was swept against its entry ([`standing_orders`]) |
//! | rows of imports | against their jobs, and their counts ([`imports`]) |
//! | counts | totals of the lanes against their jobs |

mod chain;
mod facts;
mod imports;
mod order;
pub(crate) mod pages;
mod schedules;
mod standing_orders;
mod terms;
mod totals;

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use domain::account::AccountNumber;
use domain::entry::Entry;
use domain::fingerprint::Fingerprint;
use domain::id::JobId;
use domain::job::{Action, Spec};
use domain::lane::Lane;
use domain::money::Currency;
use domain::outcome::RecordedOutcome;
use domain::text::Reference;
use jiff::Timestamp;

use self::pages::{JobOnPage, Pages};
use super::post::{moved, parse};
use crate::failure::Failure;
use crate::ledger::findings::Audit;
use crate::ledger::record::JobRecord;

use self::chain::Chain;
use self::facts::{Differences, Fact, Facts};
use self::order::Order;
use self::standing_orders::Orders;
use self::terms::Terms;

pub use self::totals::LaneTotals;

/// Audits what one snapshot of the database shows.
///
/// # Errors
/// The database could not be read. What is wrong in the ledger is a finding, not an error.
pub async fn audit(pages: &mut impl Pages) -> Result<Audit, Failure> {
    let mut audit = Audit::default();
    match read(pages, &mut audit).await {
        // A row that cannot be read as what it should be is a finding too, and the last one.
        Err(Failure::Obstructed(why) | Failure::Permanent(why)) => {
            audit.find(|| format!("{why}; the audit ended there"))
        }
        read => read?,
    }
    Ok(audit)
}

async fn read(pages: &mut impl Pages, audit: &mut Audit) -> Result<(), Failure> {
    let mut facts = Facts::new()?;
    let mut order = Order::default();

    let each_entry =
        |account: &AccountNumber, entry: &Entry| facts.row(entry.job, &Fact::of_entry(account, entry));
    read_accounts(pages, audit, each_entry).await?;
    read_holds_and_reversals(pages, |job, fact| facts.row(job, &fact)).await?;
    for part in terms::parts(audit.accounts) {
        let mut terms = Terms::of(part);
        if part.is_first() {
            read_jobs(pages, audit, &mut facts, &mut order, &mut terms).await?;
        } else {
            read_terms(pages, &mut terms).await?;
        }
        compare_terms(pages, terms, audit).await?;
    }
    imports::check(pages, audit).await?;

    let mut differences = facts.differences();
    if !differences.is_empty() {
        let each_entry = |account: &AccountNumber, entry: &Entry| {
            differences.row(entry.job, Fact::of_entry(account, entry), Some(entry.seq));
        };
        read_accounts(pages, &mut Audit::default(), each_entry).await?;
        read_holds_and_reversals(pages, |job, fact| differences.row(job, fact, None)).await?;
        name_jobs(pages, &mut differences).await?;
        differences.tell(audit);
    }
    let mut suspects = order.suspects();
    if !suspects.is_empty() {
        let mut after = 0;
        while let Some(page) = next_jobs(pages, &mut after).await? {
            page.iter().for_each(|job| suspects.look(job, audit));
        }
    }
    Ok(())
}

/// The jobs behind number `after`, which moves on to the last of them; `None`: there are no others.
async fn next_jobs(pages: &mut impl Pages, after: &mut i64) -> Result<Option<Vec<JobOnPage>>, Failure> {
    let page = pages.jobs(*after).await?;
    let Some(last) = page.last() else { return Ok(None) };
    *after = last.seq;
    Ok(Some(page))
}

/// Checks every account against its entries, and shows each of those.
async fn read_accounts(
    pages: &mut impl Pages,
    audit: &mut Audit,
    mut each_entry: impl FnMut(&AccountNumber, &Entry),
) -> Result<(), Failure> {
    let mut balances: BTreeMap<&'static str, (Currency, i128)> = BTreeMap::new();
    let mut after = 0;
    loop {
        let mut page = pages.accounts(after).await?;
        let last = page.accounts.last().and_then(|account| account.key);
        let mut chains: HashMap<i64, Chain> = HashMap::with_capacity(page.accounts.len());
        for account in std::mem::take(&mut page.accounts) {
            audit.accounts += 1;
            balances.entry(account.currency.code()).or_insert((account.currency, 0)).1 +=
                i128::from(account.balance);
            let Some(key) = account.key else { continue };
            let held = page.held.get(&key).copied().unwrap_or_default();
            chains.insert(key, Chain::new(account, held));
        }
        while let Some(entries) = pages.entries(&mut page).await? {
            for found in entries {
                audit.entries += 1;
                match chains.get_mut(&found.account_key) {
                    Some(chain) => {
                        let entry = chain.take(found, audit);
                        each_entry(chain.number(), &entry);
                    }
                    None => audit.find(|| {
                        format!(
                            "entry {} of account key {}: there is no such account; its job is {}",
                            found.seq, found.account_key, found.job
                        )
                    }),
                }
            }
        }
        let mut chains: Vec<_> = chains.into_iter().collect();
        chains.sort_unstable_by_key(|(key, _)| *key);
        chains.into_iter().for_each(|(_, chain)| chain.end(audit));
        match last {
            Some(last) => after = last,
            None => break,
        }
    }
    for (currency, sum) in balances.values().filter(|(_, sum)| *sum != 0) {
        audit.find(|| format!("all balances in {currency} sum to {sum} minor units, not to zero"));
    }
    Ok(())
}

/// Shows what the rows of holds and reversals say, of which job.
async fn read_holds_and_reversals(
    pages: &mut impl Pages,
    mut each: impl FnMut(JobId, Fact),
) -> Result<(), Failure> {
    let mut after = None;
    loop {
        let page = pages.holds(after).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        for hold in page {
            let (made, ended) = Fact::of_hold(&hold);
            each(hold.id, made);
            ended.into_iter().for_each(|ended| each(hold.id, ended));
        }
    }
    let mut after = None;
    loop {
        let page = pages.reversals(after).await?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = Some(*last);
        page.into_iter().for_each(|(original, by)| each(original, Fact::ReversedBy(by)));
    }
}

/// What the jobs agreed about the accounts of one part.
async fn read_terms(pages: &mut impl Pages, terms: &mut Terms) -> Result<(), Failure> {
    let mut after = 0;
    while let Some(page) = next_jobs(pages, &mut after).await? {
        let specs = page.iter().map(|job| spec_of(job, &mut Audit::default())).collect();
        for (job, posted) in page.iter().zip(posted(&page, specs)) {
            posted.iter().for_each(|(_, action)| terms.job(action, job.is_out_of_order));
        }
    }
    Ok(())
}

/// Compares accounts with what the jobs agreed about them.
async fn compare_terms(pages: &mut impl Pages, mut terms: Terms, audit: &mut Audit) -> Result<(), Failure> {
    let mut after = 0;
    loop {
        let page = pages.accounts(after).await?;
        page.accounts.iter().for_each(|account| terms.compare(account, audit));
        match page.accounts.last().and_then(|account| account.key) {
            Some(last) => after = last,
            None => break,
        }
    }
    terms.tell(audit);
    Ok(())
}

/// Checks every job by itself, sums up what it did, and watches the order.
async fn read_jobs(
    pages: &mut impl Pages,
    audit: &mut Audit,
    facts: &mut Facts,
    order: &mut Order,
    terms: &mut Terms,
) -> Result<(), Failure> {
    let mut counted: BTreeMap<Lane, LaneTotals> = BTreeMap::new();
    let mut orders = Orders::default();
    let mut after = 0;
    while let Some(page) = next_jobs(pages, &mut after).await? {
        let specs: Vec<_> = page.iter().map(|job| spec_of(job, audit)).collect();
        for (job, spec) in page.iter().zip(&specs) {
            audit.jobs += 1;
            order.watch(job);
            let Some(spec) = spec else { continue };
            schedules::check(job, spec, audit);
            orders.job(job, &spec.action);
        }
        let posted = posted(&page, specs);
        for (job, posted) in page.iter().zip(&posted) {
            posted.iter().for_each(|(_, action)| terms.job(action, job.is_out_of_order));
        }
        settled(pages, &page, &posted, |job, fact| facts.job(job, &fact)).await?;
        for (job, moved) in page.iter().zip(moved(pages, &posted).await?) {
            let totals = counted.entry(job.record.lane).or_default();
            totals.count(job.record.outcome, moved.len());
            moved.into_iter().for_each(|leg| facts.job(job.record.id, &moved_by(&job.record, leg)));
        }
    }
    for id in pages.schedules_without_jobs().await? {
        audit.find(|| format!("job {id}: it is to be put on its lane, and the ledger has no such job"));
    }
    orders.compare(pages, audit).await?;
    let kept = pages.lane_totals().await?;
    totals::compare(&kept, &counted, audit);
    Ok(())
}

/// Shows what these jobs did to holds, and which jobs they reversed.
async fn settled(
    pages: &mut impl Pages,
    jobs: &[JobOnPage],
    posted: &[Option<(Lane, Action)>],
    mut each: impl FnMut(JobId, Fact),
) -> Result<(), Failure> {
    let mut captured_whole = Vec::new();
    let actions =
        jobs.iter().zip(posted).filter_map(|(job, posted)| Some((job.record.id, &posted.as_ref()?.1)));
    for (id, action) in actions {
        match action {
            Action::Hold { account, money, expires_at } => {
                let expires_at = expires_at.map(Timestamp::as_microsecond);
                let (account, currency, amount) = (account.clone(), money.currency, money.amount);
                each(id, Fact::Held { account, currency, amount, expires_at });
            }
            Action::Capture { hold, amount: Some(amount), .. } => each(*hold, Fact::Captured(*amount)),
            Action::Capture { hold, amount: None, .. } => captured_whole.push(*hold),
            Action::Release { hold, .. } => each(*hold, Fact::Released),
            Action::Reversal { job: original, .. } => each(*original, Fact::ReversedBy(id)),
            _ => {}
        }
    }
    if !captured_whole.is_empty() {
        let (holds, _) = pages.find(&captured_whole, &[]).await?;
        let amounts: HashMap<_, _> = holds.into_iter().map(|hold| (hold.id, hold.amount)).collect();
        // Of a hold that is not there the job that made it tells.
        let found = captured_whole.iter().filter_map(|hold| Some((*hold, *amounts.get(hold)?)));
        found.for_each(|(hold, amount)| each(hold, Fact::Captured(amount)));
    }
    Ok(())
}

fn moved_by(job: &JobRecord, (account, amount): (AccountNumber, i64)) -> Fact {
    Fact::Moved { account, amount, posted_at: job.posted_at }
}

/// Shows what every job in question did.
async fn name_jobs(pages: &mut impl Pages, differences: &mut Differences) -> Result<(), Failure> {
    let mut after = 0;
    while let Some(page) = next_jobs(pages, &mut after).await? {
        let specs = page.iter().map(|job| spec_of(job, &mut Audit::default())).collect();
        let posted = posted(&page, specs);
        settled(pages, &page, &posted, |job, fact| differences.job(job, fact)).await?;
        let in_question = page.into_iter().zip(posted).filter(|(job, _)| differences.ask_for(job.record.id));
        let (page, posted): (Vec<_>, Vec<_>) = in_question.unzip();
        for (job, moved) in page.iter().zip(moved(pages, &posted).await?) {
            differences.found(&job.record);
            let did = moved.into_iter().map(|leg| moved_by(&job.record, leg));
            did.for_each(|fact| differences.job(job.record.id, fact));
        }
    }
    Ok(())
}

/// What a job says, once its row was checked against that; `None`: that cannot be read.
fn spec_of(job: &JobOnPage, audit: &mut Audit) -> Option<Spec> {
    let JobOnPage { record, account, .. } = job;
    let mut find = |what: &dyn fmt::Display| {
        audit.find(|| format!("job {} of account {account}: {what}", record.id));
    };
    // A worker of the release before took that of the text, whatever form its metadata had.
    let is_own =
        [Fingerprint::of, Fingerprint::of_text].iter().any(|of| of(&record.body) == record.fingerprint);
    if !is_own {
        find(&"its body is not the one that was submitted");
    }
    let spec = match parse(record) {
        Ok(spec) => spec,
        Err(failure) => {
            find(&failure);
            return None;
        }
    };
    if spec.action.kind() != record.kind || !spec.action.was_of(account) {
        let kind = record.kind;
        find(&format_args!("its row says {kind} of {account}, its body another"));
    }
    let (found, reference) = (&record.reference, spec.reference.as_ref().map(Reference::as_str));
    if reference != found.as_deref() {
        find(&format_args!("its row has the reference {found:?}, its body {reference:?}"));
    }
    Some(spec)
}

/// What those of the jobs did that were posted, each with its lane.
fn posted(jobs: &[JobOnPage], specs: Vec<Option<Spec>>) -> Vec<Option<(Lane, Action)>> {
    let posted = jobs.iter().zip(specs).map(|(job, spec)| {
        let is_posted = job.record.outcome == RecordedOutcome::Posted;
        spec.filter(|_| is_posted).map(|spec| (job.record.lane, spec.action))
    });
    posted.collect()
}

//! From what is recorded of a job to its events, and from each event to a sentence.

use contract::submission;
use domain::entry::Entry;
use domain::hold::{Hold, HoldStatus};
use domain::id::JobId;
use domain::job::{Action, Kind, Origin};
use domain::money::Currency;
use domain::outcome::RecordedOutcome;
use formats::in_units;
use store::ledger::{Cancellation, HoldEnd, JobRecord, Related};

use super::document::{Happened, TimelineEvent};
use crate::rfc3339::Rfc3339;

/// What is recorded of a job beside itself.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) related: Related,
    pub(super) row: Option<Origin>,
    /// Its entries, as far as they are shown.
    pub(super) entries: Vec<Entry>,
    /// When the job that reversed it was posted, in microseconds since the Unix epoch.
    pub(super) reversed_at: Option<i64>,
    /// Who cancelled it.
    pub(super) cancellation: Option<Cancellation>,
}

/// The events of a job, in the order of time; those of one moment in the order in which one led to the other.
pub(super) fn events(record: &JobRecord, known: Known) -> Vec<TimelineEvent> {
    let Known { related, row, entries, reversed_at, cancellation } = known;
    let action = submission::parse(record.body.as_bytes()).ok().map(|spec| spec.action);
    let currency = currency_of(action.as_ref(), related.hold.as_ref());
    let mut sequence = Sequence { latest: i64::MIN, events: Vec::new() };
    if let Some(row) = row {
        sequence.add(None, Happened::ReadFromImport { import: row.import, row: row.row });
    }
    let accepted = Happened::Accepted {
        client: record.client.clone(),
        ingress: Some(related.ingress).filter(|ingress| !ingress.is_empty()),
        lane: Some(record.lane),
        kind: Some(record.kind),
        reference: record.reference.clone(),
    };
    sequence.add(Some(record.accepted_at), accepted);
    let is_scheduled = record.outcome == RecordedOutcome::Scheduled;
    let scheduled_at = related.scheduled_at.or(is_scheduled.then_some(record.posted_at));
    if let (Some(at), Some(execute_at)) = (scheduled_at, record.execute_at()) {
        let execute_at = Rfc3339(execute_at.timestamp());
        sequence.add(Some(at), Happened::Scheduled { execute_at });
    }
    if let Some(cancellation) = cancellation {
        sequence.add(Some(cancellation.at), Happened::from(&cancellation));
    }
    let posted_at = Some(record.posted_at);
    if let Some(cause) = related.cause {
        // A replay takes the time over.
        let at = posted_at.filter(|_| record.outcome == RecordedOutcome::Dead);
        sequence.add(at, Happened::GivenUp { cause });
    }
    match record.outcome {
        RecordedOutcome::Posted => sequence.add(posted_at, Happened::Posted),
        RecordedOutcome::Rejected(reason) => sequence.add(posted_at, Happened::Rejected { reason }),
        RecordedOutcome::Dead | RecordedOutcome::Cancelled | RecordedOutcome::Scheduled => {}
    }
    if record.outcome == RecordedOutcome::Posted
        && let Some(done) = done(action.as_ref())
    {
        sequence.add(posted_at, done);
    }
    for entry in entries {
        sequence.add(Some(entry.posted_at), moved(entry));
    }
    if let Some(hold) = related.hold.filter(|_| record.kind == Kind::Hold) {
        sequence.add(posted_at, placed(&hold));
        if let Some((at, ended)) = ended(&hold, related.hold_end) {
            sequence.add(at, ended);
        }
    }
    if let Some(job) = related.reversed_by {
        sequence.add(reversed_at, Happened::ReversedBy { job });
    }
    if let Some(conflicts) = &record.conflicts {
        // They come whenever they come.
        let (at, count) = (conflicts.last_at, conflicts.count);
        sequence.events.push((at, Some(at), Happened::Conflicts { count }));
    }
    sequence.events.sort_by_key(|(place, ..)| *place);
    let event = |(_, at, event): (i64, Option<i64>, Happened)| TimelineEvent {
        at: at.map(Rfc3339::from_microseconds),
        text: sentence(&event, currency),
        event,
    };
    sequence.events.into_iter().map(event).collect()
}

/// That a job was cancelled.
pub(super) fn cancelled(cancellation: &Cancellation) -> TimelineEvent {
    let event = Happened::from(cancellation);
    let at = Some(Rfc3339::from_microseconds(cancellation.at));
    TimelineEvent { at, text: sentence(&event, None), event }
}

impl From<&Cancellation> for Happened {
    fn from(cancellation: &Cancellation) -> Happened {
        Happened::Cancelled { by: cancellation.by.clone(), reason: cancellation.reason.clone() }
    }
}

/// Events, each with the time that it is put at. That of an event without one is that of the event that led to it, and none comes
/// before that: the clock of an ingress may be ahead of the database's, and a job was accepted before it was posted all the same.
struct Sequence {
    latest: i64,
    events: Vec<(i64, Option<i64>, Happened)>,
}

impl Sequence {
    fn add(&mut self, at: Option<i64>, event: Happened) {
        self.latest = self.latest.max(at.unwrap_or(self.latest));
        self.events.push((self.latest, at, event));
    }
}

/// What a posted job did to other jobs.
fn done(action: Option<&Action>) -> Option<Happened> {
    match action? {
        Action::Capture { hold, .. } | Action::Release { hold, .. } => {
            Some(Happened::EndedHold { hold: *hold })
        }
        Action::Reversal { job, .. } => Some(Happened::Reversed { job: *job }),
        _ => None,
    }
}

fn moved(entry: Entry) -> Happened {
    Happened::Entry {
        balance_before: entry.balance_after.saturating_sub(entry.amount),
        account: entry.account,
        seq: entry.seq,
        amount: entry.amount,
        balance_after: entry.balance_after,
    }
}

fn placed(hold: &Hold) -> Happened {
    Happened::HoldPlaced {
        account: hold.account.clone(),
        amount: hold.amount.minor_units(),
        expires_at: hold.expires_at.map(Rfc3339::from_microseconds),
    }
}

fn ended(hold: &Hold, end: Option<HoldEnd>) -> Option<(Option<i64>, Happened)> {
    let (at, by) = (end.map(|end| end.at), end.map(|end| end.by));
    let event = match (hold.status, end) {
        (HoldStatus::Active, _) => return None,
        (HoldStatus::Captured(amount), _) => Happened::HoldCaptured { amount: amount.minor_units(), by },
        (HoldStatus::Released, Some(HoldEnd { by, is_expiry: true, .. })) => Happened::HoldExpired { by },
        (HoldStatus::Released, _) => Happened::HoldReleased { by },
    };
    Some((at, event))
}

/// The one currency of all that a job moves, as far as it is said.
fn currency_of(action: Option<&Action>, hold: Option<&Hold>) -> Option<Currency> {
    match action? {
        Action::Deposit { money, .. }
        | Action::Withdrawal { money, .. }
        | Action::Transfer { money, .. }
        | Action::Hold { money, .. } => Some(money.currency),
        Action::Journal { currency, .. } | Action::OpenAccount { currency, .. } => Some(*currency),
        Action::OpenStandingOrder(terms) => Some(terms.currency),
        Action::StandingPayment(payment) => Some(payment.currency),
        _ => hold.map(|hold| hold.currency),
    }
}

/// An event as people read it.
fn sentence(event: &Happened, currency: Option<Currency>) -> String {
    let money = |amount: i64| money(amount, currency);
    let job = |by: &Option<JobId>| by.map_or_else(|| "another job".to_owned(), |by| format!("the job {by}"));
    match event {
        Happened::Accepted { client, ingress, lane, kind, reference } => {
            let named = reference.as_ref().map(|name| format!(", which {client} calls {name}"));
            let place = ingress.as_ref().map(|replica| format!("{replica} accepted"));
            let lane = lane.map(|lane| format!(" on lane {}", lane.0)).unwrap_or_default();
            format!(
                "{} the {} of {client}{lane}{}.",
                place.unwrap_or_else(|| "An ingress accepted".to_owned()),
                kind.map_or("analysis", Kind::name),
                named.unwrap_or_default()
            )
        }
        Happened::ReadFromImport { import, row } => format!("It is row {row} of import {import}."),
        Happened::GivenUp { cause } => {
            format!("It could not be posted and was kept as a dead letter: {cause}.")
        }
        Happened::Posted => "It was posted.".to_owned(),
        Happened::Rejected { reason } => {
            format!("It was rejected: {}. Nothing was changed.", reason.name().replace('_', " "))
        }
        Happened::Scheduled { execute_at } => format!("It was scheduled for {execute_at}."),
        Happened::Cancelled { by, reason } => {
            let why = reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            format!("{by} cancelled it before it was posted{why}. Nothing was changed.")
        }
        Happened::Entry { account, amount, balance_before, balance_after, .. } => {
            let what = if *amount < 0 { "debited" } else { "credited" };
            let (before, after) = (money(*balance_before), money(*balance_after));
            format!(
                "{account} was {what} {}: its balance went from {before} to {after}.",
                money(amount.saturating_abs())
            )
        }
        Happened::HoldPlaced { account, amount, expires_at } => {
            let until = expires_at.map(|end| format!(" until {end}")).unwrap_or_default();
            format!("{} were reserved on {account}{until}.", money(*amount))
        }
        Happened::HoldCaptured { amount, by } => {
            format!("{} of the reserved funds were moved by {}.", money(*amount), job(by))
        }
        Happened::HoldReleased { by } => format!("The reserved funds were given back by {}.", job(by)),
        Happened::HoldExpired { by } => {
            format!("The hold expired, and the job {by} gave the reserved funds back.")
        }
        Happened::EndedHold { hold } => format!("It ended the hold {hold}."),
        Happened::Reversed { job } => format!("It undid the job {job}."),
        Happened::ReversedBy { job } => format!("The job {job} undid it."),
        Happened::Conflicts { count } => {
            format!("Under its reference or key {count} other bodies came; none of them took effect.")
        }
    }
}

/// An amount as people write it, such as `12.50 EUR`.
fn money(minor_units: i64, currency: Option<Currency>) -> String {
    let Some(currency) = currency else { return format!("{minor_units} minor units") };
    format!("{} {}", in_units(minor_units, currency.exponent()), currency.code())
}

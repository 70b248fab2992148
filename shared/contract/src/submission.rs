//! The body of a job as a client sends it: one flat JSON object with a `kind`.
//!
//! Serialising a [`Spec`] through [`Submission`] gives the canonical form: fields in the order below,
//! absent ones left out. Its hash is the job's fingerprint, so the order must never change.

mod canonical;
mod explain;
mod standing;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_with::skip_serializing_none;

use domain::account::AccountNumber;
use domain::id::JobId;
use domain::job::{Action, Counterparty, Kind, Leg, Legs, Money, Spec};
use domain::json;
use domain::metadata::{InvalidMetadata, Metadata};
use domain::money::{Amount, Currency, Kept, OverdraftLimit};
use domain::payment::Payment;
use domain::schedule::ExecuteAt;
use domain::text::{Memo, Name, Reference};
use domain::value_date;

pub use self::standing::{RuleUnit, StandingRule};

/// The most characters of a field's path and of its value that a refusal repeats.
const FIELD_CHARS_MAX: usize = 100;
const VALUE_CHARS_MAX: usize = 80;
/// Characters at the start and at the end of a remedy that a refusal shows: the list of all fields fits.
const REMEDY_HEAD_CHARS: usize = 120;
const REMEDY_TAIL_CHARS: usize = 280;

/// Every field that some kind of job takes.
#[skip_serializing_none]
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // The fields of DESIGN's table of kinds, by the same names.
pub struct Submission {
    pub kind: Kind,
    pub account: Option<AccountNumber>,
    pub from: Option<AccountNumber>,
    pub to: Option<AccountNumber>,
    pub amount: Option<Amount>,
    pub currency: Option<Currency>,
    pub legs: Option<Vec<Leg>>,
    pub overdraft_limit: Option<OverdraftLimit>,
    pub holder: Option<Name>,
    pub hold: Option<JobId>,
    pub expires_at: Option<Timestamp>,
    pub job: Option<JobId>,
    pub reference: Option<Reference>,
    pub memo: Option<Memo>,
    pub value_date: Option<Date>,
    pub counterparty: Option<Counterparty>,
    pub metadata: Option<Box<RawValue>>,
    // After all others: bodies of releases that did not know it keep their form.
    pub payment: Option<Payment>,
    pub execute_at: Option<ExecuteAt>,
    // Of standing orders.
    pub keep: Option<Kept>,
    pub rule: Option<StandingRule>,
    pub retry_days: Option<u16>,
    pub order: Option<JobId>,
    pub due: Option<Date>,
    pub attempt: Option<u32>,
}

/// A body that is no job: which field, what stands there, and what should.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("`{field}`{}: {remedy}", if value.is_empty() { String::new() } else { format!(" is {value}") })]
pub struct Invalid {
    /// Path of the field, such as `legs[1].amount`; `body` for the whole.
    pub field: String,
    /// What stands there, as JSON, shortened; empty where nothing does.
    pub value: String,
    /// What should stand there.
    pub remedy: String,
}

impl Invalid {
    /// The same in little space: an answer is never as long as a hostile body, and serde repeats names and values.
    #[must_use]
    pub fn shortened(self) -> Invalid {
        let Invalid { field, value, remedy } = self;
        Invalid {
            field: shortened(&field, FIELD_CHARS_MAX),
            value: shortened(&value, VALUE_CHARS_MAX),
            remedy: without_its_middle(remedy),
        }
    }

    fn missing(field: &str, kind: Kind) -> Invalid {
        let remedy = format!("is missing; {kind} takes {}", fields_of(kind));
        Invalid { field: field.to_owned(), value: String::new(), remedy }
    }

    fn shown(field: &str, value: &impl Serialize, remedy: impl Into<String>) -> Invalid {
        let value = serde_json::to_string(value).map(|json| shortened(&json, VALUE_CHARS_MAX));
        let value = value.unwrap_or_default();
        Invalid { field: field.to_owned(), value, remedy: remedy.into() }
    }
}

/// Parses the body of a job.
///
/// # Errors
/// It is no JSON, or no job; says which field and why.
pub fn parse(json: &[u8]) -> Result<Spec, Invalid> {
    // Serde would also read the fields from an array, by their order; we do not.
    let is_object = json.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    match serde_json::from_slice::<Submission>(json) {
        Ok(submission) if is_object => submission.into_spec(),
        _ => Err(explain::explain(json, is_object).shortened()),
    }
}

/// Parses the body of a job that comes in on the day `today` (UTC).
///
/// What was taken once can be read for ever, by [`parse`]; a day that no bank means is not taken.
///
/// # Errors
/// As [`parse`], where `value_date` or `expires_at` is out of the range of [`value_date::plausible`], where `execute_at` is
/// too far ahead, where a hold would expire before it is made, where a standing order begins too long ago or too far ahead, and
/// where the kind is one that the fleet alone submits.
pub fn accept(json: &[u8], today: Date) -> Result<Spec, Invalid> {
    let spec = parse(json)?;
    if let Some(date) = spec.value_date {
        value_date::plausible(date, today).map_err(|range| {
            Invalid::shown("value_date", &date, format!("{range}; leave it out for today"))
        })?;
    }
    if let Action::Hold { expires_at: Some(end), .. } = &spec.action {
        let day = jiff::tz::Offset::UTC.to_datetime(*end).date();
        value_date::plausible(day, today).map_err(|range| {
            let remedy = format!("{range}; leave it out for a hold that does not expire");
            Invalid::shown("expires_at", end, remedy)
        })?;
    }
    if let Some(at) = spec.execute_at {
        at.check(today).map_err(|range| {
            let remedy =
                format!("must be on {} at the latest; leave it out to execute the job at once", range.last);
            Invalid::shown("execute_at", &at, remedy)
        })?;
        if let Action::Hold { expires_at: Some(end), .. } = &spec.action
            && *end <= at.timestamp()
        {
            let remedy = "must be after execute_at, when the hold is made";
            return Err(Invalid::shown("expires_at", end, remedy));
        }
    }
    standing::accept(&spec, today)?;
    Ok(spec)
}

/// The canonical form of a job's body.
pub fn canonical(spec: &Spec) -> String {
    // A map with string keys and finite numbers always has a JSON form.
    serde_json::to_string(&Submission::from(spec.clone())).unwrap_or_default()
}

/// The fields that a kind of job takes beside the common ones, as a sentence lists them.
pub fn fields_of(kind: Kind) -> &'static str {
    match kind {
        Kind::OpenAccount => "account, currency, overdraft_limit (optional), holder (optional)",
        Kind::CloseAccount | Kind::FreezeAccount | Kind::UnfreezeAccount => "account",
        Kind::SetOverdraftLimit => "account, overdraft_limit, currency (optional)",
        Kind::SetHolder => "account, holder (optional)",
        Kind::Deposit | Kind::Withdrawal => "account, amount, currency",
        Kind::Transfer => "from, to, amount, currency",
        Kind::Journal => "currency, legs",
        Kind::Hold => "account, amount, currency, expires_at (optional)",
        Kind::Capture => "account, hold, to (optional), amount (optional)",
        Kind::Release => "account, hold",
        Kind::Reversal => "account, job",
        Kind::OpenStandingOrder => {
            "account, to, amount (optional), keep (optional), currency, rule, retry_days (optional)"
        }
        Kind::PauseStandingOrder | Kind::ResumeStandingOrder | Kind::CloseStandingOrder => "account, order",
        Kind::StandingPayment => {
            "account, to, amount (optional), keep (optional), currency, order, due, attempt"
        }
    }
}

impl Submission {
    /// Checks that the fields are those of the kind, and takes them.
    ///
    /// # Errors
    /// A field is missing, does not belong, or contradicts another.
    pub fn into_spec(mut self) -> Result<Spec, Invalid> {
        let action = self.take_action()?;
        self.refuse_left_over()?;
        Ok(Spec {
            action,
            reference: self.reference,
            memo: self.memo,
            value_date: self.value_date,
            counterparty: self.counterparty,
            metadata: self.metadata.map(take_metadata).transpose()?,
            payment: self.payment,
            execute_at: self.execute_at,
        })
    }

    fn take_action(&mut self) -> Result<Action, Invalid> {
        let kind = self.kind;
        Ok(match kind {
            Kind::OpenAccount => Action::OpenAccount {
                account: self.take_account()?,
                currency: self.take_currency()?,
                overdraft_limit: self.overdraft_limit.take().unwrap_or_default(),
                holder: self.holder.take(),
            },
            Kind::CloseAccount => Action::CloseAccount { account: self.take_account()? },
            Kind::FreezeAccount => Action::FreezeAccount { account: self.take_account()? },
            Kind::UnfreezeAccount => Action::UnfreezeAccount { account: self.take_account()? },
            Kind::SetOverdraftLimit => Action::SetOverdraftLimit {
                account: self.take_account()?,
                currency: self.currency.take(),
                // No limit is guessed: an empty cell of a file might mean that the limit stays.
                overdraft_limit: self
                    .overdraft_limit
                    .take()
                    .ok_or_else(|| Invalid::missing("overdraft_limit", kind))?,
            },
            Kind::SetHolder => {
                Action::SetHolder { account: self.take_account()?, holder: self.holder.take() }
            }
            Kind::Deposit => Action::Deposit { account: self.take_account()?, money: self.take_money()? },
            Kind::Withdrawal => {
                Action::Withdrawal { account: self.take_account()?, money: self.take_money()? }
            }
            Kind::Transfer => self.take_transfer()?,
            Kind::Journal => self.take_journal()?,
            Kind::Hold => Action::Hold {
                account: self.take_account()?,
                money: self.take_money()?,
                expires_at: self.expires_at.take(),
            },
            Kind::Capture => self.take_capture()?,
            Kind::Release => Action::Release { account: self.take_account()?, hold: self.take_hold()? },
            Kind::Reversal => Action::Reversal {
                account: self.take_account()?,
                job: self.job.take().ok_or_else(|| Invalid::missing("job", kind))?,
            },
            Kind::OpenStandingOrder => self.take_order_terms()?,
            Kind::PauseStandingOrder => {
                Action::PauseStandingOrder { account: self.take_account()?, order: self.take_order()? }
            }
            Kind::ResumeStandingOrder => {
                Action::ResumeStandingOrder { account: self.take_account()?, order: self.take_order()? }
            }
            Kind::CloseStandingOrder => {
                Action::CloseStandingOrder { account: self.take_account()?, order: self.take_order()? }
            }
            Kind::StandingPayment => self.take_standing_payment()?,
        })
    }

    fn take_transfer(&mut self) -> Result<Action, Invalid> {
        let from = self.from.take().ok_or_else(|| Invalid::missing("from", self.kind))?;
        let to = self.to.take().ok_or_else(|| Invalid::missing("to", self.kind))?;
        if from == to {
            return Err(Invalid::shown("to", &to, "is the same account as `from`; name another one"));
        }
        Ok(Action::Transfer { from, to, money: self.take_money()? })
    }

    fn take_journal(&mut self) -> Result<Action, Invalid> {
        let currency = self.take_currency()?;
        let legs = self.legs.take().ok_or_else(|| Invalid::missing("legs", self.kind))?;
        let count = legs.len();
        let legs = Legs::new(legs)
            .map_err(|error| Invalid::shown("legs", &format_args!("{count} legs"), error.to_string()))?;
        Ok(Action::Journal { currency, legs })
    }

    fn take_capture(&mut self) -> Result<Action, Invalid> {
        let (account, hold) = (self.take_account()?, self.take_hold()?);
        let to = self.to.take();
        if let Some(to) = to.as_ref().filter(|to| **to == account) {
            return Err(Invalid::shown("to", to, "is the account of the hold itself; use release"));
        }
        Ok(Action::Capture { account, hold, to, amount: self.amount.take() })
    }

    fn take_account(&mut self) -> Result<AccountNumber, Invalid> {
        self.account.take().ok_or_else(|| Invalid::missing("account", self.kind))
    }

    fn take_currency(&mut self) -> Result<Currency, Invalid> {
        self.currency.take().ok_or_else(|| Invalid::missing("currency", self.kind))
    }

    fn take_money(&mut self) -> Result<Money, Invalid> {
        let amount = self.amount.take().ok_or_else(|| Invalid::missing("amount", self.kind))?;
        Ok(Money { amount, currency: self.take_currency()? })
    }

    fn take_hold(&mut self) -> Result<JobId, Invalid> {
        self.hold.take().ok_or_else(|| Invalid::missing("hold", self.kind))
    }

    /// What the action did not take does not belong to its kind.
    fn refuse_left_over(&self) -> Result<(), Invalid> {
        let left_over = [
            ("account", self.account.is_some()),
            ("from", self.from.is_some()),
            ("to", self.to.is_some()),
            ("amount", self.amount.is_some()),
            ("currency", self.currency.is_some()),
            ("legs", self.legs.is_some()),
            ("overdraft_limit", self.overdraft_limit.is_some()),
            ("holder", self.holder.is_some()),
            ("hold", self.hold.is_some()),
            ("expires_at", self.expires_at.is_some()),
            ("job", self.job.is_some()),
            ("keep", self.keep.is_some()),
            ("rule", self.rule.is_some()),
            ("retry_days", self.retry_days.is_some()),
            ("order", self.order.is_some()),
            ("due", self.due.is_some()),
            ("attempt", self.attempt.is_some()),
        ];
        let Some((field, _)) = left_over.into_iter().find(|(_, is_left)| *is_left) else {
            return Ok(());
        };
        let kind = self.kind;
        let remedy = format!("is not a field of {kind}, which takes {}; remove it", fields_of(kind));
        Err(Invalid { field: field.to_owned(), value: String::new(), remedy })
    }
}

fn take_metadata(json: Box<RawValue>) -> Result<Metadata, Invalid> {
    Metadata::new(json.clone()).map_err(|error| {
        let within = match &error {
            InvalidMetadata::NotExact(found) => found.path(),
            InvalidMetadata::NoObject | InvalidMetadata::TooLong { .. } => "",
        };
        let field = format!("metadata{within}");
        let value = json::find(json.get(), within.trim_start_matches('.')).unwrap_or(json.get()).to_owned();
        Invalid { field, value, remedy: error.to_string() }.shortened()
    })
}

/// The head of a long text.
fn shortened(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Its two ends where it is long: what there is stands at the one, what there should be at the other.
fn without_its_middle(remedy: String) -> String {
    let chars = remedy.chars().count();
    if chars <= REMEDY_HEAD_CHARS + REMEDY_TAIL_CHARS {
        return remedy;
    }
    let tail = remedy.chars().skip(chars - REMEDY_TAIL_CHARS);
    shortened(&remedy, REMEDY_HEAD_CHARS).chars().chain(tail).collect()
}

#[cfg(test)]
mod tests;

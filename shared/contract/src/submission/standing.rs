//! The fields of standing orders and of their payments.

use std::num::NonZeroU16;

use domain::account::AccountNumber;
use domain::id::JobId;
use domain::job::{Action, Kind, Spec};
use domain::money::Currency;
use domain::standing_order::{DayOfMonth, End, Every, MissingDay, Pays, Rule, StandingPayment, Terms};
use domain::value_date::YEARS_AFTER_MAX;
use jiff::ToSpan as _;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::{Invalid, Submission};

/// How many days before today a standing order may begin. Its dates that have passed are paid at once: so it can be taken
/// over from elsewhere with a date or two that were missed, and a wrong year does not pay for a decade.
const DAYS_BEFORE_MAX: i64 = 366;

/// On which days a standing order pays.
#[skip_serializing_none]
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandingRule {
    /// What is counted.
    pub unit: RuleUnit,
    /// How many of them lie between two dates.
    #[serde(default = "one")]
    pub every: NonZeroU16,
    /// The day of the month, from 1 to 31; of months alone.
    pub day: Option<i8>,
    /// What that day means in a month that does not have it; from the 29th on.
    pub missing_day: Option<MissingDay>,
    /// No date is before this day.
    pub from: Date,
    /// The last day that may have a payment.
    pub until: Option<Date>,
    /// How many dates there are.
    pub count: Option<u32>,
}

/// What a rule counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // As they are called.
pub enum RuleUnit {
    Days,
    Weeks,
    Months,
}

fn one() -> NonZeroU16 {
    NonZeroU16::MIN
}

/// Checks the days of a standing order that comes in on the day `today`, and that a client may submit the job at all.
pub(super) fn accept(spec: &Spec, today: Date) -> Result<(), Invalid> {
    if spec.action.kind().is_of_the_fleet() {
        let kinds: Vec<_> = Kind::of_clients().map(Kind::name).collect();
        let remedy = format!("is a job that the fleet alone submits; there are {}", kinds.join(", "));
        return Err(Invalid::shown("kind", &spec.action.kind(), remedy));
    }
    let Action::OpenStandingOrder(terms) = &spec.action else { return Ok(()) };
    let from = terms.rule.from;
    let first = today.saturating_sub(DAYS_BEFORE_MAX.days());
    let last = today.saturating_add(YEARS_AFTER_MAX.years());
    if !(first..=last).contains(&from) {
        let remedy = format!(
            "must be a day from {first} to {last}; dates that have passed are paid at once, so name the first that is \
             still to be paid"
        );
        return Err(Invalid::shown("rule.from", &from, remedy));
    }
    if let Some(uetr) = spec.payment.as_ref().and_then(|payment| payment.uetr.as_ref()) {
        let remedy = "is the name of one payment, and an order makes many; leave it out";
        return Err(Invalid::shown("payment.uetr", uetr, remedy));
    }
    Ok(())
}

impl Submission {
    pub(super) fn take_order_terms(&mut self) -> Result<Action, Invalid> {
        let (account, to, pays, currency) = self.take_parties()?;
        let rule = self.rule.take().ok_or_else(|| Invalid::missing("rule", self.kind))?;
        let rule = rule.into_rule()?;
        let retry_days = self.retry_days.take().unwrap_or_default();
        let apart = rule.days_apart_min();
        if u32::from(retry_days) >= apart {
            let remedy = format!(
                "must be less than the {apart} days that lie between two dates at least; 0 leaves out at once what lacks \
                 funds"
            );
            return Err(Invalid::shown("retry_days", &retry_days, remedy));
        }
        if retry_days > 0 && matches!(pays, Pays::Above(_)) {
            let remedy = "does not go with keep, which never lacks funds; remove it";
            return Err(Invalid::shown("retry_days", &retry_days, remedy));
        }
        Ok(Action::OpenStandingOrder(Box::new(Terms { account, to, currency, pays, rule, retry_days })))
    }

    pub(super) fn take_standing_payment(&mut self) -> Result<Action, Invalid> {
        let (account, to, pays, currency) = self.take_parties()?;
        let order = self.take_order()?;
        let due = self.due.take().ok_or_else(|| Invalid::missing("due", self.kind))?;
        let attempt = self.attempt.take().ok_or_else(|| Invalid::missing("attempt", self.kind))?;
        let payment = StandingPayment { account, to, currency, pays, order, due, attempt };
        Ok(Action::StandingPayment(Box::new(payment)))
    }

    pub(super) fn take_order(&mut self) -> Result<JobId, Invalid> {
        self.order.take().ok_or_else(|| Invalid::missing("order", self.kind))
    }

    pub(super) fn put_pays(&mut self, pays: Pays, currency: Currency) {
        self.currency = Some(currency);
        match pays {
            Pays::Amount(amount) => self.amount = Some(amount),
            Pays::Above(kept) => self.keep = Some(kept),
        }
    }

    /// Who pays whom, and how much.
    fn take_parties(&mut self) -> Result<(AccountNumber, AccountNumber, Pays, Currency), Invalid> {
        let account = self.take_account()?;
        let to = self.to.take().ok_or_else(|| Invalid::missing("to", self.kind))?;
        if to == account {
            return Err(Invalid::shown("to", &to, "is the same account as `account`; name another one"));
        }
        let pays = match (self.amount.take(), self.keep.take()) {
            (Some(amount), None) => Pays::Amount(amount),
            (None, Some(kept)) => Pays::Above(kept),
            (Some(_), Some(kept)) => {
                let remedy = "does not go with amount: an order pays an amount, or all above what it keeps; remove one";
                return Err(Invalid::shown("keep", &kept, remedy));
            }
            (None, None) => {
                let remedy = "is missing; say amount, or keep to pay all that the account has above it";
                return Err(missing("amount", remedy));
            }
        };
        Ok((account, to, pays, self.take_currency()?))
    }
}

impl StandingRule {
    /// The rule, if there is one reading of these fields and it has a date.
    ///
    /// # Errors
    /// A field is missing, contradicts another, or leaves no date.
    pub fn into_rule(self) -> Result<Rule, Invalid> {
        let end = match (self.until, self.count) {
            (None, None) => End::Never,
            (Some(until), None) => End::Until(until),
            (None, Some(0)) => return Err(Invalid::shown("rule.count", &0, "must be 1 or more")),
            (None, Some(count)) => End::Count(count),
            (Some(_), Some(count)) => {
                let remedy =
                    "does not go with until: a rule ends on a day or after a number of dates; remove one";
                return Err(Invalid::shown("rule.count", &count, remedy));
            }
        };
        let rule = Rule { every: self.every()?, from: self.from, end };
        if rule.dates().next().is_none() {
            let endless = Rule { end: End::Never, ..rule };
            let first = endless.dates().next().map(|first| first.date);
            let remedy = first.map_or_else(
                || "leaves the rule without a date; name a day that its months have".to_owned(),
                |first| format!("must be {first}, the first date of the rule, or a day after it"),
            );
            return Err(match self.until {
                Some(until) => Invalid::shown("rule.until", &until, remedy),
                None => Invalid::shown("rule.day", &self.day, remedy),
            });
        }
        Ok(rule)
    }

    fn every(&self) -> Result<Every, Invalid> {
        match self.unit {
            RuleUnit::Days | RuleUnit::Weeks => {
                if let Some(day) = self.day {
                    let remedy = "goes with months alone; days and weeks are counted from `from`; remove it";
                    return Err(Invalid::shown("rule.day", &day, remedy));
                }
                if let Some(missing) = self.missing_day {
                    let remedy = "goes with months alone; remove it";
                    return Err(Invalid::shown("rule.missing_day", &missing, remedy));
                }
                let days = self.unit == RuleUnit::Days;
                Ok(if days { Every::Days(self.every) } else { Every::Weeks(self.every) })
            }
            RuleUnit::Months => self.months(),
        }
    }

    fn months(&self) -> Result<Every, Invalid> {
        let Some(day) = self.day else {
            return Err(missing("rule.day", "is missing; months take the day of the month, from 1 to 31"));
        };
        let day_of_month =
            DayOfMonth::new(day).map_err(|error| Invalid::shown("rule.day", &day, error.to_string()))?;
        let missing_day = match self.missing_day {
            Some(missing_day) => missing_day,
            // No month lacks it.
            None if day_of_month.is_in_every_month() => MissingDay::Last,
            None => {
                return Err(missing(
                    "rule.missing_day",
                    "is missing; say what that day means in a month that does not have it: last (its last day), next (the \
                     first of the next month) or skip (no payment in that month)",
                ));
            }
        };
        Ok(Every::Months { months: self.every, day: day_of_month, missing_day })
    }
}

fn missing(field: &str, remedy: &str) -> Invalid {
    Invalid { field: field.to_owned(), value: String::new(), remedy: remedy.to_owned() }
}

impl From<Rule> for StandingRule {
    /// The canonical form: without what decides nothing.
    fn from(rule: Rule) -> StandingRule {
        let (unit, every, day, missing_day) = match rule.every {
            Every::Days(days) => (RuleUnit::Days, days, None, None),
            Every::Weeks(weeks) => (RuleUnit::Weeks, weeks, None, None),
            Every::Months { months, day, missing_day } => {
                let decides = !day.is_in_every_month();
                (RuleUnit::Months, months, Some(day.get()), decides.then_some(missing_day))
            }
        };
        let (until, count) = match rule.end {
            End::Never => (None, None),
            End::Until(until) => (Some(until), None),
            End::Count(count) => (None, Some(count)),
        };
        StandingRule { unit, every, day, missing_day, from: rule.from, until, count }
    }
}

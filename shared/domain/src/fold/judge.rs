//! Whether a job may take effect, and what it does if so.

use std::collections::HashMap;

use super::legs::{Settled, legs, opposite};
use super::{Change, Fold, Legs, Terms};
use crate::access::Accounts;
use crate::account::{Account, AccountNumber, AccountStatus};
use crate::hold::{Hold, HoldStatus};
use crate::id::JobId;
use crate::job::{Action, Job, Kind, Money};
use crate::money::{Amount, Currency};
use crate::outcome::{RecordedOutcome, Rejection};
use crate::standing_order::StandingOrder;

/// Collects what is wrong with a job and keeps what takes precedence.
#[derive(Default)]
pub(super) struct Faults(Option<Rejection>);

impl Faults {
    pub(super) fn add(&mut self, rejection: Rejection) {
        self.0 = Some(self.0.map_or(rejection, |first| first.min(rejection)));
    }

    pub(super) fn or(self, change: Option<Change>) -> Result<Change, Rejection> {
        match (self.0, change) {
            (None, Some(change)) => Ok(change),
            (fault, _) => Err(fault.unwrap_or(Rejection::AccountNotFound)),
        }
    }
}

impl Fold {
    pub(super) fn judge(&mut self, job: &Job) -> Result<Change, Rejection> {
        match &job.spec.action {
            Action::OpenAccount { account, currency, overdraft_limit, holder } => {
                if self.books.accounts.contains_key(account) {
                    return Err(Rejection::AccountExists);
                }
                let mut opened = Account::new(account.clone(), *currency);
                opened.overdraft_limit = *overdraft_limit;
                opened.holder = holder.as_ref().map(ToString::to_string);
                Ok(Change::Open(opened))
            }
            Action::CloseAccount { account } => self.judge_close(account),
            Action::FreezeAccount { account } => self.judge_status(account, AccountStatus::Frozen),
            Action::UnfreezeAccount { account } => self.judge_status(account, AccountStatus::Open),
            Action::SetOverdraftLimit { account, currency, overdraft_limit } => {
                self.judge_terms(account, *currency, Terms::OverdraftLimit(*overdraft_limit))
            }
            Action::SetHolder { account, holder } => {
                let holder = holder.as_ref().map(ToString::to_string);
                self.judge_terms(account, None, Terms::Holder(holder))
            }
            Action::Deposit { money: Money { currency, .. }, .. }
            | Action::Withdrawal { money: Money { currency, .. }, .. }
            | Action::Transfer { money: Money { currency, .. }, .. }
            | Action::Journal { currency, .. } => {
                let mut faults = Faults::default();
                let legs = legs(&job.spec.action, job.lane, Settled::Nothing);
                self.judge_move(&legs, Some(*currency), None, &mut faults);
                faults.or(Some(Change::Move(legs)))
            }
            Action::Hold { account, money, expires_at } => {
                let expires_at = expires_at.map(|end| end.as_microsecond());
                self.judge_hold(job.id, account, *money, expires_at)
            }
            Action::Capture { account, hold, to, amount } => {
                self.judge_capture(job, account, *hold, to.as_ref(), *amount)
            }
            Action::Release { account, hold } => self.judge_release(account, *hold),
            Action::Reversal { account, job: original } => {
                self.judge_reversal(account, *original, job.grant.as_ref())
            }
            Action::OpenStandingOrder(terms) => self.judge_order(job.id, terms),
            Action::PauseStandingOrder { account, order } => {
                self.judge_order_change(account, *order, StandingOrder::pause)
            }
            Action::ResumeStandingOrder { account, order } => {
                let today = self.today();
                self.judge_order_change(account, *order, |order| order.resume(today))
            }
            Action::CloseStandingOrder { account, order } => {
                self.judge_order_change(account, *order, StandingOrder::close)
            }
            Action::StandingPayment(payment) => self.judge_payment(job, payment),
        }
    }

    fn judge_close(&self, number: &AccountNumber) -> Result<Change, Rejection> {
        let mut faults = Faults::default();
        let account = self.moving(number, None, &mut faults);
        if account.is_some_and(|account| account.balance != 0 || account.held != 0) {
            faults.add(Rejection::AccountNotEmpty);
        }
        faults.or(Some(Change::SetStatus(number.clone(), AccountStatus::Closed)))
    }

    /// Freezing what is frozen, or unfreezing what is open, is done already: no fault.
    fn judge_status(&self, number: &AccountNumber, status: AccountStatus) -> Result<Change, Rejection> {
        let mut faults = Faults::default();
        self.existing(number, &mut faults);
        faults.or(Some(Change::SetStatus(number.clone(), status)))
    }

    /// Nothing moves, so a frozen account allows it. A limit below what is drawn already only stops further draws.
    fn judge_terms(
        &self,
        number: &AccountNumber,
        currency: Option<Currency>,
        terms: Terms,
    ) -> Result<Change, Rejection> {
        let mut faults = Faults::default();
        let account = self.existing(number, &mut faults);
        if account.is_some_and(|account| currency.is_some_and(|currency| currency != account.currency)) {
            faults.add(Rejection::CurrencyMismatch);
        }
        faults.or(Some(Change::SetTerms(number.clone(), terms)))
    }

    /// Checks the accounts of these legs, in `currency` where one is asked for, then funds and ranges. What `settled` holds
    /// back is free again for this job.
    pub(super) fn judge_move(
        &mut self,
        legs: &Legs,
        currency: Option<Currency>,
        settled: Option<&Hold>,
        faults: &mut Faults,
    ) {
        for (number, _) in legs {
            if let Some(currency) = currency.filter(|_| number.is_external()) {
                self.open_outside(number, currency);
            }
            self.moving(number, currency, faults);
        }
        self.weigh(legs, settled, faults);
    }

    fn judge_hold(
        &self,
        id: JobId,
        number: &AccountNumber,
        money: Money,
        expires_at: Option<i64>,
    ) -> Result<Change, Rejection> {
        let mut faults = Faults::default();
        if let Some(account) = self.moving(number, Some(money.currency), &mut faults) {
            if account.available() < i128::from(units(&money)) {
                faults.add(Rejection::InsufficientFunds);
            }
            let held = i128::from(account.held);
            if grows_beyond(held, held + i128::from(units(&money))) {
                faults.add(Rejection::AmountOverflow);
            }
        }
        faults.or(Some(Change::Reserve(Hold {
            id,
            account: number.clone(),
            currency: money.currency,
            amount: money.amount,
            expires_at,
            status: HoldStatus::Active,
        })))
    }

    fn judge_capture(
        &mut self,
        job: &Job,
        number: &AccountNumber,
        hold: JobId,
        to: Option<&AccountNumber>,
        amount: Option<Amount>,
    ) -> Result<Change, Rejection> {
        let mut faults = Faults::default();
        let currency = self.moving(number, None, &mut faults).map(|account| account.currency);
        if let Some(to) = to {
            self.moving(to, currency, &mut faults);
        }
        let Some(mut hold) = self.hold_of(number, hold, &mut faults) else { return faults.or(None) };
        if !hold.is_capturable(self.now) {
            faults.add(Rejection::HoldNotActive);
        }
        let captured = amount.unwrap_or(hold.amount);
        if captured > hold.amount {
            faults.add(Rejection::HoldExceeded);
        }
        hold.status = HoldStatus::Captured(captured);
        if faults.0.is_some() {
            return faults.or(None);
        }
        let legs = legs(&job.spec.action, job.lane, Settled::Hold(&hold));
        self.judge_move(&legs, currency, Some(&hold), &mut faults);
        faults.or(Some(Change::Settle(hold, legs)))
    }

    /// A release moves nothing, so a frozen account allows it.
    fn judge_release(&self, number: &AccountNumber, hold: JobId) -> Result<Change, Rejection> {
        let mut faults = Faults::default();
        self.existing(number, &mut faults);
        let Some(mut hold) = self.hold_of(number, hold, &mut faults) else { return faults.or(None) };
        if hold.status != HoldStatus::Active {
            faults.add(Rejection::HoldNotActive);
        }
        hold.status = HoldStatus::Released;
        faults.or(Some(Change::Settle(hold, Legs::new())))
    }

    /// `grant`: the accounts that may be debited, where they are not all.
    fn judge_reversal(
        &mut self,
        number: &AccountNumber,
        original: JobId,
        grant: Option<&Accounts>,
    ) -> Result<Change, Rejection> {
        let mut faults = Faults::default();
        self.existing(number, &mut faults);
        let found =
            self.books.originals.get(&original).filter(|found| found.outcome == RecordedOutcome::Posted);
        let Some(found) = found else {
            faults.add(Rejection::JobNotFound);
            return faults.or(None);
        };
        let touches = |number: &AccountNumber| found.legs.iter().any(|(account, _)| account == number);
        if grant.is_some() && !touches(number) {
            // Whether there is such a job is nothing to those whom it does not concern.
            faults.add(Rejection::JobNotFound);
            return faults.or(None);
        }
        if found.legs.is_empty() || found.kind == Kind::Reversal {
            faults.add(Rejection::JobNotReversible);
        } else if !touches(number) {
            faults.add(Rejection::JobNotFound);
        } else if !takes_order_with(number, &found.legs) || !may_debit(grant, &opposite(&found.legs)) {
            faults.add(Rejection::JobNotReversible);
        }
        if found.reversed {
            faults.add(Rejection::AlreadyReversed);
        }
        if faults.0.is_some() {
            // There is nothing to weigh: funds that come later would not help.
            return faults.or(None);
        }
        let legs = opposite(&found.legs);
        self.judge_move(&legs, None, None, &mut faults);
        faults.or(Some(Change::Reverse(original, legs)))
    }

    /// Checks funds and ranges. A leg adds to the ones before it; funds count for all of them together.
    /// What `settled` holds back is free again for this job.
    fn weigh(&self, legs: &Legs, settled: Option<&Hold>, faults: &mut Faults) {
        let mut gains: HashMap<&AccountNumber, i128> = HashMap::with_capacity(legs.len());
        for (number, amount) in legs {
            let Some(account) = self.books.accounts.get(number) else { continue };
            let gain = gains.entry(number).or_default();
            let before = i128::from(account.balance) + *gain;
            *gain += i128::from(*amount);
            if grows_beyond(before, before + i128::from(*amount)) {
                faults.add(Rejection::AmountOverflow);
            }
        }
        for (number, gain) in gains.into_iter().filter(|(_, gain)| *gain < 0) {
            let Some(account) = self.books.accounts.get(number) else { continue };
            let freed =
                settled.filter(|hold| &hold.account == number).map_or(0, |hold| hold.amount.minor_units());
            if account.available().saturating_add(i128::from(freed)) < -gain {
                faults.add(Rejection::InsufficientFunds);
            }
        }
    }

    /// The account if it takes entries, in `currency` where one is asked for.
    fn moving(
        &self,
        number: &AccountNumber,
        currency: Option<Currency>,
        faults: &mut Faults,
    ) -> Option<&Account> {
        let account = self.existing(number, faults)?;
        if account.status == AccountStatus::Frozen {
            faults.add(Rejection::AccountFrozen);
        }
        if currency.is_some_and(|currency| currency != account.currency) {
            faults.add(Rejection::CurrencyMismatch);
        }
        Some(account)
    }

    /// The account if it exists; a closed one is a fault.
    pub(super) fn existing(&self, number: &AccountNumber, faults: &mut Faults) -> Option<&Account> {
        let account = self.books.accounts.get(number);
        match account.map(|account| account.status) {
            None => faults.add(Rejection::AccountNotFound),
            Some(AccountStatus::Closed) => faults.add(Rejection::AccountClosed),
            Some(AccountStatus::Open | AccountStatus::Frozen) => {}
        }
        account
    }

    fn hold_of(&self, account: &AccountNumber, hold: JobId, faults: &mut Faults) -> Option<Hold> {
        let hold = self.books.holds.get(&hold).filter(|hold| &hold.account == account);
        if hold.is_none() {
            faults.add(Rejection::HoldNotFound);
        }
        hold.cloned()
    }

    /// The outside world as a lane sees it is there from its first use on.
    fn open_outside(&mut self, number: &AccountNumber, currency: Currency) {
        let accounts = &mut self.books.accounts;
        if !accounts.contains_key(number) {
            accounts.insert(number.clone(), Account::new(number.clone(), currency));
        }
    }
}

/// Whether a reversal of these legs may keep its order with this account: one that it debits. Where it debits the outside
/// world only, whose funds never run out, any account will do.
fn takes_order_with(number: &AccountNumber, reversed: &Legs) -> bool {
    let mut debited = reversed.iter().filter(|(_, amount)| *amount > 0).map(|(account, _)| account);
    debited.clone().any(|account| account == number) || debited.all(AccountNumber::is_external)
}

/// Whether every account that these legs debit is in the grant, where there is one.
fn may_debit(grant: Option<&Accounts>, legs: &Legs) -> bool {
    let mut debited = legs.iter().filter(|(_, amount)| *amount < 0).map(|(account, _)| account);
    grant.is_none_or(|grant| debited.all(|account| account.is_external() || grant.contain(account)))
}

/// Whether a figure leaves the range that JSON tells exactly. What is beyond it since before there was a limit may come
/// back.
fn grows_beyond(before: i128, after: i128) -> bool {
    after.abs() > i128::from(Account::MINOR_UNITS_MAX) && after.abs() > before.abs()
}

fn units(money: &Money) -> i64 {
    money.amount.minor_units()
}

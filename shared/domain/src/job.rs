//! Jobs: what a client submits, parsed. A [`Spec`] that exists is well formed.

mod journal;
mod kind;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::access::Accounts;
use super::account::AccountNumber;
use super::fingerprint::Fingerprint;
use super::id::{FormerId, JobId};
use super::lane::{Lane, Lanes};
use super::metadata::Metadata;
use super::money::{Amount, Currency, OverdraftLimit};
use super::payment::Payment;
use super::schedule::ExecuteAt;
use super::standing_order::{Pays, StandingPayment, Terms};
use super::text::{Client, Memo, Name, OutsideAccount, Reference};

pub use self::journal::{InvalidLegs, Leg, Legs};
pub use self::kind::Kind;

/// A job that was accepted: who submitted what, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Unique for ever.
    pub id: JobId,
    /// The client that submitted the job.
    pub client: Client,
    /// The job's lane.
    pub lane: Lane,
    /// The ingress replica that accepted it.
    pub ingress: String,
    /// When it joined its lane, in microseconds since the Unix epoch. Grows strictly along the jobs
    /// that one ingress replica puts on one lane.
    pub accepted_at: i64,
    /// Tells this body from another one under the same id.
    pub fingerprint: Fingerprint,
    /// The body as JSON, in canonical form.
    pub body: String,
    /// The body, parsed.
    pub spec: Spec,
    /// The row of an import that it comes from; no part of the body or its fingerprint.
    pub origin: Option<Origin>,
    /// Ids under which the ledger may hold it already; no part of the body or its fingerprint.
    pub former: Vec<FormerId>,
    /// Of a reversal whose client's key is not for all accounts: those that it may debit. What it debits shows only when it
    /// is posted. No part of the body or its fingerprint.
    pub grant: Option<Accounts>,
}

/// A row of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Origin {
    /// The number of the import.
    #[serde(rename = "number")]
    pub import: u64,
    /// The number of the row in its file, from 1.
    pub row: u64,
}

/// What is to be done, and what goes with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// What the job does.
    pub action: Action,
    /// The client's own name for it.
    pub reference: Option<Reference>,
    /// The text on the statement.
    pub memo: Option<Memo>,
    /// The business day; `None`: the day of acceptance (UTC).
    pub value_date: Option<Date>,
    /// The other side, where it is outside.
    pub counterparty: Option<Counterparty>,
    /// Whatever else the client wants to keep with it: a small JSON object.
    pub metadata: Option<Metadata>,
    /// The names of the payment, from ISO 20022.
    pub payment: Option<Payment>,
    /// When it is to be executed; `None`, or a moment that has passed: at once.
    pub execute_at: Option<ExecuteAt>,
}

/// The other side of a job, which has no account here.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counterparty {
    /// The other side's name.
    pub name: Option<Name>,
    /// The other side's account, as its bank writes it.
    pub account: Option<OutsideAccount>,
}

/// What a job does.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // The fields say it; the variants say what is done with them.
pub enum Action {
    /// Opens an account.
    OpenAccount {
        account: AccountNumber,
        currency: Currency,
        overdraft_limit: OverdraftLimit,
        holder: Option<Name>,
    },
    /// Closes an account that has neither a balance nor holds.
    CloseAccount { account: AccountNumber },
    /// Stops all movement on an account.
    FreezeAccount { account: AccountNumber },
    /// Lets a frozen account move again.
    UnfreezeAccount { account: AccountNumber },
    /// Sets how far below zero an account may go. `currency`: that of the account, where the client states it.
    SetOverdraftLimit { account: AccountNumber, currency: Option<Currency>, overdraft_limit: OverdraftLimit },
    /// Names another holder of an account, or none.
    SetHolder { account: AccountNumber, holder: Option<Name> },
    /// Brings money in from outside.
    Deposit { account: AccountNumber, money: Money },
    /// Takes money out.
    Withdrawal { account: AccountNumber, money: Money },
    /// Moves money from one account here to another.
    Transfer { from: AccountNumber, to: AccountNumber, money: Money },
    /// Many legs that sum to zero, all or nothing.
    Journal { currency: Currency, legs: Legs },
    /// Reserves funds until they are captured or released.
    Hold { account: AccountNumber, money: Money, expires_at: Option<Timestamp> },
    /// Moves held funds, all or part, to an account or out. The rest of the hold is released.
    Capture { account: AccountNumber, hold: JobId, to: Option<AccountNumber>, amount: Option<Amount> },
    /// Releases held funds.
    Release { account: AccountNumber, hold: JobId },
    /// Posts the opposite of a posted job's entries, once.
    Reversal { account: AccountNumber, job: JobId },
    /// Has payments made by a rule, until it is closed or ends.
    OpenStandingOrder(Box<Terms>),
    /// Has none made until it is resumed.
    PauseStandingOrder { account: AccountNumber, order: JobId },
    /// Has payments made again, from the next date on.
    ResumeStandingOrder { account: AccountNumber, order: JobId },
    /// Has none made any more.
    CloseStandingOrder { account: AccountNumber, order: JobId },
    /// Makes a payment of a standing order. The fleet alone submits it.
    StandingPayment(Box<StandingPayment>),
}

/// An amount of one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Money {
    /// Minor units.
    pub amount: Amount,
    /// The currency.
    pub currency: Currency,
}

impl Spec {
    /// A job with nothing beside its action.
    pub fn of(action: Action) -> Spec {
        Spec {
            action,
            reference: None,
            memo: None,
            value_date: None,
            counterparty: None,
            metadata: None,
            payment: None,
            execute_at: None,
        }
    }

    /// The lane that keeps this job in order with the others of its [`Action::account`].
    pub fn lane(&self, lanes: Lanes) -> Lane {
        lanes.of(self.action.account().as_str())
    }
}

impl Action {
    /// Its name.
    pub fn kind(&self) -> Kind {
        match self {
            Action::OpenAccount { .. } => Kind::OpenAccount,
            Action::CloseAccount { .. } => Kind::CloseAccount,
            Action::FreezeAccount { .. } => Kind::FreezeAccount,
            Action::UnfreezeAccount { .. } => Kind::UnfreezeAccount,
            Action::SetOverdraftLimit { .. } => Kind::SetOverdraftLimit,
            Action::SetHolder { .. } => Kind::SetHolder,
            Action::Deposit { .. } => Kind::Deposit,
            Action::Withdrawal { .. } => Kind::Withdrawal,
            Action::Transfer { .. } => Kind::Transfer,
            Action::Journal { .. } => Kind::Journal,
            Action::Hold { .. } => Kind::Hold,
            Action::Capture { .. } => Kind::Capture,
            Action::Release { .. } => Kind::Release,
            Action::Reversal { .. } => Kind::Reversal,
            Action::OpenStandingOrder(_) => Kind::OpenStandingOrder,
            Action::PauseStandingOrder { .. } => Kind::PauseStandingOrder,
            Action::ResumeStandingOrder { .. } => Kind::ResumeStandingOrder,
            Action::CloseStandingOrder { .. } => Kind::CloseStandingOrder,
            Action::StandingPayment(_) => Kind::StandingPayment,
        }
    }

    /// The account whose funds or state it puts at risk: the one that draws, and that it keeps its
    /// order with. Of a journal, that of the first leg with a negative amount: it has no order with the other accounts that it
    /// debits.
    pub fn account(&self) -> &AccountNumber {
        match self {
            Action::OpenAccount { account, .. }
            | Action::CloseAccount { account }
            | Action::FreezeAccount { account }
            | Action::UnfreezeAccount { account }
            | Action::SetOverdraftLimit { account, .. }
            | Action::SetHolder { account, .. }
            | Action::Deposit { account, .. }
            | Action::Withdrawal { account, .. }
            | Action::Hold { account, .. }
            | Action::Capture { account, .. }
            | Action::Release { account, .. }
            | Action::Reversal { account, .. }
            | Action::PauseStandingOrder { account, .. }
            | Action::ResumeStandingOrder { account, .. }
            | Action::CloseStandingOrder { account, .. } => account,
            Action::OpenStandingOrder(terms) => &terms.account,
            Action::StandingPayment(payment) => &payment.account,
            Action::Transfer { from, .. } => from,
            Action::Journal { legs, .. } => legs.first_debited(),
        }
    }

    /// The amount that it states with its currency.
    pub fn money(&self) -> Option<Money> {
        match self {
            Action::Deposit { money, .. }
            | Action::Withdrawal { money, .. }
            | Action::Transfer { money, .. }
            | Action::Hold { money, .. } => Some(*money),
            Action::StandingPayment(payment) => match payment.pays {
                Pays::Amount(amount) => Some(Money { amount, currency: payment.currency }),
                Pays::Above(_) => None,
            },
            _ => None,
        }
    }

    /// The accounts that it draws on or changes, each with the field that names it: those for which a client needs a key.
    /// Whoever brings money needs none for where it goes. What else a reversal debits shows when it is posted.
    pub fn drawn_on(&self) -> Vec<(String, &AccountNumber)> {
        let field = |name: &str, account| vec![(name.to_owned(), account)];
        match self {
            Action::Deposit { .. } => Vec::new(),
            Action::Transfer { from, .. } => field("from", from),
            Action::Journal { legs, .. } => {
                let debits = legs.iter().enumerate().filter(|(_, leg)| leg.amount.minor_units() < 0);
                debits.map(|(place, leg)| (format!("legs[{place}].account"), &leg.account)).collect()
            }
            other => field("account", other.account()),
        }
    }

    /// Every account that its body names.
    pub fn named_accounts(&self) -> Vec<&AccountNumber> {
        match self {
            Action::Transfer { from, to, .. } => vec![from, to],
            Action::Journal { legs, .. } => legs.iter().map(|leg| &leg.account).collect(),
            Action::Capture { account, to: Some(to), .. } => vec![account, to],
            Action::OpenStandingOrder(terms) => vec![&terms.account, &terms.to],
            Action::StandingPayment(payment) => vec![&payment.account, &payment.to],
            other => vec![other.account()],
        }
    }

    /// Whether the ledger may say that it is of this account: its own, or that which an earlier release took for it.
    pub fn was_of(&self, account: &AccountNumber) -> bool {
        let formerly = match self {
            Action::Journal { legs, .. } => Some(legs.first_account()),
            _ => None,
        };
        self.account() == account || formerly == Some(account)
    }
}

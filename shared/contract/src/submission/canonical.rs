//! A job as its canonical form has it.

use domain::job::{Action, Money, Spec};
use domain::metadata::Metadata;
use domain::money::OverdraftLimit;
use domain::standing_order::{StandingPayment, Terms};

use super::Submission;

impl From<Spec> for Submission {
    fn from(spec: Spec) -> Submission {
        let mut s = Submission {
            kind: spec.action.kind(),
            account: None,
            from: None,
            to: None,
            amount: None,
            currency: None,
            legs: None,
            overdraft_limit: None,
            holder: None,
            hold: None,
            expires_at: None,
            job: None,
            reference: spec.reference,
            memo: spec.memo,
            value_date: spec.value_date,
            counterparty: spec.counterparty,
            metadata: spec.metadata.map(Metadata::into),
            payment: spec.payment,
            execute_at: spec.execute_at,
            keep: None,
            rule: None,
            retry_days: None,
            order: None,
            due: None,
            attempt: None,
        };
        let mut put_money =
            |money: Money| (s.amount, s.currency) = (Some(money.amount), Some(money.currency));
        match spec.action {
            Action::OpenAccount { account, currency, overdraft_limit, holder } => {
                (s.account, s.currency, s.holder) = (Some(account), Some(currency), holder);
                s.overdraft_limit = unless_zero(overdraft_limit);
            }
            Action::SetOverdraftLimit { account, currency, overdraft_limit } => {
                (s.account, s.currency) = (Some(account), currency);
                s.overdraft_limit = Some(overdraft_limit);
            }
            Action::SetHolder { account, holder } => (s.account, s.holder) = (Some(account), holder),
            Action::CloseAccount { account }
            | Action::FreezeAccount { account }
            | Action::UnfreezeAccount { account } => s.account = Some(account),
            Action::Deposit { account, money } | Action::Withdrawal { account, money } => {
                put_money(money);
                s.account = Some(account);
            }
            Action::Transfer { from, to, money } => {
                put_money(money);
                (s.from, s.to) = (Some(from), Some(to));
            }
            Action::Journal { currency, legs } => {
                (s.currency, s.legs) = (Some(currency), Some(legs.iter().cloned().collect()));
            }
            Action::Hold { account, money, expires_at } => {
                put_money(money);
                (s.account, s.expires_at) = (Some(account), expires_at);
            }
            Action::Capture { account, hold, to, amount } => {
                (s.account, s.hold, s.to, s.amount) = (Some(account), Some(hold), to, amount);
            }
            Action::Release { account, hold } => (s.account, s.hold) = (Some(account), Some(hold)),
            Action::Reversal { account, job } => (s.account, s.job) = (Some(account), Some(job)),
            Action::OpenStandingOrder(terms) => {
                let Terms { account, to, currency, pays, rule, retry_days } = *terms;
                s.put_pays(pays, currency);
                (s.account, s.to, s.rule) = (Some(account), Some(to), Some(rule.into()));
                s.retry_days = Some(retry_days).filter(|days| *days > 0);
            }
            Action::PauseStandingOrder { account, order }
            | Action::ResumeStandingOrder { account, order }
            | Action::CloseStandingOrder { account, order } => {
                (s.account, s.order) = (Some(account), Some(order));
            }
            Action::StandingPayment(payment) => {
                let StandingPayment { account, to, currency, pays, order, due, attempt } = *payment;
                s.put_pays(pays, currency);
                (s.account, s.to, s.order) = (Some(account), Some(to), Some(order));
                (s.due, s.attempt) = (Some(due), Some(attempt));
            }
        }
        s
    }
}

/// Left out and 0 are the same job.
fn unless_zero(limit: OverdraftLimit) -> Option<OverdraftLimit> {
    Some(limit).filter(|limit| limit.minor_units() > 0)
}

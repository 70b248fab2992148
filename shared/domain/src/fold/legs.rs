//! What a job moves: a pure function of its body, its lane and what it settled.

use super::Legs;
use crate::account::AccountNumber;
use crate::hold::{Hold, HoldStatus};
use crate::job::Action;
use crate::lane::Lane;
use crate::money::Amount;
use crate::standing_order::Pays;

/// What decides beside its body how much a job moves.
#[derive(Debug, Clone, Copy)]
pub enum Settled<'a> {
    /// Nothing does, or it is not known.
    Nothing,
    /// The hold that a capture names, as it stands afterwards.
    Hold(&'a Hold),
    /// What a standing order that pays all above some amount found above it.
    Swept(Amount),
}

/// The legs of a job, each an account and what it gains in minor units: the fold decides by them, and what a recorded
/// job moved is read from its body by them. Empty for what moves nothing, and for a reversal, whose legs are [`opposite`]
/// those of the job that it reverses.
#[must_use]
pub fn legs(action: &Action, lane: Lane, settled: Settled<'_>) -> Legs {
    match action {
        Action::Deposit { account, money } => {
            let outside = AccountNumber::external(money.currency, lane);
            pair(&outside, account, money.amount.minor_units())
        }
        Action::Withdrawal { account, money } => {
            let outside = AccountNumber::external(money.currency, lane);
            pair(account, &outside, money.amount.minor_units())
        }
        Action::Transfer { from, to, money } => pair(from, to, money.amount.minor_units()),
        Action::Journal { legs, .. } => {
            legs.iter().map(|leg| (leg.account.clone(), leg.amount.minor_units())).collect()
        }
        Action::Capture { account, to, .. } => match settled {
            Settled::Hold(Hold { status: HoldStatus::Captured(captured), currency, .. }) => {
                let outside = || AccountNumber::external(*currency, lane);
                pair(account, &to.clone().unwrap_or_else(outside), captured.minor_units())
            }
            _ => Legs::new(),
        },
        Action::StandingPayment(payment) => match (payment.pays, settled) {
            (Pays::Amount(amount), _) | (Pays::Above(_), Settled::Swept(amount)) => {
                pair(&payment.account, &payment.to, amount.minor_units())
            }
            (Pays::Above(_), _) => Legs::new(),
        },
        Action::OpenAccount { .. }
        | Action::CloseAccount { .. }
        | Action::FreezeAccount { .. }
        | Action::UnfreezeAccount { .. }
        | Action::SetOverdraftLimit { .. }
        | Action::SetHolder { .. }
        | Action::Hold { .. }
        | Action::Release { .. }
        | Action::Reversal { .. }
        | Action::OpenStandingOrder(_)
        | Action::PauseStandingOrder { .. }
        | Action::ResumeStandingOrder { .. }
        | Action::CloseStandingOrder { .. } => Legs::new(),
    }
}

/// The legs that undo these.
#[must_use]
pub fn opposite(legs: &Legs) -> Legs {
    legs.iter().map(|(account, amount)| (account.clone(), -amount)).collect()
}

fn pair(from: &AccountNumber, to: &AccountNumber, amount: i64) -> Legs {
    vec![(from.clone(), -amount), (to.clone(), amount)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::JobId;
    use crate::job::Money;
    use crate::money::Currency;

    fn number(text: &str) -> AccountNumber {
        AccountNumber::parse(text).unwrap()
    }

    fn shown(action: &Action, settled: Settled<'_>) -> Vec<(String, i64)> {
        let legs = legs(action, Lane(3), settled).into_iter();
        legs.map(|(account, amount)| (account.to_string(), amount)).collect()
    }

    fn pairs(pairs: &[(&str, i64)]) -> Vec<(String, i64)> {
        pairs.iter().map(|(account, amount)| ((*account).to_owned(), *amount)).collect()
    }

    #[test]
    fn a_body_says_what_was_moved() {
        let (account, money) =
            (number("a"), Money { amount: Amount::new(7).unwrap(), currency: "EUR".parse().unwrap() });
        let cases = [
            (Action::Deposit { account: account.clone(), money }, pairs(&[("external:EUR:3", -7), ("a", 7)])),
            (
                Action::Withdrawal { account: account.clone(), money },
                pairs(&[("a", -7), ("external:EUR:3", 7)]),
            ),
            (
                Action::Transfer { from: account.clone(), to: number("b"), money },
                pairs(&[("a", -7), ("b", 7)]),
            ),
            (Action::FreezeAccount { account }, pairs(&[])),
        ];
        for (action, expected) in cases {
            assert_eq!(shown(&action, Settled::Nothing), expected, "{action:?}");
        }
    }

    #[test]
    fn a_capture_moved_what_its_hold_says() {
        let id = JobId::from_chance(1, [0; 6]);
        let hold = Hold {
            id,
            account: number("a"),
            currency: Currency::XTS,
            amount: Amount::new(10).unwrap(),
            expires_at: None,
            status: HoldStatus::Captured(Amount::new(4).unwrap()),
        };
        let capture = |to| Action::Capture { account: number("a"), hold: id, to, amount: None };
        assert_eq!(shown(&capture(None), Settled::Hold(&hold)), pairs(&[("a", -4), ("external:XTS:3", 4)]));
        let to = capture(Some(number("b")));
        assert_eq!(shown(&to, Settled::Hold(&hold)), pairs(&[("a", -4), ("b", 4)]));
        assert_eq!(shown(&to, Settled::Nothing), pairs(&[]));
    }
}

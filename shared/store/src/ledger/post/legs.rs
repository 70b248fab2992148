//! What a posted job moved: a pure function of its body, its lane and, for a capture, its hold.

use domain::account::AccountNumber;
use domain::fold::Legs;
use domain::hold::{Hold, HoldStatus};
use domain::job::Action;
use domain::lane::Lane;

/// The legs of a posted job, each an account and what it gained in minor units. `hold` is the one that
/// a capture names, as it stands afterwards. Empty for what moves nothing, and for a reversal, whose
/// legs are [`opposite`] those of the job that it reversed.
#[must_use]
pub fn legs(action: &Action, lane: Lane, hold: Option<&Hold>) -> Legs {
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
        Action::Capture { account, to, .. } => match hold {
            Some(Hold { status: HoldStatus::Captured(captured), currency, .. }) => {
                let outside = || AccountNumber::external(*currency, lane);
                pair(account, &to.clone().unwrap_or_else(outside), captured.minor_units())
            }
            _ => Legs::new(),
        },
        Action::OpenAccount { .. }
        | Action::CloseAccount { .. }
        | Action::FreezeAccount { .. }
        | Action::UnfreezeAccount { .. }
        | Action::Hold { .. }
        | Action::Release { .. }
        | Action::Reversal { .. } => Legs::new(),
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
    use contract::submission;
    use domain::id::JobId;
    use domain::money::{Amount, Currency};

    fn shown(json: &str, hold: Option<&Hold>) -> Vec<(String, i64)> {
        let action = submission::parse(json.as_bytes()).unwrap().action;
        legs(&action, Lane(3), hold)
            .into_iter()
            .map(|(account, amount)| (account.to_string(), amount))
            .collect()
    }

    fn pairs(pairs: &[(&str, i64)]) -> Vec<(String, i64)> {
        pairs.iter().map(|(account, amount)| ((*account).to_owned(), *amount)).collect()
    }

    #[test]
    fn a_body_says_what_was_moved() {
        let cases = [
            (
                r#"{"kind":"deposit","account":"a","amount":7,"currency":"EUR"}"#,
                pairs(&[("external:EUR:3", -7), ("a", 7)]),
            ),
            (
                r#"{"kind":"withdrawal","account":"a","amount":7,"currency":"EUR"}"#,
                pairs(&[("a", -7), ("external:EUR:3", 7)]),
            ),
            (
                r#"{"kind":"transfer","from":"a","to":"b","amount":7,"currency":"EUR"}"#,
                pairs(&[("a", -7), ("b", 7)]),
            ),
            (r#"{"kind":"freeze_account","account":"a"}"#, pairs(&[])),
        ];
        for (json, expected) in cases {
            assert_eq!(shown(json, None), expected, "{json}");
        }
    }

    #[test]
    fn a_capture_moved_what_its_hold_says() {
        let id = JobId::from_chance(1, [0; 6]);
        let hold = Hold {
            id,
            account: AccountNumber::parse("a").unwrap(),
            currency: Currency::XTS,
            amount: Amount::new(10).unwrap(),
            expires_at: None,
            status: HoldStatus::Captured(Amount::new(4).unwrap()),
        };
        let out = format!(r#"{{"kind":"capture","account":"a","hold":"{id}"}}"#);
        assert_eq!(shown(&out, Some(&hold)), pairs(&[("a", -4), ("external:XTS:3", 4)]));
        let to = format!(r#"{{"kind":"capture","account":"a","to":"b","hold":"{id}"}}"#);
        assert_eq!(shown(&to, Some(&hold)), pairs(&[("a", -4), ("b", 4)]));
        assert_eq!(shown(&to, None), pairs(&[]));
    }
}

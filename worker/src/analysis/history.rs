//! From an account's entries to its movements: when each took place, and who was on the other side.

use contract::submission;
use domain::account::AccountNumber;
use domain::job::{Action, Spec};
use domain::schedule::default_value_date;
use domain::value_date;
use patterns::{Movement, Party};
use runtime::clock;
use store::analyses::{Days, Line};

/// The movements of these days. One whose day no bank can mean, from before such days were refused, is passed over. `Err`: a job of the account cannot be read.
pub(super) fn movements(
    account: &AccountNumber,
    lines: &[Line],
    days: Days,
) -> Result<Vec<Movement>, String> {
    let mut movements = Vec::with_capacity(lines.len());
    for line in lines {
        let spec = submission::parse(line.body.as_bytes())
            .map_err(|error| format!("the body of the job {} cannot be read: {error}", line.job))?;
        let accepted_on = clock::utc_date(line.accepted_at);
        let of_day = default_value_date(line.accepted_at, spec.execute_at).unwrap_or(accepted_on);
        let value_date = spec.value_date.unwrap_or(of_day);
        let counts = value_date::plausible(value_date, accepted_on).is_ok()
            && days.from.is_none_or(|from| from <= value_date)
            && days.to.is_none_or(|to| value_date <= to);
        if counts {
            movements.push(Movement {
                value_date,
                amount: line.amount,
                party: party(account, &spec),
                memo: spec.memo.map(|memo| memo.to_string()),
                kind: line.kind,
                job: Some(line.job),
            });
        }
    }
    Ok(movements)
}

/// The account on the other side where it is here, else what the job says of the other side.
fn party(account: &AccountNumber, spec: &Spec) -> Party {
    let stated = spec.counterparty.as_ref();
    let name = stated.and_then(|stated| stated.name.as_ref()).map(ToString::to_string);
    let outside = stated.and_then(|stated| stated.account.as_ref()).map(ToString::to_string);
    Party { account: here(account, &spec.action).map(ToString::to_string).or(outside), name }
}

fn here<'a>(account: &AccountNumber, action: &'a Action) -> Option<&'a AccountNumber> {
    match action {
        Action::Transfer { from, to, .. } => Some(if from == account { to } else { from }),
        Action::StandingPayment(payment) => {
            Some(if payment.account == *account { &payment.to } else { &payment.account })
        }
        // What the payer sees; the payee sees who held the funds.
        Action::Capture { account: payer, to, .. } => {
            if payer == account {
                to.as_ref()
            } else {
                Some(payer)
            }
        }
        // Of more than two legs none is the other one.
        Action::Journal { legs, .. } => {
            let mut others = legs.iter().map(|leg| &leg.account).filter(|other| *other != account);
            let other = others.next();
            other.filter(|_| others.next().is_none())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use domain::id::{Identity, JobId};
    use domain::text::Client;

    use super::*;

    fn line(amount: i64, body: &str) -> Line {
        let spec = submission::parse(body.as_bytes()).unwrap();
        Line {
            key: 1,
            amount,
            job: JobId::derived(&Client::parse("acme").unwrap(), Identity::Key(body)),
            kind: spec.action.kind(),
            body: body.to_owned(),
            accepted_at: 1_795_453_200_000_000,
        }
    }

    fn seen_by(account: &str, amount: i64, body: &str) -> Movement {
        let account = AccountNumber::parse(account).unwrap();
        movements(&account, &[line(amount, body)], Days::default()).unwrap().remove(0)
    }

    #[test]
    fn each_side_of_a_transfer_sees_the_other() {
        let transfer = r#"{"kind":"transfer","from":"alice","to":"bob","amount":5,"currency":"EUR","memo":"rent","value_date":"2024-02-29"}"#;
        let paid = seen_by("alice", -5, transfer);
        assert_eq!((paid.party.account.as_deref(), paid.amount), (Some("bob"), -5));
        assert_eq!((paid.memo.as_deref(), paid.value_date), (Some("rent"), jiff::civil::date(2024, 2, 29)));
        assert_eq!(seen_by("bob", 5, transfer).party.account.as_deref(), Some("alice"));
    }

    #[test]
    fn a_payment_that_waited_for_its_day_is_of_that_day() {
        let body = r#"{"kind":"withdrawal","account":"alice","amount":5,"currency":"EUR","execute_at":"2026-12-01T00:00:00Z"}"#;
        assert_eq!(seen_by("alice", -5, body).value_date.to_string(), "2026-12-01");
    }

    #[test]
    fn a_withdrawal_names_whom_it_went_to_and_has_the_day_of_its_acceptance() {
        let body = r#"{"kind":"withdrawal","account":"alice","amount":5,"currency":"EUR","counterparty":{"name":"Landlord","account":"DE1"}}"#;
        let paid = seen_by("alice", -5, body);
        assert_eq!(
            (paid.party.account.as_deref(), paid.party.name.as_deref()),
            (Some("DE1"), Some("Landlord"))
        );
        assert_eq!(paid.value_date.to_string(), "2026-11-23");
    }

    #[test]
    fn only_two_legs_have_an_other_one() {
        let two = r#"{"kind":"journal","currency":"EUR","legs":[{"account":"a","amount":-5},{"account":"b","amount":5}]}"#;
        assert_eq!(seen_by("a", -5, two).party.account.as_deref(), Some("b"));
        let three = r#"{"kind":"journal","currency":"EUR","legs":[{"account":"a","amount":-5},{"account":"b","amount":4},{"account":"c","amount":1}]}"#;
        assert_eq!(seen_by("a", -5, three).party, Party::default());
    }

    #[test]
    fn a_day_that_no_bank_means_is_passed_over() {
        let account = AccountNumber::parse("a").unwrap();
        for day in ["0000-01-01", "0001-01-01", "1899-12-30", "2568-11-05", "9999-12-31"] {
            let body = format!(
                r#"{{"kind":"deposit","account":"a","amount":5,"currency":"EUR","value_date":"{day}"}}"#
            );
            assert!(movements(&account, &[line(5, &body)], Days::default()).unwrap().is_empty(), "{day}");
        }
    }

    #[test]
    fn days_outside_the_range_do_not_count() {
        let body =
            r#"{"kind":"deposit","account":"a","amount":5,"currency":"EUR","value_date":"2024-02-29"}"#;
        let account = AccountNumber::parse("a").unwrap();
        let of = |from: Option<&str>, to: Option<&str>| {
            let date = |text: &str| text.parse().unwrap();
            let days = Days { from: from.map(date), to: to.map(date) };
            movements(&account, &[line(5, body)], days).unwrap().len()
        };
        assert_eq!(of(Some("2024-02-29"), Some("2024-02-29")), 1);
        assert_eq!((of(Some("2024-03-01"), None), of(None, Some("2024-02-28"))), (0, 0));
    }
}

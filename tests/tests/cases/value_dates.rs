//! Value dates have a plausible range; dates that command are obeyed or refused.

use jiff::{Span, Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use super::bank::{at_the_bank, deposit, fields, with_an_account};
use super::read::dated;

/// Dates that are none of a bank's: of another calendar, or some system's word for "none" or "never".
const IMPLAUSIBLE: [&str; 8] = [
    "2568-11-05",
    "0001-01-01",
    "0000-01-01",
    "9999-12-31",
    "0025-11-05",
    "1000-01-01",
    "2999-12-31",
    "1582-10-15",
];

/// The date so many days from now, in UTC.
pub fn day(from_now: i64) -> String {
    let today = TimeZone::UTC.to_datetime(Timestamp::now()).date();
    today.checked_add(Span::new().days(from_now)).unwrap_or_default().to_string()
}

#[test]
fn a_value_date_that_no_bank_means_is_refused_with_its_field() {
    at_the_bank(async |bank| {
        let (account, other) = (bank.account("EUR").await, bank.account("EUR").await);
        for date in IMPLAUSIBLE {
            let jobs = [
                deposit(&account, 1),
                json!({"kind": "withdrawal", "account": account, "amount": 1, "currency": "EUR"}),
                json!({"kind": "transfer", "from": account, "to": other, "amount": 1, "currency": "EUR"}),
                json!({"kind": "journal", "currency": "EUR",
                       "legs": [{"account": account, "amount": -1}, {"account": other, "amount": 1}]}),
            ];
            for mut job in jobs {
                job["value_date"] = json!(date);
                let answer = bank.job(&job).await;
                assert_eq!(answer.status, 422, "{job}: {answer:?}");
                assert_eq!(fields(&answer), ["value_date"], "{job}: {answer:?}");
            }
        }
        assert_eq!(bank.amounts(&account).await, [0; 0]);
        let statement = bank.statement(&account, "camt.053").await;
        assert!(!statement.contains(">0000-") && !statement.contains(">9999-"), "{statement}");
    });
}

#[test]
fn the_same_is_refused_in_batches_and_in_files_with_its_row() {
    with_an_account(async |bank, account| {
        let lines: String = IMPLAUSIBLE
            .iter()
            .map(|date| {
                let mut job = deposit(&account, 1);
                job["value_date"] = json!(date);
                format!("{job}\n")
            })
            .collect();
        let lines = lines + &format!("{}\n", deposit(&account, 7));
        let batch = bank.batch(&[], &lines).await;
        assert_eq!((batch.accepted, batch.refused), (1, IMPLAUSIBLE.len()), "{batch:?}");
        assert_eq!(bank.amounts(&account).await, [7]);

        let import = bank.import(&lines, "application/x-ndjson", &[]).await;
        assert_eq!(
            (&import["accepted"], &import["refused"]),
            (&json!(1), &json!(IMPLAUSIBLE.len())),
            "{import}"
        );
        let csv = "Date;Amount\n05.11.2568;1,00\n05.11.0025;2,00\n05.11.2025;3,00\n31.12.9999;4,00\n01.01.0001;5,00\n";
        let read = bank.read("EUR", "value_date=Date, amount=Amount", csv).await;
        assert_eq!(read.amounts(), [None, None, Some(300), None, None], "{read}");
    });
}

#[test]
fn value_dates_of_these_years_are_taken() {
    with_an_account(async |bank, account| {
        let plausible = [day(0), day(-1), day(1), day(30), day(-365), day(-5 * 365), "2018-02-09".to_owned()];
        for date in &plausible {
            let mut job = deposit(&account, 1);
            job["value_date"] = json!(date);
            let view: Value = bank.job(&job).await.json().unwrap();
            assert_eq!(view["status"], "posted", "{date}: {view}");
        }
        let found: Vec<_> = bank.entries(&account).await.into_iter().map(|entry| entry.value_date).collect();
        assert_eq!(found, plausible);
    });
}

#[test]
fn a_value_date_that_lies_ahead_moves_the_money_at_once_in_files_too() {
    at_the_bank(async |bank| {
        let (tomorrow, later) = (day(1), day(20));
        let csv = format!("Date,Amount\n{tomorrow},1.00\n{later},2.00\n");
        let read = bank.read("EUR", "value_date=Date, amount=Amount", csv).await;
        assert_eq!(read.dates(), dated([&tomorrow, &later]), "{read}");
    });
}

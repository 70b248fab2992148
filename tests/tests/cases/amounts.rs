//! How amounts are written: dashes, groups, decimals, fees, and how large they may be.

use serde_json::{Value, json};

use super::bank::{assert_one_of, at_a_bank_of_its_own, at_the_bank, deposit, text, trying_all};

const MAP: &str = "value_date=Date, amount=Amount";

fn file(amounts: &[&str]) -> String {
    let rows: String = amounts.iter().map(|amount| format!("2025-11-03;{amount}\n")).collect();
    format!("Date;Amount\n{rows}")
}

#[test]
fn a_dash_for_no_cents_is_no_minus() {
    at_the_bank(async |bank| {
        let norway = text("C5-dash-for-no-cents/input.csv");
        let read = bank.read("NOK", "value_date=Dato, amount=Belop", norway).await;
        for (found, right) in read.amounts().iter().zip([50_000, 125_000]) {
            assert_one_of(found, &[Some(right), None], &read);
        }
        assert_eq!(read.amounts()[2..], [Some(-9_950)], "{read}");

        let swiss = text("C5-dash-for-no-cents/input-ch.csv");
        let read = bank.read("CHF", "value_date=Datum, amount=Betrag", swiss).await;
        for found in &read.amounts()[..2] {
            assert_one_of(found, &[Some(5_000), None], &read);
        }
        assert_eq!(read.amounts()[2..], [Some(-50_000), Some(1_250)], "{read}");
    });
}

#[test]
fn whole_amounts_with_a_dash_keep_their_sign() {
    trying_all(async |bank, faults| {
        for (currency, written, right) in [
            ("CHF", "50.--", 5_000),
            ("CHF", "CHF 1'250.--", 125_000),
            ("CHF", "-50.-", -5_000),
            ("CHF", "-50.--", -5_000),
            ("CHF", "50.\u{2014}", 5_000),
            ("CHF", "Fr. 50.-", 5_000),
            ("SEK", "500:-", 50_000),
            ("EUR", "50,--", 5_000),
            ("EUR", "1.250,-- €", 125_000),
            ("EUR", "-50,-", -5_000),
            ("NOK", "kr 1.250,-", 125_000),
            ("NOK", "1 250,-", 125_000),
            ("NOK", "-500,-", -50_000),
        ] {
            let mark = if written.contains("50.") { "9.25" } else { "9,25" };
            let read = bank.read(currency, MAP, file(&[written, mark])).await;
            let rights = [vec![Some(right), Some(925)], vec![None, Some(925)]];
            faults.one_of(&read.amounts(), &rights, &read);
        }
    });
}

#[test]
fn a_dash_right_behind_the_digits_stays_a_minus() {
    at_the_bank(async |bank| {
        let read = bank.read("EUR", MAP, file(&["500-", "1.250,50-", "7,00"])).await;
        assert_eq!(read.amounts(), [-50_000, -125_050, 700].map(Some), "{read}");
    });
}

#[test]
fn three_decimals_are_no_groups_where_they_cannot_be() {
    at_the_bank(async |bank| {
        let map = "value_date=Datum, amount=Betrag";
        let read = bank.read("KWD", map, text("B7-three-decimals/input.csv")).await;
        assert_eq!(read.amounts(), [12_500, 250, -1_234_500].map(Some), "{read}");
        let read = bank.read("BHD", map, text("B7-three-decimals/input-comma.csv")).await;
        assert_eq!(read.amounts(), [Some(12_500), Some(250)], "{read}");
    });
}

#[test]
fn one_amount_that_proves_the_mark_proves_it_for_the_whole_file() {
    trying_all(async |bank, faults| {
        for (currency, amounts, right) in [
            ("KWD", ["12.500", ".500"], [12_500, 500]),
            ("KWD", ["12.500", "01.250"], [12_500, 1_250]),
            ("OMR", ["1234.567", "12.500"], [1_234_567, 12_500]),
            ("TND", ["12,500", "1.234,500"], [12_500, 1_234_500]),
            ("JOD", ["1,250.500", "12.500"], [1_250_500, 12_500]),
            ("BHD", ["12,500", "-0,250"], [12_500, -250]),
            ("KWD", ["12.500", "(0.250)"], [12_500, -250]),
            ("KWD", ["12.500", "12,345,678.250"], [12_500, 12_345_678_250]),
        ] {
            let read = bank.read(currency, MAP, file(&amounts)).await;
            faults.one_of(&read.amounts(), &[right.map(Some).to_vec()], &read);
            let reversed = [amounts[1], amounts[0]];
            let read = bank.read(currency, MAP, file(&reversed)).await;
            faults.one_of(&read.amounts(), &[[right[1], right[0]].map(Some).to_vec()], &read);
        }
        // The same proof where the currency has fewer digits: then three are too many, and no thousand.
        let read = bank.read("EUR", MAP, file(&["1234.567", "12.500", "7.25"])).await;
        assert_eq!(read.amounts(), [None, None, Some(725)], "{read}");
    });
}

#[test]
fn a_mark_with_two_readings_is_asked_about_and_the_answer_decides() {
    at_the_bank(async |bank| {
        let open = file(&["12.500", "1.250"]);
        let read = bank.read("KWD", MAP, &open).await;
        assert_eq!(read.amounts(), [None, None], "{read}");
        assert!(read.reason(2).contains("decimal="), "{read}");
        let read = bank.read("KWD", &format!("{MAP}, decimal=point"), &open).await;
        assert_eq!(read.amounts(), [Some(12_500), Some(1_250)], "{read}");
        let read = bank.read("KWD", &format!("{MAP}, decimal=comma"), &open).await;
        assert_eq!(read.amounts(), [Some(12_500_000), Some(1_250_000)], "{read}");
        // Proofs that contradict each other are none.
        let read = bank.read("KWD", MAP, file(&["0.250", "0,250", "12.500"])).await;
        assert_eq!(read.amounts()[2], None, "{read}");
    });
}

#[test]
fn digits_that_a_currency_lacks_are_refused() {
    at_the_bank(async |bank| {
        let read = bank.read("JPY", MAP, file(&["1,250", "1250", "12.50", "-7"])).await;
        assert_eq!(read.amounts(), [Some(1_250), Some(1_250), None, Some(-7)], "{read}");
        let read = bank.read("EUR", MAP, file(&["1.250,00", "1,005", "2,5"])).await;
        assert_eq!(read.amounts(), [Some(125_000), None, Some(250)], "{read}");
    });
}

#[test]
fn a_fee_column_is_added_to_what_goes_out() {
    at_the_bank(async |bank| {
        let map = "value_date=Date, amount.out=Amount+Fee, amount.in=In";
        let csv = "Date;Amount;Fee;In\n2025-11-03;100.00;1.50;\n2025-11-04;20.00;;\n2025-11-05;5.00;0.00;\n\
                   2025-11-06;;0.75;\n2025-11-07;;;30.00\n";
        let read = bank.read("EUR", map, csv).await;
        assert_eq!(read.amounts(), [-10_150, -2_000, -500, -75, 3_000].map(Some), "{read}");
        let kuwait = "Date;Amount;Fee;In\n2025-11-03;1234.500;0.250;\n2025-11-04;12.500;1.125;\n";
        let read = bank.read("KWD", map, kuwait).await;
        assert_eq!(read.amounts(), [Some(-1_234_750), Some(-13_625)], "{read}");
    });
}

#[test]
fn a_fee_that_cannot_be_added_refuses_its_row() {
    at_the_bank(async |bank| {
        let map = "value_date=Date, amount.out=Amount+Fee, amount.in=In";
        let csv = "Date;Amount;Fee;In\n2025-11-03;100.00;free;\n2025-11-04;20.00;USD 1.00;\n2025-11-05;;1.00;30.00\n\
                   2025-11-06;7.00;0.25;\n";
        let read = bank.read("EUR", map, csv).await;
        assert_eq!(read.amounts(), [None, None, None, Some(-725)], "{read}");
        // A fee that comes back is deducted, or asked about; it is never charged.
        let back = "Date;Amount;Fee;In\n2025-11-03;100.00;1.00;\n2025-11-04;20.00;-1.00;\n";
        let read = bank.read("EUR", map, back).await;
        let right = [vec![Some(-10_100), Some(-1_900)], vec![Some(-10_100), None]];
        assert_one_of(&read.amounts(), &right, &read);
    });
}

/// What a reader whose numbers are floats takes for what was written: exact up to 2^53.
fn exact(amount: &Value) -> Option<i64> {
    const FLOAT_MAX: u64 = 1 << 53;
    match amount {
        Value::String(digits) => digits.parse().ok(),
        number => number.as_i64().filter(|number| number.unsigned_abs() < FLOAT_MAX),
    }
}

#[test]
fn amounts_and_balances_are_exact_for_every_reader() {
    // Such sums fill the outside account of a lane, and the withdrawals of other cases would find no room there.
    at_a_bank_of_its_own(async |bank| {
        let account = bank.account("EUR").await;
        for amount in [9_007_199_254_740_993, 9_007_199_254_740_000, 9_007_199_254_740_000, i64::MAX - 1] {
            bank.job(&deposit(&account, amount)).await;
            let view = bank.client.account(&account).await.unwrap();
            assert!(exact(&view["balance"]).is_some(), "{amount}: {view}");
        }
        let path = format!("/api/accounts/{account}/entries");
        let page: Value = bank.client.get(&path).await.unwrap().json().unwrap();
        for entry in page["entries"].as_array().unwrap() {
            assert!(exact(&entry["amount"]).is_some() && exact(&entry["balance_after"]).is_some(), "{entry}");
        }
        // Below zero as well.
        let limit = json!({"kind": "set_overdraft_limit", "account": account, "overdraft_limit": 9_007_199_254_740_000_i64});
        bank.job(&limit).await;
        for _ in 0..3 {
            let job = json!({"kind": "withdrawal", "account": account, "amount": 9_007_199_254_739_999_i64, "currency": "EUR"});
            bank.job(&job).await;
            let view = bank.client.account(&account).await.unwrap();
            assert!(exact(&view["balance"]).is_some(), "{view}");
        }
    });
}

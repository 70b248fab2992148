//! Symbols and codes of currencies are read or refused, and never stripped into another amount or another currency.

use super::bank::{at_the_bank, text, trying_all, with_an_account};

const MAP: &str = "value_date=Date, amount=Amount";

/// Amounts whose groups and decimals are written in the English way.
fn file(amounts: &[&str]) -> String {
    let rows: String = amounts.iter().map(|amount| format!("2025-11-03;{amount}\n")).collect();
    format!("Date;Amount\n{rows}")
}

#[test]
fn a_currencys_abbreviation_may_end_in_a_point() {
    trying_all(async |bank, faults| {
        for (folder, currency, right) in
            [("input.csv", "INR", [5_000, 125_000, -2_075]), ("input-ch.csv", "CHF", [5_000, -500, 1_250])]
        {
            let read = bank.read(currency, MAP, text(&format!("C6-symbol-with-a-point/{folder}"))).await;
            for (found, right) in read.amounts().into_iter().zip(right) {
                faults.one_of(&found, &[Some(right), None], &read);
            }
            faults.one_of(&read.amounts().len(), &[3], &read);
        }
    });
}

#[test]
fn what_is_cut_off_around_a_number_leaves_nothing_of_itself_behind() {
    trying_all(async |bank, faults| {
        for (currency, written, right) in [
            ("NOK", "kr.50", 5_000),
            ("NOK", "kr. 50", 5_000),
            ("NOK", "50 kr.", 5_000),
            ("NOK", "-kr.5", -500),
            ("NOK", "kr.-5", -500),
            ("INR", "Rs.50.25", 5_025),
            ("INR", "Rs. 1,250", 125_000),
            ("INR", "(Rs.50)", -5_000),
            ("INR", "Rs.5-", -500),
            ("CHF", "Fr. 1'250.50", 125_050),
            ("CHF", "50 Fr.", 5_000),
            ("CHF", "SFr.50", 5_000),
            ("PEN", "S/.50", 5_000),
            ("DKK", "Kr.7", 700),
        ] {
            let read = bank.read(currency, MAP, file(&[written, "12.50"])).await;
            let rights = [vec![Some(right), Some(1_250)], vec![None, Some(1_250)]];
            faults.one_of(&read.amounts(), &rights, &read);
        }
    });
}

#[test]
fn the_symbol_of_another_currency_is_refused() {
    at_the_bank(async |bank| {
        let read = bank.read("EUR", MAP, text("X1-symbol-of-another-currency/input.csv")).await;
        assert_eq!(read.amounts(), [Some(1_250), None, None, None, None], "{read}");
    });
}

#[test]
fn a_symbol_or_a_code_that_names_another_currency_is_never_passed_over() {
    trying_all(async |bank, faults| {
        for (currency, written) in [
            ("EUR", "kr 9.50"),
            ("EUR", "R$1.50"),
            ("EUR", "Rs.50"),
            ("EUR", "Fr. 5.00"),
            ("EUR", "\u{20ba}5.00"),
            ("EUR", "5.00 GBP"),
            ("EUR", "5.00 usd"),
            ("EUR", "z\u{142} 5.00"),
            ("EUR", "5.00 Lei"),
            ("EUR", "CHF5.00"),
            ("EUR", "\u{20bf}1.00"),
            ("EUR", "5.00 abc"),
            ("USD", "\u{a5}500"),
            ("USD", "\u{20ac}5.00"),
            ("USD", "HK$5.00"),
            ("USD", "C$5.00"),
            ("USD", "CA$5.00"),
            ("USD", "A$5.00"),
            ("USD", "R$1.50"),
            ("USD", "Rs.50"),
            ("CAD", "US$5.00"),
            ("GBP", "$5.00"),
            ("NOK", "\u{20ac}5.00"),
            ("BRL", "US$5.00"),
        ] {
            let read = bank.read(currency, MAP, file(&["7.25", written, "-1.00"])).await;
            let right = vec![Some(725), None, Some(-100)];
            faults.one_of(&read.amounts(), &[right], &read);
        }
    });
}

#[test]
fn a_symbol_that_several_currencies_share_allows_each_of_those() {
    trying_all(async |bank, faults| {
        for (currency, written, right) in [
            ("USD", "$12.50", 1_250),
            ("USD", "US$7.25", 725),
            ("USD", "-$12.50", -1_250),
            ("USD", "$-12.50", -1_250),
            ("USD", "($1,250.00)", -125_000),
            ("USD", "USD 7.25", 725),
            ("CAD", "$5.00", 500),
            ("CAD", "C$5.00", 500),
            ("AUD", "A$5.00", 500),
            ("HKD", "HK$5.00", 500),
            ("BRL", "R$1.50", 150),
            ("CNY", "\u{a5}500", 50_000),
            ("JPY", "\u{a5}500", 500),
            ("NOK", "kr 9.50", 950),
            ("SEK", "9.50 kr", 950),
            ("GBP", "\u{a3}5.00", 500),
            ("INR", "\u{20b9}50", 5_000),
            ("EUR", "\u{20ac}12.50", 1_250),
            ("EUR", "12.50\u{20ac}", 1_250),
            ("EUR", "12.50 EUR", 1_250),
            ("EUR", "EUR12.50", 1_250),
            ("EUR", "\u{20ac}\u{a0}-12.50", -1_250),
            ("PLN", "12.50 z\u{142}", 1_250),
            ("CZK", "12.50 K\u{10d}", 1_250),
            ("CHF", "CHF 12.50", 1_250),
        ] {
            let read = bank.read(currency, MAP, file(&[written])).await;
            // Not every sign has to be known; what is not is refused.
            let known = !["PLN", "CZK"].contains(&currency);
            let rights = [vec![Some(right)], vec![None]];
            let right = if known { &rights[..1] } else { &rights[..] };
            faults.one_of(&read.amounts(), right, &read);
        }
    });
}

#[test]
fn a_symbol_that_contradicts_the_rows_own_currency_is_refused() {
    with_an_account(async |bank, account| {
        let map = format!("account='{account}', currency=Cur, value_date=Date, amount=Amount");
        let csv = "Date;Cur;Amount\n2025-11-03;EUR;\u{20ac}5.00\n2025-11-04;EUR;$5.00\n2025-11-05;EUR;7.00\n";
        let import = bank.csv(csv, &map).await;
        assert_eq!(bank.amounts(&account).await, [500, 700], "{import}");
        assert_eq!(import["refused"], 1, "{import}");
    });
}

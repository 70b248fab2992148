//! Every piece of advice that an error gives, followed to the letter, works.

use super::bank::{Bank, assert_one_of, at_the_bank, text, with_an_account};
use super::read::dated;

const MAP: &str = "value_date=Date, amount=Amount";

/// The settings that a reason names, such as `date=DD/MM/YY`, each once, to the letter.
fn advised(reason: &str, setting: &str) -> Vec<String> {
    let start = format!("{setting}=");
    let mut found: Vec<String> = Vec::new();
    for (at, _) in reason.match_indices(&start) {
        let value = value(&reason[at + start.len()..], setting);
        if !value.is_empty() && !found.contains(&value) {
            found.push(value);
        }
    }
    found
}

/// A value at the start of the rest of a sentence: in quotes, or up to where the sentence goes on.
fn value(rest: &str, setting: &str) -> String {
    if let Some(quote) = rest.chars().next().filter(|first| "'\"".contains(*first)) {
        let end = rest[1..].find(quote).map_or(rest.len(), |end| end + 2);
        return rest[..end].to_owned();
    }
    // Only the forms of dates have blanks in them.
    let ends = if setting == "date" { ",;\"'`()" } else { ",;\"'`() " };
    let end = rest.find(|letter| ends.contains(letter)).unwrap_or(rest.len());
    let value = [" or ", " and "]
        .iter()
        .fold(&rest[..end], |value, word| value.split(word).next().unwrap_or_default());
    let is_word = |word: &&str| setting == "date" && !word.contains('%') && word.contains(char::is_lowercase);
    // A word of the sentence that goes on is none of the form.
    value.split(' ').take_while(|word| !is_word(word)).collect::<Vec<_>>().join(" ").trim().to_owned()
}

/// Imports once, follows each advice of `setting` that the first row gets, and returns what each read.
async fn followed(
    bank: &Bank,
    currency: &str,
    file: &str,
    setting: &str,
) -> Vec<(String, Vec<Option<(i64, String)>>)> {
    let read = bank.read(currency, MAP, file).await;
    assert_eq!(read.amounts()[0], None, "{read}");
    let advised = advised(&read.reason(2), setting);
    assert!(!advised.is_empty(), "no {setting}= is advised: {read}");
    let mut all = Vec::new();
    for value in advised {
        let read = bank.read(currency, &format!("{MAP}, {setting}={value}"), file).await;
        let rows = read.amounts().into_iter().zip(read.dates());
        let rows: Vec<_> = rows.map(|(amount, date)| Some((amount?, date?))).collect();
        assert!(rows.iter().all(Option::is_some), "{setting}={value}, as advised, refuses: {read}");
        all.push((value, rows));
    }
    all
}

#[test]
fn the_form_that_is_advised_fits_the_cell() {
    at_the_bank(async |bank| {
        let csv = text("X7-advice-that-does-not-fit/input.csv");
        let followed = followed(bank, "EUR", &csv, "date").await;
        for (form, rows) in followed {
            let dates: Vec<_> = rows.into_iter().map(|row| row.map(|(_, date)| date)).collect();
            let year_first = dated(["2001-04-20", "2002-04-20"]);
            let right =
                [dated(["2020-04-01", "2020-04-02"]), dated(["2020-01-04", "2020-02-04"]), year_first];
            assert_one_of(&dates, &right, form);
        }
    });
}

#[test]
fn the_forms_of_the_case_are_taken_as_stated() {
    at_the_bank(async |bank| {
        let csv = text("X7-advice-that-does-not-fit/input.csv");
        for (form, right) in
            [("DD/MM/YY", ["2020-04-01", "2020-04-02"]), ("MM/DD/YY", ["2020-01-04", "2020-02-04"])]
        {
            let read = bank.read("EUR", &format!("{MAP}, date={form}"), &csv).await;
            assert_eq!(read.dates(), dated(right), "{read}");
        }
    });
}

#[test]
fn every_advised_form_reads_the_cells_it_is_advised_for() {
    at_the_bank(async |bank| {
        for dates in [
            ["02/03/2025", "04/05/2025"],
            ["02-03-2025", "04-05-2025"],
            ["02.03.25", "04.05.25"],
            ["02-03-04", "05-06-07"],
            ["2/3/25", "4/5/25"],
            ["02 03 04", "05 06 07"],
            ["02/03/04", "05/06/07"],
            ["25-11-05", "25-11-04"],
            ["25 10 31", "25 10 30"],
            ["2019.04.19.", "2019.04.18."],
            ["19. April 2019", "18. April 2019"],
            ["11-30-2025", "11-05-2025"],
            ["11.30.2025", "11.05.2025"],
            ["19APR2019", "18APR2019"],
            ["19/Apr/19", "18/Apr/19"],
            ["2019\u{5e74}4\u{6708}19\u{65e5}", "2019\u{5e74}4\u{6708}18\u{65e5}"],
        ] {
            let file = format!("Date,Amount\n{},1.00\n{},2.00\n", dates[0], dates[1]);
            let read = bank.read("EUR", MAP, &file).await;
            // What is read is no question.
            if read.amounts()[0].is_none() {
                followed(bank, "EUR", &file, "date").await;
            }
        }
    });
}

#[test]
fn both_marks_that_are_advised_read_the_amount() {
    at_the_bank(async |bank| {
        for amounts in [["12.500", "1.250"], ["12,500", "1,250"]] {
            let file = format!("Date;Amount\n2025-11-03;{}\n2025-11-04;{}\n", amounts[0], amounts[1]);
            let followed = followed(bank, "KWD", &file, "decimal").await;
            assert_eq!(followed.len(), 2, "both are named: {followed:?}");
        }
    });
}

#[test]
fn a_charset_that_is_advised_garbles_nothing() {
    at_the_bank(async |bank| {
        let file = super::bank::input("C11-one-foreign-byte/input.csv");
        let map = "value_date=Datum, memo=Text, amount=Betrag";
        let read = bank.read("EUR", map, &file).await;
        let reasons = read.import.to_string();
        for charset in advised(&reasons.replace(['.', '\\'], ","), "charset") {
            let read = bank.read("EUR", &format!("{map}, charset={charset}"), &file).await;
            let garbled = read.entries.iter().any(|entry| entry.memo.contains('Ã'));
            assert!(!garbled, "charset={charset}, as advised: {read:?}");
        }
    });
}

#[test]
fn a_row_that_is_corrected_as_its_reason_says_is_taken() {
    with_an_account(async |bank, account| {
        let map = format!("account='{account}', currency='EUR', {MAP}");
        let import = bank
            .csv("Date,Amount\n2025-11-03,1.00\n2025-11-04,abc\n2025-11-05,\n2025-13-05,4.00\n", &map)
            .await;
        assert_eq!(import["posted"], 1, "{import}");
        let refused = bank.refused(&import).await;
        let corrected = refused
            .replace("abc", "2.00")
            .replace("2025-11-05,", "2025-11-05,3.00")
            .replace("2025-13-05", "2025-12-05");
        let again = bank.csv(corrected, &map).await;
        assert_eq!(bank.amounts(&account).await, [100, 200, 300, 400], "{again} {refused}");
    });
}

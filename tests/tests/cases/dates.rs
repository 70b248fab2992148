//! Every order that a file can mean is tried; what stays ambiguous is asked about; the order of rows never decides.

use super::bank::{Bank, assert_one_of, at_the_bank, text, trying_all};
use super::read::{Read, dated};

const MAP: &str = "value_date=Date, amount=Amount";

fn file(dates: &[&str]) -> String {
    let rows: String = dates.iter().map(|date| format!("\"{date}\",1.00\n")).collect();
    format!("Date,Amount\n{rows}")
}

async fn dates(bank: &Bank, dates: &[&str]) -> Read {
    bank.read("EUR", MAP, file(dates)).await
}

/// The row was refused, both readings are named, and so is the setting that decides.
#[track_caller]
fn assert_asks(read: &Read, line: usize, readings: [&str; 2]) {
    let reason = read.reason(line);
    for part in readings.into_iter().chain(["date="]) {
        assert!(reason.contains(part), "line {line} does not name {part}: {read}");
    }
}

#[test]
fn two_digits_for_the_year_may_stand_first() {
    at_the_bank(async |bank| {
        let input = text("C7-two-digit-year-first/input.csv");
        for csv in [input.clone(), input.replace('-', "/")] {
            let read = bank.read("EUR", MAP, csv).await;
            let right = [dated(["2025-10-31", "2025-11-01", "2025-11-05"]), vec![None, None, None]];
            assert_one_of(&read.dates(), &right, &read);
            if read.dates()[2].is_none() {
                assert_asks(&read, 4, ["2025-11-05", "2005-11-25"]);
            }
        }
    });
}

#[test]
fn a_year_of_two_digits_is_never_another_year_without_a_word() {
    trying_all(async |bank, faults| {
        let cases: [(&[&str], &[&str]); 8] = [
            (&["25-11-05", "25-11-01", "25-10-31"], &["2025-11-05", "2025-11-01", "2025-10-31"]),
            (&["25.10.31", "25.11.05"], &["2025-10-31", "2025-11-05"]),
            (&["25/11/30", "25/12/01"], &["2025-11-30", "2025-12-01"]),
            (&["25 10 31", "25 11 05"], &["2025-10-31", "2025-11-05"]),
            (&["31.10.25", "05.11.25"], &["2025-10-31", "2025-11-05"]),
            (&["31/10/25", "05/11/25"], &["2025-10-31", "2025-11-05"]),
            (&["10/31/25", "11/05/25"], &["2025-10-31", "2025-11-05"]),
            (&["24-02-29", "24-03-01"], &["2024-02-29", "2024-03-01"]),
        ];
        for (written, right) in cases {
            let read = dates(bank, written).await;
            faults.one_of(&read.dates().len(), &[right.len()], &read);
            for (found, right) in read.dates().into_iter().zip(right) {
                faults.one_of(&found, &[Some((*right).to_owned()), None], &read);
            }
        }
        // Day, month and year have these forms in whole countries.
        for written in [["31.10.25", "05.11.25"], ["31/10/25", "05/11/25"], ["10/31/25", "11/05/25"]] {
            let read = dates(bank, &written).await;
            faults.one_of(&read.dates(), &[dated(["2025-10-31", "2025-11-05"])], &read);
        }
    });
}

#[test]
fn a_date_that_stays_ambiguous_over_the_whole_file_is_asked_about() {
    trying_all(async |bank, faults| {
        for (written, readings) in [
            (["02/03/2025", "04/05/2025"], ["2025-03-02", "2025-02-03"]),
            (["02-03-2025", "04-05-2025"], ["2025-03-02", "2025-02-03"]),
            (["2/3/2025", "4/5/2025"], ["2025-03-02", "2025-02-03"]),
            (["01/04/20", "02/04/20"], ["2020-04-01", "2020-01-04"]),
        ] {
            let read = dates(bank, &written).await;
            faults.one_of(&read.dates(), &[vec![None, None]], &read);
            assert_asks(&read, 2, readings);
        }
    });
}

#[test]
fn the_month_may_stand_first_with_dashes() {
    at_the_bank(async |bank| {
        let read = bank.read("USD", MAP, text("X4-month-first-with-dashes/input.csv")).await;
        let right = [dated(["2025-11-05", "2025-11-30"]), vec![None, None]];
        assert_one_of(&read.dates(), &right, &read);
        if read.dates()[0].is_none() {
            assert!(read.reason(2).contains("date="), "{read}");
        }
    });
}

#[test]
fn one_row_that_has_one_reading_decides_for_its_file() {
    trying_all(async |bank, faults| {
        for (written, right) in [
            (["11-30-2025", "11-05-2025"], ["2025-11-30", "2025-11-05"]),
            (["30-11-2025", "05-11-2025"], ["2025-11-30", "2025-11-05"]),
            (["05-11-2025", "30-11-2025"], ["2025-11-05", "2025-11-30"]),
            (["11/30/2025", "11/05/2025"], ["2025-11-30", "2025-11-05"]),
            (["05/11/2025", "30/11/2025"], ["2025-11-05", "2025-11-30"]),
            (["11.30.2025", "11.05.2025"], ["2025-11-30", "2025-11-05"]),
            (["11 30 2025", "11 05 2025"], ["2025-11-30", "2025-11-05"]),
        ] {
            let read = dates(bank, &written).await;
            let usual = !written[0].contains(['.', ' ']) && !written[1].contains(['.', ' ']);
            let rights = [dated(right), vec![None, None]];
            let right = if usual { &rights[..1] } else { &rights[..] };
            faults.one_of(&read.dates(), right, &read);
        }
    });
}

#[test]
fn rows_that_contradict_each_other_prove_nothing() {
    at_the_bank(async |bank| {
        for input in ["input.csv", "input-swapped.csv"] {
            let read = bank.read("EUR", MAP, text(&format!("X5-dates-that-contradict/{input}"))).await;
            assert_eq!(read.dates()[2], None, "{read}");
            assert_asks(&read, 4, ["2025-03-02", "2025-02-03"]);
        }
    });
}

#[test]
fn the_order_of_contradicting_rows_decides_nothing() {
    /// A row, and what it may become: it has one reading or is refused.
    const ROWS: [(&str, Option<&str>); 3] =
        [("13/01/2025", Some("2025-01-13")), ("01/14/2025", Some("2025-01-14")), ("02/03/2025", None)];
    at_the_bank(async |bank| {
        let mut seen = Vec::new();
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let read = dates(bank, &order.map(|row| ROWS[row].0)).await;
            let mut found = vec![None; ROWS.len()];
            for (row, date) in order.into_iter().zip(read.dates()) {
                let right = [None, ROWS[row].1.map(str::to_owned)];
                assert_one_of(&date, &right, &read);
                found[row] = date;
            }
            seen.push(found);
        }
        assert!(seen.iter().all(|found| *found == seen[0]), "{seen:?}");
    });
}

#[test]
fn many_rows_of_one_form_do_not_outvote_a_contradiction() {
    at_the_bank(async |bank| {
        let written = ["13/01/2025", "14/01/2025", "15/01/2025", "02/03/2025", "01/16/2025"];
        let read = dates(bank, &written).await;
        assert_eq!(read.dates()[3], None, "{read}");
        assert_asks(&read, 5, ["2025-03-02", "2025-02-03"]);
    });
}

#[test]
fn a_row_that_fits_no_form_says_that_the_true_form_may_be_missing() {
    at_the_bank(async |bank| {
        // No date at all is a fault of its row; the others prove each other.
        let read = dates(bank, &["31.10.2025", "pending", "05.11.2025"]).await;
        assert_eq!(
            read.dates(),
            [Some("2025-10-31".to_owned()), None, Some("2025-11-05".to_owned())],
            "{read}"
        );
        let read = dates(bank, &["31.02.2025", "05.11.2025", "30.11.2025"]).await;
        assert_eq!(
            read.dates(),
            [None, Some("2025-11-05".to_owned()), Some("2025-11-30".to_owned())],
            "{read}"
        );
    });
}

#[test]
fn a_stated_form_decides_over_everything_that_is_found() {
    at_the_bank(async |bank| {
        for (form, right) in [("DD/MM/YYYY", "2025-03-02"), ("MM/DD/YYYY", "2025-02-03")] {
            let read = bank.read("EUR", &format!("{MAP}, date={form}"), file(&["02/03/2025"])).await;
            assert_eq!(read.dates(), dated([right]), "{read}");
        }
        for (form, right) in [("YY-MM-DD", "2025-11-05"), ("DD-MM-YY", "2005-11-25")] {
            let read = bank.read("EUR", &format!("{MAP}, date={form}"), file(&["25-11-05"])).await;
            let right = dated([right]);
            assert_one_of(&read.dates(), &[right, vec![None]], &read);
        }
    });
}

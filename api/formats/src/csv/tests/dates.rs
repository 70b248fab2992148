//! Dates of whole files, and the advice that is given about them.

use std::io::Cursor;

use crate::tests::read_with;
use crate::{Format, Options, Row};

/// Value date or reason of each row, as of a fixed day.
fn read(file: &str, map: &str) -> Vec<Result<String, String>> {
    let options = Options { now: Some("2026-11-29T12:00:00Z".parse().unwrap()), ..Options::default() };
    let (rows, _) = read_with(Cursor::new(file.to_owned()), Format::Csv, map, &options).unwrap();
    let date = |row: Row| match row.content {
        Ok(body) => {
            let body: serde_json::Value = serde_json::from_str(body.get()).unwrap();
            Ok(body["value_date"].as_str().unwrap_or_default().to_owned())
        }
        Err(error) => {
            assert_eq!(error.field.as_deref(), Some("value_date"), "{error}");
            Err(error.reason)
        }
    };
    rows.into_iter().map(date).collect()
}

fn file(dates: &[&str]) -> String {
    dates.iter().fold("Date;Amount\n".to_owned(), |file, date| file + date + ";10,00\n")
}

const MAP: &str = "account='a', currency='EUR', value_date=Date, amount=Amount";

#[test]
fn rows_that_are_no_jobs_prove_nothing() {
    let dates = ["01/02/2026", "Total 31/02", "14/13/2026", "25/12/2025"];
    let sure = [Ok("2026-02-01".to_owned()), Ok("2025-12-25".to_owned())];
    assert_eq!(read(&file(&dates), &format!("{MAP}, ignore=Date:Total*|14/13/2026")), sure);
    let stopped = ["25/12/2025", "01/02/2026", "Ende", "01/14/2026"];
    let sure = [Ok("2025-12-25".to_owned()), Ok("2026-02-01".to_owned())];
    assert_eq!(read(&file(&stopped), &format!("{MAP}, stop=Ende")), sure);
}

#[test]
fn a_date_of_two_columns_is_evidence_like_any_other() {
    let file = "Valuta;Date;Amount\n;02/03/2026;1,00\n25/02/2026;01/03/2026;2,00\n";
    let map = "account='a', currency='EUR', value_date=Valuta|Date, amount=Amount";
    assert_eq!(read(file, map), [Ok("2026-03-02".to_owned()), Ok("2026-02-25".to_owned())]);
}

#[test]
fn evidence_is_looked_for_in_the_whole_file() {
    let mut dates = vec!["02/03/2025"; 30_000];
    dates.push("25/03/2025");
    assert_eq!(read(&file(&dates), MAP)[0], Ok("2025-03-02".to_owned()));
}

#[test]
fn dashes_in_a_file_of_dollars_are_not_european() {
    let dates = file(&["03-01-2026", "04-01-2026"]);
    assert!(read(&dates, MAP).iter().all(Result::is_ok));
    assert!(read(&dates, &MAP.replace("EUR", "USD")).iter().all(Result::is_err));
    // Refused rows that come again have lost what their neighbours proved.
    let rest = dates.replace("Amount\n", "Amount;refused_because\n").replace("10,00\n", "10,00;why\n");
    assert!(read(&rest, MAP).iter().all(Result::is_err));
}

/// Every form that is advised is stated, and reads the row that it was advised for.
#[test]
fn advice_about_a_date_works_to_the_letter() {
    for (dates, stated) in [
        (["01/04/20", "02/04/20"], ""),
        (["01/04/20", "02/04/20"], "DD/MM/YYYY"),
        (["02-03-2025", "03-04-2025"], ""),
        (["2019.04.19.", "2019.04.18."], "DD.MM.YYYY"),
        (["25 10 31", "25 10 30"], "DD.MM.YYYY"),
        (["11-30-2025", "11-05-2025"], "DD.MM.YYYY"),
        (["13/01/2025", "01/14/2025"], "YYYY-MM-DD"),
        (["2025-31-01", "2025-03-04"], ""),
        (["Apr 19, 2019", "Apr 20, 2019"], "DD.MM.YYYY"),
        (["19. April 2019", "20. April 2019"], "DD.MM.YYYY"),
        (["25.10.31", "25.11.01"], ""),
        (["2019年4月19日", "2019年4月20日"], "YY/MM/DD"),
    ] {
        let map = if stated.is_empty() { MAP.to_owned() } else { format!("{MAP}, date={stated}") };
        // A cell with a comma is quoted.
        let quoted = dates.map(|date| format!("\"{date}\""));
        let file = file(&quoted.each_ref().map(String::as_str));
        let mut advised = 0;
        for (row, told) in read(&file, &map).into_iter().enumerate() {
            let Err(told) = told else { continue };
            let own = format!("which date={stated} does not");
            let told = told.replace(&own, "");
            for form in told.split("date=").skip(1).filter(|form| form.starts_with(char::is_alphabetic)) {
                let end = form.find([')', ';', ',']).unwrap_or(form.len());
                let form = form[..end].split(" or ").next().unwrap().trim_end_matches(" does");
                let read = read(&file, &format!("{MAP}, date={form}"));
                assert!(read[row].is_ok(), "{told}: {form}: {read:?}");
                advised += 1;
            }
        }
        assert!(advised > 0, "{dates:?}");
    }
    // Where no form can be named, the cell that is shown is read, and so is the form.
    let told = read(&file(&["offen"]), MAP).remove(0).unwrap_err();
    assert!(
        told.contains("2026-01-31 is read without a setting") && told.contains("date=DD.MM.YYYY"),
        "{told}"
    );
    assert!(read(&file(&["2026-01-31"]), MAP)[0].is_ok());
    assert!(read(&file(&["31.01.2026"]), &format!("{MAP}, date=DD.MM.YYYY"))[0].is_ok());
}

#[test]
fn a_date_that_no_bank_means_is_a_fault_of_its_row() {
    let read = read(&file(&["05.11.2568", "05.11.0025", "31.12.9999", "04.11.2025"]), MAP);
    assert_eq!(read[3], Ok("2025-11-04".to_owned()));
    for (row, day) in [(0, "2568-11-05"), (1, "0025-11-05"), (2, "9999-12-31")] {
        let told = read[row].as_ref().unwrap_err();
        assert!(told.starts_with("value_date is ") && told.contains(day), "{told}");
    }
}

#[test]
fn a_stated_form_reads_no_text_with_two_dates() {
    let stated = format!("{MAP}, date=DD.MM.YYYY");
    let dates = ["03.11.2025 - 05.12.2025", "03.11.2025 05.12.2025", "03.11.2025, 7", "03.11.2025 25:00"];
    for found in read(&file(&dates), &stated) {
        let told = found.unwrap_err();
        assert!(told.contains("date=DD.MM.YYYY does not read"), "{told}");
    }
    let dates =
        ["03.11.2025", "03.11.2025.", "03.11.2025 10:15:00", "03.11.2025T10:15+01:00", "03.11.2025, gebucht"];
    assert_eq!(read(&file(&dates), &stated), vec![Ok("2025-11-03".to_owned()); 5]);
    let dates = ["20251103", "20251103101500", "20251103 1015"];
    assert_eq!(read(&file(&dates), &format!("{MAP}, date=YYYYMMDD")), vec![Ok("2025-11-03".to_owned()); 3]);
}

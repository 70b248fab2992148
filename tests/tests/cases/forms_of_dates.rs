//! The usual forms of dates, of many countries.

use super::bank::{at_the_bank, text, trying_all};
use super::read::dated;

const MAP: &str = "value_date=Date, amount=Amount";

fn file(dates: [&str; 2]) -> String {
    format!("Date;Amount\n\"{}\";1\n\"{}\";1\n", dates[0], dates[1])
}

#[test]
fn dates_may_have_a_point_at_their_end() {
    at_the_bank(async |bank| {
        let map = "value_date=Dátum, amount=Összeg, direction=Irány, in_words=bevétel, out_words=kiadás, memo=Partner";
        let read = bank.read("HUF", map, text("C14-dates-with-a-point-at-the-end/input.csv")).await;
        assert_eq!(read.amounts(), [Some(-35_000), Some(129_000)], "{read}");
        assert_eq!(read.dates(), dated(["2019-04-19", "2019-04-18"]), "{read}");
    });
}

#[test]
fn a_day_a_months_name_and_a_short_year_are_a_date() {
    at_the_bank(async |bank| {
        let map = "header=false, sign=positive_out, value_date=#1, amount=#5, memo=#2";
        let read = bank.read("GBP", map, text("C16-day-month-name-short-year/input.csv")).await;
        let right = [(-2_059, "2018-02-10"), (-310, "2018-02-09")];
        let right: Vec<_> = right.iter().map(|(amount, date)| Some((*amount, (*date).to_owned()))).collect();
        assert_eq!(read.rows_without_header(), right, "{read}");
    });
}

#[test]
fn the_usual_forms_of_dates_are_read() {
    trying_all(async |bank, faults| {
        for written in [
            ["2019-04-19", "2019-04-18"],
            ["2019. 04. 19.", "2019. 04. 18."],
            ["2019. 4. 19.", "2019. 4. 18."],
            ["2019.04.19", "2019.04.18"],
            ["19. 4. 2019", "18. 4. 2019"],
            ["19.4.2019", "18.4.2019"],
            ["19.04.2019", "18.04.2019"],
            ["19/Apr/2019", "18/Apr/2019"],
            ["19-Apr-2019", "18-APR-2019"],
            ["19 Apr 19", "18 Apr 19"],
            ["19-Apr-19", "18-Apr-19"],
            ["19 April 2019", "18 April 2019"],
            ["Apr 19 2019", "Apr 18 2019"],
            ["Apr 19, 2019", "Apr 18, 2019"],
            ["2019年04月19日", "2019年04月18日"],
            ["2019年4月19日", "2019年4月18日"],
            ["20190419120000", "20190418235959"],
            ["20190419", "20190418"],
            ["2019/04/19", "2019/4/18"],
            ["2019-04-19 12:00:00", "2019-04-18 23:59"],
            ["19.04.2019 12:00", "18.04.2019 23:59"],
            ["19/04/2019", "18/04/2019"],
            ["04/19/2019", "04/18/2019"],
        ] {
            let read = bank.read("EUR", MAP, file(written)).await;
            faults.one_of(&read.dates(), &[dated(["2019-04-19", "2019-04-18"])], &read);
        }
    });
}

#[test]
fn other_forms_of_dates_are_read_or_refused_and_never_taken_for_another_day() {
    trying_all(async |bank, faults| {
        for written in [
            ["19.04.19.", "19.04.18."],
            ["19. April 2019", "18. April 2019"],
            ["19. Mai 2019", "18. Mai 2019"],
            ["19 avril 2019", "18 avril 2019"],
            ["19 abr 2019", "18 abr 2019"],
            ["April 19, 2019", "April 18, 2019"],
            ["19th April 2019", "18th April 2019"],
            ["Fri 19 Apr 2019", "Thu 18 Apr 2019"],
            ["Friday, 19 April 2019", "Thursday, 18 April 2019"],
            ["Fri Apr 19 2019", "Thu Apr 18 2019"],
            ["2019-Apr-19", "2019-Apr-18"],
            ["19APR2019", "18APR2019"],
            ["19APR19", "18APR19"],
            ["2019 04 19", "2019 04 18"],
            ["19 04 2019", "18 04 2019"],
            ["2019-04-19T23:59:59Z", "2019-04-18T00:00:00Z"],
            ["2019-04-19T12:00:00.000+02:00", "2019-04-18T12:00:00.000+02:00"],
            ["2019-04-19 23:59:59.999", "2019-04-18 00:00:00.000"],
            ["4/19/2019 12:00:00 AM", "4/18/2019 12:00:00 AM"],
            ["190419", "190418"],
            ["19042019", "18042019"],
            ["19.IV.2019", "18.IV.2019"],
            ["'2019-04-19", "'2019-04-18"],
            ["43574", "43573"],
            ["1555675200", "1555588800"],
            ["19.04.2562", "18.04.2562"],
        ] {
            let read = bank.read("EUR", MAP, file(written)).await;
            let days = if written[0].contains("Mai") {
                ["2019-05-19", "2019-05-18"]
            } else {
                ["2019-04-19", "2019-04-18"]
            };
            // The 19th of April 2019 is the same in two of them.
            let rights = &[dated(days), vec![None, None], vec![Some(days[0].to_owned()), None]];
            faults.one_of(&read.dates(), rights, &read);
        }
    });
}

#[test]
fn a_date_with_a_time_is_the_day_that_is_written() {
    trying_all(async |bank, faults| {
        let written = ["2019-04-19 23:59:59", "2019-04-19 00:00:00"];
        let read = bank.read("EUR", MAP, file(written)).await;
        assert_eq!(read.dates(), dated(["2019-04-19", "2019-04-19"]), "{read}");
        let offset =
            bank.read("EUR", MAP, file(["2019-04-19T23:30:00-05:00", "2019-04-19T00:30:00+02:00"])).await;
        let written = Some("2019-04-19".to_owned());
        for found in offset.dates() {
            faults.one_of(&found, &[written.clone(), None], &offset);
        }
    });
}

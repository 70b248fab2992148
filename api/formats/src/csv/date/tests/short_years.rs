//! Years of two digits beside a month's name.

use jiff::civil::{Date, date};

use super::super::pattern::Pattern;
use super::{advised, assert_read, dates};

#[test]
fn a_short_year_before_or_behind_a_months_name_is_a_doubt_where_either_may_be() {
    for texts in [
        ["25-Nov-03", "25-Nov-04"],
        ["25 Nov 03", "25 Nov 28"],
        ["25-November-03", "26-January-05"],
        ["25Nov03", "25Nov04"],
        ["25.Nov.03", "25.Nov.04"],
    ] {
        let dates = dates(&texts);
        let told = dates.read(texts[0]).unwrap_err();
        assert!(told.contains("2003-11-25 (date=DD") && told.contains("2025-11-03 (date=YY"), "{told}");
        let read: Vec<Date> =
            advised(&told).iter().map(|form| Pattern::parse(form).unwrap().read(texts[0]).unwrap()).collect();
        assert_eq!(read, [date(2003, 11, 25), date(2025, 11, 3)], "{told}");
        assert_eq!(super::read(&texts), [None, None], "{texts:?}");
    }
    // One row that only one order reads decides, and so do rows that the day first puts lately.
    assert_read(&["03-Nov-25", "04-Nov-25"], &["2025-11-03", "2025-11-04"]);
    assert_read(&["25-Nov-25", "28-Nov-25"], &["2025-11-25", "2025-11-28"]);
    assert_read(&["25-Feb-03", "31-Mar-03", "28-Feb-30"], &["2003-02-25", "2003-03-31", "2030-02-28"]);
}

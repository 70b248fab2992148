//! Signs, words and sums: what amounts are read as, and what is refused.

use serde_json::Value;

use super::rows;

/// Each row's amount below zero where it is a withdrawal, or the reason why it is refused.
pub fn outcomes(file: &str, map: &str) -> Vec<Result<i64, String>> {
    let outcome = |row: crate::Row| {
        let body = row.content.map_err(|error| error.reason)?;
        let body: Value = serde_json::from_str(body.get()).unwrap();
        let amount = body["amount"].as_i64().unwrap();
        Ok(if body["kind"] == "withdrawal" { -amount } else { amount })
    };
    rows(file, map).unwrap_or_else(|error| panic!("{error}\n{file}")).into_iter().map(outcome).collect()
}

/// The amounts of rows that are all read.
pub fn read(file: &str, map: &str) -> Vec<i64> {
    outcomes(file, map).into_iter().map(|outcome| outcome.unwrap_or_else(|error| panic!("{error}"))).collect()
}

/// A file of one column of amounts.
pub fn column(amounts: &[&str]) -> String {
    let mut file = "Text;Amount\n".to_owned();
    amounts.iter().for_each(|amount| file += &format!("x;{amount}\n"));
    file
}

pub fn one(currency: &str) -> String {
    format!("account='a',currency='{currency}',amount=Amount")
}

const SPLIT: &str = "account='a',currency='USD',amount.out=Debit,amount.in=Credit";
const MARKED: &str = "account='a',currency='USD',amount=Amount,direction=DC";

/// A file of debits and credits.
fn split(rows: &[(&str, &str)]) -> String {
    let mut file = "Text;Debit;Credit\n".to_owned();
    rows.iter().for_each(|(debit, credit)| file += &format!("x;{debit};{credit}\n"));
    file
}

fn marked(rows: &[(&str, &str)]) -> String {
    let mut file = "Text;Amount;DC\n".to_owned();
    rows.iter().for_each(|(amount, word)| file += &format!("x;{amount};{word}\n"));
    file
}

pub fn refused(outcome: &Result<i64, String>, parts: &[&str]) {
    let reason = outcome.as_ref().unwrap_err();
    parts.iter().for_each(|part| assert!(reason.contains(part), "{reason}"));
}

#[test]
fn a_minus_among_positive_debits_is_a_refund_in_every_order_and_form() {
    for minus in
        ["-25.00", "25.00-", "\u{2212}25.00", "\u{2013}25.00", "(25.00)", "- 25.00", "($25.00)", "$-25.00"]
    {
        let mut rows = vec![("40.00", ""), ("", "2000.00"), (minus, "")];
        assert_eq!(read(&split(&rows), SPLIT), [-4000, 200_000, 2500], "{minus}");
        rows.reverse();
        assert_eq!(read(&split(&rows), SPLIT), [2500, 200_000, -4000], "{minus}");
    }
}

#[test]
fn debits_that_all_have_their_minus_stay_withdrawals() {
    assert_eq!(
        read(&split(&[("-40.00", ""), ("", "2000.00"), ("-25.00", "")]), SPLIT),
        [-4000, 200_000, -2500]
    );
    assert_eq!(read(&split(&[("-40.00", ""), ("-25.00", "")]), SPLIT), [-4000, -2500]);
    assert_eq!(read(&split(&[("-40.00", ""), ("", "7.00")]), SPLIT), [-4000, 700]);
    let alone = outcomes(&split(&[("-25.00", "")]), SPLIT);
    refused(&alone[0], &["-25.00", "amount.out", "goes out", "comes in", "sign=reverses", "sign=ignored"]);
}

#[test]
fn a_refund_beyond_any_sample_of_rows_is_evidence() {
    let mut file = split(&[]);
    file += &"x;-40.00;\n".repeat(20_001);
    file += &"x;40.00;\n".repeat(20_001);
    let found = outcomes(&file, SPLIT);
    assert!(found[..20_001].iter().all(|row| *row == Ok(4000)));
    assert!(found[20_001..].iter().all(|row| *row == Ok(-4000)));
}

#[test]
fn where_most_debits_have_a_minus_the_one_without_is_asked_about() {
    let mut rows = vec![("-40.00", ""); 30];
    rows.push(("25.00", ""));
    let found = outcomes(&split(&rows), SPLIT);
    assert!(found[..30].iter().all(|row| *row == Ok(-4000)));
    refused(&found[30], &["25.00", "without a minus", "sign=reverses", "sign=ignored"]);
    // Neither is the rule: none is posted.
    let found = outcomes(&split(&[("-1.00", ""), ("-2.00", ""), ("3.00", "")]), SPLIT);
    assert!(found.iter().all(Result::is_err), "{found:?}");
}

#[test]
fn credits_below_zero_are_taken_back_or_asked_about() {
    assert_eq!(read(&split(&[("", "20.00"), ("", "-5.00"), ("3.00", "")]), SPLIT), [2000, -500, -300]);
    for rows in
        [[("", "-20.00"), ("", "-5.00")], [("40.00", ""), ("", "-5.00")], [("-40.00", ""), ("", "-5.00")]]
    {
        let found = outcomes(&split(&rows), SPLIT);
        refused(&found[1], &["-5.00", "amount.in", "comes in", "goes out", "sign=reverses", "sign=ignored"]);
    }
    // A card's accountant puts credits in brackets.
    assert_eq!(read(&split(&[("40.00", ""), ("", "(5.00)")]), SPLIT), [-4000, 500]);
}

#[test]
fn a_sign_beside_a_word_agrees_or_is_asked_about() {
    let found = outcomes(&marked(&[("40.00", "D"), ("-25.00", "D"), ("7.00", "C")]), MARKED);
    assert_eq!((&found[0], &found[2]), (&Ok(-4000), &Ok(700)));
    refused(&found[1], &["-25.00", "direction \"D\"", "goes out", "sign=reverses", "sign=ignored"]);
    assert_eq!(
        read(&marked(&[("-40.00", "D"), ("-25.00", "S"), ("7.00", "H")]), MARKED),
        [-4000, -2500, 700]
    );
    let found = outcomes(&marked(&[("7.00", "C"), ("-25.00", "C")]), MARKED);
    refused(&found[1], &["-25.00", "direction \"C\"", "comes in"]);
    let found =
        outcomes(&marked(&[("7.00 CR", "D"), ("7.00 DR", "C"), ("7.00 CR", "C"), ("+7.00", "D")]), MARKED);
    refused(&found[0], &["direction \"D\"", "goes out", "the mark behind it", "comes in"]);
    refused(&found[1], &["direction \"C\"", "comes in", "the mark behind it", "goes out"]);
    assert_eq!(found[2], Ok(700));
    refused(&found[3], &["+7.00", "plus", "sign=ignored"]);
}

#[test]
fn a_column_a_word_a_mark_and_a_kind_agree() {
    let found = outcomes(&split(&[("7.00 CR", ""), ("7.00 DR", ""), ("", "7.00 D")]), SPLIT);
    refused(&found[0], &["amount.out", "goes out", "the mark behind it", "comes in"]);
    assert_eq!(found[1], Ok(-700));
    assert!(found[2].is_err());
    for (kind, goes) in [("withdrawal", "comes in"), ("deposit", "goes out")] {
        let found = outcomes(&split(&[("5.00", ""), ("", "5.00")]), &format!("{SPLIT},kind='{kind}'"));
        let (wrong, right) = if kind == "deposit" { (0, 1) } else { (1, 0) };
        refused(&found[wrong], &[kind, goes]);
        assert_eq!(found[right], Ok(if kind == "deposit" { 500 } else { -500 }));
    }
    let file = "Text;Debit;Credit;DC\nx;5.00;;C\nx;5.00;;D\n";
    let found = outcomes(file, &format!("{SPLIT},direction=DC"));
    refused(&found[0], &["amount.out", "direction \"C\""]);
    assert_eq!(found[1], Ok(-500));
    for text in ["(25.00) DR", "-25.00 DR", "-25.00 S"] {
        let found = outcomes(&column(&["40.00 DR", text]), &one("USD"));
        assert_eq!(found[0], Ok(-4000));
        refused(
            &found[1],
            &["below zero", "the mark behind it", "goes out", "sign=reverses", "sign=ignored"],
        );
    }
}

#[test]
fn a_kind_and_a_minus_agree_or_are_asked_about() {
    let map = "account='a',currency='USD'";
    let all = "kind,amount\nwithdrawal,-5.00\nwithdrawal,-6.00\ndeposit,7.00\n";
    assert_eq!(read(all, map), [-500, -600, 700]);
    let found = outcomes("kind,amount\nwithdrawal,5.00\nwithdrawal,-6.00\n", map);
    assert_eq!(found[0], Ok(-500));
    refused(&found[1], &["-6.00", "kind withdrawal", "deposit", "sign=ignored"]);
    let found = outcomes(&column(&["5.00", "-6.00"]), &format!("{},kind='withdrawal'", one("USD")));
    assert_eq!(found[0], Ok(-500));
    assert!(found[1].is_err());
    let found = outcomes("kind,amount\ndeposit,-5.00\ndeposit,6.00\n,7.00\n", map);
    assert!(found[0].is_err());
    assert_eq!(found[1], Ok(600));
    refused(&found[2], &["kind is empty", "sign=negative_out"]);
}

#[test]
fn a_blank_is_no_direction() {
    let found = outcomes(&marked(&[("5.00", ""), ("-5.00", " "), ("5.00", "D"), ("5.00 CR", "")]), MARKED);
    for row in &found[..2] {
        refused(row, &["direction is empty", "direction=DC|'D'", "direction=DC|'C'"]);
    }
    assert_eq!(found[2..], [Ok(-500), Ok(500)]);
    // Where some amounts have a mark, one without has none.
    let found = outcomes(&column(&["12.00", "100.00 CR", "-3.00"]), &one("AUD"));
    refused(&found[0], &["without a mark", "sign=positive_out", "sign=negative_out"]);
    assert_eq!(found[1..], [Ok(10_000), Ok(-300)]);
    let found = outcomes(&column(&["12.00", "+100.00"]), &one("AUD"));
    refused(&found[0], &["others have a plus", "sign=negative_out"]);
    assert_eq!(found[1], Ok(10_000));
}

#[test]
fn a_fee_is_added_to_an_amount() {
    let file = "Amount;Fee\n12.50;0.30\n5.00;\n7.00;0\n9.00;-\n;0.40\n$1,000.00;$0.05\n";
    let map = "account='a',currency='USD',amount.out=Amount+Fee";
    assert_eq!(read(file, map), [-1280, -500, -700, -900, -40, -100_005]);
    for map in ["amount=Amount+Fee", "amount.in=Amount+Fee"] {
        let map = format!("account='a',currency='USD',{map}");
        assert_eq!(read(file, &map), [1280, 500, 700, 900, 40, 100_005]);
    }
    let json = r#"{"account":{"value":"a"},"currency":{"value":"USD"},"amount.in":{"sum":["Amount",{"minus":"Fee"}]}}"#;
    assert_eq!(read("Amount;Fee\n12.50;0.30\n5.00;\n", json), [1220, 500]);
    assert_eq!(
        read("Amount;Fee\n12.50;0.30\n5.00;\n", "account='a',currency='USD',amount=Amount+-Fee"),
        [1220, 500]
    );
    // A fee with its sign is added as it is.
    let signed = "Amount;Fee\n100.00;-3.20\n-12.50;-0.30\n";
    assert_eq!(read(signed, "account='a',currency='USD',amount=Amount+Fee"), [9680, -1280]);
    let found = outcomes("Amount;Fee\n-5.00;0.30\n", "account='a',currency='USD',amount=Amount+Fee");
    refused(&found[0], &["0.30", "larger or smaller", "+-", "sum"]);
    let turned = outcomes("Amount;Fee\n-5.00;0.30\n", "account='a',currency='USD',amount=Fee+Amount");
    assert!(turned[0].is_err());
    let wrong = "Amount;Fee\n12.50;€0.30\n12.50;x\n90071992547409.91;0.01\n12.50;0.305\n";
    assert!(outcomes(wrong, map).iter().all(Result::is_err));
    // A fee with a minus beside a debit without one may be a cost or a rebate.
    let file = "Amount;Fee;DC\n12.50;-0.30;D\n12.50;-0.30;C\n";
    assert!(outcomes(file, map)[0].is_err());
    let found = outcomes(file, "account='a',currency='USD',amount=Amount+Fee,direction=DC");
    refused(&found[0], &["-0.30", "+-"]);
    assert_eq!(found[1], Ok(1220));
    assert_eq!(read(file, "account='a',currency='USD',amount.out=Amount+-Fee"), [-1280, -1280]);
    // Refunds of a sum are refunds.
    let file = "Amount;Fee\n12.50;0.30\n-5.00;-0.10\n";
    assert_eq!(read(file, map), [-1280, 510]);
}

#[test]
fn a_listed_fee_that_is_taken_off_has_no_minus_of_its_own() {
    let map = "account='a',currency='USD',amount=Gross+-Fee";
    for (gross, fee, readings) in [
        ("100.00", "-2.90", ["97.10", "102.90"]),
        ("100.00", "(2.90)", ["97.10", "102.90"]),
        ("+100.00", "2.90-", ["97.10", "102.90"]),
        ("100.00 CR", "2.90 DR", ["97.10", "102.90"]),
        ("100.00", "2.90 DR", ["97.10", "102.90"]),
        ("-100.00", "-2.90", ["-102.90", "-97.10"]),
        ("", "-2.90", ["-2.90", "2.90"]),
    ] {
        let file = format!("Gross;Fee\n{gross};{fee}\n");
        let [added, taken_off] = readings;
        let found = outcomes(&file, map);
        refused(
            &found[0],
            &[
                &format!("is {added} if"),
                &format!("and {taken_off} if"),
                "\"sum\": [\"A\", {\"minus\": \"B\"}]",
            ],
        );
    }
    // Either advice decides.
    let file = "Gross;Fee\n100.00;-2.90\n";
    assert_eq!(read(file, "account='a',currency='USD',amount=Gross+Fee"), [9710]);
    let json =
        r#"{"account":{"value":"a"},"currency":{"value":"USD"},"amount":{"sum":["Gross",{"minus":"Fee"}]}}"#;
    assert_eq!(read(file, json), [10290]);
    // The fee may stand before the amount, and other fees behind it.
    let file = "A;Fee;Gross;Tax\n;-2.90;100.00;1.00\n";
    let found = outcomes(file, "account='a',currency='USD',amount=A+-Fee+Gross+-Tax");
    refused(&found[0], &["-2.90", "96.10", "101.90"]);
    assert_eq!(read("Gross;Fee\n100.00;-0.00\n100.00;2.90\n", map), [10000, 9710]);
}

#[test]
fn only_amounts_are_sums_and_a_mark_still_joins() {
    use crate::Mapping;
    for wrong in [
        r#"{"memo":{"sum":["A","B"]}}"#,
        r#"{"memo.in":{"sum":["A","B"]}}"#,
        r#"{"amount":{"sum":[]}}"#,
        r#"{"amount":{"columns":["A","B"],"values":{"x":"1"}}}"#,
    ] {
        assert!(wrong.parse::<Mapping>().is_err(), "{wrong}");
    }
    let json = r#"{"account":{"value":"a"},"currency":{"value":"DKK"},"amount":{"columns":["Kr","Ore"],"join":"."}}"#;
    assert_eq!(read("Kr;Ore\n12;50\n", json), [1250]);
    let json = r#"{"account":{"value":"a"},"currency":{"value":"USD"},"amount":{"in":"Credit","out":{"columns":["Debit","Fee"]}}}"#;
    assert_eq!(read("Debit;Credit;Fee\n12.50;;0.30\n;5.00;\n", json), [-1280, 500]);
    assert_eq!(
        read("A;B;C\n;1.00;2.00\n5.00;1.00;2.00\n", "account='a',currency='USD',amount=A|B+C"),
        [300, 500]
    );
}

#[test]
fn rows_that_were_refused_are_too_few_to_decide_what_a_minus_means() {
    let rest = "Text;Debit;Credit;refused_because\nx;-25.00;;why\nx;-30.00;;why\nx;;5.00;why\n";
    let found = outcomes(rest, SPLIT);
    assert!(found[0].is_err() && found[1].is_err(), "{found:?}");
    assert_eq!(found[2], Ok(500));
    assert_eq!(read(rest, &format!("{SPLIT},sign=reverses")), [2500, 3000, 500]);
}

#[test]
fn a_transfer_that_goes_one_way_has_no_other_direction() {
    let file = "Partner;Amount;DC\nb;5.00;D\nb;5.00;C\n";
    let map = "from='a',to=Partner,amount=Amount,currency='USD',direction=DC";
    let found = outcomes(file, map);
    assert_eq!(found[0], Ok(500));
    refused(&found[1], &["direction \"C\"", "comes in", "from.in="]);
    let both =
        "from.in=Partner,from.out='a',to.in='a',to.out=Partner,amount=Amount,currency='USD',direction=DC";
    assert_eq!(read(file, both), [500, 500]);
}

#[test]
fn rows_that_are_no_jobs_say_nothing_of_signs() {
    let file = "Text;Debit;Credit\nTotal;65.00;\nx;-40.00;\nx;-25.00;\nx;;5.00\n";
    assert_eq!(read(file, &format!("{SPLIT},ignore=Text:Total")), [-4000, -2500, 500]);
    let file = "Text;Debit;Credit\nx;-40.00;\nx;-25.00;\nx;;5.00\nEnd;65.00;\nx;1.00;\n";
    assert_eq!(read(file, &format!("{SPLIT},stop=End")), [-4000, -2500, 500]);
}

#[test]
fn a_dash_for_nothing_is_no_amount() {
    let found =
        read(&split(&[("40.00", "-"), ("\u{2013}", "5.00"), (" $ - ", "6.00"), ("--", "7.00")]), SPLIT);
    assert_eq!(found, [-4000, 500, 600, 700]);
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(64))]

    #[test]
    fn the_order_of_rows_decides_nothing(
        cells in proptest::collection::vec((0_usize..6, 1_i64..99_999), 1..12), turn in 0_usize..12,
    ) {
        let row = |(style, minor): &(usize, i64)| {
            let amount = format!("{}.{:02}", minor / 100, minor % 100);
            match style {
                0 | 1 => format!("x;{amount};\n"),
                2 => format!("x;-{amount};\n"),
                3 => format!("x;({amount});\n"),
                4 => format!("x;;{amount}\n"),
                _ => format!("x;;-{amount}\n"),
            }
        };
        let file = |cells: &[(usize, i64)]| format!("Text;Debit;Credit\n{}", cells.iter().map(row).collect::<String>());
        let before = outcomes(&file(&cells), SPLIT);
        let mut turned = cells.clone();
        let by = turn % cells.len();
        turned.rotate_left(by);
        let mut after = outcomes(&file(&turned), SPLIT);
        after.rotate_right(by);
        proptest::prop_assert_eq!(&before, &after);
        for (outcome, (_, minor)) in before.iter().zip(&cells) {
            proptest::prop_assert!(outcome.as_ref().map_or(true, |amount| amount.abs() == *minor), "{:?}", outcome);
        }
    }
}

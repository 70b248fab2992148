//! Minus, brackets, marks and columns agree about the direction of money, or the row is refused.

use super::bank::{assert_one_of, at_the_bank, text, trying_all};

const COLUMNS: &str = "value_date=Date, memo=Text, amount.out=Debit, amount.in=Credit";
const MARKED: &str = "value_date=Date, memo=Text, amount=Amount, direction=DC";
const SIGNED: &str = "value_date=Date, amount=Amount";

/// A file of debits and credits: a row of each pair.
fn columns(rows: &[(&str, &str)]) -> String {
    let row = |(debit, credit): &(&str, &str)| format!("2025-11-03,Shop,{debit},{credit}\n");
    format!("Date,Text,Debit,Credit\n{}", rows.iter().map(row).collect::<String>())
}

/// A file of amounts with a mark beside each.
fn marked(rows: &[(&str, &str)]) -> String {
    let row = |(amount, mark): &(&str, &str)| format!("2025-11-03,Shop,{amount},{mark}\n");
    format!("Date,Text,Amount,DC\n{}", rows.iter().map(row).collect::<String>())
}

/// A file of amounts.
fn signed(amounts: &[&str]) -> String {
    format!(
        "Date;Amount\n{}",
        amounts.iter().map(|amount| format!("2025-11-03;{amount}\n")).collect::<String>()
    )
}

#[test]
fn a_minus_among_positive_debits_is_a_refund() {
    at_the_bank(async |bank| {
        let read = bank.read("USD", COLUMNS, text("C4-minus-in-the-debit-column/input.csv")).await;
        let salary = Some(200_000);
        let right = [vec![Some(-4_000), salary, Some(2_500)], vec![Some(-4_000), salary, None]];
        assert_one_of(&read.amounts(), &right, &read);
    });
}

#[test]
fn brackets_among_positive_debits_are_a_refund() {
    at_the_bank(async |bank| {
        let read = bank.read("USD", COLUMNS, text("C4-minus-in-the-debit-column/input-brackets.csv")).await;
        let right = [vec![Some(-4_000), Some(2_500)], vec![Some(-4_000), None]];
        assert_one_of(&read.amounts(), &right, &read);
    });
}

#[test]
fn debits_that_all_have_their_minus_stay_withdrawals() {
    at_the_bank(async |bank| {
        let read = bank.read("USD", COLUMNS, text("C4-minus-in-the-debit-column/input-all-minus.csv")).await;
        assert_eq!(read.amounts(), [Some(-4_000), Some(200_000), Some(-2_500)], "{read}");
    });
}

#[test]
fn a_minus_among_positive_amounts_that_are_marked_as_debits_is_a_refund() {
    at_the_bank(async |bank| {
        let read = bank.read("USD", MARKED, text("C4-minus-in-the-debit-column/input-marked.csv")).await;
        let right = [vec![Some(-4_000), Some(2_500)], vec![Some(-4_000), None]];
        assert_one_of(&read.amounts(), &right, &read);
    });
}

#[test]
fn a_refund_is_one_wherever_it_stands_and_however_its_minus_is_written() {
    trying_all(async |bank, faults| {
        for minus in ["-25.00", "25.00-", "(25.00)", "\u{2212}25.00", "- 25.00"] {
            let last = bank.read("USD", COLUMNS, columns(&[("40.00", ""), ("7.00", ""), (minus, "")])).await;
            let right = [vec![Some(-4_000), Some(-700), Some(2_500)], vec![Some(-4_000), Some(-700), None]];
            faults.one_of(&last.amounts(), &right, &last);
            let first = bank.read("USD", COLUMNS, columns(&[(minus, ""), ("7.00", ""), ("40.00", "")])).await;
            let mut reversed = last.amounts();
            reversed.reverse();
            faults.one_of(
                &first.amounts(),
                &[reversed],
                format!("{minus}: the order of rows decides nothing"),
            );
        }
    });
}

#[test]
fn a_minus_among_positive_credits_takes_money_back() {
    at_the_bank(async |bank| {
        let read = bank.read("USD", COLUMNS, columns(&[("", "2000.00"), ("", "-50.00"), ("3.00", "")])).await;
        let right = [vec![Some(200_000), Some(-5_000), Some(-300)], vec![Some(200_000), None, Some(-300)]];
        assert_one_of(&read.amounts(), &right, &read);
    });
}

#[test]
fn credits_that_all_have_a_minus_are_asked_about() {
    at_the_bank(async |bank| {
        let rows = [("40.00", ""), ("", "-2000.00"), ("", "-50.00")];
        let read = bank.read("USD", COLUMNS, columns(&rows)).await;
        assert_eq!(read.amounts(), [Some(-4_000), None, None], "{read}");
    });
}

#[test]
fn zeros_and_blanks_in_the_other_column_say_nothing() {
    at_the_bank(async |bank| {
        let rows = [("40.00", "0.00"), ("0.00", "2000.00"), ("25.00", " ")];
        let read = bank.read("USD", COLUMNS, columns(&rows)).await;
        assert_eq!(read.amounts(), [Some(-4_000), Some(200_000), Some(-2_500)], "{read}");
        let both = bank.read("USD", COLUMNS, columns(&[("40.00", "5.00"), ("1.00", "")])).await;
        assert_eq!(both.amounts(), [None, Some(-100)], "{both}");
    });
}

#[test]
fn a_minus_and_the_kind_agree_or_the_row_is_refused() {
    at_the_bank(async |bank| {
        let refund = [vec![Some(-4_000), Some(2_500)], vec![Some(-4_000), None]];
        let map = "value_date=Date, amount=Amount, kind='withdrawal'";
        let read = bank.read("USD", map, signed(&["40.00", "-25.00"])).await;
        assert_one_of(&read.amounts(), &refund, &read);
        let file = "Date,Kind,Amount\n2025-11-03,withdrawal,40.00\n2025-11-04,withdrawal,-25.00\n";
        let read = bank.read("USD", "value_date=Date, amount=Amount, kind=Kind", file).await;
        assert_one_of(&read.amounts(), &refund, &read);

        let read = bank.read("USD", map, signed(&["-40.00", "-25.00"])).await;
        assert_eq!(read.amounts(), [Some(-4_000), Some(-2_500)], "all have theirs: {read}");
        let map = "value_date=Date, amount=Amount, kind='deposit'";
        let read = bank.read("USD", map, signed(&["40.00", "-25.00"])).await;
        let right = [vec![Some(4_000), Some(-2_500)], vec![Some(4_000), None]];
        assert_one_of(&read.amounts(), &right, &read);
    });
}

#[test]
fn a_transfer_with_a_minus_is_none_the_other_way_round() {
    at_the_bank(async |bank| {
        let (payer, payee) = (bank.account("USD").await, bank.account("USD").await);
        let map = format!("from='{payer}', to='{payee}', currency='USD', amount=Amount");
        let import = bank.csv("Amount\n40.00\n-25.00\n", &map).await;
        let right = [vec![-4_000, 2_500], vec![-4_000]];
        assert_one_of(&bank.amounts(&payer).await, &right, &import);
    });
}

#[test]
fn a_mark_that_contradicts_the_sign_is_refused() {
    at_the_bank(async |bank| {
        let read =
            bank.read("USD", MARKED, marked(&[("40.00", "D"), ("2000.00", "C"), ("-25.00", "C")])).await;
        assert_eq!(read.amounts(), [Some(-4_000), Some(200_000), None], "{read}");
        let read =
            bank.read("USD", MARKED, marked(&[("-40.00", "D"), ("2000.00", "C"), ("-25.00", "D")])).await;
        assert_eq!(read.amounts(), [Some(-4_000), Some(200_000), Some(-2_500)], "{read}");
    });
}

#[test]
fn a_blank_or_an_unknown_word_where_a_direction_is_needed_is_none() {
    trying_all(async |bank, faults| {
        for word in ["", " ", "X", "?", "D/C"] {
            let rows = [("40.00", "D"), ("25.00", word), ("2000.00", "C")];
            let read = bank.read("USD", MARKED, marked(&rows)).await;
            faults.one_of(&read.amounts(), &[vec![Some(-4_000), None, Some(200_000)]], &read);
        }
    });
}

#[test]
fn marks_behind_the_amount_are_its_direction() {
    trying_all(async |bank, faults| {
        for (out, back) in [("DR", "CR"), ("Dr", "Cr"), ("D", "C"), ("S", "H"), ("dr", "cr"), ("DR.", "CR.")]
        {
            let rows = [format!("40.00 {out}"), format!("2000.00 {back}"), format!("25.00{out}")];
            let read = bank.read("USD", SIGNED, signed(&rows.each_ref().map(String::as_str))).await;
            let rights = [vec![Some(-4_000), Some(200_000), Some(-2_500)], vec![None, None, None]];
            // What is no usual writing may be refused, and not be read as something else.
            let right = if out.contains('.') { &rights[..] } else { &rights[..1] };
            faults.one_of(&read.amounts(), right, &read);
        }
    });
}

#[test]
fn a_mark_behind_the_amount_agrees_with_its_sign_or_the_row_is_refused() {
    trying_all(async |bank, faults| {
        for contradicting in ["-25.00 CR", "(25.00) CR", "25.00- CR", "-25.00 H", "25.00 DR CR"] {
            let read = bank.read("USD", SIGNED, signed(&["40.00 DR", "2000.00 CR", contradicting])).await;
            faults.one_of(&read.amounts(), &[vec![Some(-4_000), Some(200_000), None]], &read);
        }
        for refund in ["-25.00 DR", "(25.00) DR", "25.00- D"] {
            let read = bank.read("USD", SIGNED, signed(&["40.00 DR", refund])).await;
            let right = [vec![Some(-4_000), Some(2_500)], vec![Some(-4_000), None]];
            faults.one_of(&read.amounts(), &right, &read);
        }
    });
}

#[test]
fn two_signs_on_one_amount_are_refused() {
    trying_all(async |bank, faults| {
        for amount in [
            "--25.00", "-(25.00)", "(-25.00)", "-25.00-", "(25.00)-", "+-25.00", "-25.00 -", "(25.00",
            "25.00)",
        ] {
            let read = bank.read("USD", SIGNED, signed(&["-1.00", amount, "2.00"])).await;
            faults.one_of(&read.amounts(), &[vec![Some(-100), None, Some(200)]], &read);
        }
    });
}

#[test]
fn one_sign_is_read_wherever_it_stands() {
    at_the_bank(async |bank| {
        let amounts = ["25.00-", "(1,250.00)", "\u{2212}25.00", "+25.00", "25.00+", "-1,250.00", "(25.00)"];
        let right = [-2_500, -125_000, -2_500, 2_500, 2_500, -125_000, -2_500].map(Some);
        let read = bank.read("USD", SIGNED, signed(&amounts)).await;
        assert_eq!(read.amounts(), right, "{read}");
    });
}

#[test]
fn a_card_whose_purchases_are_positive_is_read_as_it_is_stated() {
    at_the_bank(async |bank| {
        let map = "value_date=Date, amount=Amount, sign=positive_out";
        let read = bank.read("USD", map, signed(&["40.00", "-25.00", "(5.00)", "3.00"])).await;
        assert_eq!(read.amounts(), [-4_000, 2_500, 500, -300].map(Some), "{read}");
    });
}

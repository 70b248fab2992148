//! One bad row never stops its neighbours, and never joins them.

use serde_json::json;

use super::bank::{assert_one_of, at_the_bank, input, text};
use super::read::Read;

const MAP: &str = "value_date=Date, memo=Text, amount=Amount";

fn posted(read: &Read) -> Vec<i64> {
    read.entries.iter().map(|entry| entry.amount).collect()
}

fn memos(read: &Read) -> Vec<&str> {
    read.entries.iter().map(|entry| entry.memo.as_str()).collect()
}

#[test]
fn one_foreign_byte_refuses_its_row_only() {
    at_the_bank(async |bank| {
        let map = "value_date=Datum, memo=Text, amount=Betrag";
        let read = bank.read("EUR", map, input("C11-one-foreign-byte/input.csv")).await;
        assert_eq!(read.amounts(), [Some(-500), None, Some(-700)], "{read}");
        assert_eq!(memos(&read), ["Müller", "Größe"], "{read}");
        assert_eq!(read.refused_lines(), [3], "{read}");
    });
}

#[test]
fn sound_letters_are_never_garbled_however_many_bytes_are_foreign() {
    at_the_bank(async |bank| {
        let stray = |text: &str| {
            text.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap()).collect::<Vec<_>>()
        };
        let sound = "2025-11-03,Müller,-5.00\n".as_bytes().to_vec();
        for foreign in [1, 2, 5, 40] {
            let foreign_rows = stray("2025-11-04,Bäcker,-6.00\n").repeat(foreign);
            let file = [
                b"Date,Text,Amount\n".to_vec(),
                foreign_rows,
                sound.clone(),
                b"2025-11-05,Shop,-7.00\n".to_vec(),
            ]
            .concat();
            let read = bank.read("EUR", MAP, &file).await;
            assert!(
                !memos(&read).iter().any(|memo| memo.contains('Ã') || memo.contains('\u{fffd}')),
                "{foreign}: {read:?}"
            );
            if read.import["state"] == "refused" {
                assert!(read.reason(1).contains("charset"), "{foreign}: {read}");
            } else {
                let sound: Vec<_> = posted(&read).into_iter().filter(|amount| *amount != -600).collect();
                assert_eq!(sound, [-500, -700], "{foreign}: {read}");
            }
        }
        // What has no sound letter is of that charset, as ever.
        let read = bank
            .read("EUR", MAP, stray("Date,Text,Amount\n2025-11-04,Bäcker,-6.00\n2025-11-04,Größe,-7.00\n"))
            .await;
        assert_eq!((memos(&read), posted(&read)), (vec!["Bäcker", "Größe"], vec![-600, -700]), "{read}");
    });
}

#[test]
fn a_foreign_byte_in_the_header_or_in_an_amount_harms_nothing_else() {
    at_the_bank(async |bank| {
        let row = [
            b"Date,Text,Amount\n2025-11-03,Caf\xc3\xa9,-5.00\n2025-11-04,Shop,-6\xff.00\n".as_slice(),
            b"2025-11-05,Shop,-7.00\n",
        ]
        .concat();
        let read = bank.read("EUR", MAP, row).await;
        assert_eq!(read.amounts(), [Some(-500), None, Some(-700)], "{read}");
        let file = b"{\"kind\":\"gift\xff\"}\n".to_vec();
        let import = bank.import(file, "application/x-ndjson", &[]).await;
        assert_eq!((&import["state"], &import["refused"]), (&json!("done"), &json!(1)), "{import}");
    });
}

#[test]
fn stray_quotes_do_not_join_rows_in_silence() {
    at_the_bank(async |bank| {
        let read = bank.read("EUR", MAP, text("X6-open-quote-joins-rows/input.csv")).await;
        assert_one_of(&posted(&read), &[vec![-500, -900], vec![-500, -600, -700, -800, -900]], &read);
        if posted(&read).len() == 2 {
            let reasons = read.import["first_refusals"].to_string();
            assert!(reasons.contains("quote") && reasons.contains('3') && reasons.contains('5'), "{read}");
        }
    });
}

#[test]
fn quotes_that_open_and_close_in_other_rows_lose_none() {
    at_the_bank(async |bank| {
        let head = "Date;Text;Amount\n2025-11-03;Shop A;-5,00\n";
        let last = "2025-11-07;Shop D;-9,00\n";
        for (joined, lines) in [
            ("2025-11-04;\"Shop B;-6,00\n2025-11-05;Screen 27\";-8,00\n", vec![-600, -800]),
            (
                "2025-11-04;\"Shop B;-6,00\n2025-11-05;C;-7,00\n2025-11-06;E;-7,50\n2025-11-06;Screen\";-8,00\n",
                vec![-600, -700, -750, -800],
            ),
            ("2025-11-04;\"Shop \"\"B;-6,00\n2025-11-05;27\";-8,00\n", vec![-600, -800]),
        ] {
            let read = bank.read("EUR", MAP, format!("{head}{joined}{last}")).await;
            let whole = [vec![-500], lines, vec![-900]].concat();
            assert_one_of(&posted(&read), &[vec![-500, -900], whole], &read);
            assert!(posted(&read).len() > 2 || read.import["refused"].as_u64() > Some(0), "{read}");
        }
    });
}

#[test]
fn a_quote_that_is_never_closed_joins_nothing() {
    at_the_bank(async |bank| {
        let file =
            "Date,Text,Amount\n2025-11-03,Shop A,-5.00\n2025-11-04,\"Shop B,-6.00\n2025-11-05,Shop C,-7.00\n";
        let read = bank.read("EUR", MAP, file).await;
        let right = [vec![-500], vec![-500, -700], vec![-500, -600, -700], vec![]];
        assert_one_of(&posted(&read), &right, &read);
        assert!(
            posted(&read).len() == 3
                || read.import["refused"].as_u64() > Some(0)
                || read.import["state"] == "refused"
        );
    });
}

#[test]
fn a_quote_within_a_text_is_a_part_of_it() {
    at_the_bank(async |bank| {
        let file = "Date,Text,Amount\n2025-11-03,Screen 27\" wide,-5.00\n2025-11-04,\"5\"\" disk\",-6.00\n2025-11-05,Shop,-7.00\n";
        let read = bank.read("EUR", MAP, file).await;
        assert_one_of(&read.amounts()[0], &[Some(-500), None], &read);
        assert_eq!(read.amounts()[1..], [Some(-600), Some(-700)], "{read}");
        assert!(memos(&read).contains(&"5\" disk"), "{read}");
    });
}

#[test]
fn a_text_over_several_lines_stays_one_row() {
    at_the_bank(async |bank| {
        let file = "Date,Text,Amount\n2025-11-03,\"Shop\nBerlin\",-5.00\n2025-11-04,\"Rent, flat 7\nNovember, thanks\",-6.00\n\
                    2025-11-05,Shop,-7.00\n";
        let read = bank.read("EUR", MAP, file).await;
        assert_eq!(posted(&read), [-500, -600, -700], "{read}");
        assert_eq!(memos(&read), ["Shop Berlin", "Rent, flat 7 November, thanks", "Shop"], "{read}");
    });
}

#[test]
fn every_end_of_a_line_is_one() {
    at_the_bank(async |bank| {
        let file = "Date,Text,Amount\n2025-11-03,A,-5.00\n2025-11-04,B,-6.00\n2025-11-05,C,-7.00\n";
        let mixed = file.replacen('\n', "\r\n", 2);
        for end in ["\n", "\r\n", "\r\r\n", "\r", "\r\n\r\n"] {
            let read = bank.read("EUR", MAP, file.replace('\n', end)).await;
            assert_eq!(posted(&read), [-500, -600, -700], "{end:?}: {read}");
            assert_eq!(
                (&read.import["refused"], memos(&read)),
                (&json!(0), vec!["A", "B", "C"]),
                "{end:?}: {read}"
            );
        }
        let read = bank.read("EUR", MAP, mixed).await;
        assert_eq!(posted(&read), [-500, -600, -700], "{read}");
        // Once more among sound ends.
        for end in ["\r\r\n", "\r\n"] {
            let read = bank.read("EUR", MAP, file.replacen("-6.00\n", &format!("-6.00{end}"), 1)).await;
            assert_eq!(posted(&read), [-500, -600, -700], "{end:?}: {read}");
        }
    });
}

#[test]
fn a_lone_carriage_return_within_a_row_harms_no_neighbour() {
    at_the_bank(async |bank| {
        for end in ["\n", "\r\n"] {
            let file =
                "Date,Text,Amount\n2025-11-03,A,-5.00\n2025-11-04,Shop\rBerlin,-6.00\n2025-11-05,C,-7.00\n";
            let read = bank.read("EUR", MAP, file.replace('\n', end)).await;
            assert_one_of(&posted(&read), &[vec![-500, -600, -700], vec![-500, -700]], &read);
            assert!(posted(&read).len() == 3 || read.import["refused"].as_u64() > Some(0), "{read}");
        }
    });
}

#[test]
fn a_row_with_a_cell_too_many_or_too_few_harms_no_neighbour() {
    at_the_bank(async |bank| {
        let file = "Date,Text,Amount\n2025-11-03,A,-5.00\n2025-11-04,Shop, Berlin,-6.00\n2025-11-05\n2025-11-06,C,-7.00\n";
        let read = bank.read("EUR", MAP, file).await;
        assert_eq!(read.amounts(), [Some(-500), None, None, Some(-700)], "{read}");
    });
}

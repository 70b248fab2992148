//! The same message pays nothing twice whatever wraps it, and none before its day.

use super::bank::{Bank, at_the_bank, gzip, text};
use super::pain001::{Message, document, open, payment};
use super::value_dates::day;

/// A message of two payments with ids of their own, and its payer.
async fn paid(bank: &Bank) -> (String, Message) {
    let (payer, payee) = (open(bank).await, open(bank).await);
    let message = Message::new(&payer, vec![payment("E-1", 100, &payee), payment("E-2", 500, &payee)]);
    let import = bank.xml(message.xml()).await;
    assert_eq!(import["posted"], 2, "{import}");
    (payer, message)
}

#[test]
fn the_same_message_pays_nothing_twice_whatever_wraps_it() {
    at_the_bank(async |bank| {
        let (payer, message) = paid(bank).await;
        let xml = message.xml();
        let tight: String = xml.lines().map(str::trim).collect();
        let prefixed = xml
            .replace("</", "\u{1}")
            .replace('<', "<p:")
            .replace('\u{1}', "</p:")
            .replace("<p:?xml", "<?xml")
            .replace("xmlns=", "xmlns:p=");
        let utf_16: Vec<u8> = [0xFEFF]
            .into_iter()
            .chain(xml.replace("UTF-8", "UTF-16").encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect();
        let wrapped: [(&str, Vec<u8>); 12] = [
            ("the same bytes", xml.clone().into()),
            ("packed", gzip(&xml, 5)),
            ("without indentation", tight.clone().into()),
            ("without indentation, packed", gzip(&tight, 6)),
            ("a namespace prefix", prefixed.into()),
            ("other ends of lines", xml.replace('\n', "\r\n").into()),
            ("a byte order mark", format!("\u{feff}{xml}").into()),
            ("UTF-16", utf_16),
            ("a comment", xml.replace("<PmtInf>", "<PmtInf><!-- salaries -->").into()),
            ("another charset", xml.replace("UTF-8", "ISO-8859-1").into()),
            ("no declaration", xml.split_once('\n').unwrap().1.into()),
            ("made at another time", xml.replace("2026-01-30T10:00:00Z", "2026-01-30T11:30:00Z").into()),
        ];
        for (how, file) in wrapped {
            let import = bank.xml(file).await;
            assert_eq!(
                (import["state"].as_str(), import["duplicates"].as_u64()),
                (Some("done"), Some(2)),
                "{how}: {import}"
            );
            let report = bank.report(&import).await;
            assert_eq!(report.matches("<TxSts>ACSC</TxSts>").count(), 2, "{how}: {report}");
        }
        let stated = [("format", "pain.001")];
        bank.import(&xml, "application/octet-stream", &stated).await;
        assert_eq!(bank.balance(&payer).await, -600);
    });
}

#[test]
fn ids_with_blanks_around_them_are_the_same_ids() {
    at_the_bank(async |bank| {
        let (payer, message) = paid(bank).await;
        let spaced = message
            .xml()
            .replace("<MsgId>", "<MsgId>\n        ")
            .replace("</MsgId>", "\n      </MsgId>")
            .replace("<EndToEndId>", "<EndToEndId> ")
            .replace("</PmtInfId>", " </PmtInfId>");
        let import = bank.xml(spaced).await;
        assert_eq!(bank.balance(&payer).await, -600, "{import}");
    });
}

#[test]
fn a_message_with_its_payments_in_another_order_pays_nothing_twice() {
    at_the_bank(async |bank| {
        let (payer, mut message) = paid(bank).await;
        message.payments.reverse();
        let import = bank.xml(message.xml()).await;
        assert_eq!(bank.balance(&payer).await, -600, "{import}");
    });
}

#[test]
fn a_message_of_another_id_is_another() {
    at_the_bank(async |bank| {
        let (payer, message) = paid(bank).await;
        let next = Message { id: format!("{}-2", message.id), ..message };
        assert_eq!(bank.xml(next.xml()).await["posted"], 2);
        assert_eq!(bank.balance(&payer).await, -1_200);
    });
}

#[test]
fn a_payment_whose_execution_date_lies_ahead_waits_for_it_and_is_not_made() {
    at_the_bank(async |bank| {
        let (payer, payee) = ("DE92123456780000000106", "DE65123456780000000107");
        for number in [payer, payee] {
            bank.open_account(number, "EUR").await;
        }
        let import = bank.xml(text("C21-execution-date-ahead/input.xml").replace("@DATE@", &day(30))).await;
        assert_eq!((bank.balance(payer).await, bank.balance(payee).await), (0, 0), "{import}");
        let report = bank.report(&import).await;
        assert!(!report.contains("ACSC") && report.contains("PDNG"), "{report}");
        assert!(import["scheduled"] == import["accepted"] && import["refused"] == 0, "{import}");
    });
}

#[test]
fn however_far_ahead_and_however_written_the_date_is_obeyed() {
    at_the_bank(async |bank| {
        let (tomorrow, year) = (day(1), day(365));
        for (date, made) in [
            (format!("<Dt>{tomorrow}</Dt>"), false),
            (format!("<Dt>{year}</Dt>"), false),
            ("<Dt>2999-12-31</Dt>".to_owned(), false),
            (format!("<DtTm>{}T08:00:00Z</DtTm>", day(2)), false),
            (format!("<Dt>{}Z</Dt>", day(3)), false),
            (format!("<Dt>{}</Dt>", day(0)), true),
            (format!("<Dt>{}</Dt>", day(-1)), true),
            ("<Dt>2026-01-31</Dt>".to_owned(), true),
        ] {
            let (payer, payee) = (open(bank).await, open(bank).await);
            let message = Message::new(&payer, vec![payment("F-1", 100, &payee)]);
            let import = bank.xml(Message { date: date.clone(), ..message }.xml()).await;
            let right = if made { vec![-100] } else { vec![] };
            assert_eq!(bank.amounts(&payer).await, right, "{date}: {import}");
            let report = bank.report(&import).await;
            assert_eq!(report.contains("<TxSts>ACSC</TxSts>"), made, "{date}: {report}");
        }
    });
}

#[test]
fn the_date_of_the_old_version_is_obeyed_as_well() {
    at_the_bank(async |bank| {
        let (payer, payee) = (open(bank).await, open(bank).await);
        let message = Message::new(&payer, vec![payment("F-1", 100, &payee)]);
        let old = |date: String| {
            Message { date, ..message.clone() }.xml().replace("pain.001.001.09", "pain.001.001.03")
        };
        let import = bank.xml(old(day(30))).await;
        assert_eq!((bank.balance(&payer).await, import["scheduled"].as_u64()), (0, Some(1)), "{import}");
        // Of the same ids it is the one that waits: another day for it is another content.
        let import = bank.xml(old(day(0))).await;
        assert_eq!((bank.balance(&payer).await, import["conflicts"].as_u64()), (0, Some(1)), "{import}");
    });
}

#[test]
fn what_is_due_beside_what_lies_ahead_is_paid() {
    at_the_bank(async |bank| {
        let (payer, payee) = (open(bank).await, open(bank).await);
        let due = Message::new(&payer, vec![payment("E-1", 100, &payee)]);
        let ahead =
            Message { date: format!("<Dt>{}</Dt>", day(9)), information: "P-2".into(), ..due.clone() };
        let id = format!("both-{payer}");
        let import = bank.xml(document(&id, &[due.clone(), ahead.clone()])).await;
        assert_eq!((import["posted"].as_u64(), import["scheduled"].as_u64()), (Some(1), Some(1)), "{import}");
        let report = bank.report(&import).await;
        assert!(report.contains("<GrpSts>PDNG</GrpSts>"), "{report}");
        assert!(report.contains("<TxSts>ACSC</TxSts>") && report.contains("<TxSts>PDNG</TxSts>"), "{report}");
        // Sent again, neither is paid twice.
        let import = bank.xml(document(&id, &[due, ahead])).await;
        assert_eq!((import["duplicates"].as_u64(), bank.balance(&payer).await), (Some(2), -100), "{import}");
    });
}

#[test]
fn one_foreign_byte_in_a_name_stops_no_other_payment() {
    at_the_bank(async |bank| {
        let (payer, payee) = (open(bank).await, open(bank).await);
        let mut payments =
            [("E-1", 100), ("E-2", 200), ("E-3", 300)].map(|(id, cents)| payment(id, cents, &payee)).to_vec();
        payments[1].name = "B@cker".into();
        payments[2].name = "Müller".into();
        let mut xml = Message::new(&payer, payments).xml().into_bytes();
        let at = xml.windows(6).position(|name| name == b"B@cker").unwrap() + 1;
        xml[at] = 0xE4;
        let import = bank.xml(xml).await;
        assert_eq!((import["posted"].as_u64(), import["refused"].as_u64()), (Some(2), Some(1)), "{import}");
        assert_eq!(bank.amounts(&payer).await, [-100, -300], "{import}");
    });
}

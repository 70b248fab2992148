//! Which payment is which: however a message is wrapped, whatever its payments are called.

use std::collections::{HashMap, HashSet};
use std::io::Cursor;

use proptest::prelude::*;

use super::corrected::refused_rows;
use super::{gzip, read_all, refusal};
use crate::{Format, PaymentName, RowIdentity};

/// `PmtInfId`, `InstrId`, `EndToEndId`, `UETR` and the amount in cents; an empty id is missing.
type Payment = (&'static str, &'static str, &'static str, &'static str, u32);

fn message(id: &str, payments: &[Payment]) -> String {
    let element = |name: &str, text: &str| match text {
        "" => String::new(),
        text => format!("<{name}>{text}</{name}>"),
    };
    let mut sum = 0;
    let mut blocks = String::new();
    for (block, instruction, end_to_end, uetr, cents) in payments {
        sum += cents;
        let ids = [element("InstrId", instruction), element("EndToEndId", end_to_end), element("UETR", uetr)]
            .concat();
        blocks.push_str(&format!(
            "<PmtInf>{}<PmtMtd>TRF</PmtMtd><Dbtr><Nm>Zoë</Nm></Dbtr><DbtrAcct><Id><Othr><Id>payer</Id></Othr></Id></DbtrAcct>\
             <CdtTrfTxInf><PmtId>{ids}</PmtId><Amt><InstdAmt Ccy=\"EUR\">{}.{:02}</InstdAmt></Amt>\
             <CdtrAcct><Id><Othr><Id>payee</Id></Othr></Id></CdtrAcct></CdtTrfTxInf></PmtInf>",
            element("PmtInfId", block),
            cents / 100,
            cents % 100
        ));
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:pain.001.001.09\">\
         <CstmrCdtTrfInitn><GrpHdr><MsgId>{id}</MsgId><NbOfTxs>{}</NbOfTxs><CtrlSum>{}.{:02}</CtrlSum></GrpHdr>{blocks}\
         </CstmrCdtTrfInitn></Document>",
        payments.len(),
        sum / 100,
        sum % 100
    )
}

fn names(file: impl Into<Vec<u8>>) -> Vec<PaymentName> {
    let (rows, _) = read_all(Cursor::new(file.into()), Format::Pain001, "", &[]).unwrap();
    let name = |row: crate::Row| match row.identity {
        RowIdentity::Payment(payment) => payment,
        RowIdentity::Row => panic!("{row:?}"),
    };
    rows.into_iter().map(name).collect()
}

fn identities(file: impl Into<Vec<u8>>) -> Vec<String> {
    names(file).into_iter().map(|payment| payment.name).collect()
}

/// Whether a payment of the whole message would be known by an identity.
fn is_known(payment: &PaymentName, identity: &str) -> bool {
    payment.name == identity || payment.others.iter().any(|other| other.name == identity)
}

fn prefixed(file: &str) -> String {
    let prefixed = file.replace("</", "\u{1}").replace('<', "<p:").replace('\u{1}', "</p:");
    prefixed.replace("<p:?", "<?").replace("xmlns=", "xmlns:p=")
}

/// The same message in other clothes.
fn wrapped(file: &str) -> Vec<Vec<u8>> {
    let indented = file.replace("><", ">\n\t  <");
    let utf_16: Vec<u8> = [0xFEFF]
        .into_iter()
        .chain(file.replacen("UTF-8", "UTF-16", 1).encode_utf16())
        .flat_map(u16::to_be_bytes)
        .collect();
    vec![
        file.as_bytes().to_vec(),
        gzip(file.as_bytes()),
        [b"\xEF\xBB\xBF", file.as_bytes()].concat(),
        indented.clone().into_bytes(),
        indented.replace('\n', "\r\n").into_bytes(),
        file.replace("<EndToEndId>", "<EndToEndId>\r\n   ").replace("</InstrId>", " </InstrId>").into_bytes(),
        file.replace("<CdtTrfTxInf>", "<!-- next --><CdtTrfTxInf>").into_bytes(),
        file.replace("S</", "&#x53;</").replace("<MsgId>M", "<MsgId><![CDATA[M]]>").into_bytes(),
        prefixed(file).into_bytes(),
        encoding_rs::WINDOWS_1252.encode(&file.replacen("UTF-8", "ISO-8859-1", 1)).0.into_owned(),
        utf_16,
    ]
}

fn payments() -> impl Strategy<Value = Vec<Payment>> {
    let id = |ids: Vec<&'static str>| prop::sample::select(ids);
    let payment = (
        id(vec!["P", "P/1", ""]),
        id(vec!["", "I", "1:I"]),
        id(vec!["SALARY 11/2025", "NOTPROVIDED", "NOT PROVIDED", "NONREF", "-", "0", "1/E S", ""]),
        id(vec!["", "8a562c67-ca16-48ba-b074-65581be6f001"]),
        1..3_u32,
    );
    prop::collection::vec(payment, 1..12)
}

proptest! {
    // Each case reads a message a dozen times.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_message_and_its_copies_have_the_same_identities_and_two_payments_have_two(payments in payments()) {
        let file = message("M", &payments);
        let known = identities(file.clone());
        prop_assert_eq!(known.iter().collect::<HashSet<_>>().len(), payments.len(), "{:?}", known);
        for (which, copy) in wrapped(&file).into_iter().enumerate() {
            prop_assert_eq!(identities(copy), known.clone(), "copy {} of {}", which, file);
        }
        let other = identities(message("M2", &payments));
        prop_assert!(known.iter().all(|identity| !other.contains(identity)));
    }

    #[test]
    fn the_order_of_payments_that_are_called_otherwise_does_not_matter(payments in payments(), seed in any::<u64>()) {
        let known = identities(message("M", &payments));
        let mut order: Vec<usize> = (0..payments.len()).collect();
        order.sort_by_key(|place| (*place as u64 + 1).wrapping_mul(seed | 1).rotate_left(17));
        // Those with the same ids keep their order.
        let mut places: HashMap<_, Vec<usize>> = HashMap::new();
        let ids = |place: &usize| { let (a, b, c, d, _) = payments[*place]; (a, b, c, d) };
        for place in 0..payments.len() {
            places.entry(ids(&place)).or_default().push(place);
        }
        for equals in places.values_mut() {
            equals.reverse();
        }
        let order: Vec<usize> = order.iter().map(|place| places.get_mut(&ids(place)).unwrap().pop().unwrap()).collect();
        let shuffled: Vec<Payment> = order.iter().map(|place| payments[*place]).collect();
        let found = identities(message("M", &shuffled));
        for (place, identity) in order.into_iter().zip(found) {
            prop_assert_eq!(&identity, &known[place]);
        }
    }

    #[test]
    fn a_refused_payment_that_is_corrected_is_the_same_payment(payments in payments(), wrong in any::<u16>()) {
        let is_wrong = |place: usize| wrong >> place & 1 == 1;
        let file = message("M", &payments);
        let known = names(file.clone());
        let mut parts = file.split("<Id>payee</Id>");
        let mut spoiled = parts.next().unwrap().to_owned();
        for (place, part) in parts.enumerate() {
            let account = if is_wrong(place) { "<Id></Id>" } else { "<Id>payee</Id>" };
            spoiled.push_str(account);
            spoiled.push_str(part);
        }
        let expected: Vec<_> =
            known.into_iter().enumerate().filter(|(place, _)| is_wrong(*place)).map(|(_, id)| id).collect();
        let mut again = refused_rows(&spoiled, Format::Pain001, "");
        if !expected.is_empty() {
            for _ in 0..2 {
                let found = identities(again.replace("<Id></Id>", "<Id>payee</Id>"));
                let are_known = expected.iter().zip(&found).all(|(payment, found)| is_known(payment, found));
                prop_assert!(are_known && found.len() == expected.len(), "{:?} {}", found, again);
                prop_assert_eq!(found.iter().collect::<HashSet<_>>().len(), found.len());
                // Refused once more, as it was, it is the same.
                again = refused_rows(&again, Format::Pain001, "");
            }
        }
    }
}

#[test]
fn ids_are_not_joined_by_a_mark_that_they_may_hold() {
    let mut found = HashSet::new();
    let cases = [
        ("ACME/2026", "01", "", "E-1"),
        ("ACME", "2026/01", "", "E-1"),
        ("ACME", "2026", "01", "E-1"),
        ("ACME", "2026", "", "01/E-1"),
        ("ACME", "2026", "01/E-1", ""),
        ("ACME", "", "2026", "01/E-1"),
        ("ACME", "2026 4:01", "", "E-1"),
        ("ACME", "2026", "4:01", "E-1"),
    ];
    for (id, block, instruction, end_to_end) in cases {
        let payment: Payment = (
            Box::leak(block.to_owned().into_boxed_str()),
            Box::leak(instruction.to_owned().into_boxed_str()),
            Box::leak(end_to_end.to_owned().into_boxed_str()),
            "",
            1,
        );
        found.extend(identities(message(id, &[payment])));
    }
    assert_eq!(found.len(), cases.len());
    assert!(found.iter().all(|identity| domain::text::Reference::parse(identity.clone()).is_err()));
}

#[test]
fn payments_with_the_same_ids_are_counted_over_the_whole_message() {
    let salary = ("P", "", "SALARY", "", 100);
    let other = ("Q", "", "SALARY", "", 100);
    let of = |payments: &[Payment]| identities(message("M", payments));
    let three = of(&[salary, other, salary, salary]);
    assert_eq!(three.iter().collect::<HashSet<_>>().len(), 4);
    assert_eq!(of(&[salary, salary, salary, other])[..3], [0, 2, 3].map(|place| three[place].clone()));
}

#[test]
fn a_note_of_a_refused_payment_holds_for_its_ids_and_for_one_payment() {
    let bad = message("M", &[("P", "", "SALARY", "", 1), ("P", "", "SALARY", "", 2)]);
    let known = names(bad.clone());
    let spoiled =
        bad.replace("0.02</InstdAmt>", "0.020</InstdAmt>").replacen("payee", "", 2).replacen("payee", "", 1);
    let again = refused_rows(&spoiled, Format::Pain001, "").replace("<Id></Id>", "<Id>payee</Id>");
    assert!(again.contains("<!--occurrence:2 "), "{again}");
    let found = identities(again.clone());
    assert!(known.iter().zip(&found).all(|(payment, found)| is_known(payment, found)), "{found:?}");
    // Who gives it another id makes another payment of it, as if the message itself had said so.
    let renamed = |file: &str| file.replacen("SALARY", "BONUS", 2).replacen("BONUS", "SALARY", 1);
    assert_eq!(identities(renamed(&again))[1], identities(renamed(&bad))[1]);
    assert!(!is_known(&known[1], &identities(renamed(&again))[1]));
    // A payment that somebody copied with its note would pass for the other one, and would not be made.
    let block = again.split("<!-- refused_because").nth(2).and_then(|rest| rest.split_once("-->")).unwrap().1;
    let block = block.split("</PmtInf>").next().unwrap();
    let copied = again
        .replace("</CstmrCdtTrfInitn>", &format!("{block}</PmtInf></CstmrCdtTrfInitn>"))
        .replace("<NbOfTxs>2", "<NbOfTxs>3")
        .replace("<CtrlSum>0.03", "<CtrlSum>0.05");
    let (rows, _) = read_all(Cursor::new(copied), Format::Pain001, "", &[]).unwrap();
    let errors: Vec<_> = rows.iter().map(|row| row.content.as_ref().err().map(ToString::to_string)).collect();
    assert!(errors[0].is_none() && errors[1].is_none(), "{errors:?}");
    assert!(errors[2].as_ref().unwrap().contains("send the other one alone"), "{errors:?}");
}

#[test]
fn a_message_without_an_id_is_refused() {
    let told = refusal(message("", &[("P", "", "E", "", 1)]), Format::Pain001);
    assert!(told.contains("has no MsgId"), "{told}");
}

#[test]
fn the_reference_of_the_release_before_is_kept_beside() {
    let references = |payment: Payment| {
        let file = message("M", &[payment]);
        read_all(Cursor::new(file), Format::Pain001, "", &[]).unwrap().0[0]
            .former
            .clone()
            .map(|former| former.name)
    };
    assert_eq!(references(("P", "I", "E", "", 1)).as_deref(), Some("M/P/E"));
    assert_eq!(references(("", "I", "E", "", 1)).as_deref(), Some("M//E"));
    assert_eq!(references(("P", "I", "NOTPROVIDED", "", 1)), None);
    assert_eq!(references(("P", "I", "", "", 1)), None);
}

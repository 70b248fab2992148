//! Payments of a message are told apart by their place as well as by ids that need not be unique.

use super::bank::{at_the_bank, text};
use super::pain001::{Message, document, open, payment};

const SALARIES: &str = "C1-shared-end-to-end-id/input.xml";

#[test]
fn payments_of_one_message_that_share_an_end_to_end_id_are_all_made() {
    at_the_bank(async |bank| {
        let payer = "DE60123456780000000100";
        for number in [payer, "DE33123456780000000101", "DE06123456780000000102", "DE76123456780000000103"] {
            bank.open_account(number, "EUR").await;
        }
        let xml = text(SALARIES);
        let import = bank.xml(&xml).await;
        assert_eq!(bank.amounts(payer).await, [-10_000, -20_000, -30_000], "{import}");
        let report = bank.report(&import).await;
        assert_eq!(report.matches("<TxSts>ACSC</TxSts>").count(), 3, "{report}");
        assert!(!report.contains("RJCT"), "{report}");

        let next =
            xml.replace(">SALARY 11/2025<", ">NOT PROVIDED<").replace("PAYROLL-2025-11", "PAYROLL-2025-12");
        let import = bank.xml(&next).await;
        assert_eq!(bank.balance(payer).await, -120_000, "{import}");
        for again in [&xml, &next] {
            let import = bank.xml(again).await;
            assert_eq!(import["duplicates"], 3, "{import}");
        }
        assert_eq!(bank.balance(payer).await, -120_000);
    });
}

#[test]
fn a_dry_run_says_of_each_what_the_import_will_do() {
    at_the_bank(async |bank| {
        let (payer, payee) = (open(bank).await, open(bank).await);
        let salaries = [100, 200, 300].map(|cents| payment("SALARY", cents, &payee)).to_vec();
        let xml = Message::new(&payer, salaries).xml();
        let dry = bank.import(&xml, "application/xml", &[("dry_run", "true")]).await;
        let report = bank.report(&dry).await;
        assert!(report.contains("<DtldNbOfTxs>3</DtldNbOfTxs><DtldSts>ACCP</DtldSts>"), "{report}");
        assert_eq!(bank.xml(&xml).await["posted"], 3);
    });
}

#[test]
fn every_writing_of_no_id_is_none() {
    at_the_bank(async |bank| {
        for id in [
            "NOTPROVIDED",
            "notprovided",
            "NotProvided",
            "NOT PROVIDED",
            "NONREF",
            "nonref",
            "-",
            "0",
            "N/A",
            "SALARY",
        ] {
            let (payer, payee) = (open(bank).await, open(bank).await);
            // Two of them are equal in all that they say: a payer means both.
            let payments = [100, 200, 200].map(|cents| payment(id, cents, &payee)).to_vec();
            let xml = Message::new(&payer, payments).xml();
            let import = bank.xml(&xml).await;
            assert_eq!(bank.amounts(&payer).await, [-100, -200, -200], "{id}: {import}");
            let again = bank.xml(&xml).await;
            assert_eq!(bank.balance(&payer).await, -500, "{id}: {again}");
        }
    });
}

#[test]
fn payments_without_an_end_to_end_id_are_made_once_each_or_refused() {
    at_the_bank(async |bank| {
        for ids in [
            "",
            "<EndToEndId></EndToEndId>",
            "<EndToEndId> </EndToEndId>",
            "<EndToEndId/>",
            "<InstrId>I</InstrId>",
        ] {
            let (payer, payee) = (open(bank).await, open(bank).await);
            let mut payments = [100, 200].map(|cents| payment("", cents, &payee)).to_vec();
            payments.iter_mut().for_each(|payment| ids.clone_into(&mut payment.ids));
            let xml = Message::new(&payer, payments).xml();
            let import = bank.xml(&xml).await;
            bank.xml(&xml).await;
            let posted = bank.amounts(&payer).await;
            let refused = import["refused"] == 2 || import["state"] == "refused";
            assert!(posted == [-100, -200] || (posted.is_empty() && refused), "{ids}: {posted:?} {import}");
        }
    });
}

#[test]
fn a_payment_information_id_that_comes_twice_in_a_message_is_two() {
    at_the_bank(async |bank| {
        let (payer, payee) = (open(bank).await, open(bank).await);
        let block = |cents: i64| Message::new(&payer, vec![payment("E-1", cents, &payee)]);
        let xml = document(&format!("twice-{payer}"), &[block(100), block(200), block(200)]);
        let import = bank.xml(&xml).await;
        assert_eq!(bank.amounts(&payer).await, [-100, -200, -200], "{import}");
        bank.xml(&xml).await;
        assert_eq!(bank.balance(&payer).await, -500);
        let report = bank.report(&import).await;
        assert!(!report.contains("RJCT"), "{report}");
    });
}

#[test]
fn ids_that_hold_the_mark_they_are_joined_by_are_different_ids() {
    at_the_bank(async |bank| {
        let (payer, payee) = ("DE38123456780000000108", "DE11123456780000000109");
        for number in [payer, payee] {
            bank.open_account(number, "EUR").await;
        }
        let imports = [
            bank.xml(text("X3-ids-with-slashes/input-1.xml")).await,
            bank.xml(text("X3-ids-with-slashes/input-2.xml")).await,
        ];
        assert_eq!(bank.amounts(payer).await, [-700, -800], "{imports:?}");
        for import in &imports {
            let report = bank.report(import).await;
            assert!(report.contains("<TxSts>ACSC</TxSts>") && !report.contains("RJCT"), "{report}");
        }
    });
}

#[test]
fn ids_are_joined_so_that_no_mark_confuses_them() {
    at_the_bank(async |bank| {
        for mark in ["/", ":", "-", "|", " ", ".", "//", "\u{1f}"] {
            // XML holds no control characters.
            if mark == "\u{1f}" {
                continue;
            }
            let (payer, payee) = (open(bank).await, open(bank).await);
            let x = &payer[12..];
            let messages = [
                (format!("{x}{mark}A"), "B".to_owned(), "C".to_owned()),
                (x.to_owned(), format!("A{mark}B"), "C".to_owned()),
                (x.to_owned(), "A".to_owned(), format!("B{mark}C")),
                (format!("{x}{mark}A{mark}B"), "C".to_owned(), "C".to_owned()),
                (x.to_owned(), "A".to_owned(), "BC".to_owned()),
                (x.to_owned(), "AB".to_owned(), "C".to_owned()),
            ];
            for (place, (id, information, end_to_end)) in messages.into_iter().enumerate() {
                let cents = i64::try_from(place).unwrap() + 1;
                let one = Message::new(&payer, vec![payment(&end_to_end, cents, &payee)]);
                let import = bank.xml(Message { id, information, ..one }.xml()).await;
                assert_eq!(import["posted"], 1, "{mark:?}: {import}");
            }
            assert_eq!(bank.amounts(&payer).await, [-1, -2, -3, -4, -5, -6], "{mark:?}");
        }
    });
}

#[test]
fn a_corrected_file_of_refused_payments_pays_just_these() {
    at_the_bank(async |bank| {
        for ids in [["SALARY", "SALARY", "SALARY"], ["E-1", "E-2", "E-3"], ["NOTPROVIDED"; 3]] {
            for bad in 0..3 {
                let (payer, payee) = (open(bank).await, open(bank).await);
                let wrong = payee.replacen("DE", "XX", 1);
                let amounts = [100, 200, 300];
                let mut payments: Vec<_> =
                    ids.iter().zip(amounts).map(|(id, cents)| payment(id, cents, &payee)).collect();
                payments[bad].to.clone_from(&wrong);
                let import = bank.xml(Message::new(&payer, payments).xml()).await;
                assert_eq!(
                    (import["posted"].as_u64(), import["refused"].as_u64()),
                    (Some(2), Some(1)),
                    "{import}"
                );
                let corrected = bank.refused(&import).await.replace(&wrong, &payee);
                let again = bank.xml(&corrected).await;
                assert_eq!(again["posted"], 1, "{ids:?}, {bad}: {again} {corrected}");
                assert_eq!(bank.balance(&payer).await, -600, "{ids:?}, {bad}: {again}");
                // And once more.
                bank.xml(&corrected).await;
                assert_eq!(bank.balance(&payer).await, -600, "{ids:?}, {bad}");
            }
        }
    });
}

/// A message that comes again with other words is a conflict, and so is each payment of it that is sent back.
#[test]
fn payments_that_conflict_are_not_paid_by_the_file_that_lists_them() {
    at_the_bank(async |bank| {
        let (payer, payee) = (open(bank).await, open(bank).await);
        let payments = [100, 200, 300, 300].map(|cents| payment("SALARY", cents, &payee)).to_vec();
        let xml = Message::new(&payer, payments).xml();
        assert_eq!(bank.xml(&xml).await["posted"], 4);
        let renamed = xml.replace("<Dt>2026-01-31</Dt>", "<Dt>2026-01-29</Dt>");
        assert_ne!(renamed, xml, "a day is another one");
        let mut listed = renamed;
        for _ in 0..2 {
            let import = bank.xml(&listed).await;
            assert_eq!(import["posted"].as_u64(), Some(0), "{import}");
            assert_eq!(bank.balance(&payer).await, -900, "{import} {listed}");
            listed = bank.refused(&import).await;
            assert!(listed.contains("occurrence:4 "), "{listed}");
        }
    });
}

#[test]
fn a_whole_file_with_its_refused_payment_corrected_pays_just_that() {
    at_the_bank(async |bank| {
        let (payer, payee) = (open(bank).await, open(bank).await);
        let wrong = payee.replacen("DE", "XX", 1);
        let mut payments = [100, 200, 300].map(|cents| payment("SALARY", cents, &payee)).to_vec();
        payments[1].to.clone_from(&wrong);
        let xml = Message::new(&payer, payments).xml();
        assert_eq!(bank.xml(&xml).await["posted"], 2);
        let again = bank.xml(xml.replace(&wrong, &payee)).await;
        assert_eq!((again["posted"].as_u64(), again["duplicates"].as_u64()), (Some(1), Some(2)), "{again}");
        assert_eq!(bank.balance(&payer).await, -600);
    });
}

#[test]
fn the_same_message_with_another_amount_pays_nothing_and_no_report_calls_it_done() {
    at_the_bank(async |bank| {
        let (payer, payee) = (open(bank).await, open(bank).await);
        let message = |cents: i64| {
            Message::new(&payer, vec![payment("E-1", 100, &payee), payment("E-2", cents, &payee)])
        };
        assert_eq!(bank.xml(message(200).xml()).await["posted"], 2);
        let other = bank.xml(message(250).xml()).await;
        assert_eq!(bank.amounts(&payer).await, [-100, -200], "{other}");
        let report = bank.report(&other).await;
        assert!(report.matches("<TxSts>ACSC</TxSts>").count() <= 1, "{report}");
        assert!(
            report.contains("<TxSts>RJCT</TxSts>") || report.contains("<GrpSts>RJCT</GrpSts>"),
            "{report}"
        );
        assert!(!report.contains("<GrpSts>ACSC</GrpSts>"), "{report}");
        if other["state"] == "done" {
            let listed = bank.refused(&other).await;
            assert!(listed.contains("2.50") && !listed.contains(">1.00<"), "{listed}");
        }
        // The command's exit status agrees.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("other.xml");
        std::fs::write(&path, message(260).xml()).unwrap();
        let output =
            bank.fleet.run(&["import", &path.to_string_lossy(), "--api-url", &bank.url()]).await.unwrap();
        assert!(!output.status.success(), "{output:?}");
    });
}

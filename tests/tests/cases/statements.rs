//! What came in comes out: on statements, entries and jobs, in elements of their own.

use serde_json::{Value, json};

use super::bank::{Bank, at_the_bank, deposit, text, with_an_account};
use super::pain001::{Message, open, payment};

#[track_caller]
fn assert_holds(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn the_csv_statement_begins_with_a_byte_order_mark() {
    with_an_account(async |bank, account| {
        let mut job = deposit(&account, 100);
        job["memo"] = json!("Müller ✓");
        bank.job(&job).await;
        let statement =
            bank.client.get_as(&format!("/api/accounts/{account}/statement"), "text/csv").await.unwrap();
        let by_format = bank.statement(&account, "csv").await;
        for statement in [statement.body, by_format] {
            assert_eq!(&statement.as_bytes()[..3], b"\xef\xbb\xbf", "{statement}");
            assert_eq!(statement.matches('\u{feff}').count(), 1, "{statement}");
            assert!(statement.contains("Müller ✓") && statement.starts_with("\u{feff}type,"), "{statement}");
        }
        for other in ["json", "camt.053"] {
            assert!(!bank.statement(&account, other).await.contains('\u{feff}'), "{other} needs none");
        }
    });
}

#[test]
fn a_statement_gives_the_payers_end_to_end_id_back() {
    at_the_bank(async |bank| {
        let (payer, payee) = ("DE49123456780000000104", "DE22123456780000000105");
        bank.open_account(payer, "EUR").await;
        bank.open_account_of(payee, "EUR", Some("Brown & Sons")).await;
        let import = bank.xml(text("C2-end-to-end-id-comes-back/input.xml")).await;
        assert_eq!(import["posted"], 2, "{import}");
        for account in [payer, payee] {
            let statement = bank.statement(account, "camt.053").await;
            assert_holds(
                &statement,
                &[
                    "<EndToEndId>RENT-1</EndToEndId>",
                    "<EndToEndId>NOTPROVIDED</EndToEndId>",
                    "<Nm>Example Ltd</Nm>",
                    "<Nm>Brown &amp; Sons</Nm>",
                    "<Ustrd>Rent January</Ustrd>",
                ],
            );
            for entry in statement.split("<Ntry>").skip(1) {
                assert_holds(
                    entry,
                    &["<Dbtr><Pty><Nm>Example Ltd</Nm>", "<Cdtr><Pty><Nm>Brown &amp; Sons</Nm>"],
                );
            }
        }
        let own = bank.statement(payer, "camt.053").await;
        assert_holds(
            &own,
            &["<MsgId>20260130-EXAMPLE-LTD-000017</MsgId>", "<PmtInfId>RENTS-2026-01-31</PmtInfId>"],
        );
        for format in ["csv", "json"] {
            let statement = bank.statement(payer, format).await;
            assert_holds(&statement, &["RENT-1", "Brown & Sons"]);
            assert!(
                !statement.contains("RENTS-2026-01-31/RENT-1"),
                "the joined text is nobody's: {statement}"
            );
        }
    });
}

/// One payment with these ids and remittance, from an account to another.
async fn pay(bank: &Bank, ids: &str, remittance: &str) -> (String, String, Value) {
    let (payer, payee) = (open(bank).await, open(bank).await);
    let mut one = payment("", 100, &payee);
    ids.clone_into(&mut one.ids);
    remittance.clone_into(&mut one.remittance);
    let import = bank.xml(Message::new(&payer, vec![one]).xml()).await;
    assert_eq!(import["posted"], 1, "{import}");
    (payer, payee, import)
}

#[test]
fn all_ids_of_a_payment_come_back_in_their_own_elements() {
    at_the_bank(async |bank| {
        let uetr = "8a562c67-ca16-48ba-b074-65581be6f001";
        let ids = format!("<InstrId>INSTR-7</InstrId><EndToEndId>E2E/2026 7</EndToEndId><UETR>{uetr}</UETR>");
        let (payer, payee, import) = pay(bank, &ids, "<Ustrd>Rent</Ustrd>").await;
        for account in [&payer, &payee] {
            let statement = bank.statement(account, "camt.053").await;
            assert_holds(
                &statement,
                &["<EndToEndId>E2E/2026 7</EndToEndId>", &format!("<UETR>{uetr}</UETR>")],
            );
        }
        assert_holds(
            &bank.statement(&payer, "camt.053").await,
            &["<InstrId>INSTR-7</InstrId>", &format!("<MsgId>M-{payer}</MsgId>")],
        );
        let report = bank.report(&import).await;
        assert_holds(
            &report,
            &["<OrgnlInstrId>INSTR-7</OrgnlInstrId>", "<OrgnlEndToEndId>E2E/2026 7</OrgnlEndToEndId>"],
        );
        assert_holds(&report, &[&format!("<OrgnlUETR>{uetr}</OrgnlUETR>")]);
        let entries = bank.client.get(&format!("/api/accounts/{payer}/entries")).await.unwrap().body;
        assert_holds(&entries, &["E2E/2026 7"]);
        let entries: Value = serde_json::from_str(&entries).unwrap();
        let job = bank.view(entries["entries"][0]["job"].as_str().unwrap()).await.to_string();
        assert_holds(&job, &["E2E/2026 7", "INSTR-7", uetr, &format!("M-{payer}"), "P-1"]);
    });
}

#[test]
fn an_end_to_end_id_of_any_length_and_writing_comes_back_as_it_was() {
    at_the_bank(async |bank| {
        for id in [
            "X",
            "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345678",
            "a/b//c",
            "R&amp;D &lt;7&gt;",
            "notprovided",
            "NONREF",
            "-",
            "0",
        ] {
            let (payer, payee, _) =
                pay(bank, &format!("<EndToEndId>{id}</EndToEndId>"), "<Ustrd>t</Ustrd>").await;
            for account in [&payer, &payee] {
                let statement = bank.statement(account, "camt.053").await;
                assert_holds(&statement, &[&format!("<EndToEndId>{id}</EndToEndId>")]);
            }
        }
    });
}

#[test]
fn a_structured_reference_comes_back_as_one() {
    at_the_bank(async |bank| {
        let strd = "<Strd><CdtrRefInf><Tp><CdOrPrtry><Cd>SCOR</Cd></CdOrPrtry></Tp><Ref>RF18539007547034</Ref></CdtrRefInf></Strd>";
        let (payer, payee, _) = pay(bank, "<EndToEndId>S-1</EndToEndId>", strd).await;
        for account in [&payer, &payee] {
            let statement = bank.statement(account, "camt.053").await;
            let (_, rest) = statement.split_once("<RmtInf>").unwrap_or_default();
            let (remittance, _) = rest.split_once("</RmtInf>").unwrap_or_default();
            assert_holds(remittance, &["<Strd>", "<CdtrRefInf>", "<Ref>RF18539007547034</Ref>"]);
            assert!(!remittance.contains("<Ustrd>RF18539007547034</Ustrd>"), "{remittance}");
        }
        let both = format!("<Ustrd>Invoice 7</Ustrd>{strd}");
        let (payer, _, _) = pay(bank, "<EndToEndId>S-2</EndToEndId>", &both).await;
        let statement = bank.statement(&payer, "camt.053").await;
        assert_holds(&statement, &["<Ustrd>Invoice 7</Ustrd>", "<Ref>RF18539007547034</Ref>"]);
    });
}

#[test]
fn a_payment_to_another_bank_gives_back_the_same() {
    at_the_bank(async |bank| {
        let payer = open(bank).await;
        let mut one = payment("OUT-1", 100, "CH9300762011623852957");
        one.name = "Châlet &amp; Co".into();
        let import = bank.xml(Message::new(&payer, vec![one]).xml()).await;
        assert_eq!(import["posted"], 1, "{import}");
        let statement = bank.statement(&payer, "camt.053").await;
        let payee = "<Nm>Châlet &amp; Co</Nm>";
        assert_holds(&statement, &["<EndToEndId>OUT-1</EndToEndId>", payee, "CH9300762011623852957"]);
    });
}

#[test]
fn a_jobs_own_reference_still_comes_back() {
    with_an_account(async |bank, account| {
        let mut job = deposit(&account, 100);
        job["reference"] = json!(format!("SALARY-{account}"));
        bank.job(&job).await;
        let reference = format!("SALARY-{account}");
        assert_holds(
            &bank.statement(&account, "camt.053").await,
            &[&format!("<EndToEndId>{reference}</EndToEndId>")],
        );
        assert_holds(&bank.statement(&account, "csv").await, &[&reference]);
    });
}

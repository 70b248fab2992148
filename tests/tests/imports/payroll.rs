//! Payments that are called the same, that are not due yet, and what comes out of what they were called.

#![allow(clippy::unwrap_used)] // What the tests share fails as they do.

use serde_json::{Value, json};
use tests::client::Client;
use tests::fleet::{Fleet, Replica, Role};
use tests::wait::until;

use super::{WITHIN, assert_counts, ended, send};

const PAYER: &str = "DE60123456780000000100";
const PAYEES: [(&str, &str); 3] =
    [("DE33123456780000000101", "Ann"), ("DE06123456780000000102", "Bob"), ("DE76123456780000000103", "Cyd")];

/// Three payments of 100.00, 200.00 and 300.00 with one `EndToEndId`.
fn payroll(message: &str, end_to_end: &str, day: &str) -> String {
    let payment = |(at, (account, name)): (usize, (&str, &str))| {
        format!(
            "\n<CdtTrfTxInf><PmtId><EndToEndId>{end_to_end}</EndToEndId></PmtId><Amt><InstdAmt Ccy=\"EUR\">{}00.00</InstdAmt></Amt>\
             <Cdtr><Nm>{name}</Nm></Cdtr><CdtrAcct><Id><IBAN>{account}</IBAN></Id></CdtrAcct></CdtTrfTxInf>",
            at + 1
        )
    };
    let payments: String = PAYEES.into_iter().enumerate().map(payment).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:pain.001.001.09\">\
         <CstmrCdtTrfInitn><GrpHdr><MsgId>{message}</MsgId><NbOfTxs>3</NbOfTxs><CtrlSum>600.00</CtrlSum></GrpHdr>\n\
         <PmtInf><PmtInfId>SALARIES</PmtInfId><PmtMtd>TRF</PmtMtd><ReqdExctnDt><Dt>{day}</Dt></ReqdExctnDt>\
         <Dbtr><Nm>Example Ltd</Nm></Dbtr><DbtrAcct><Id><IBAN>{PAYER}</IBAN></Id></DbtrAcct>{payments}</PmtInf>\
         </CstmrCdtTrfInitn></Document>"
    )
}

async fn company(overdraft_limit: i64) -> (Fleet, Replica, Client) {
    let fleet = Fleet::embedded().unwrap();
    let dev = fleet.start(Role::Dev).await.unwrap();
    let client = Client::new(&dev.url_as(Role::Api, "").unwrap()).unwrap();
    let payer = (PAYER, json!({"overdraft_limit": overdraft_limit, "holder": "Holder Ltd"}));
    let payees = PAYEES.map(|(number, _)| (number, json!({"holder": format!("Holder of {number}")})));
    for (number, mut open) in [payer].into_iter().chain(payees) {
        open["kind"] = "open_account".into();
        open["account"] = number.into();
        open["currency"] = "EUR".into();
        let id = client.submit(&open).await.unwrap();
        assert_eq!(client.outcome(&id, WITHIN).await.unwrap().status, "posted");
    }
    (fleet, dev, client)
}

async fn import(client: &Client, query: &str, xml: &str) -> Value {
    let import = send(client, query, "application/xml", xml).await.unwrap();
    ended(client, &import["id"]).await.unwrap()
}

async fn text(client: &Client, path: &str) -> String {
    client.get(path).await.unwrap().body
}

async fn report(client: &Client, import: &Value) -> String {
    text(client, &format!("/api/imports/{}/report", import["id"])).await
}

async fn balance(client: &Client) -> i64 {
    client.account(PAYER).await.unwrap()["balance"].as_i64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payments_that_share_their_ids_are_all_made_and_none_is_made_twice() {
    let (fleet, _dev, client) = company(1_000_000).await;
    for (made, end_to_end) in (1..).zip(["SALARY 11/2025", "NOT PROVIDED", "NOTPROVIDED", "NONREF", "-", "0"])
    {
        let xml = payroll(&format!("M-{made}"), end_to_end, "2026-01-31");
        let first = import(&client, "", &xml).await;
        assert_counts(&first, &[("posted", 3), ("conflicts", 0), ("duplicates", 0)]);
        assert_eq!(balance(&client).await, -60_000 * made, "{end_to_end}");
        assert_eq!(report(&client, &first).await.matches("<TxSts>ACSC</TxSts>").count(), 3);
        for copy in [xml.clone(), xml.replace('\n', "\r\n"), xml.replace("><", ">\n  <")] {
            let again = import(&client, "", &copy).await;
            assert_counts(&again, &[("posted", 0), ("duplicates", 3), ("duplicates_not_posted", 0)]);
        }
        assert_eq!(balance(&client).await, -60_000 * made, "{end_to_end}");
    }
    // Other ids, cut otherwise.
    for (message, information) in [("ACME/2026", "01"), ("ACME", "2026/01")] {
        let xml = payroll(message, "E-1", "2026-01-31").replace("SALARIES", information);
        assert_counts(&import(&client, "", &xml).await, &[("posted", 3)]);
    }
    fleet.run_ok(&["verify"]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_was_not_made_is_never_called_done() {
    let (fleet, dev, client) = company(10_000).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("payroll.xml");
    std::fs::write(&path, payroll("M", "SALARY", "2026-01-31")).unwrap();
    let url = dev.url_as(Role::Api, "").unwrap();
    // There is money for the first one only, whether they come for the first time or again.
    for counts in [[("posted", 1), ("rejected", 2)], [("duplicates", 3), ("duplicates_not_posted", 2)]] {
        let output =
            fleet.run(&["import", &path.to_string_lossy(), "--api-url", &url, "--json"]).await.unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let ended: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_counts(&ended, &counts);
        let told = report(&client, &ended).await;
        assert_eq!(told.matches("<TxSts>ACSC</TxSts>").count(), 1, "{told}");
        assert_eq!(told.matches("<TxSts>RJCT</TxSts><StsRsnInf><Rsn><Cd>AM04").count(), 2, "{told}");
    }
    // The same ids with another amount.
    let other =
        payroll("M", "SALARY", "2026-01-31").replace(">100.00", ">100.01").replace("600.00", "600.01");
    let other = import(&client, "", &other).await;
    assert_counts(&other, &[("conflicts", 1), ("duplicates", 2)]);
    let told = report(&client, &other).await;
    assert!(
        told.contains(
            "<TxSts>RJCT</TxSts><StsRsnInf><Rsn><Cd>AM05</Cd></Rsn><AddtlInf>this payment is not made"
        ),
        "{told}"
    );
    assert_eq!(balance(&client).await, -10_000);
    // Followed to the letter, the advice for a payment that was rejected makes it, once, and nothing else.
    let deposit = json!({"kind": "deposit", "account": PAYER, "amount": 100_000, "currency": "EUR"});
    client.outcome(&client.submit(&deposit).await.unwrap(), WITHIN).await.unwrap();
    let xml = payroll("M-BOB", "SALARY", "2026-01-31");
    let (head, payments) = xml.split_once("\n<CdtTrfTxInf>").unwrap();
    let bob = payments.split("\n<CdtTrfTxInf>").nth(1).unwrap();
    let alone = format!("{head}<CdtTrfTxInf>{bob}</PmtInf></CstmrCdtTrfInitn></Document>");
    let alone = alone.replace("<NbOfTxs>3", "<NbOfTxs>1").replace("600.00", "200.00");
    for counts in [("posted", 1), ("duplicates", 1)] {
        assert_counts(&import(&client, "", &alone).await, &[counts]);
        assert_eq!(balance(&client).await, 70_000);
    }
    fleet.run_ok(&["verify"]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_whose_day_is_ahead_waits_for_it_and_can_be_cancelled() {
    let (fleet, _dev, client) = company(1_000_000).await;
    let xml = payroll("M-AHEAD", "SALARY", &day(30));
    let waits = import(&client, "", &xml).await;
    assert_counts(&waits, &[("accepted", 3), ("scheduled", 3), ("posted", 0), ("refused", 0)]);
    assert_eq!(balance(&client).await, 0);
    let told = report(&client, &waits).await;
    assert!(
        told.contains("<GrpSts>PDNG</GrpSts>") && told.matches("<TxSts>PDNG</TxSts>").count() == 3,
        "{told}"
    );
    // The same message again makes no other payment.
    let again = import(&client, "", &format!("{xml}\n")).await;
    assert_counts(&again, &[("duplicates", 3), ("scheduled", 0)]);
    let listed: Value = client.get("/api/scheduled-jobs").await.unwrap().json().unwrap();
    let first = listed["jobs"][0].clone();
    assert_eq!(first["execute_at"], format!("{}T00:00:00.000000Z", day(30)), "{listed}");
    let cancelled = client.delete(&format!("/api/jobs/{}", first["id"].as_str().unwrap())).await.unwrap();
    assert_eq!(cancelled.status, 200, "{cancelled:?}");
    until("the row counts as cancelled", WITHIN, async || {
        let import: Value = client.get(&format!("/api/imports/{}", waits["id"])).await?.json()?;
        anyhow::ensure!(import["cancelled"] == 1 && import["scheduled"] == 2, "{import}");
        Ok(())
    })
    .await
    .unwrap();
    let told = report(&client, &waits).await;
    assert!(told.contains("<TxSts>RJCT</TxSts><StsRsnInf><Rsn><Cd>DS02</Cd></Rsn>"), "{told}");
    fleet.run_ok(&["verify"]).await.unwrap();
}

fn day(days: i64) -> String {
    let today = jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::now()).date();
    today.checked_add(jiff::Span::new().days(days)).unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_of_a_day_that_no_bank_can_mean_is_refused_and_says_so() {
    let (_fleet, _dev, client) = company(1_000_000).await;
    let cases = [("2999-12-31", "DT04"), ("1799-01-01", "DT01")];
    for (made, (wrong, code)) in (0..).zip(cases) {
        let xml = payroll(&format!("M-{made}"), "SALARY", wrong);
        let mut again = String::new();
        for query in ["?dry_run=true", ""] {
            let refused = import(&client, query, &xml).await;
            assert_counts(&refused, &[("refused", 3), ("accepted", 0)]);
            assert_eq!(refused["first_refusals"][0]["field"], "ReqdExctnDt", "{refused}");
            let told = report(&client, &refused).await;
            let rejected = format!("<TxSts>RJCT</TxSts><StsRsnInf><Rsn><Cd>{code}</Cd></Rsn>");
            assert_eq!(told.matches(&rejected).count(), 3, "{told}");
            assert_eq!(balance(&client).await, -60_000 * made);
            again = text(&client, &format!("/api/imports/{}/refused", refused["id"])).await;
        }
        // Corrected, it is made, from the file of those that were refused.
        let due = again.replace(&format!("<Dt>{wrong}</Dt>"), &format!("<Dt>{}</Dt>", day(0)));
        assert_counts(&import(&client, "", &due).await, &[("posted", 3)]);
        assert_eq!(balance(&client).await, -60_000 * (made + 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_payment_was_called_comes_out_on_both_sides() {
    let (_fleet, _dev, client) = company(1_000_000).await;
    let xml = payroll("20260130-EXAMPLE-LTD-000017", "RENT-1", "2026-01-31")
        .replace("<Cdtr><Nm>Ann</Nm></Cdtr>", "")
        .replacen("RENT-1", "NOTPROVIDED", 2)
        .replacen("NOTPROVIDED", "RENT-1", 1);
    assert_counts(&import(&client, "", &xml).await, &[("posted", 3)]);
    let statement = async |number: &str| {
        text(&client, &format!("/api/accounts/{number}/statement?format=camt.053")).await
    };
    let payer = statement(PAYER).await;
    for part in [
        "<MsgId>20260130-EXAMPLE-LTD-000017</MsgId>",
        "<PmtInfId>SALARIES</PmtInfId><EndToEndId>RENT-1</EndToEndId></Refs>",
        "<EndToEndId>NOTPROVIDED</EndToEndId>",
        "<Dbtr><Pty><Nm>Example Ltd</Nm></Pty></Dbtr><Cdtr><Pty><Nm>Bob</Nm></Pty></Cdtr>",
        // The file does not name Ann, and her account is here.
        "<Cdtr><Pty><Nm>Holder of DE33123456780000000101</Nm></Pty></Cdtr>",
    ] {
        assert!(payer.contains(part), "{part} is not in {payer}");
    }
    let payee = statement(PAYEES[0].0).await;
    assert!(
        payee.contains("<EndToEndId>RENT-1</EndToEndId>") && payee.contains("<Nm>Example Ltd</Nm>"),
        "{payee}"
    );
    assert!(!payee.contains("20260130-EXAMPLE") && !payee.contains("SALARIES"), "{payee}");
    let entries: Value =
        client.get(&format!("/api/accounts/{}/entries", PAYEES[1].0)).await.unwrap().json().unwrap();
    let entry = &entries["entries"][0];
    assert_eq!(
        (&entry["end_to_end_id"], &entry["debtor_name"]),
        (&json!("NOTPROVIDED"), &json!("Example Ltd")),
        "{entry}"
    );
    let csv = text(&client, &format!("/api/accounts/{PAYER}/statement?format=csv")).await;
    assert!(csv.starts_with("\u{feff}type,") && csv.contains(",NOTPROVIDED,"), "{csv}");
}

//! ISO 20022: payments come as a pain.001, and what became of them goes back as a pain.002.

#![allow(clippy::unwrap_used)] // What the tests share fails as they do.

use serde_json::{Value, json};
use tests::client::Client;
use tests::fleet::{Fleet, Replica, Role};

use super::{WITHIN, assert_counts, ended, send};

const DEBTOR: &str = "DE89370400440532013000";
const HERE: &str = "DE02120300000000202051";

/// The example of the page on the format: 1,234.50 EUR to an account here, 65.55 CHF to one elsewhere.
fn example() -> &'static str {
    let page = include_str!("../../../docs/formats/pain-001.md");
    let (_, rest) = page.split_once("```xml\n").unwrap();
    rest.split_once("```").unwrap().0
}

async fn bank() -> (Fleet, Replica, Client) {
    let fleet = Fleet::embedded().unwrap().with("IBAN_PREFIXES", "DE");
    let dev = fleet.start(Role::Dev).await.unwrap();
    let client = Client::new(&dev.url_as(Role::Api, "").unwrap()).unwrap();
    for account in [DEBTOR, HERE] {
        let open = json!({"kind": "open_account", "account": account, "currency": "EUR"});
        let id = client.submit(&open).await.unwrap();
        client.outcome(&id, WITHIN).await.unwrap();
    }
    let deposit = json!({"kind": "deposit", "account": DEBTOR, "amount": 200_000, "currency": "EUR"});
    let id = client.submit(&deposit).await.unwrap();
    client.outcome(&id, WITHIN).await.unwrap();
    (fleet, dev, client)
}

async fn import(client: &Client, query: &str, xml: &str) -> Value {
    let import = send(client, query, "application/xml", xml).await.unwrap();
    ended(client, &import["id"]).await.unwrap()
}

async fn report(client: &Client, import: &Value) -> String {
    let answer = client.get(&format!("/api/imports/{}/report", import["id"])).await.unwrap();
    assert_eq!(
        (answer.status.as_u16(), answer.header("content-type")),
        (200, "application/xml"),
        "{answer:?}"
    );
    answer.body
}

#[track_caller]
fn assert_holds(report: &str, parts: &[&str]) {
    for part in parts {
        assert!(report.contains(part), "{part} is not in {report}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payments_are_made_and_reported() {
    let (fleet, _dev, client) = bank().await;
    // Both in EUR; a third whose IBAN is wrong, and a fourth that there is no money for.
    let more = "<CdtTrfTxInf><PmtId><InstrId>I-3</InstrId><EndToEndId>BAD</EndToEndId></PmtId>\
         <Amt><InstdAmt Ccy=\"EUR\">1</InstdAmt></Amt><CdtrAcct><Id><IBAN>DE00120300000000202051</IBAN></Id></CdtrAcct></CdtTrfTxInf>\
         <CdtTrfTxInf><PmtId><EndToEndId>MUCH</EndToEndId></PmtId><Amt><InstdAmt Ccy=\"EUR\">98999.95</InstdAmt></Amt>\
         <CdtrAcct><Id><IBAN>DE02120300000000202051</IBAN></Id></CdtrAcct></CdtTrfTxInf></PmtInf>";
    let xml = example()
        .replace("CHF", "EUR")
        .replace("NOTPROVIDED", "CHALET")
        .replace("<NbOfTxs>2", "<NbOfTxs>4")
        .replace("1300.05", "100301.00")
        .replace("</PmtInf>", more);
    let dry = import(&client, "?dry_run=true", &xml).await;
    let told = report(&client, &dry).await;
    assert_holds(&told, &["<GrpSts>PART</GrpSts>", "<DtldNbOfTxs>3</DtldNbOfTxs><DtldSts>ACCP</DtldSts>"]);

    let made = import(&client, "", &xml).await;
    assert_counts(&made, &[("accepted", 3), ("refused", 1), ("posted", 2), ("rejected", 1)]);
    assert_eq!(client.account(DEBTOR).await.unwrap()["balance"], 200_000 - 123_450 - 6_555);
    assert_eq!(client.account(HERE).await.unwrap()["balance"], 123_450);
    let paid_out = client.entries(DEBTOR).await.unwrap().into_iter().find(|entry| entry.amount == -6_555);
    let job = client.get(&format!("/api/jobs/{}", paid_out.unwrap().job)).await.unwrap();
    let job: Value = job.json().unwrap();
    assert_eq!(job["kind"], "withdrawal", "{job}");
    let creditor = json!({"name": "Chalet", "account": "CH9300762011623852957"});
    assert_eq!(job["body"]["counterparty"], creditor, "{job}");

    let told = report(&client, &made).await;
    assert_holds(
        &told,
        &[
            "xsd:pain.002.001.10",
            "<OrgnlMsgId>MSG-1</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>\
             <OrgnlNbOfTxs>4</OrgnlNbOfTxs><OrgnlCtrlSum>100301.00</OrgnlCtrlSum><GrpSts>PART</GrpSts>",
            "<DtldNbOfTxs>2</DtldNbOfTxs><DtldSts>ACSC</DtldSts>",
            "<OrgnlPmtInfId>PAY-1</OrgnlPmtInfId>\n<TxInfAndSts><OrgnlEndToEndId>RENT-1</OrgnlEndToEndId><TxSts>ACSC</TxSts></TxInfAndSts>",
            "<OrgnlEndToEndId>CHALET</OrgnlEndToEndId><TxSts>ACSC</TxSts>",
            "<OrgnlInstrId>I-3</OrgnlInstrId><OrgnlEndToEndId>BAD</OrgnlEndToEndId><TxSts>RJCT</TxSts><StsRsnInf><Rsn><Cd>AC03</Cd>",
            "<OrgnlEndToEndId>MUCH</OrgnlEndToEndId><TxSts>RJCT</TxSts><StsRsnInf><Rsn><Cd>AM04</Cd></Rsn><AddtlInf>insufficient funds</AddtlInf>",
        ],
    );
    assert_eq!(told.matches("<OrgnlPmtInfAndSts>").count(), 1, "{told}");

    let again = import(&client, "", &xml).await;
    assert_counts(&again, &[("duplicates", 3), ("posted", 0)]);
    let told = report(&client, &again).await;
    assert_eq!(told.matches("<TxSts>ACSC</TxSts>").count(), 2, "{told}");
    assert_holds(&told, &["the payment came before"]);
    fleet.run_ok(&["verify"]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_totals_refuse_the_message_and_its_report_says_so() {
    let (_fleet, _dev, client) = bank().await;
    let file = example();
    let (before, inner) = file.split_once("<PmtInf>").unwrap();
    let within = |from: &str, to: &str| format!("{before}<PmtInf>{}", inner.replacen(from, to, 1));
    let cases = [
        (file.replacen("<NbOfTxs>2", "<NbOfTxs>3", 1), ["group header says NbOfTxs 3", "2 payments"], "AM18"),
        (
            file.replacen("1300.05", "1300.06", 1),
            ["group header says CtrlSum 1300.06", "sum to 1300.05"],
            "AM10",
        ),
        (within("<NbOfTxs>2", "<NbOfTxs>1"), ["\"PAY-1\"", "says NbOfTxs 1, but there are 2"], "AM18"),
        (within("1300.05", "1"), ["\"PAY-1\"", "says CtrlSum 1, but the payments sum to 1300.05"], "AM10"),
    ];
    for (xml, figures, code) in cases {
        let import = import(&client, "", &xml).await;
        assert_eq!(import["state"], "refused", "{import}");
        assert_counts(&import, &[("accepted", 0), ("refused", 0), ("posted", 0)]);
        let detail = import["error"]["detail"].as_str().unwrap();
        assert!(figures.iter().all(|figure| detail.contains(figure)), "{detail}");
        let told = report(&client, &import).await;
        let reason = format!("<GrpSts>RJCT</GrpSts><StsRsnInf><Rsn><Cd>{code}</Cd>");
        assert_holds(&told, &[&reason, "<OrgnlMsgId>MSG-1</OrgnlMsgId>"]);
        assert!(!told.contains("TxInfAndSts"), "{told}");
        let refused = client.get(&format!("/api/imports/{}/refused", import["id"])).await.unwrap();
        assert!(refused.status == 404 && refused.body.contains("as a whole"), "{refused:?}");
    }
    assert_eq!(client.account(DEBTOR).await.unwrap()["balance"], 200_000);
    let csv = send(&client, "", "text/csv", "kind,account,currency\nopen_account,a,EUR\n").await.unwrap();
    let csv = ended(&client, &csv["id"]).await.unwrap();
    let none = client.get(&format!("/api/imports/{}/report", csv["id"])).await.unwrap();
    assert!(none.status == 404 && none.body.contains("csv") && none.body.contains("/refused"), "{none:?}");
}

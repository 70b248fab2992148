//! Files as banks write them, read with `map` alone.

use std::io::Cursor;

use serde_json::{Value, json};

use crate::tests::read_with;
use crate::{FileError, Format, Options, Row};

mod advice;
mod amounts;
mod banks;
mod dates;
mod dialects;
mod numbers;

fn rows(file: impl Into<Vec<u8>>, map: &str) -> Result<Vec<Row>, FileError> {
    read_with(Cursor::new(file.into()), Format::Csv, map, &Options::default()).map(|(rows, _)| rows)
}

fn bodies(file: impl Into<Vec<u8>>, map: &str) -> Vec<Value> {
    let rows = rows(file, map).unwrap();
    let body = |row: Row| {
        let body = row.content.unwrap_or_else(|error| panic!("row {}: {error}", row.number));
        contract::submission::parse(body.get().as_bytes()).unwrap_or_else(|error| panic!("{body}: {error}"));
        serde_json::from_str(body.get()).unwrap()
    };
    rows.into_iter().map(body).collect()
}

fn windows_1252(text: &str) -> Vec<u8> {
    encoding_rs::WINDOWS_1252.encode(text).0.into_owned()
}

#[test]
fn header_names_are_fields() {
    let file = "kind,from,to,amount,currency,reference,value_date,counterparty.name\n\
                transfer,a,b,12.50,EUR,r-1,2026-01-31,\n\
                transfer,a,b,7,JPY,r-2,2026-02-01,\"Ann, \"\"B\"\"\"\n";
    let expected = [
        json!({"kind":"transfer","from":"a","to":"b","amount":1250,"currency":"EUR","reference":"r-1","value_date":"2026-01-31"}),
        json!({"kind":"transfer","from":"a","to":"b","amount":7,"currency":"JPY","reference":"r-2","value_date":"2026-02-01","counterparty":{"name":"Ann, \"B\""}}),
    ];
    assert_eq!(bodies(file, ""), expected);
}

#[test]
fn limits_and_holders_are_set_by_rows() {
    let file = "kind,account,overdraft_limit,currency,holder\n\
                set_overdraft_limit,a,1500.00,EUR,\n\
                set_overdraft_limit,b,1500,JPY,\n\
                set_holder,a,,,Ada\n\
                set_holder,b,,,\n";
    let expected = [
        json!({"kind":"set_overdraft_limit","account":"a","currency":"EUR","overdraft_limit":150_000}),
        json!({"kind":"set_overdraft_limit","account":"b","currency":"JPY","overdraft_limit":1500}),
        json!({"kind":"set_holder","account":"a","holder":"Ada"}),
        json!({"kind":"set_holder","account":"b"}),
    ];
    assert_eq!(bodies(file, ""), expected);
}

#[test]
fn sparkasse_camt_csv() {
    let file = windows_1252(
        "\"Auftragskonto\";\"Buchungstag\";\"Valutadatum\";\"Buchungstext\";\"Verwendungszweck\";\"Glaeubiger ID\";\"Beguenstigter/Zahlungspflichtiger\";\"Kontonummer/IBAN\";\"BIC (SWIFT-Code)\";\"Betrag\";\"Waehrung\";\"Info\"\r\n\
         \"DE89370400440532013000\";\"02.01.26\";\"02.01.26\";\"FOLGELASTSCHRIFT\";\"Miete Januar\";\"\";\"Bäcker & Söhne\";\"DE02120300000000202051\";\"X\";\"-1.234,56\";\"EUR\";\"Umsatz gebucht\"\r\n\
         \"DE89370400440532013000\";\"03.01.26\";\"03.01.26\";\"GEHALT\";\"Lohn €\";\"\";\"Firma\";\"\";\"\";\"2.000,00\";\"EUR\";\"Umsatz vorgemerkt\"\r\n\
         \"DE89370400440532013000\";\"03.01.26\";\"05.01.26\";\"GEHALT\";\"Lohn €\";\"\";\"Firma\";\"\";\"\";\"2.000,00\";\"EUR\";\"Umsatz gebucht\"\r\n",
    );
    let map = "account=Auftragskonto,value_date=Valutadatum,amount=Betrag,currency=Waehrung,memo=Buchungstext+Verwendungszweck,\
               counterparty.name=Beguenstigter/Zahlungspflichtiger,counterparty.account=Kontonummer/IBAN,ignore=Info:Umsatz vorgemerkt";
    let expected = [
        json!({"kind":"withdrawal","account":"DE89370400440532013000","amount":123456,"currency":"EUR","value_date":"2026-01-02",
            "memo":"FOLGELASTSCHRIFT Miete Januar","counterparty":{"name":"Bäcker & Söhne","account":"DE02120300000000202051"}}),
        json!({"kind":"deposit","account":"DE89370400440532013000","amount":200_000,"currency":"EUR","value_date":"2026-01-05",
            "memo":"GEHALT Lohn €","counterparty":{"name":"Firma"}}),
    ];
    assert_eq!(bodies(file, map), expected);
}

#[test]
fn dkb_with_lines_before_the_header_and_a_side_for_each_direction() {
    let file = "\u{FEFF}\"Girokonto\";\"DE89370400440532013000\"\r\n\"Zeitraum:\";\"01.01.2026 - 31.01.2026\"\r\n\"Kontostand vom 31.01.2026:\";\"1.000,00 €\"\r\n\"\"\r\n\
        \"Buchungsdatum\";\"Wertstellung\";\"Status\";\"Zahlungspflichtige*r\";\"Zahlungsempfänger*in\";\"Verwendungszweck\";\"IBAN\";\"Betrag (€)\"\r\n\
        \"31.01.26\";\"31.01.26\";\"Gebucht\";\"Ann\";\"Laden\";\"Einkauf\";\"DE02 1203 0000 0000 2020 51\";\"-5,5\"\r\n\
        \"30.01.26\";\"30.01.26\";\"Gebucht\";\"Chef\";\"Ann\";\"Lohn\";\"DE02 1203 0000 0000 2020 51\";\"1.000\"\r\n";
    let map = "account='DE89370400440532013000',value_date=Wertstellung,amount=\"Betrag (€)\",currency='EUR',memo=Verwendungszweck,\
               counterparty.name.in=Zahlungspflichtige*r,counterparty.name.out=Zahlungsempfänger*in,counterparty.account=IBAN";
    let found = bodies(file, map);
    assert_eq!(found[0]["amount"], 550);
    assert_eq!(found[0]["counterparty"], json!({"name":"Laden","account":"DE02120300000000202051"}));
    assert_eq!((&found[1]["amount"], &found[1]["kind"]), (&json!(100_000), &json!("deposit")));
    assert_eq!(found[1]["counterparty"]["name"], "Chef");
}

#[test]
fn ing_with_thirteen_lines_and_two_columns_of_one_name() {
    let file = windows_1252(
        "Umsatzanzeige;Datei erstellt am: 01.02.2026 10:00\n\nIBAN;DE89 3704 0044 0532 0130 00\nKontoname;Girokonto\nBank;ING\nKunde;Müller\nZeitraum;01.01.2026 - 31.01.2026\nSaldo;1.000,00;EUR\n\nSortierung;Datum absteigend\n\nIn der CSV-Datei finden Sie alle bereits gebuchten Umsätze.\n\n\
         Buchung;Wertstellungsdatum;Auftraggeber/Empfänger;Buchungstext;Verwendungszweck;Saldo;Währung;Betrag;Währung\n\
         31.01.2026;31.01.2026;VISA REWE;Lastschrift;NR 1;1.000,00;EUR;-12,34;EUR\n",
    );
    let map = "account='DE89370400440532013000',value_date=Wertstellungsdatum,amount=Betrag,currency=#9,counterparty.name=Auftraggeber/Empfänger,memo=Verwendungszweck";
    let body = &bodies(file, map)[0];
    assert_eq!((&body["amount"], &body["counterparty"]["name"]), (&json!(1234), &json!("VISA REWE")));
    let twice = map.replace("#9", "Währung");
    let file = "Währung;Währung;Wertstellungsdatum;Betrag;Auftraggeber/Empfänger;Verwendungszweck\nEUR;EUR;1;1;a;b\n";
    assert!(
        rows(file, &twice).unwrap_err().to_string().contains("several columns \"Währung\"; write #1 or #2")
    );
}

#[test]
fn ubs_with_debit_and_credit_columns_apostrophes_and_a_note_at_the_end() {
    let file = "\u{FEFF}Account number:;0240 00123456.78\nIBAN:;CH93 0076 2011 6238 5295 7\n\nTrade date;Trade time;Booking date;Currency;Debit;Credit;Individual amount;Balance;Description1;Description2\n\
        2026-01-05;10:00:00;2026-01-05;CHF;-1'234.50;;;9'000.00;\"Migros; Zürich\";Card\n2026-01-06;;2026-01-06;CHF;;12’000.00;;21'000.00;Lohn;AG\nTotal;;;;-1'234.50;12'000.00;;;;\n";
    let map = "account='CH9300762011623852957',value_date=Booking date,currency=Currency,amount.out=Debit,amount.in=Credit,memo=Description1+Description2,ignore=#1:Total*";
    let found = bodies(file, map);
    assert_eq!(found.len(), 2);
    assert_eq!((&found[0]["kind"], &found[0]["amount"]), (&json!("withdrawal"), &json!(123_450)));
    assert_eq!(found[0]["memo"], "Migros; Zürich Card");
    assert_eq!((&found[1]["kind"], &found[1]["amount"]), (&json!("deposit"), &json!(1_200_000)));
}

#[test]
fn american_british_french_and_nordic_files() {
    let chase = "Details,Posting Date,Description,Amount,Type,Balance,Check or Slip #\nDEBIT,01/31/2026,\"STORE, INC\",-1234.50,DEBIT_CARD,100.00,,\nCREDIT,02/01/2026,PAY,\"2,000.00\",ACH_CREDIT,2100.00,,\n";
    let found =
        bodies(chase, "account='123',value_date=Posting Date,amount=Amount,currency='USD',memo=Description");
    assert_eq!(
        found[0],
        json!({"kind":"withdrawal","account":"123","amount":123_450,"currency":"USD","value_date":"2026-01-31","memo":"STORE, INC"})
    );
    assert_eq!(found[1]["value_date"], "2026-02-01");

    let hsbc = "Date\tType\tDescription\tPaid out\tPaid in\n25 Jan 2026\tDD\tGas\t£20.00\t\n26 Jan 2026\tCR\tPay\t\t£1,000.00\n";
    let found = bodies(
        hsbc,
        "account='1',value_date=Date,amount.out=Paid out,amount.in=Paid in,currency='GBP',memo=Description",
    );
    assert_eq!((&found[0]["amount"], &found[1]["amount"]), (&json!(2000), &json!(100_000)));

    let french = windows_1252(
        "Date;Libellé;Débit euros;Crédit euros\n31/01/2026;Café;-1\u{A0}234,50;\n01/02/2026;Salaire;;2 000,00\n",
    );
    let found = bodies(
        french,
        "account='FR1',value_date=Date,amount.out=Débit euros,amount.in=Crédit euros,currency='EUR',memo=Libellé",
    );
    assert_eq!(
        (&found[0]["kind"], &found[0]["amount"], &found[0]["memo"]),
        (&json!("withdrawal"), &json!(123_450), &json!("Café"))
    );
    assert_eq!(found[1]["amount"], 200_000);

    let nordea = "Bogføringsdato;Beløb;Afsender;Modtager;Navn;Beskrivelse;Saldo;Valuta;\n2026/01/31;-100,00;;;;Køb;5,00;DKK;\n";
    let found = bodies(
        nordea,
        "account='DK1',value_date=Bogføringsdato,amount=Beløb,currency=Valuta,memo=Beskrivelse",
    );
    assert_eq!((&found[0]["amount"], &found[0]["value_date"]), (&json!(10_000), &json!("2026-01-31")));

    let ing_nl = "\"Datum\",\"Naam / Omschrijving\",\"Af Bij\",\"Bedrag (EUR)\"\n\"20260131\",\"Winkel\",\"Af\",\"12,50\"\n\"20260201\",\"Baas\",\"Bij\",\"100,00\"\n";
    let found = bodies(
        ing_nl,
        "account='NL1',value_date=Datum,direction=Af Bij,amount=Bedrag (EUR),currency='EUR',counterparty.name=Naam / Omschrijving",
    );
    assert_eq!((&found[0]["kind"], &found[1]["kind"]), (&json!("withdrawal"), &json!("deposit")));

    let revolut = "Type,Product,Started Date,Completed Date,Description,Amount,Fee,Currency,State,Balance\nCARD,Current,2026-01-01 10:00:00,2026-01-02 11:12:13,Shop,-5.00,0.00,EUR,COMPLETED,1\nCARD,Current,2026-01-01 10:00:00,,Shop,-6.00,0.00,EUR,PENDING,\n";
    let found = bodies(
        revolut,
        "account='R',value_date=Completed Date,amount=Amount,currency=Currency,memo=Description,keep=State:COMPLETED",
    );
    assert_eq!((found.len(), &found[0]["value_date"]), (1, &json!("2026-01-02")));
}

/// What a map leaves out has to be cut as it was meant: a row in which the cells have moved is refused, not left out.
#[test]
fn a_row_that_is_cut_wrongly_is_not_left_out() {
    let map = "account='A',value_date=Date,memo=Text,amount=Amount,currency='EUR',keep=State:COMPLETED";
    for wrong in ["2025-11-04,Foo, Inc,-6.00,COMPLETED", "2025-11-04,\"Bar, Inc,-6.00,COMPLETED"] {
        let file = format!(
            "Date,Text,Amount,State\n2025-11-03,Shop,-5.00,COMPLETED\n{wrong}\n2025-11-05,Bank,-7.00,PENDING\n\
             2025-11-06,End,-8.00,COMPLETED\n"
        );
        let rows = rows(file.clone(), map).unwrap();
        let taken: Vec<_> = rows.iter().map(|row| (row.number, row.content.is_ok())).collect();
        assert_eq!(taken, [(1, true), (2, false), (3, true)], "{file}");
    }
    let file =
        "Date,Text,Amount,State\n2025-11-03,Shop,-5.00,COMPLETED\n2025-11-04,Foo, Inc,-6.00,COMPLETED\n";
    let require = "account='A',value_date=Date,memo=Text,amount=Amount,currency='EUR',ignore=Text:Foo";
    assert_eq!(rows(file, require).unwrap().len(), 2, "what is left out by a wrong cell is refused too");
}

#[test]
fn commerzbank_n26_and_paypal() {
    let file = "\u{feff}Buchungstag;Wertstellung;Umsatzart;Buchungstext;Betrag;Währung;IBAN Kontoinhaber;Kategorie\n\
                15.01.2026;16.01.2026;Lastschrift;Stadtwerke End-to-End-Ref.: 77;-80,5;EUR;DE89370400440532013000;Wohnen\n\
                16.01.2026;16.01.2026;Gutschrift;Firma Lohn;1.500;EUR;DE89370400440532013000;Gehalt\n";
    let map = "account=IBAN Kontoinhaber,value_date=Wertstellung,amount=Betrag,currency=Währung,memo=Umsatzart+Buchungstext,decimal=comma";
    let found = bodies(file, map);
    assert_eq!((&found[0]["amount"], &found[0]["kind"]), (&json!(8050), &json!("withdrawal")));
    assert_eq!((&found[1]["amount"], &found[1]["value_date"]), (&json!(150_000), &json!("2026-01-16")));

    let file = "\"Booking Date\",\"Value Date\",\"Partner Name\",\"Partner Iban\",Type,\"Payment Reference\",\"Account Name\",\"Amount (EUR)\",\"Original Amount\",\"Original Currency\",\"Exchange Rate\"\n\
                2026-01-03,2026-01-04,\"Müller GmbH\",DE02120300000000202051,\"Debit Transfer\",Invoice 7,Main,-12.5,,,\n\
                2026-01-05,2026-01-05,Coffee,,Presentment,,Main,-3.0,-3.40,USD,1.13\n";
    let map = "account='DE1',value_date=Value Date,amount=\"Amount (EUR)\",currency='EUR',counterparty.name=Partner Name,\
               counterparty.account=Partner Iban,memo=Type+Payment Reference";
    let found = bodies(file, map);
    assert_eq!((&found[0]["amount"], &found[1]["amount"]), (&json!(1250), &json!(300)));
    assert_eq!(found[0]["counterparty"], json!({"name": "Müller GmbH", "account": "DE02120300000000202051"}));

    let file = "\"Datum\",\"Uhrzeit\",\"Zeitzone\",\"Name\",\"Typ\",\"Status\",\"Währung\",\"Brutto\",\"Gebühr\",\"Netto\",\"Transaktionscode\"\r\n\
                \"03.01.2026\",\"10:11:12\",\"CET\",\"Shop, Inc\",\"Zahlung\",\"Abgeschlossen\",\"USD\",\"-1.012,99\",\"0,00\",\"-1.012,99\",\"8AB\"\r\n\
                \"03.01.2026\",\"10:11:13\",\"CET\",\"\",\"Umrechnung\",\"Ausstehend\",\"USD\",\"5,00\",\"0,00\",\"5,00\",\"9AB\"\r\n";
    let map = "account='pp',value_date=Datum,amount=Netto,currency=Währung,reference=Transaktionscode,counterparty.name=Name,memo=Typ,keep=Status:Abgeschlossen";
    let expected = json!({"kind":"withdrawal","account":"pp","amount":101_299,"currency":"USD","reference":"8AB","value_date":"2026-01-03","memo":"Zahlung","counterparty":{"name":"Shop, Inc"}});
    assert_eq!(bodies(file, map), [expected]);
}

#[test]
fn deutsche_bank_with_two_columns_and_a_line_of_totals() {
    let file = windows_1252(
        "Umsätze Girokonto;;;;;Kundennummer: 123 4567890\n\
         01.01.2026 - 31.01.2026\n\
         Letzter Kontostand;;;;1.000,00;EUR\n\
         Vorgemerkte und noch nicht gebuchte Umsätze sind nicht Bestandteil dieser Übersicht.\n\
         Buchungstag;Wert;Umsatzart;Begünstigter / Auftraggeber;Verwendungszweck;IBAN;BIC;Kundenreferenz;Mandatsreferenz;Gläubiger ID;Fremde Gebühren;Betrag;Abweichender Empfänger;Anzahl der Aufträge;Anzahl der Schecks;Soll;Haben;Währung\n\
         2.1.2026;3.1.2026;SEPA-Lastschrift;Strom AG;Abschlag;DE02120300000000202051;X;NOTPROVIDED;;;;;;;;-60,00;;EUR\n\
         5.1.2026;5.1.2026;SEPA-Gutschrift;Firma;Lohn;;;;;;;;;;;;2.100,00;EUR\n\
         Kontostand;31.01.2026;;;3.040,00;EUR\n",
    );
    let map = "account='DE89370400440532013000',value_date=Wert,amount.out=Soll,amount.in=Haben,currency=Währung,\
               counterparty.name=\"Begünstigter / Auftraggeber\",memo=Umsatzart+Verwendungszweck,stop=Kontostand";
    let found = bodies(file, map);
    assert_eq!(found.len(), 2);
    assert_eq!((&found[0]["amount"], &found[0]["kind"]), (&json!(6000), &json!("withdrawal")));
    assert_eq!((&found[1]["amount"], &found[1]["kind"]), (&json!(210_000), &json!("deposit")));
    assert_eq!(found[0]["value_date"], "2026-01-03");
}

#[test]
fn barclays_wise_rabobank_and_a_card_of_an_american_bank() {
    let file = "Number,Date,Account,Amount,Subcategory,Memo\n\
                \t ,04/01/2026,20-00-00 12345678,-45.00,PAYMENT,\"TFL TRAVEL   \tCH\"\n\
                \t ,13/01/2026,20-00-00 12345678,.50,DIRECTDEP,INTEREST\n";
    let map = "account='GB1',value_date=Date,amount=Amount,currency='GBP',memo=Memo,date=DD/MM/YYYY";
    let found = bodies(file, map);
    assert_eq!((&found[0]["amount"], &found[1]["amount"]), (&json!(4500), &json!(50)));
    assert_eq!((&found[0]["value_date"], &found[0]["memo"]), (&json!("2026-01-04"), &json!("TFL TRAVEL CH")));

    let file = "\"TransferWise ID\",Date,\"Date Time\",Amount,Currency,Description,\"Payment Reference\",\"Running Balance\"\n\
                CARD-1,03-01-2026,\"03-01-2026 10:11:12.123\",-9.99,EUR,\"Card transaction\",,90.01\n\
                TRANSFER-2,04-01-2026,x,1000.00,EUR,\"Received\",pay,1090.01\n";
    let map = "account='w',reference=TransferWise ID,value_date=Date,amount=Amount,currency=Currency,memo=Description+Payment Reference";
    let found = bodies(file, map);
    assert_eq!(
        (&found[0]["value_date"], &found[1]["value_date"]),
        (&json!("2026-01-03"), &json!("2026-01-04"))
    );

    let file = "\"IBAN/BBAN\",\"Munt\",\"BIC\",\"Volgnr\",\"Datum\",\"Rentedatum\",\"Bedrag\",\"Saldo na trn\",\"Tegenrekening IBAN/BBAN\",\"Naam tegenpartij\",\"Omschrijving-1\"\r\n\
                \"NL39RABO0300065264\",\"EUR\",\"RABONL2U\",\"000000000000000001\",\"2026-01-05\",\"2026-01-06\",\"+1234,56\",\"+2000,00\",\"NL91ABNA0417164300\",\"Baas BV\",\"salaris\"\r\n\
                \"NL39RABO0300065264\",\"EUR\",\"RABONL2U\",\"000000000000000002\",\"2026-01-05\",\"2026-01-06\",\"-5,00\",\"+1995,00\",\"\",\"Bakker\",\"\"\r\n";
    let map = "account=IBAN/BBAN,value_date=Rentedatum,amount=Bedrag,currency=Munt,counterparty.account=Tegenrekening IBAN/BBAN,\
               counterparty.name=Naam tegenpartij,memo=Omschrijving-1,metadata.number=Volgnr";
    let found = bodies(file, map);
    assert_eq!((&found[0]["kind"], &found[0]["amount"]), (&json!("deposit"), &json!(123_456)));
    assert_eq!(found[1]["metadata"]["number"], "000000000000000002");

    let file = "Transaction Date,Posted Date,Card No.,Description,Category,Debit,Credit\r\n\
                01/31/2026,02/01/2026,1234,\"HOTEL \"\"X\"\"\",Travel,\"$1,234.56\",\r\n\
                02/02/2026,02/03/2026,1234,REFUND,Travel,,($12.00)\r\n";
    let map = "account='card',value_date=Posted Date,amount.out=Debit,amount.in=Credit,currency='USD',memo=Description,date=MM/DD/YYYY";
    let found = bodies(file, map);
    assert_eq!((&found[0]["amount"], &found[0]["kind"]), (&json!(123_456), &json!("withdrawal")));
    assert_eq!((&found[1]["amount"], &found[0]["value_date"]), (&json!(1200), &json!("2026-02-01")));
}

#[test]
fn line_ends_that_are_mixed_and_a_currency_in_the_cell_of_the_amount() {
    let file = "Date,Text,Amount\r\n2026-01-01,a,EUR 12.50\n2026-01-02T23:30:00+02:00,b,\"1,234.00 EUR\"\n\
                2026-01-03 10:00,c,€ -3.10\r\n\r\n2026-01-04,d,4.00-,\r\n";
    let map = "account='x',value_date=Date,amount=Amount,currency='EUR',memo=Text";
    let amounts: Vec<Value> = bodies(file, map).into_iter().map(|body| body["amount"].clone()).collect();
    assert_eq!(amounts, [1250, 123_400, 310, 400]);

    let file = "Date;Text;Amount\r01.02.2026;\"a\rb\";12,50\r\r02.02.2026;c;-3,10\r";
    let map = "account='x',value_date=Date,amount=Amount,currency='EUR',memo=Text";
    let found = bodies(file, map);
    assert_eq!((&found[0]["memo"], &found[1]["amount"]), (&json!("a b"), &json!(310)));

    let file =
        "Date;Libellé;Montant\n01/02/2026;Café;−12,50\u{202f}€\n13/02/2026;Virement;1\u{202f}234,00\u{a0}€\n";
    let map = "account='x',value_date=Date,amount=Montant,currency='EUR',memo=Libellé";
    let found = bodies(file, map);
    assert_eq!((&found[0]["amount"], &found[0]["kind"]), (&json!(1250), &json!("withdrawal")));
    assert_eq!((&found[1]["amount"], &found[0]["value_date"]), (&json!(123_400), &json!("2026-02-01")));
}

proptest::proptest! {
    #[test]
    fn what_a_dialect_writes_is_read(
        cells in proptest::collection::vec("[a-zé;,|\t\"' \n]{0,12}", 1..8), separator in 0_usize..4, has_returns: bool,
    ) {
        let separator = [";", ",", "\t", "|"][separator];
        let end = if has_returns { "\r\n" } else { "\n" };
        let mut file = ["account", "amount", "currency", "metadata.text"].join(separator) + end;
        for cell in &cells {
            let quoted = format!("\"{}\"", cell.replace('"', "\"\""));
            file += &(["a", "1", "JPY", &quoted].join(separator) + end);
        }
        let found = rows(file, "").unwrap();
        let texts: Vec<String> = found.into_iter().map(|row| {
            let body: Value = serde_json::from_str(row.content.unwrap().get()).unwrap();
            body["metadata"]["text"].as_str().unwrap_or_default().to_owned()
        }).collect();
        let expected: Vec<String> = cells.iter().map(|cell| cell.trim().to_owned()).collect();
        proptest::prop_assert_eq!(texts, expected);
    }
}

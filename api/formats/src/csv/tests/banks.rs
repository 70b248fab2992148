//! More banks' files, by country.

use serde_json::{Value, json};

use super::{bodies, windows_1252};

fn windows_1250(text: &str) -> Vec<u8> {
    encoding_rs::WINDOWS_1250.encode(text).0.into_owned()
}

fn utf_16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Kind and amount of each job.
fn money(jobs: &[Value]) -> Vec<(&str, i64)> {
    jobs.iter().map(|job| (job["kind"].as_str().unwrap(), job["amount"].as_i64().unwrap())).collect()
}

#[test]
fn vr_bank_with_soll_and_haben_in_a_column_without_a_name() {
    let file = windows_1252(
        "Volksbank Musterstadt eG\r\n\r\nUmsatzanzeige\r\n\r\n\"BLZ:\";\"50060000\";;\"Datum:\";\"01.02.2026\"\r\n\
         \"Konto:\";\"1234567\";;\"Uhrzeit:\";\"10:00:00\"\r\n\"Abfrage von:\";\"Max Müller\";;\"Kontoinhaber:\";\"Max Müller\"\r\n\r\n\
         \"Zeitraum:\";;\"von:\";\"01.01.2026\";\"bis:\";\"31.01.2026\"\r\n\"Betrag in EUR:\";;\"von:\";\"\";\"bis:\";\"\"\r\n\r\n\
         \"Buchungstag\";\"Valuta\";\"Auftraggeber/Zahlungsempfänger\";\"Empfänger/Zahlungspflichtiger\";\"Konto-Nr.\";\"IBAN\";\"BLZ\";\"BIC\";\"Vorgang/Verwendungszweck\";\"Kundenreferenz\";\"Währung\";\"Umsatz\";\" \"\r\n\
         \"30.01.2026\";\"31.01.2026\";\"Max Müller\";\"Stadtwerke\";\"\";\"DE02120300000000202051\";\"\";\"BYLADEM1001\";\"Lastschrift\nStrom Januar\";\"\";\"EUR\";\"1.100,00\";\"S\"\r\n\
         \"29.01.2026\";\"29.01.2026\";\"Max Müller\";\"Firma\";\"\";\"\";\"\";\"\";\"Lohn\";\"\";\"EUR\";\"2.500,50\";\"H\"\r\n\
         \r\n\"01.01.2026\";;;;;;;;;\"Anfangssaldo\";\"EUR\";\"1.000,00\";\"H\"\r\n\"31.01.2026\";;;;;;;;;\"Endsaldo\";\"EUR\";\"2.400,50\";\"H\"\r\n",
    );
    let map = "account='DE89370400440532013000',value_date=Valuta,amount=Umsatz,currency=Währung,direction=#13,\
               memo=Vorgang/Verwendungszweck,counterparty.name=Empfänger/Zahlungspflichtiger,counterparty.account=IBAN,\
               ignore=Kundenreferenz:Anfangssaldo|Endsaldo";
    let found = bodies(file, map);
    assert_eq!(money(&found), [("withdrawal", 110_000), ("deposit", 250_050)]);
    assert_eq!(
        (&found[0]["memo"], &found[0]["value_date"]),
        (&json!("Lastschrift Strom Januar"), &json!("2026-01-31"))
    );
    assert_eq!(found[0]["counterparty"], json!({"name":"Stadtwerke","account":"DE02120300000000202051"}));
}

#[test]
fn comdirect_with_a_closing_separator_open_rows_and_the_old_balance_at_the_end() {
    let file = windows_1252(
        ";\r\n\"Umsätze Girokonto\";\"Zeitraum: 30 Tage\";\r\n\"Neuer Kontostand\";\"1.234,56 EUR\";\r\n\r\n\
         \"Buchungstag\";\"Wertstellung (Valuta)\";\"Vorgang\";\"Buchungstext\";\"Umsatz in EUR\";\r\n\
         \"offen\";\"--\";\"Lastschrift / Belastung\";\"Buchungstext: vorgemerkt\";\"-9,99\";\r\n\
         \"30.01.2026\";\"31.01.2026\";\"Lastschrift / Belastung\";\" Auftraggeber: Strom AG Buchungstext: Abschlag Ref. X1/2\";\"-45,00\";\r\n\
         \"29.01.2026\";\"29.01.2026\";\"Übertrag / Überweisung\";\" Empfänger: Ann\";\"1.500,00\";\r\n\r\n\
         \"Alter Kontostand\";\"-220,44 EUR\";\r\n",
    );
    let map = "account='a',value_date=\"Wertstellung (Valuta)\",amount=Umsatz in EUR,currency='EUR',memo=Vorgang+Buchungstext,\
               ignore=Buchungstag:offen,stop=Alter Kontostand";
    let found = bodies(file, map);
    assert_eq!(money(&found), [("withdrawal", 4500), ("deposit", 150_000)]);
    assert_eq!(found[1]["memo"], "Übertrag / Überweisung Empfänger: Ann");
}

#[test]
fn postbank_and_dkb_with_the_symbol_and_blanks_of_every_width_in_the_amount() {
    let file = windows_1252(
        "Umsatzauskunft\r\n\r\nName;Max Müller;\r\nIBAN;DE89370400440532013000;\r\nAktueller Kontostand;2.100,00 €;\r\n\r\n\
         \"Buchungsdatum\";\"Wertstellung\";\"Umsatzart\";\"Buchungsdetails\";\"Auftraggeber\";\"Empfänger\";\"Betrag (€)\";\"Saldo (€)\"\r\n\
         \"30.01.2026\";\"30.01.2026\";\"Lastschrift\";\"Referenz X Mandat Y\";\"Max Müller\";\"Telefon GmbH\";\"-39,95 €\";\"2.060,05 €\"\r\n\
         \"29.01.2026\";\"29.01.2026\";\"Gutschrift\";\"Lohn\";\"Firma\";\"Max Müller\";\"2.000,00 €\";\"2.100,00 €\"\r\n",
    );
    let map = "account='a',value_date=Wertstellung,amount=\"Betrag (€)\",currency='EUR',memo=Umsatzart+Buchungsdetails,\
               counterparty.name.in=Auftraggeber,counterparty.name.out=Empfänger";
    let found = bodies(file, map);
    assert_eq!(money(&found), [("withdrawal", 3995), ("deposit", 200_000)]);
    assert_eq!(
        (&found[0]["counterparty"]["name"], &found[1]["counterparty"]["name"]),
        (&json!("Telefon GmbH"), &json!("Firma"))
    );

    let file = "\u{FEFF}\"Girokonto\";\"DE89370400440532013000\"\n\"\"\n\"Kontostand vom 31.01.2026:\";\"1.000,00\u{a0}€\"\n\"\"\n\
                \"Buchungsdatum\";\"Wertstellung\";\"Status\";\"Zahlungspflichtige*r\";\"Zahlungsempfänger*in\";\"Verwendungszweck\";\"Umsatztyp\";\"IBAN\";\"Betrag\u{a0}(€)\";\"Gläubiger-ID\";\"Mandatsreferenz\";\"Kundenreferenz\"\n\
                \"31.01.26\";\"31.01.26\";\"Gebucht\";\"Ann\";\"Laden\";\"Einkauf\";\"Ausgang\";\"DE02120300000000202051\";\"-1.234,5\u{a0}€\";\"\";\"\";\"\"\n\
                \"31.01.26\";\"\";\"Vorgemerkt\";\"Ann\";\"Laden\";\"Einkauf\";\"Ausgang\";\"\";\"-1\u{a0}€\";\"\";\"\";\"\"\n";
    let map = "account='a',value_date=Wertstellung,amount=\"Betrag (€)\",currency='EUR',memo=Verwendungszweck,keep=Status:Gebucht";
    assert_eq!(money(&bodies(file, map)), [("withdrawal", 123_450)]);
}

#[test]
fn targobank_and_rabobank_of_old_without_a_header() {
    let file = windows_1252(
        "01.02.2026;Kartenzahlung Bäcker;-12,50;;1234567;;;\r\n02.02.2026;Überweisung Miete;-850,00;DE02120300000000202051;1234567;CITIDEDD;Haus GmbH;Miete\r\n\
         03.02.2026;Gehalt;2.100,00;;1234567;;;\r\n",
    );
    let map = "header=false,account=#5,value_date=#1,amount=#3,currency='EUR',memo=#2+#8,counterparty.account=#4,counterparty.name=#7";
    let found = bodies(file, map);
    assert_eq!(money(&found), [("withdrawal", 1250), ("withdrawal", 85_000), ("deposit", 210_000)]);
    assert_eq!(found[1]["counterparty"], json!({"name":"Haus GmbH","account":"DE02120300000000202051"}));
    assert_eq!(found[1]["memo"], "Überweisung Miete Miete");

    let file = "\"0300065264\",\"EUR\",\"20260105\",\"D\",\"12.50\",\"0417164300\",\"BAKKER\",\"20260105\",\"ba\",\"\",\"Brood\",\"\",\"\",\"\",\"\",\"\"\r\n\
                \"0300065264\",\"EUR\",\"20260106\",\"C\",\"1000.00\",\"0417164301\",\"BAAS\",\"20260106\",\"cb\",\"\",\"Salaris\",\"januari\",\"\",\"\",\"\",\"REF1\"\r\n";
    let map = "header=false,account=#1,currency=#2,value_date=#3,direction=#4,amount=#5,counterparty.account=#6,counterparty.name=#7,memo=#11+#12,metadata.batch=#16";
    let found = bodies(file, map);
    assert_eq!(money(&found), [("withdrawal", 1250), ("deposit", 100_000)]);
    assert_eq!(
        (&found[1]["memo"], &found[1]["metadata"]["batch"]),
        (&json!("Salaris januari"), &json!("REF1"))
    );
}

#[test]
fn postfinance_ubs_and_raiffeisen_of_switzerland() {
    let file = windows_1252(
        "Datum von:;=\"01.01.2026\"\r\nDatum bis:;=\"31.01.2026\"\r\nBuchungsart:;=\"Alle\"\r\nKonto:;=\"CH9300762011623852957\"\r\nWährung:;=\"CHF\"\r\n\r\n\
         Datum;Bewegungstyp;Avisierungstext;Gutschrift in CHF;Lastschrift in CHF;Label;Kategorie\r\n\
         31.01.2026;Lastschrift;\"KAUF/DIENSTLEISTUNG VOM 30.01.2026 MIGROS ZÜRICH\";;-1'234.55;;Einkauf\r\n\
         30.01.2026;Gutschrift;\"GUTSCHRIFT AUFTRAGGEBER: FIRMA\";5'000;;;Einkommen\r\n\r\n\
         Disclaimer:\r\nDer Dokumentinhalt wurde durch Filtereinstellungen generiert; \"ohne\" Gewähr.\r\n",
    );
    let map = "account='CH9300762011623852957',value_date=Datum,amount.in=Gutschrift in CHF,amount.out=Lastschrift in CHF,\
               currency='CHF',memo=Avisierungstext,stop=Disclaimer";
    let found = bodies(file, map);
    assert_eq!(money(&found), [("withdrawal", 123_455), ("deposit", 500_000)]);
    assert_eq!(found[0]["memo"], "KAUF/DIENSTLEISTUNG VOM 30.01.2026 MIGROS ZÜRICH");

    let file = "\u{FEFF}Kontonummer:;0240 00123456.40;\nIBAN:;CH93 0076 2011 6238 5295 7;\nVon:;2026-01-01;\nBis:;2026-01-31;\n\n\
                Anfangssaldo:;1'000.00;\nSchlusssaldo:;4'765.45;\nBewertet in:;CHF;\n\nAnzahl Transaktionen in diesem Zeitraum:;2;\n\n\
                Abschlussdatum;Abschlusszeit;Buchungsdatum;Valutadatum;Währung;Belastung;Gutschrift;Einzelbetrag;Saldo;Transaktions-Nr.;Beschreibung1;Beschreibung2;Beschreibung3;Fußnoten;\n\
                2026-01-30;14:05:06;2026-01-31;2026-01-31;CHF;-1'234.55;;;4'765.45;9930805TI0000001;\"Coop; Bern\";\"Zahlung Debitkarte\";\"Transaktions-Nr. 1; Konto\";;\n\
                2026-01-29;;2026-01-29;2026-01-29;CHF;;5'000.00;;6'000.00;9930805TI0000002;Firma AG;Lohn;;;\n";
    let map = "account='CH9300762011623852957',value_date=Valutadatum,currency=Währung,amount.out=Belastung,amount.in=Gutschrift,\
               reference=Transaktions-Nr.,memo=Beschreibung1+Beschreibung2";
    let found = bodies(file, map);
    assert_eq!(money(&found), [("withdrawal", 123_455), ("deposit", 500_000)]);
    assert_eq!(
        (&found[0]["reference"], &found[0]["memo"]),
        (&json!("9930805TI0000001"), &json!("Coop; Bern Zahlung Debitkarte"))
    );

    let file = windows_1252(
        "IBAN;Booked At;Text;Credit/Debit Amount;Balance;Valuta Date\r\n\
         CH9300762011623852957;2026-01-31 00:00:00.0;Sammelauftrag (2);-300.00;700.00;2026-01-31 00:00:00.0\r\n;;\"Krankenkasse, Bern\";;;\r\n;;Müller AG;;;\r\n\
         CH9300762011623852957;2026-01-30 00:00:00.0;Gutschrift Zürich;1000.00;1000.00;2026-01-30 00:00:00.0\r\n",
    );
    let map = "account=IBAN,value_date=Valuta Date,amount=\"Credit/Debit Amount\",currency='CHF',memo=Text,require=IBAN";
    let found = bodies(file, map);
    assert_eq!(money(&found), [("withdrawal", 30_000), ("deposit", 100_000)]);
    assert_eq!(
        (&found[1]["memo"], &found[1]["value_date"]),
        (&json!("Gutschrift Zürich"), &json!("2026-01-30"))
    );
}

#[test]
fn mbank_and_pko_of_poland_in_windows_1250() {
    let file = windows_1250(
        "mBank S.A. Bankowość Detaliczna;\r\nSkrytka Pocztowa 2108;\r\n90-959 Łódź 2;\r\n\r\n#Klient;\r\nJAN ŻÓŁTY;\r\n\r\n#Za okres:;\r\n01.01.2026;31.01.2026;\r\n\r\n#Waluta;\r\nPLN;\r\n\r\n\
         #Data operacji;#Data księgowania;#Opis operacji;#Tytuł;#Nadawca/Odbiorca;#Numer konta;#Kwota;#Saldo po operacji;\r\n\
         2026-01-30;2026-01-31;PRZELEW ZEWNĘTRZNY WYCHODZĄCY;\"CZYNSZ  STYCZEŃ\";\"SPÓŁDZIELNIA  ŁĄKA\";'61109010140000071219812874';-1 234,56;8 765,44;\r\n\
         2026-01-29;2026-01-29;PRZELEW PRZYCHODZĄCY;\"PENSJA\";\"FIRMA\";'';10 000,00;10 000,00;\r\n\r\n;;;;;;#Saldo końcowe;8 765,44 PLN;\r\n",
    );
    let map = "charset=windows-1250,account='PL1',value_date=#Data księgowania,amount=#Kwota,currency='PLN',memo=#Opis operacji+#Tytuł,\
               counterparty.name=#Nadawca/Odbiorca,require=#Data operacji";
    let found = bodies(file, map);
    assert_eq!(money(&found), [("withdrawal", 123_456), ("deposit", 1_000_000)]);
    assert_eq!(found[0]["memo"], "PRZELEW ZEWNĘTRZNY WYCHODZĄCY CZYNSZ STYCZEŃ");
    assert_eq!(found[0]["counterparty"]["name"], "SPÓŁDZIELNIA ŁĄKA");

    let file = windows_1250(
        "\"Data operacji\",\"Data waluty\",\"Typ transakcji\",\"Kwota\",\"Waluta\",\"Saldo po transakcji\",\"Opis transakcji\",\"\",\"\",\"\"\n\
         \"2026-01-31\",\"2026-01-30\",\"Płatność kartą\",\"-1234.56\",\"PLN\",\"+100.00\",\"Tytuł: 0001\",\"Lokalizacja: Kraków\",\"Data: 2026-01-30\",\"\"\n\
         \"2026-01-29\",\"2026-01-29\",\"Przelew na rachunek\",\"+2500.00\",\"PLN\",\"+1334.56\",\"Rachunek nadawcy: 61 1090\",\"Nazwa nadawcy: ŁĄKA\",\"Tytuł: PENSJA\",\"\"\n",
    );
    let map = "charset=cp1250,account='PL2',value_date=Data waluty,amount=Kwota,currency=Waluta,memo=Opis transakcji+#8+#9";
    let found = bodies(file, map);
    assert_eq!(money(&found), [("withdrawal", 123_456), ("deposit", 250_000)]);
    assert_eq!(found[0]["memo"], "Tytuł: 0001 Lokalizacja: Kraków Data: 2026-01-30");
}

#[test]
fn czech_and_hungarian_files_in_utf_16_windows_1250_and_latin_2() {
    let text = "Datum zaúčtování\tNázev protiúčtu\tProtiúčet\tČástka\tMěna\tPoznámka\r\n\
                31.01.2026\tČEZ Prodej\t19-2000145399/0800\t-1 234,56\tCZK\tZáloha\r\n30.01.2026\tZaměstnavatel\t\t45 000,00\tCZK\tVýplata\r\n";
    let map = "account='CZ1',value_date=Datum zaúčtování,amount=Částka,currency=Měna,memo=Poznámka,\
               counterparty.name=Název protiúčtu,counterparty.account=Protiúčet";
    let marked = [vec![0xFF, 0xFE], utf_16(text)].concat();
    for (file, map) in [
        (marked, map.to_owned()),
        (utf_16(text), map.to_owned()),
        (utf_16(text), format!("{map},charset=utf-16")),
    ] {
        let found = bodies(file, &map);
        assert_eq!(money(&found), [("withdrawal", 123_456), ("deposit", 4_500_000)]);
        assert_eq!(found[0]["counterparty"], json!({"name":"ČEZ Prodej","account":"19-2000145399/0800"}));
    }

    let file = windows_1250(
        "\"MojeBanka, export transakční historie\";\r\n\"Datum vytvoření souboru\";01.02.2026;\r\n\"Číslo účtu\";\"1234567890\";\r\n\"Počáteční zůstatek\";+1000,00;\r\n\r\n\
         \"Datum splatnosti\";\"Datum odepsání z jiné banky\";\"Protiúčet a kód banky\";\"Název protiúčtu\";\"Částka\";\"VS\";\"KS\";\"Identifikace transakce\";\"Popis příkazce\"\r\n\
         31.01.2026;;\"2000145399/0800\";\"ČEZ\";-1234,56;0001;;\"001-31012026 1\";\"Záloha\"\r\n30.01.2026;30.01.2026;;\"\";+45000,00;;;\"002-30012026 2\";\"Výplata\"\r\n",
    );
    let map = "charset=windows-1250,account='CZ2',value_date=Datum splatnosti,amount=Částka,currency='CZK',reference=Identifikace transakce,\
               memo=Popis příkazce,counterparty.account=Protiúčet a kód banky,counterparty.name=Název protiúčtu,metadata.vs=VS";
    let found = bodies(file, map);
    assert_eq!(money(&found), [("withdrawal", 123_456), ("deposit", 4_500_000)]);
    assert_eq!((&found[1]["memo"], &found[0]["metadata"]["vs"]), (&json!("Výplata"), &json!("0001")));

    let file = encoding_rs::ISO_8859_2
        .encode(
            "\"117730161111101800000000\";\"T\";-5000;\"HUF\";20260130;20260131;95000;\"\";\"KÖVÉR ŐZ KFT\";\"Áramdíj\";\"\";\"\";\"ESETI\";\"VÁSÁRLÁS\"\r\n\
             \"117730161111101800000000\";\"J\";100000;\"HUF\";20260129;20260129;100000;\"10300002\";\"MUNKÁLTATÓ\";\"Bér\";\"január\";\"\";\"ÁTUTALÁS\";\"\"\r\n",
        )
        .0
        .into_owned();
    let map = "charset=iso-8859-2,header=false,account=#1,direction=#2,amount=#3,currency=#4,value_date=#6,counterparty.name=#9,memo=#10+#11,in_words=J,out_words=T";
    let found = bodies(file, map);
    assert_eq!(money(&found), [("withdrawal", 500_000), ("deposit", 10_000_000)]);
    assert_eq!(
        (&found[0]["counterparty"]["name"], &found[1]["memo"]),
        (&json!("KÖVÉR ŐZ KFT"), &json!("Bér január"))
    );
}

#[test]
fn french_italian_and_spanish_files() {
    let file = windows_1252(
        "Date;Date de valeur;Débit;Crédit;Libellé;Solde\r\n31/01/2026;30/01/2026;-1234,56;;PRLV SEPA ÉLECTRICITÉ;100,00\r\n30/01/2026;30/01/2026;;2500,00;VIR SALAIRE;1334,56\r\n",
    );
    let map = "account='FR1',value_date=Date de valeur,amount.out=Débit,amount.in=Crédit,currency='EUR',memo=Libellé";
    let found = bodies(file, map);
    assert_eq!(money(&found), [("withdrawal", 123_456), ("deposit", 250_000)]);
    assert_eq!(
        (&found[0]["memo"], &found[0]["value_date"]),
        (&json!("PRLV SEPA ÉLECTRICITÉ"), &json!("2026-01-30"))
    );

    let file = "\u{FEFF}dateOp;dateVal;label;category;categoryParent;supplierFound;amount;comment;accountNum;accountLabel;accountbalance\n\
                2026-01-31;2026-01-31;\"CARTE 30/01/26 CAFÉ CB*1234\";\"Restaurants\";\"Loisirs\";\"café\";\"-1 234,56\";;00040123456;BoursoBank;1000.10\n\
                2026-01-30;2026-01-30;\"VIR Société\";\"Salaires\";\"Revenus\";\"société\";\"2 500,00\";\"prime\";00040123456;BoursoBank;1000.10\n";
    let map = "account=accountNum,value_date=dateVal,amount=amount,currency='EUR',memo=label+comment";
    let found = bodies(file, map);
    assert_eq!(money(&found), [("withdrawal", 123_456), ("deposit", 250_000)]);
    assert_eq!(
        (&found[1]["memo"], &found[0]["account"]),
        (&json!("VIR Société prime"), &json!("00040123456"))
    );

    let file = windows_1252(
        "Conto corrente;1000/00001234\r\nDal;01/01/2026;Al;31/01/2026\r\n\r\nData contabile;Data valuta;Descrizione;Accrediti;Addebiti;Descrizione estesa\r\n\
         30/01/2026;31/01/2026;PAGAMENTO PAGOBANCOMAT;;-45,90;Caffè Roma\r\n29/01/2026;29/01/2026;BONIFICO A VOSTRO FAVORE;1.800,00;;Stipendio\r\nTotale;;;1.800,00;-45,90;\r\n",
    );
    let map = "account='IT1',value_date=Data valuta,amount.in=Accrediti,amount.out=Addebiti,currency='EUR',memo=Descrizione+Descrizione estesa,ignore=Data contabile:Totale*";
    let found = bodies(file, map);
    assert_eq!(money(&found), [("withdrawal", 4590), ("deposit", 180_000)]);
    assert_eq!(found[0]["memo"], "PAGAMENTO PAGOBANCOMAT Caffè Roma");

    let file = windows_1252(
        "Últimos movimientos;;;;;;;;\r\n;;;;;;;;\r\nF.Valor;Fecha;Concepto;Movimiento;Importe;Divisa;Disponible;Divisa;Observaciones\r\n\
         31/01/2026;30/01/2026;Pago con tarjeta;Peluquería;-1.025,00;EUR;974,50;EUR;4188\r\n29/01/2026;29/01/2026;Nómina;Enero;2.000,00;EUR;1.999,50;EUR;\r\n",
    );
    let map = "account='ES1',value_date=F.Valor,amount=Importe,currency=#6,memo=Concepto+Movimiento";
    let found = bodies(file.clone(), map);
    assert_eq!(money(&found), [("withdrawal", 102_500), ("deposit", 200_000)]);
    assert_eq!(found[0]["memo"], "Pago con tarjeta Peluquería");
    let counted = "account='ES1',value_date=#1,amount=#5,currency=#6,memo=#3+#4";
    assert_eq!(bodies(file, counted), found);
}

#[test]
fn british_and_american_files_with_and_without_a_header() {
    let file = "31/01/2026,\"DD  GAS CO\",\"-1,234.50\"\r\n30/01/2026,\"CR  EMPLOYER, LTD\",\"2,000.00\"\r\n29/01/2026,VIS SHOP,-5.00\r\n";
    let map = "header=false,account='GB1',value_date=#1,memo=#2,amount=#3,currency='GBP'";
    let found = bodies(file, map);
    assert_eq!(money(&found), [("withdrawal", 123_450), ("deposit", 200_000), ("withdrawal", 500)]);
    assert_eq!(
        (&found[1]["memo"], &found[0]["value_date"]),
        (&json!("CR EMPLOYER, LTD"), &json!("2026-01-31"))
    );

    let file = "Transaction Date,Transaction Type,Sort Code,Account Number,Transaction Description,Debit Amount,Credit Amount,Balance,\n\
                31/01/2026,DEB,'30-00-00,12345678,TESCO STORES   ,45.20,,100.00,\n30/01/2026,FPI,'30-00-00,12345678,A SMITH ,,500.00,145.20,\n";
    let map = "account=Account Number,value_date=Transaction Date,amount.out=Debit Amount,amount.in=Credit Amount,currency='GBP',memo=Transaction Description";
    assert_eq!(money(&bodies(file, map)), [("withdrawal", 4520), ("deposit", 50_000)]);

    let file = "\"01/31/2026\",\"-1234.50\",\"*\",\"\",\"PURCHASE AUTHORIZED ON 01/30 STORE, INC\"\n\"01/30/2026\",\"2000.00\",\"*\",\"\",\"PAYROLL\"\n\"01/29/2026\",\"-20.00\",\"*\",\"1042\",\"CHECK\"\n";
    let map = "header=false,account='US1',value_date=#1,amount=#2,memo=#5+#4,currency='USD'";
    let found = bodies(file, map);
    assert_eq!(money(&found), [("withdrawal", 123_450), ("deposit", 200_000), ("withdrawal", 2000)]);
    assert_eq!(found[2]["memo"], "CHECK 1042");

    let file = "Description,,Summary Amt.\r\nBeginning balance as of 01/01/2026,,\"1,000.00\"\r\nTotal credits,,\"2,000.00\"\r\nTotal debits,,\"-1,234.50\"\r\nEnding balance as of 01/31/2026,,\"1,765.50\"\r\n\r\n\
                Date,Description,Amount,Running Bal.\r\n01/01/2026,Beginning balance as of 01/01/2026,,\"1,000.00\"\r\n\
                01/15/2026,\"PAYROLL DES:SALARY, JAN\",\"2,000.00\",\"3,000.00\"\r\n01/31/2026,CHECKCARD,\"-1,234.50\",\"1,765.50\"\r\n";
    let map = "account='US2',value_date=Date,amount=Amount,memo=Description,currency='USD',require=Amount";
    let found = bodies(file, map);
    assert_eq!(money(&found), [("deposit", 200_000), ("withdrawal", 123_450)]);
    assert_eq!(found[0]["value_date"], "2026-01-15");
}

#[test]
fn nordic_and_dutch_files_with_tabs() {
    let text = "Kontohavare:\tANDERS ÅKESSON\r\nClearingnummer:\t6789\r\n\r\nReskontradatum\tTransaktionsdatum\tText\tBelopp\tSaldo\r\n\
                2026-01-31\t2026-01-30\tKöp ICA\t-1 234,50\t765,50\r\n2026-01-25\t2026-01-25\tLön\t28 000,00\t2 000,00\r\n";
    let map = "charset=UTF-16,account='SE1',value_date=Reskontradatum,amount=Belopp,currency='SEK',memo=Text";
    let found = bodies(utf_16(text), map);
    assert_eq!(money(&found), [("withdrawal", 123_450), ("deposit", 2_800_000)]);
    assert_eq!((&found[0]["memo"], &found[1]["memo"]), (&json!("Köp ICA"), &json!("Lön")));

    let file = "Tilinumero\tFI2112345600000785\n\nKirjauspäivä\tArvopäivä\tMaksupäivä\tMäärä\tSaaja/Maksaja\tTilinumero\tBIC\tTapahtuma\tViite\tViesti\n\n\
                30.01.2026\t30.01.2026\t30.01.2026\t-45,90\tK-Market\t\t\tKorttiosto\t\t\n\n29.01.2026\t29.01.2026\t29.01.2026\t+2500,00\tTyönantaja Oy\tFI2112345600000785\tNDEAFIHH\tPalkka\t\tTammikuu\n";
    let map = "account='FI2112345600000785',value_date=Arvopäivä,amount=Määrä,currency='EUR',memo=Tapahtuma+Viesti,counterparty.name=Saaja/Maksaja,counterparty.account=#6";
    let found = bodies(file, map);
    assert_eq!(money(&found), [("withdrawal", 4590), ("deposit", 250_000)]);
    assert_eq!(found[1]["counterparty"], json!({"name":"Työnantaja Oy","account":"FI2112345600000785"}));

    let file = "123456789\tEUR\t20260105\t1000,00\t950,00\t20260105\t-50,00\tBEA   NR:12AB   05.01.26/10.11 Winkel\n\
                123456789\tEUR\t20260106\t950,00\t2950,00\t20260106\t2000,00\t/TRTP/SEPA OVERBOEKING/IBAN/NL91ABNA0417164300/NAME/BAAS\n";
    let map = "header=false,account=#1,currency=#2,value_date=#6,amount=#7,memo=#8";
    let found = bodies(file, map);
    assert_eq!(money(&found), [("withdrawal", 5000), ("deposit", 200_000)]);
    assert_eq!(found[0]["memo"], "BEA NR:12AB 05.01.26/10.11 Winkel");
}

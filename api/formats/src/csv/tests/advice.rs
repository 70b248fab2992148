//! Every advice that an amount's refusal gives, followed to the letter.

use super::amounts::outcomes;

const SPLIT: &str = "account='a',currency='USD',amount.out=Debit,amount.in=Credit";
const MARKED: &str = "account='a',currency='USD',amount=Amount,direction=DC";
const ONE: &str = "account='a',currency='USD',amount=Amount";

/// The row at fault, what is added to the map, and what the row is then.
struct Advised<'a> {
    file: &'a str,
    map: &'a str,
    row: usize,
    advice: &'a [(&'a str, i64)],
}

fn follow(case: &Advised<'_>) {
    let reason = outcomes(case.file, case.map)[case.row].clone().unwrap_err();
    for (setting, amount) in case.advice {
        assert!(reason.contains(setting), "{setting} is not in: {reason}");
        let settings = setting.replace(" and ", ",");
        let base = settings.split('=').next().unwrap();
        // An entry that the map has already is replaced.
        let kept: Vec<&str> =
            case.map.split(',').filter(|entry| !entry.starts_with(&format!("{base}="))).collect();
        let map = format!("{},{settings}", kept.join(","));
        assert_eq!(outcomes(case.file, &map)[case.row], Ok(*amount), "{map}: {reason}");
    }
}

#[test]
fn settings_that_say_what_a_sign_means() {
    for case in [
        Advised {
            file: "Text;Debit;Credit\nx;-25.00;\n",
            map: SPLIT,
            row: 0,
            advice: &[("sign=reverses", 2500), ("sign=ignored", -2500)],
        },
        Advised {
            file: "Text;Debit;Credit\nx;;-25.00\nx;;-1.00\n",
            map: SPLIT,
            row: 0,
            advice: &[("sign=reverses", -2500), ("sign=ignored", 2500)],
        },
        Advised {
            file: "Text;Debit;Credit\nx;-1.00;\nx;-2.00;\nx;3.00;\n",
            map: SPLIT,
            row: 2,
            advice: &[("sign=reverses", -300), ("sign=ignored", -300)],
        },
        Advised {
            file: "Text;Debit;Credit\nx;+3.00;\n",
            map: SPLIT,
            row: 0,
            advice: &[("sign=ignored", -300)],
        },
        Advised {
            file: "Text;Amount;DC\nx;40.00;D\nx;-25.00;D\n",
            map: MARKED,
            row: 1,
            advice: &[("sign=reverses", 2500), ("sign=ignored", -2500)],
        },
        Advised {
            file: "Text;Amount\nx;40.00 DR\nx;-25.00 DR\n",
            map: ONE,
            row: 1,
            advice: &[("sign=reverses", 2500), ("sign=ignored", -2500)],
        },
        Advised {
            file: "kind,Amount\nwithdrawal,40.00\nwithdrawal,-25.00\n",
            map: ONE,
            row: 1,
            advice: &[("sign=ignored", -2500)],
        },
        Advised {
            file: "kind,Amount\nwithdrawal,-1.00\nwithdrawal,-2.00\nwithdrawal,3.00\n",
            map: ONE,
            row: 2,
            advice: &[("sign=ignored", -300)],
        },
        Advised {
            file: "kind,Amount\nwithdrawal,-25.00\n",
            map: "account='a',currency='USD',amount=Amount,sign=reverses",
            row: 0,
            advice: &[("sign=ignored", -2500)],
        },
        Advised {
            file: "Text;Amount;DC\nx;-25.00;C\n",
            map: "account='a',currency='USD',amount=Amount,direction=DC,sign=negative_out",
            row: 0,
            advice: &[("sign=ignored", 2500)],
        },
        Advised {
            file: "Text;Amount\nx;12.00\nx;100.00 CR\n",
            map: ONE,
            row: 0,
            advice: &[("sign=positive_out", -1200), ("sign=negative_out", 1200)],
        },
        Advised {
            file: "Text;Amount\nx;12.00\nx;+100.00\n",
            map: ONE,
            row: 0,
            advice: &[("sign=negative_out", 1200)],
        },
        Advised {
            file: "kind,Amount\n,25.00\ndeposit,1.00\n",
            map: ONE,
            row: 0,
            advice: &[("sign=negative_out", 2500)],
        },
    ] {
        follow(&case);
    }
}

#[test]
fn settings_that_say_what_a_word_means() {
    let file = "Text;Amount;DC\nx;12.00;\nx;1.00;D\n";
    let advice = [("direction=DC|'D'", -1200), ("direction=DC|'C'", 1200)];
    follow(&Advised { file, map: MARKED, row: 0, advice: &advice });
    let file = "Text;Amount;DC\nx;12.00;\nx;1.00;weg\n";
    let map = format!("{MARKED},out_words=weg|raus,in_words=her");
    let advice = [("direction=DC|'weg'", -1200), ("direction=DC|'her'", 1200)];
    follow(&Advised { file, map: &map, row: 0, advice: &advice });
    let file = "Text;Amount;DC\nx;12.00;raus\nx;1.00;rein\n";
    let reason = outcomes(file, MARKED)[0].clone().unwrap_err();
    assert!(reason.contains("in_words= and out_words="), "{reason}");
    assert_eq!(outcomes(file, &format!("{MARKED},in_words=rein,out_words=raus")), [Ok(-1200), Ok(100)]);
}

#[test]
fn settings_that_say_what_a_mark_means() {
    let kwd = "account='a',currency='KWD',amount=Amount";
    let eur = "account='a',currency='EUR',amount=Amount";
    for case in [
        Advised {
            file: "Text;Amount\nx;12.500\n",
            map: kwd,
            row: 0,
            advice: &[("decimal=point", 12_500), ("decimal=comma", 12_500_000)],
        },
        Advised {
            file: "Text;Amount\nx;-12,500\n",
            map: kwd,
            row: 0,
            advice: &[("decimal=point", -12_500_000), ("decimal=comma", -12_500)],
        },
        Advised {
            file: "Text;Amount\nx;12.500\n",
            map: eur,
            row: 0,
            advice: &[("decimal=point and extra_zeros=true", 1250), ("decimal=comma", 1_250_000)],
        },
        Advised {
            file: "Text;Amount\nx;12.345\n",
            map: eur,
            row: 0,
            advice: &[("decimal=comma", 1_234_500)],
        },
        Advised {
            file: "Text;Amount\nx;12.345\nx;1.50\nx;1,50\n",
            map: eur,
            row: 0,
            advice: &[("decimal=comma", 1_234_500)],
        },
        Advised {
            file: "Text;Amount\nx;1.250,00\n",
            map: "account='a',currency='EUR',amount=Amount,decimal=point",
            row: 0,
            advice: &[("decimal=comma", 125_000)],
        },
        Advised { file: "Text;Amount\nx;12.5000\n", map: eur, row: 0, advice: &[("extra_zeros=true", 1250)] },
        Advised {
            file: "Text;Amount\nx;1.000\n",
            map: "account='a',currency='JPY',amount=Amount,extra_zeros=true",
            row: 0,
            advice: &[("decimal=point", 1), ("decimal=comma", 1000)],
        },
    ] {
        follow(&case);
    }
}

#[test]
fn advice_that_is_no_setting() {
    let file = "Amount;Fee\n-5.00;0.30\n";
    let map = "account='a',currency='USD',amount=Amount+Fee";
    assert!(outcomes(file, map)[0].is_err());
    assert_eq!(outcomes(file, &map.replace('+', "+-")), [Ok(-530)]);
    let json = r#"{"account":{"value":"a"},"currency":{"value":"USD"},"amount":{"sum":["Amount","Fee"]}}"#;
    assert_eq!(outcomes(file, json), [Ok(-470)]);

    let file = "Amount\n500,-\n";
    let reason =
        outcomes(file, "account='a',currency='NOK',amount=Amount,amounts=minor")[0].clone().unwrap_err();
    assert!(reason.contains("amounts=major"), "{reason}");
    assert_eq!(outcomes(file, "account='a',currency='NOK',amount=Amount,amounts=major"), [Ok(50_000)]);

    let file = "Amount\n5.00\n";
    let reason = outcomes(file, "account='a',amount=Amount")[0].clone().unwrap_err();
    assert!(reason.contains("currency='EUR'"), "{reason}");
    assert_eq!(outcomes(file, "account='a',amount=Amount,currency='EUR'"), [Ok(500)]);
    let file = "Amount\n$5\n";
    let reason = outcomes(file, "account='a',amount=Amount,amounts=minor")[0].clone().unwrap_err();
    assert!(reason.contains("currency='EUR'"), "{reason}");

    let file = "Partner;Amount\nb;-5.00\n";
    let map = "from='a',to=Partner,amount=Amount,currency='USD'";
    let reason = outcomes(file, map)[0].clone().unwrap_err();
    assert!(reason.contains("without a sign, or state sign=ignored"), "{reason}");
    assert_eq!(outcomes(file, &format!("{map},sign=ignored")), [Ok(500)]);
    assert_eq!(outcomes(&file.replace('-', ""), map), [Ok(500)]);
}

#[test]
fn every_column_that_may_say_another_currency_than_the_map_is_looked_at() {
    let map = "account='a',value_date=Buchungstag,amount=Betrag,currency='EUR'";
    // `Valuta` is the value date in German, and the currency elsewhere.
    let file = "Buchungstag;Valuta;Betrag;Währung\n30.01.2026;31.01.2026;-10,00;USD\n";
    let reason = outcomes(file, map)[0].clone().unwrap_err();
    assert!(reason.contains("USD by the column Währung") && reason.contains("currency=Währung"), "{reason}");
    assert_eq!(outcomes(file, "account='a',amount=Betrag,currency=Währung"), [Ok(-1000)]);
    assert_eq!(outcomes(&file.replace("USD", "EUR"), map), [Ok(-1000)]);

    // Rows of one other currency that are left out say nothing of those of a third.
    let file = "Text;Amount;Currency\nx;5.00;USD\nx;6.00;GBP\nx;7.00;EUR\n";
    let found = outcomes(file, "account='a',amount=Amount,currency='EUR',ignore=Currency:USD");
    assert!(found[0].is_err(), "{found:?}");
    assert_eq!(found[1], Ok(700));
    assert_eq!(outcomes(file, "account='a',amount=Amount,currency='EUR',keep=Currency:EUR"), [Ok(700)]);
}

#[test]
fn an_unused_currency_may_be_a_symbol_or_stand_in_small_letters() {
    let map = "account='a',amount=Amount,currency='EUR'";
    for name in ["usd", "Usd", "US$", "$", "£", "GBp", "kr", "Fr."] {
        let file = format!("Text;Amount;Currency\nx;5.00;{name}\n");
        let reason = outcomes(&file, map)[0].clone().unwrap_err();
        assert!(reason.contains(&format!("and {name} by the column Currency")), "{reason}");
        let advised = format!(r#"{{"currency":{{"column":"Currency","values":{{"{name}":"the code"}}}}}}"#);
        assert!(reason.contains(&advised), "{reason}");
        let currency = advised.replace("the code", "USD");
        let json = format!(r#"{{"account":{{"value":"a"}},"amount":"Amount",{}"#, &currency[1..]);
        assert_eq!(outcomes(&file, &json), [Ok(500)]);
    }
    for name in ["EUR", "eur", "€", "Euro", "", "-", "31.01.2026"] {
        assert_eq!(outcomes(&format!("Text;Amount;Currency\nx;5.00;{name}\n"), map), [Ok(500)], "{name}");
    }
}

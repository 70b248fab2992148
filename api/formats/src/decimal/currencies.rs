//! Names of currencies as they stand beside a number: codes, symbols and abbreviations.

use domain::money::Currency;

/// What a name says of the currency that an amount should be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// It is a name of it, though others may have the same.
    This,
    /// It is a name of others alone.
    Another,
    /// It is no name of a currency.
    None,
}

/// The codes of currencies, and the names that each of them has; blanks between both.
type Entry = (&'static str, &'static str);

const DOLLARS: &str = "USD AUD CAD NZD HKD SGD TWD MXN ARS CLP COP UYU DOP BBD BSD BZD BMD KYD XCD FJD GYD JMD LRD NAD \
                       SBD SRD TTD BND CUP CUC NIO SVC ZWL TOP WST MOP";
const KRONOR: &str = "SEK NOK DKK ISK";
const RUPEES: &str = "INR PKR LKR NPR MUR SCR";
const FRANCS: &str = "CHF BIF CDF DJF GNF KMF RWF XAF XOF XPF";
const POUNDS: &str = "GBP EGP FKP GIP LBP SDG SHP SSP SYP";
const YEN_AND_YUAN: &str = "JPY CNY";

/// Names that are written as they are.
const SYMBOLS: [Entry; 61] = [
    ("EUR", "€"),
    (DOLLARS, "$ ＄"),
    ("USD", "US$ U$S U$D $US"),
    ("AUD", "A$ AU$ $A"),
    ("CAD NIO", "C$"),
    ("CAD", "CA$ CDN$ Can$ $CA"),
    ("NZD", "NZ$"),
    ("HKD", "HK$"),
    ("SGD", "S$ SG$"),
    ("TWD", "NT$ TW$"),
    ("MXN", "MX$ Mex$"),
    ("ARS", "AR$"),
    ("CLP", "CL$ CLP$"),
    ("COP", "COL$ CO$"),
    ("UYU", "$U UY$"),
    ("DOP", "RD$"),
    ("BBD", "Bds$"),
    ("BSD BND", "B$"),
    ("BZD", "BZ$"),
    ("BMD", "BD$"),
    ("KYD", "CI$"),
    ("XCD", "EC$"),
    ("FJD", "FJ$"),
    ("GYD", "G$ GY$"),
    ("JMD", "J$"),
    ("LRD", "L$"),
    ("NAD", "N$"),
    ("SBD", "SI$"),
    ("TTD", "TT$"),
    ("TOP", "T$"),
    ("WST", "WS$"),
    ("MOP", "MOP$"),
    ("BRL", "R$"),
    (POUNDS, "£ ￡"),
    ("EGP", "E£"),
    (YEN_AND_YUAN, "¥ ￥"),
    ("CNY", "CN¥"),
    ("JPY", "JP¥ 円"),
    ("CNY TWD HKD", "元"),
    ("INR", "₹"),
    (RUPEES, "₨"),
    ("RUB", "₽"),
    ("TRY", "₺"),
    ("KRW KPW", "₩"),
    ("KRW", "원"),
    ("THB", "฿"),
    ("VND", "₫ đ"),
    ("ILS", "₪"),
    ("UAH", "₴"),
    ("NGN", "₦"),
    ("PHP", "₱"),
    ("GHS", "₵ GH₵"),
    ("CRC", "₡"),
    ("PYG", "₲"),
    ("KZT", "₸"),
    ("AZN", "₼"),
    ("GEL", "₾"),
    ("BDT", "৳"),
    ("ZAR", "R"),
    ("GTQ", "Q"),
    ("HNL", "L"),
];

/// Names that may end in a point (`Rs.50`), in small letters: they are written in any case.
const ABBREVIATIONS: [Entry; 37] = [
    (KRONOR, "kr"),
    ("SEK", "skr"),
    ("NOK", "nkr"),
    ("DKK", "dkr"),
    ("ISK", "ikr"),
    (RUPEES, "rs re"),
    (FRANCS, "fr frs"),
    ("CHF", "sfr"),
    ("XAF XOF", "fcfa cfa"),
    ("EUR", "euro euros"),
    ("PLN", "zł zl"),
    ("CZK", "kč kc"),
    ("HUF", "ft"),
    ("RON MDL", "lei leu"),
    ("BGN", "лв lv"),
    ("RUB BYN", "р руб"),
    ("RUB", "rub"),
    ("UAH", "грн"),
    ("RSD", "дин din"),
    ("BAM", "km"),
    ("HRK", "kn"),
    ("TRY", "tl"),
    ("MYR", "rm"),
    ("IDR", "rp"),
    ("BDT", "tk"),
    ("CNY", "rmb"),
    ("KES", "ksh"),
    ("TZS", "tsh"),
    ("UGX", "ush"),
    ("BOB VES", "bs"),
    ("PEN", "s/"),
    ("PAB", "b/"),
    ("KWD", "kd"),
    ("BHD", "bd"),
    ("JOD", "jd"),
    ("TND", "dt"),
    ("AED MAD", "dh dhs"),
];

/// Hundredths of a currency, as brokers write them: a price in `GBp` is in pence.
const SUBUNITS: [&str; 6] = ["GBp", "GBX", "ZAc", "ZAX", "ILa", "ILX"];

/// What a name says of a currency; without one it can only be a name of another.
pub fn names(name: &str, code: Option<&str>) -> Names {
    let one_of = |codes: &str| match code {
        Some(code) if codes.split(' ').any(|one| one == code) => Names::This,
        _ => Names::Another,
    };
    if SUBUNITS.contains(&name) {
        return Names::Another;
    }
    let with = |entries: &'static [Entry], name: &str| {
        entries.iter().find(|(_, names)| names.split(' ').any(|one| one == name)).map(|(codes, _)| *codes)
    };
    if let Some(codes) = with(&SYMBOLS, name) {
        return one_of(codes);
    }
    let small = name.to_lowercase();
    let bare = small.strip_suffix('.').unwrap_or(&small);
    if let Some(codes) = with(&ABBREVIATIONS, bare) {
        return one_of(codes);
    }
    // `USD`, `Eur`, `NZD$`
    let letters = name.strip_prefix('$').or_else(|| name.strip_suffix('$')).unwrap_or(name);
    let letters = letters.to_ascii_uppercase();
    match letters.parse::<Currency>() {
        Ok(currency) if Some(currency.code()) == code => Names::This,
        Ok(_) => Names::Another,
        Err(_) => Names::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_one_of_currencies_that_exist() {
        let entries = SYMBOLS.into_iter().chain(ABBREVIATIONS);
        let each = entries.flat_map(|(codes, names)| names.split(' ').map(move |name| (name, codes)));
        for (name, codes) in each {
            for code in codes.split(' ') {
                assert!(code.parse::<Currency>().is_ok(), "{name}: {code}");
                assert_eq!(names(name, Some(code)), Names::This, "{name} {code}");
            }
            assert_eq!(names(name, None), Names::Another, "{name}");
            assert_eq!(names(name, Some("XTS")), Names::Another, "{name}");
        }
    }

    #[test]
    fn a_name_that_several_currencies_share_is_one_of_each_and_of_no_other() {
        for (name, those, others) in [
            ("$", "USD CAD AUD HKD", "EUR JPY BRL"),
            ("kr", "SEK NOK DKK ISK", "EUR CHF"),
            ("Kr.", "SEK NOK", "INR"),
            ("¥", "JPY CNY", "USD KRW"),
            ("Rs.", "INR PKR LKR", "IDR CHF"),
            ("US$", "USD", "CAD AUD"),
            ("usd", "USD", "EUR"),
            ("USD$", "USD", "CAD"),
            ("Fr.", "CHF", "EUR SEK"),
            ("lei", "RON MDL", "BGN"),
            ("ZŁ", "PLN", "CZK"),
        ] {
            those
                .split(' ')
                .for_each(|code| assert_eq!(names(name, Some(code)), Names::This, "{name} {code}"));
            others
                .split(' ')
                .for_each(|code| assert_eq!(names(name, Some(code)), Names::Another, "{name} {code}"));
        }
        for name in ["x", "EUR.", "$.", "e", "EURO€", "pcs", "%", "", ".", "CR"] {
            assert_eq!(names(name, Some("EUR")), Names::None, "{name}");
        }
    }
}

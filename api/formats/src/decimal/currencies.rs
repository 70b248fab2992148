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

/// A name, and the codes of the currencies that have it, with blanks between.
type Entry = (&'static str, &'static str);

const DOLLARS: &str = "USD AUD CAD NZD HKD SGD TWD MXN ARS CLP COP UYU DOP BBD BSD BZD BMD KYD XCD FJD GYD JMD LRD NAD \
                       SBD SRD TTD BND CUP CUC NIO SVC ZWL TOP WST MOP";
const KRONOR: &str = "SEK NOK DKK ISK";
const RUPEES: &str = "INR PKR LKR NPR MUR SCR";
const FRANCS: &str = "CHF BIF CDF DJF GNF KMF RWF XAF XOF XPF";
const POUNDS: &str = "GBP EGP FKP GIP LBP SDG SHP SSP SYP";
const YEN_AND_YUAN: &str = "JPY CNY";

/// Names that are written as they are.
const SYMBOLS: [Entry; 82] = [
    ("€", "EUR"),
    ("$", DOLLARS),
    ("＄", DOLLARS),
    ("US$", "USD"),
    ("U$S", "USD"),
    ("U$D", "USD"),
    ("$US", "USD"),
    ("A$", "AUD"),
    ("AU$", "AUD"),
    ("$A", "AUD"),
    ("C$", "CAD NIO"),
    ("CA$", "CAD"),
    ("CDN$", "CAD"),
    ("Can$", "CAD"),
    ("$CA", "CAD"),
    ("NZ$", "NZD"),
    ("HK$", "HKD"),
    ("S$", "SGD"),
    ("SG$", "SGD"),
    ("NT$", "TWD"),
    ("TW$", "TWD"),
    ("MX$", "MXN"),
    ("Mex$", "MXN"),
    ("AR$", "ARS"),
    ("CL$", "CLP"),
    ("CLP$", "CLP"),
    ("COL$", "COP"),
    ("CO$", "COP"),
    ("$U", "UYU"),
    ("UY$", "UYU"),
    ("RD$", "DOP"),
    ("Bds$", "BBD"),
    ("B$", "BSD BND"),
    ("BZ$", "BZD"),
    ("BD$", "BMD"),
    ("CI$", "KYD"),
    ("EC$", "XCD"),
    ("FJ$", "FJD"),
    ("G$", "GYD"),
    ("GY$", "GYD"),
    ("J$", "JMD"),
    ("L$", "LRD"),
    ("N$", "NAD"),
    ("SI$", "SBD"),
    ("TT$", "TTD"),
    ("T$", "TOP"),
    ("WS$", "WST"),
    ("MOP$", "MOP"),
    ("R$", "BRL"),
    ("£", POUNDS),
    ("￡", POUNDS),
    ("E£", "EGP"),
    ("¥", YEN_AND_YUAN),
    ("￥", YEN_AND_YUAN),
    ("CN¥", "CNY"),
    ("JP¥", "JPY"),
    ("円", "JPY"),
    ("元", "CNY TWD HKD"),
    ("₹", "INR"),
    ("₨", RUPEES),
    ("₽", "RUB"),
    ("₺", "TRY"),
    ("₩", "KRW KPW"),
    ("원", "KRW"),
    ("฿", "THB"),
    ("₫", "VND"),
    ("đ", "VND"),
    ("₪", "ILS"),
    ("₴", "UAH"),
    ("₦", "NGN"),
    ("₱", "PHP"),
    ("₵", "GHS"),
    ("GH₵", "GHS"),
    ("₡", "CRC"),
    ("₲", "PYG"),
    ("₸", "KZT"),
    ("₼", "AZN"),
    ("₾", "GEL"),
    ("৳", "BDT"),
    ("R", "ZAR"),
    ("Q", "GTQ"),
    ("L", "HNL"),
];

/// Names that may end in a point (`Rs.50`), in small letters: they are written in any case.
const ABBREVIATIONS: [Entry; 48] = [
    ("kr", KRONOR),
    ("skr", "SEK"),
    ("nkr", "NOK"),
    ("dkr", "DKK"),
    ("ikr", "ISK"),
    ("rs", RUPEES),
    ("re", RUPEES),
    ("fr", FRANCS),
    ("sfr", "CHF"),
    ("frs", FRANCS),
    ("fcfa", "XAF XOF"),
    ("cfa", "XAF XOF"),
    ("euro", "EUR"),
    ("euros", "EUR"),
    ("zł", "PLN"),
    ("zl", "PLN"),
    ("kč", "CZK"),
    ("kc", "CZK"),
    ("ft", "HUF"),
    ("lei", "RON MDL"),
    ("leu", "RON MDL"),
    ("лв", "BGN"),
    ("lv", "BGN"),
    ("р", "RUB BYN"),
    ("руб", "RUB BYN"),
    ("rub", "RUB"),
    ("грн", "UAH"),
    ("дин", "RSD"),
    ("din", "RSD"),
    ("km", "BAM"),
    ("kn", "HRK"),
    ("tl", "TRY"),
    ("rm", "MYR"),
    ("rp", "IDR"),
    ("tk", "BDT"),
    ("rmb", "CNY"),
    ("ksh", "KES"),
    ("tsh", "TZS"),
    ("ush", "UGX"),
    ("bs", "BOB VES"),
    ("s/", "PEN"),
    ("b/", "PAB"),
    ("kd", "KWD"),
    ("bd", "BHD"),
    ("jd", "JOD"),
    ("dt", "TND"),
    ("dh", "AED MAD"),
    ("dhs", "AED MAD"),
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
    if let Some((_, codes)) = SYMBOLS.iter().find(|(symbol, _)| *symbol == name) {
        return one_of(codes);
    }
    let small = name.to_lowercase();
    let bare = small.strip_suffix('.').unwrap_or(&small);
    if let Some((_, codes)) = ABBREVIATIONS.iter().find(|(short, _)| *short == bare) {
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
        for (name, codes) in SYMBOLS.into_iter().chain(ABBREVIATIONS) {
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

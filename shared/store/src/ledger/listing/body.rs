//! What the bodies of jobs say, as far as jobs are looked for by it.

use std::collections::HashMap;

use domain::money::Currency;
use serde::Deserialize;
use serde_json::value::RawValue;

/// What the body of a job has to say; a field that is `None` asks for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BodyFilter {
    /// The payment's `EndToEndId`.
    pub end_to_end_id: Option<String>,
    /// The least amount, in minor units; of a journal, that of some leg, whatever its sign.
    pub amount_min: Option<i64>,
    /// The most.
    pub amount_max: Option<i64>,
    /// The currency.
    pub currency: Option<Currency>,
    /// A part of the name of the counterparty, of the payer or payee, or of an account's holder, whatever its case.
    pub counterparty: Option<String>,
    /// The account of the counterparty, whatever its blanks and its case.
    pub counterparty_account: Option<String>,
    /// How the memo begins, whatever its case.
    pub memo: Option<String>,
    /// What the metadata has.
    pub metadata: Option<MetadataFilter>,
}

/// A member of the metadata of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataFilter {
    /// Its name.
    pub key: String,
    /// What it is: a text as it reads, anything else as JSON; `None`: whatever it is.
    pub value: Option<String>,
}

impl BodyFilter {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        *self == BodyFilter::default()
    }

    /// Whether a body, as JSON, says all that is asked for.
    pub fn admits(&self, body: &str) -> bool {
        if self.is_empty() {
            return true;
        }
        // What some hand has spoiled says nothing.
        let Ok(body) = serde_json::from_str::<Body>(body) else { return false };
        self.admits_amount(&body)
            && self.currency.is_none_or(|currency| body.currency == Some(currency))
            && self.end_to_end_id.as_ref().is_none_or(|id| body.is_end_to_end(id))
            && self.counterparty.as_ref().is_none_or(|part| body.names_contain(&part.to_lowercase()))
            && self.counterparty_account.as_ref().is_none_or(|account| {
                let named = body.counterparty.as_ref().and_then(|named| named.account.as_deref());
                named.is_some_and(|named| without_blanks(named) == without_blanks(account))
            })
            && self.memo.as_ref().is_none_or(|start| {
                let memo = body.memo.as_ref().map(|memo| memo.to_lowercase());
                memo.is_some_and(|memo| memo.starts_with(&start.to_lowercase()))
            })
            && self.metadata.as_ref().is_none_or(|wanted| body.has_metadata(wanted))
    }

    fn admits_amount(&self, body: &Body) -> bool {
        if self.amount_min.is_none() && self.amount_max.is_none() {
            return true;
        }
        let admits = |amount: i64| {
            self.amount_min.is_none_or(|min| amount >= min) && self.amount_max.is_none_or(|max| amount <= max)
        };
        let of_legs = body.legs.iter().map(|leg| leg.amount.saturating_abs());
        body.amount.into_iter().chain(of_legs).any(admits)
    }
}

/// An account without the blanks that banks write in it, in capitals.
pub(crate) fn without_blanks(account: &str) -> String {
    account.chars().filter(|c| *c != ' ').map(|c| c.to_ascii_uppercase()).collect()
}

/// What is looked at. Anything else, and what earlier releases wrote otherwise, is passed over.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    amount: Option<i64>,
    currency: Option<Currency>,
    legs: Vec<Leg>,
    holder: Option<String>,
    memo: Option<String>,
    counterparty: Option<Counterparty>,
    payment: Option<Names>,
    metadata: HashMap<String, Box<RawValue>>,
}

#[derive(Deserialize)]
struct Leg {
    amount: i64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Counterparty {
    name: Option<String>,
    account: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Names {
    end_to_end_id: Option<String>,
    debtor_name: Option<String>,
    creditor_name: Option<String>,
}

impl Body {
    /// Release 0.1 kept the id among the metadata.
    fn is_end_to_end(&self, id: &str) -> bool {
        match self.payment.as_ref().and_then(|payment| payment.end_to_end_id.as_deref()) {
            Some(own) => own == id,
            None => {
                let wanted = MetadataFilter { key: "end_to_end_id".to_owned(), value: Some(id.to_owned()) };
                self.has_metadata(&wanted)
            }
        }
    }

    /// `part` is in lower case.
    fn names_contain(&self, part: &str) -> bool {
        let of_payment =
            self.payment.iter().flat_map(|payment| [&payment.debtor_name, &payment.creditor_name]);
        let names = self.counterparty.iter().map(|named| &named.name).chain(of_payment).chain([&self.holder]);
        names.flatten().any(|name| name.to_lowercase().contains(part))
    }

    fn has_metadata(&self, wanted: &MetadataFilter) -> bool {
        let Some(member) = self.metadata.get(&wanted.key) else { return false };
        let Some(value) = &wanted.value else { return true };
        match serde_json::from_str::<String>(member.get()) {
            Ok(text) => text == *value,
            Err(_) => member.get() == value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRANSFER: &str = r#"{"kind":"transfer","from":"a","to":"b","amount":1250,"currency":"EUR","memo":"Rent May",
        "counterparty":{"name":"Anna MÜLLER","account":"DE89 3704 0044"},"metadata":{"order":"A-7","lines":3,"\u0061":null},
        "payment":{"end_to_end_id":"E-1","creditor_name":"Bäcker & Söhne"}}"#;

    #[test]
    fn a_body_is_found_by_what_it_says() {
        let some = |text: &str| Some(text.to_owned());
        let metadata = |key: &str, value: Option<&str>| {
            let value = value.map(str::to_owned);
            BodyFilter { metadata: Some(MetadataFilter { key: key.to_owned(), value }), ..Default::default() }
        };
        let amount = |amount_min, amount_max| BodyFilter { amount_min, amount_max, ..Default::default() };
        for (filter, is_wanted) in [
            (BodyFilter::default(), true),
            (amount(Some(1_250), Some(1_250)), true),
            (amount(Some(1_251), None), false),
            (amount(None, Some(1_249)), false),
            (BodyFilter { currency: "USD".parse().ok(), ..Default::default() }, false),
            (BodyFilter { currency: "EUR".parse().ok(), ..Default::default() }, true),
            (BodyFilter { counterparty: some("müll"), ..Default::default() }, true),
            (BodyFilter { counterparty: some("SÖHNE"), ..Default::default() }, true),
            (BodyFilter { counterparty: some("rent"), ..Default::default() }, false),
            (BodyFilter { counterparty_account: some("de8937040044"), ..Default::default() }, true),
            (BodyFilter { counterparty_account: some("DE89"), ..Default::default() }, false),
            (BodyFilter { memo: some("rent"), ..Default::default() }, true),
            (BodyFilter { memo: some("May"), ..Default::default() }, false),
            (BodyFilter { end_to_end_id: some("E-1"), ..Default::default() }, true),
            (BodyFilter { end_to_end_id: some("E"), ..Default::default() }, false),
            (metadata("order", None), true),
            (metadata("order", Some("A-7")), true),
            (metadata("order", Some("A")), false),
            (metadata("lines", Some("3")), true),
            (metadata("a", Some("null")), true),
            (metadata("line", None), false),
        ] {
            assert_eq!(filter.admits(TRANSFER), is_wanted, "{filter:?}");
        }
        let journal = r#"{"kind":"journal","currency":"EUR","legs":[{"account":"a","amount":-70},{"account":"b","amount":70}]}"#;
        assert!(amount(Some(70), Some(70)).admits(journal) && !amount(Some(71), None).admits(journal));
        let former = r#"{"kind":"deposit","metadata":{"message_id":"M","end_to_end_id":"E-1"}}"#;
        assert!(BodyFilter { end_to_end_id: some("E-1"), ..Default::default() }.admits(former));
        assert!(!amount(Some(1), None).admits("no JSON"));
    }
}

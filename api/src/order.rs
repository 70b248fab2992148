//! What is to be analysed, as a client asks for it.

use contract::submission::Invalid;
use domain::account::AccountNumber;
use domain::json;
use domain::text::Reference;
use jiff::civil::Date;
use serde_json::{Map, Value};

use crate::problem::{self, Problem};

/// Accounts that one request may name. For more, leave them out: then all are analysed.
const ACCOUNTS_MAX: usize = 10_000;
/// The kind of job that is an analysis.
const KIND: &str = "analyse_patterns";

/// A well-formed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// `None`: all of them.
    pub accounts: Option<Vec<AccountNumber>>,
    /// The first day that counts.
    pub from: Option<Date>,
    /// The last day that counts.
    pub to: Option<Date>,
    /// The client's own name for it.
    pub reference: Option<Reference>,
}

impl Order {
    /// The body of `POST /api/analyses`; an empty one asks for all accounts.
    pub fn of_run(json: &[u8]) -> Result<Order, Problem> {
        let json = if json.trim_ascii().is_empty() { b"{}" } else { json };
        json::check(json).map_err(problem::malformed)?;
        let fields: Map<String, Value> = serde_json::from_slice(json).map_err(|error| {
            let remedy = format!("must be a JSON object such as {{\"accounts\": [\"alice\"]}} ({error})");
            invalid("body", None, remedy)
        })?;
        once(json)?;
        take_only(&fields, &["accounts", "from", "to", "reference"], "an analysis")?;
        let accounts = match fields.get("accounts") {
            None | Some(Value::Null) => None,
            Some(Value::Array(named)) if (1..=ACCOUNTS_MAX).contains(&named.len()) => {
                let numbers = named
                    .iter()
                    .enumerate()
                    .map(|(place, value)| account(&format!("accounts[{place}]"), value));
                Some(numbers.collect::<Result<_, _>>()?)
            }
            Some(other) => {
                let remedy =
                    format!("must be 1 to {ACCOUNTS_MAX} account numbers; leave it out for all accounts");
                return Err(invalid("accounts", Some(other), remedy));
            }
        };
        Order { accounts, from: None, to: None, reference: None }.with_common(&fields)
    }

    /// The body of a job, if it is one of this kind.
    pub fn of_job(json: &[u8]) -> Option<Result<Order, Problem>> {
        // Every job passes here: only one that has the word in it is read twice.
        let named = json.windows(KIND.len()).any(|window| window == KIND.as_bytes());
        let fields = named.then(|| serde_json::from_slice::<Map<String, Value>>(json).ok()).flatten()?;
        (fields.get("kind").and_then(Value::as_str) == Some(KIND)).then(|| {
            once(json)?;
            take_only(&fields, &["kind", "account", "from", "to", "reference"], KIND)?;
            let named = fields.get("account").ok_or_else(|| {
                invalid(
                    "account",
                    None,
                    format!("is missing; {KIND} takes account, from (optional), to (optional)"),
                )
            })?;
            let accounts = Some(vec![account("account", named)?]);
            Order { accounts, from: None, to: None, reference: None }.with_common(&fields)
        })
    }

    fn with_common(self, fields: &Map<String, Value>) -> Result<Order, Problem> {
        let (from, to) = (date(fields, "from")?, date(fields, "to")?);
        if let (Some(first), Some(last)) = (from, to)
            && first > last
        {
            return Err(invalid("to", fields.get("to"), format!("must not be before `from`, {first}")));
        }
        let reference = match fields.get("reference") {
            None | Some(Value::Null) => None,
            Some(value) => {
                let parsed = value.as_str().map(Reference::parse);
                let remedy = || "must be 1 to 128 characters without control characters".to_owned();
                let parsed = parsed.and_then(Result::ok);
                let parsed = parsed.ok_or_else(|| invalid("reference", Some(value), remedy()))?;
                let canonical = parsed.canonical();
                Some(canonical.map_err(|error| invalid("reference", Some(value), error.to_string()))?)
            }
        };
        Ok(Order { from, to, reference, ..self })
    }
}

/// That no field has two readings.
fn once(json: &[u8]) -> Result<(), Problem> {
    let repeated = std::str::from_utf8(json).ok().and_then(json::repeated);
    repeated.map_or(Ok(()), |name| {
        Err(invalid(&name, None, "is there more than once; send each field once".to_owned()))
    })
}

fn account(field: &str, value: &Value) -> Result<AccountNumber, Problem> {
    let parsed = value.as_str().map(AccountNumber::parse);
    let parsed = parsed.ok_or_else(|| invalid(field, Some(value), "must be an account number".to_owned()))?;
    parsed.map_err(|error| invalid(field, Some(value), error.to_string()))
}

fn date(fields: &Map<String, Value>, field: &str) -> Result<Option<Date>, Problem> {
    match fields.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let parsed = value.as_str().and_then(|text| text.parse().ok());
            let remedy = "must be a day such as 2026-11-24".to_owned();
            parsed.map(Some).ok_or_else(|| invalid(field, Some(value), remedy))
        }
    }
}

fn take_only(fields: &Map<String, Value>, known: &[&str], what: &str) -> Result<(), Problem> {
    match fields.iter().find(|(name, _)| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some((name, value)) => {
            let name: String = name.chars().take(80).collect();
            Err(invalid(
                &name,
                Some(value),
                format!("is no field of {what}, which takes {}", known.join(", ")),
            ))
        }
    }
}

fn invalid(field: &str, value: Option<&Value>, remedy: String) -> Problem {
    let value = value.map(ToString::to_string).unwrap_or_default().chars().take(80).collect();
    problem::invalid_job(Invalid { field: field.to_owned(), value, remedy })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_means_all_accounts() {
        for body in ["", " ", "{}", r#"{"accounts":null}"#] {
            assert_eq!(Order::of_run(body.as_bytes()).unwrap().accounts, None, "{body}");
        }
    }

    #[test]
    fn only_an_analysis_is_taken_for_one() {
        let memo =
            r#"{"kind":"deposit","account":"a","amount":1,"currency":"EUR","memo":"analyse_patterns"}"#;
        assert!(Order::of_job(memo.as_bytes()).is_none());
        let job = r#"{"kind":"analyse_patterns","account":"alice","from":"2024-01-01","to":"2024-12-31"}"#;
        let order = Order::of_job(job.as_bytes()).unwrap().unwrap();
        assert_eq!(order.accounts.unwrap()[0].as_str(), "alice");
        assert_eq!(order.from, Some(jiff::civil::date(2024, 1, 1)));
    }

    #[test]
    fn what_is_no_json_is_distinguished_from_what_is_no_order() {
        let slug = |body: &str| Order::of_run(body.as_bytes()).unwrap_err().slug();
        for body in ["{", "nonsense", "{} {}"] {
            assert_eq!(slug(body), "malformed-json", "{body}");
        }
        assert_eq!(slug("[]"), "invalid-job");
        let twice = r#"{"kind":"analyse_patterns","account":"alice","account":"bob"}"#;
        assert!(Order::of_job(twice.as_bytes()).unwrap().is_err());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (body, field) in [
            (r#"{"accounts":[]}"#, "accounts"),
            (r#"{"accounts":["ok","not ok"]}"#, "accounts[1]"),
            (r#"{"accounts":["external:EUR:1"]}"#, "accounts[0]"),
            (r#"{"account":"alice"}"#, "account"),
            (r#"{"from":"yesterday"}"#, "from"),
            (r#"{"from":"2024-02-01","to":"2024-01-01"}"#, "to"),
            (r#"{"to":"2024-02-01","to":"2024-01-01"}"#, "to"),
            ("[]", "body"),
        ] {
            let problem = serde_json::to_value(Order::of_run(body.as_bytes()).unwrap_err()).unwrap();
            assert_eq!(problem["errors"][0]["field"], field, "{problem}");
        }
    }
}

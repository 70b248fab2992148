//! Work for analysis, as it waits in the queue.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use domain::account::AccountNumber;
use domain::id::JobId;

/// A message of work: JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "work", rename_all = "snake_case")]
pub enum AnalysisWork {
    /// Split a run into batches.
    Plan {
        /// What all its batches share.
        #[serde(flatten)]
        run: RunOrder,
        /// The accounts; absent: all of them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        accounts: Option<Vec<AccountNumber>>,
    },
    /// Analyse some accounts.
    Batch {
        /// What all batches of the run share.
        #[serde(flatten)]
        run: RunOrder,
        /// Its number within the run: the same however often it is sent.
        batch: u64,
        /// At most `store::analyses::BATCH_ACCOUNTS_MAX`.
        accounts: Vec<AccountNumber>,
    },
}

/// What was asked for.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunOrder {
    /// The run's id.
    pub run: JobId,
    /// Who asked for it.
    pub client: String,
    /// When, in microseconds since the Unix epoch. Its day (UTC) is "today".
    pub requested_at: i64,
    /// The first day that counts.
    pub from: Option<Date>,
    /// The last day that counts.
    pub to: Option<Date>,
}

/// What was asked for as JSON, as it is kept: equal for equal requests, and short however many accounts are named.
pub fn request(accounts: Option<&[AccountNumber]>, from: Option<Date>, to: Option<Date>) -> String {
    let mut named = blake3::Hasher::new();
    for account in accounts.unwrap_or_default() {
        named.update(account.as_str().as_bytes()).update(b" ");
    }
    let digest = accounts.map(|_| named.finalize().to_hex()[..16].to_owned());
    let count = accounts.map(<[_]>::len);
    serde_json::json!({"accounts": count, "accounts_digest": digest, "from": from, "to": to}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::id::Identity;
    use domain::text::Client;

    #[test]
    fn a_request_is_known_again_by_its_accounts_and_days() {
        let accounts = |names: &[&str]| -> Vec<AccountNumber> {
            names.iter().map(|name| AccountNumber::parse(name).unwrap()).collect()
        };
        let of = |names: &[&str]| request(Some(&accounts(names)), None, None);
        assert_eq!(of(&["alice", "bob"]), of(&["alice", "bob"]));
        let others = [
            of(&["alice"]),
            of(&["alic", "ebob"]),
            request(None, None, None),
            request(Some(&[]), None, None),
        ];
        for other in &others {
            assert_ne!(*other, of(&["alice", "bob"]));
        }
        let day = Some(jiff::civil::date(2024, 2, 29));
        assert_ne!(request(None, day, None), request(None, None, day));
    }

    #[test]
    fn the_wire_form_holds_still() {
        let run = JobId::derived(&Client::parse("acme").unwrap(), Identity::Key("k"));
        let order = RunOrder {
            run,
            client: "acme".into(),
            requested_at: 1_795_453_200_000_000,
            from: Some(jiff::civil::date(2024, 2, 29)),
            to: None,
        };
        let golden = format!(
            r#"{{"work":"plan","run":"{run}","client":"acme","requested_at":1795453200000000,"from":"2024-02-29"}}"#
        );
        let plan = AnalysisWork::Plan { run: order.clone(), accounts: None };
        assert_eq!(serde_json::to_string(&plan).unwrap(), golden);
        assert_eq!(serde_json::from_str::<AnalysisWork>(&golden).unwrap(), plan);

        let golden = format!(
            r#"{{"work":"batch","run":"{run}","client":"acme","requested_at":1795453200000000,"from":"2024-02-29","batch":7,"accounts":["alice"]}}"#
        );
        let alice = AccountNumber::parse("alice").unwrap();
        let batch = AnalysisWork::Batch { run: order, batch: 7, accounts: vec![alice] };
        assert_eq!(serde_json::to_string(&batch).unwrap(), golden);
        assert_eq!(serde_json::from_str::<AnalysisWork>(&golden).unwrap(), batch);
    }
}

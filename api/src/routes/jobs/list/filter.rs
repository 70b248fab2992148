//! What a client asks of the jobs.

use domain::account::AccountNumber;
use domain::job::Kind;
use domain::money::Currency;
use domain::outcome::Rejection;
use domain::text::{Client, Memo, Name, OutsideAccount, PaymentId, Reference};
use serde::{Deserialize, Deserializer};
use store::ledger::{BodyFilter, JobFilter, MetadataFilter, OutcomeName};
use tellers_http::query::{self, Limit};
use utoipa::IntoParams;

use crate::keys::Caller;
use crate::openapi::{KindName, OutcomeSchema, RejectionName};
use crate::problem::{Problem, ProblemType};
use crate::routes::imports;
use crate::statement::Period;

/// The query of the route.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct JobsQuery {
    /// The client's own name for the job, found at once: that of the caller's client or of `client`; for a key that sees all
    /// jobs, of every client that has or had a key.
    #[serde(default, deserialize_with = "reference")]
    #[param(value_type = Option<String>, min_length = 1, max_length = 128)]
    pub reference: Option<Reference>,
    /// The payment's `EndToEndId`.
    #[serde(default, deserialize_with = "end_to_end_id")]
    #[param(value_type = Option<String>, min_length = 1, max_length = 35)]
    end_to_end_id: Option<PaymentId>,
    /// The client that submitted the jobs.
    #[serde(default, deserialize_with = "client")]
    #[param(value_type = Option<String>, min_length = 1, max_length = 64)]
    pub client: Option<Client>,
    /// The kind of the jobs.
    #[serde(default, deserialize_with = "query::name")]
    #[param(value_type = Option<KindName>)]
    kind: Option<Kind>,
    /// `posted`, `rejected`, `dead`, `cancelled` or `scheduled`.
    #[serde(default, deserialize_with = "query::name")]
    #[param(value_type = Option<OutcomeSchema>)]
    outcome: Option<OutcomeName>,
    /// Why the jobs were rejected.
    #[serde(default, deserialize_with = "query::name")]
    #[param(value_type = Option<RejectionName>)]
    reason: Option<Rejection>,
    /// An account that the jobs draw on or have an entry on.
    #[serde(default, deserialize_with = "account")]
    #[param(value_type = Option<String>)]
    pub account: Option<AccountNumber>,
    /// The amount in minor units that the job's body says; of a journal, that of a leg, without its sign.
    #[serde(default, deserialize_with = "amount")]
    #[param(value_type = Option<i64>, minimum = 1)]
    amount: Option<i64>,
    /// The least amount in minor units.
    #[serde(default, deserialize_with = "amount")]
    #[param(value_type = Option<i64>, minimum = 1)]
    amount_min: Option<i64>,
    /// The largest amount in minor units.
    #[serde(default, deserialize_with = "amount")]
    #[param(value_type = Option<i64>, minimum = 1)]
    amount_max: Option<i64>,
    /// The currency that the job's body says (ISO 4217).
    #[serde(default, deserialize_with = "currency")]
    #[param(value_type = Option<String>, pattern = "^[A-Z]{3}$")]
    currency: Option<Currency>,
    /// A part of the name of the counterparty, of the payer, of the payee, or of the holder of an account that the job opens;
    /// capitals or not.
    #[serde(default, deserialize_with = "name")]
    #[param(value_type = Option<String>, min_length = 1, max_length = 140)]
    counterparty: Option<Name>,
    /// The counterparty's account, as its bank writes it; blanks and capitals do not matter.
    #[serde(default, deserialize_with = "outside_account")]
    #[param(value_type = Option<String>, min_length = 1, max_length = 34)]
    counterparty_account: Option<OutsideAccount>,
    /// How the memo begins; capitals or not.
    #[serde(default, deserialize_with = "memo")]
    #[param(value_type = Option<String>, min_length = 1, max_length = 140)]
    memo: Option<Memo>,
    /// The name of a member of the metadata, at its top.
    #[serde(default, deserialize_with = "name")]
    #[param(value_type = Option<String>, min_length = 1, max_length = 140)]
    metadata_key: Option<Name>,
    /// The value of that member: a text as it reads, anything else as JSON.
    #[serde(default, deserialize_with = "name")]
    #[param(value_type = Option<String>, min_length = 1, max_length = 140)]
    metadata_value: Option<Name>,
    /// The number of the import that the jobs are rows of; its last row comes first.
    #[serde(default, deserialize_with = "imports::number")]
    pub import: Option<u64>,
    /// The jobs got their outcome on this day (UTC), at this instant (RFC 3339), or later.
    from: Option<String>,
    /// The jobs got their outcome on this day (UTC) at the latest, or before this instant (RFC 3339).
    to: Option<String>,
    /// The jobs were accepted on this day (UTC), at this instant (RFC 3339), or later.
    accepted_from: Option<String>,
    /// The jobs were accepted on this day (UTC) at the latest, or before this instant (RFC 3339).
    accepted_to: Option<String>,
    /// Jobs of a page: 1 to 500; 50 by default.
    #[serde(default)]
    #[param(inline)]
    pub limit: Limit<50, 500>,
    /// Where a page starts; take it from `next`.
    pub cursor: Option<String>,
    /// `true` reads the primary, not a replica.
    #[serde(default, deserialize_with = "query::boolean")]
    #[param(value_type = Option<bool>)]
    pub fresh: bool,
}

impl JobsQuery {
    /// Which jobs, of those that the caller is shown.
    pub fn filter(&self, caller: &Caller) -> Result<JobFilter, Problem> {
        let period = Period::parse(self.from.as_deref(), self.to.as_deref())
            .map_err(|invalid| Problem::of_field(ProblemType::InvalidParameter, invalid))?;
        let accepted = Period::parse_named(
            ("accepted_from", self.accepted_from.as_deref()),
            ("accepted_to", self.accepted_to.as_deref()),
        );
        let accepted =
            accepted.map_err(|invalid| Problem::of_field(ProblemType::InvalidParameter, invalid))?;
        let is_for_some = !caller.accounts.are_all();
        let is_theirs = |number: &AccountNumber| is_for_some && caller.accounts.contain(number);
        // What is on one of their accounts they may see, whoever sent it. Of a file, only its client may.
        let all =
            caller.sees_all() || (self.import.is_none() && self.account.as_ref().is_some_and(is_theirs));
        let others = is_for_some && self.account.is_none() && self.import.is_none();
        Ok(JobFilter {
            client: (!all).then(|| caller.client.to_string()),
            or_touching: (!all && others).then(|| caller.accounts.clone()),
            of_client: self.client.as_ref().map(ToString::to_string),
            reference: self.reference.clone(),
            kind: self.kind,
            outcome: self.outcome,
            reason: self.reason,
            account: self.account.clone(),
            import: self.import,
            from: period.from,
            to: period.to,
            accepted_from: accepted.from,
            accepted_to: accepted.to,
            body: self.body()?,
        })
    }

    /// Whether the client that is asked for has nothing that the caller is shown: a key for all accounts lists its own jobs.
    pub fn is_of_another(&self, caller: &Caller) -> bool {
        let asked = self.client.as_ref().filter(|client| **client != caller.client);
        asked.is_some() && !caller.sees_all() && caller.accounts.are_all()
    }

    fn body(&self) -> Result<BodyFilter, Problem> {
        let (amount_min, amount_max) = match (self.amount, self.amount_min, self.amount_max) {
            (Some(amount), None, None) => (Some(amount), Some(amount)),
            (Some(amount), _, _) => {
                let remedy = "must stand alone; leave out amount_min and amount_max, or amount";
                return Err(Problem::parameter("amount", &amount.to_string(), remedy));
            }
            (None, Some(min), Some(max)) if max < min => {
                let remedy = "must not be less than `amount_min`";
                return Err(Problem::parameter("amount_max", &max.to_string(), remedy));
            }
            (None, min, max) => (min, max),
        };
        let metadata = match (&self.metadata_key, &self.metadata_value) {
            (Some(key), value) => {
                Some(MetadataFilter { key: key.to_string(), value: value.as_ref().map(ToString::to_string) })
            }
            (None, Some(value)) => {
                let remedy = "must come with `metadata_key`, the name of the member that has it";
                return Err(Problem::parameter("metadata_value", value.as_str(), remedy));
            }
            (None, None) => None,
        };
        Ok(BodyFilter {
            end_to_end_id: self.end_to_end_id.as_ref().map(ToString::to_string),
            amount_min,
            amount_max,
            currency: self.currency,
            counterparty: self.counterparty.as_ref().map(ToString::to_string),
            counterparty_account: self.counterparty_account.as_ref().map(ToString::to_string),
            memo: self.memo.as_ref().map(ToString::to_string),
            metadata,
        })
    }
}

/// The number of an account.
pub fn account<'de, D: Deserializer<'de>>(number: D) -> Result<Option<AccountNumber>, D::Error> {
    let remedy = "must be 1 to 34 of the characters A-Z a-z 0-9 . _ : -";
    query::parameter(number, remedy, AccountNumber::from_books).map(Some)
}

/// A currency.
pub fn currency<'de, D: Deserializer<'de>>(code: D) -> Result<Option<Currency>, D::Error> {
    query::parameter(code, "must be a currency of ISO 4217, such as EUR", |text| text.parse().ok()).map(Some)
}

fn amount<'de, D: Deserializer<'de>>(amount: D) -> Result<Option<i64>, D::Error> {
    let remedy = "must be a whole number of minor units (cents of EUR), at least 1";
    query::parameter(amount, remedy, |text| text.parse().ok().filter(|amount| *amount > 0)).map(Some)
}

/// By its one writing, as jobs are known by.
fn reference<'de, D: Deserializer<'de>>(text: D) -> Result<Option<Reference>, D::Error> {
    let remedy = "must be 1 to 128 characters without control characters or invisible ones";
    query::parameter(text, remedy, |text| Reference::parse(text).ok()?.canonical().ok()).map(Some)
}

macro_rules! texts {
    ($($(#[$doc:meta])* $visible:vis $name:ident: $type:ty;)*) => {$(
        $(#[$doc])*
        $visible fn $name<'de, D: Deserializer<'de>>(text: D) -> Result<Option<$type>, D::Error> {
            let remedy = format!("must be 1 to {} characters without control characters", <$type>::CHARS_MAX);
            query::parameter(text, &remedy, |text| <$type>::parse(text).ok()).map(Some)
        }
    )*};
}

texts! {
    end_to_end_id: PaymentId;
    /// The stable id of a client.
    pub client: Client;
    name: Name;
    outside_account: OutsideAccount;
    memo: Memo;
}

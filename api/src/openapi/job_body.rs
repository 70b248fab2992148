//! The schema of a job's body. Nothing is ever read into these types: `contract::submission`
//! reads bodies, and a test holds the two to the same fields.
#![allow(dead_code)]

use std::borrow::Cow;

use domain::job::Kind;
use domain::outcome::Rejection;
use utoipa::openapi::schema::Type;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A job: what is to be done, by `kind`, and what goes with it.
#[derive(ToSchema)]
#[schema(as = JobBody, example = json!({"kind": "transfer", "from": "alice", "to": "bob", "amount": 1250, "currency": "EUR", "reference": "invoice-17"}))]
pub struct JobBody {
    #[serde(flatten)]
    action: ActionBody,
    /// Your own name for the job, and its idempotency key where no header gives one.
    #[schema(min_length = 1, max_length = 128)]
    reference: Option<String>,
    /// The text on the statement.
    #[schema(min_length = 1, max_length = 140)]
    memo: Option<String>,
    /// The business day, at most 100 years back and 10 ahead; by default the day of acceptance (UTC).
    #[schema(format = Date)]
    value_date: Option<String>,
    counterparty: Option<CounterpartyBody>,
    /// Whatever else you want to keep with it: an object of at most 1024 bytes of JSON, blanks among them. It comes back byte
    /// for byte; neither blanks nor the order of members make another job of it. A name that is there twice is refused.
    #[schema(value_type = Option<Object>)]
    metadata: Option<()>,
    payment: Option<PaymentBody>,
}

/// What a payment is called, in the words of ISO 20022. None of it identifies the job; all of it comes back in
/// entries and statements.
#[derive(ToSchema)]
#[schema(as = Payment)]
pub struct PaymentBody {
    /// `MsgId`, the payer's own.
    #[schema(min_length = 1, max_length = 35)]
    message_id: Option<String>,
    /// `PmtInfId`, the payer's own.
    #[schema(min_length = 1, max_length = 35)]
    payment_information_id: Option<String>,
    /// `InstrId`.
    #[schema(min_length = 1, max_length = 35)]
    instruction_id: Option<String>,
    /// `EndToEndId`, which the payee gets unchanged.
    #[schema(min_length = 1, max_length = 35)]
    end_to_end_id: Option<String>,
    /// `UETR`.
    #[schema(min_length = 1, max_length = 36)]
    uetr: Option<String>,
    /// Who pays.
    #[schema(min_length = 1, max_length = 140)]
    debtor_name: Option<String>,
    /// Who is paid.
    #[schema(min_length = 1, max_length = 140)]
    creditor_name: Option<String>,
    /// `CdtrRefInf/Ref`: the payee's own name for what is paid.
    #[schema(min_length = 1, max_length = 35)]
    creditor_reference: Option<String>,
    /// What kind of reference that is, such as `SCOR`.
    #[schema(min_length = 1, max_length = 35)]
    creditor_reference_type: Option<String>,
}

/// The other side of a job, where it has no account here.
#[derive(ToSchema)]
#[schema(as = Counterparty)]
pub struct CounterpartyBody {
    /// Its name.
    #[schema(min_length = 1, max_length = 140)]
    name: Option<String>,
    /// Its account, as its bank writes it.
    #[schema(min_length = 1, max_length = 34)]
    account: Option<String>,
}

/// The number of an account: any text of these characters, IBANs among them; not `external:…`.
#[derive(ToSchema)]
#[schema(value_type = String, pattern = "^[A-Za-z0-9._:-]{1,34}$", example = "alice")]
pub struct AccountNumber(String);

/// Minor units: cents of EUR.
#[derive(ToSchema)]
#[schema(value_type = i64, minimum = 1, maximum = 9_007_199_254_740_991_i64, example = 1250)]
pub struct Amount(i64);

/// A code of ISO 4217.
#[derive(ToSchema)]
#[schema(value_type = String, pattern = "^[A-Z]{3}$", example = "EUR")]
pub struct Currency(String);

/// The id of a job.
#[derive(ToSchema)]
#[schema(value_type = String, format = Uuid)]
pub struct JobId(String);

/// What is to be done.
#[derive(ToSchema)]
#[schema(as = Action)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ActionBody {
    /// Makes an account.
    OpenAccount {
        account: AccountNumber,
        currency: Currency,
        /// How far below zero what is available may go, in minor units; 0 by default.
        #[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64)]
        overdraft_limit: Option<i64>,
        /// Who holds it.
        #[schema(min_length = 1, max_length = 140)]
        holder: Option<String>,
    },
    /// Ends an account that has neither a balance nor holds.
    CloseAccount { account: AccountNumber },
    /// Stops all movement on an account.
    FreezeAccount { account: AccountNumber },
    /// Lets an account move again.
    UnfreezeAccount { account: AccountNumber },
    /// Money comes in from outside.
    Deposit { account: AccountNumber, amount: Amount, currency: Currency },
    /// Money goes out.
    Withdrawal { account: AccountNumber, amount: Amount, currency: Currency },
    /// Money goes from one account here to another.
    Transfer { from: AccountNumber, to: AccountNumber, amount: Amount, currency: Currency },
    /// Many legs that sum to zero, all or nothing. It keeps its order with the account of the first leg with a negative amount, and with no
    /// other.
    Journal {
        currency: Currency,
        #[schema(min_items = 2, max_items = 100)]
        legs: Vec<LegBody>,
    },
    /// Reserves funds until they are captured or released. Its id is the job's id.
    Hold {
        account: AccountNumber,
        amount: Amount,
        currency: Currency,
        /// From when on it cannot be captured any more: at most 100 years back and 10 ahead. One in the past makes a hold that
        /// is released at once, so that a retry is never refused for coming late.
        #[schema(format = DateTime)]
        expires_at: Option<String>,
    },
    /// Moves held funds, all or part (the rest is released), to an account or out.
    Capture { account: AccountNumber, hold: JobId, to: Option<AccountNumber>, amount: Option<Amount> },
    /// Gives held funds back.
    Release { account: AccountNumber, hold: JobId },
    /// Posts the opposite of a posted job's entries, once. `account` is one that this debits, as the receiver of a transfer; of a withdrawal,
    /// which debits the outside world only, its own.
    Reversal { account: AccountNumber, job: JobId },
}

/// One leg of a journal.
#[derive(ToSchema)]
#[schema(as = Leg)]
pub struct LegBody {
    account: AccountNumber,
    /// Minor units, not 0; a credit is positive, a debit negative.
    #[schema(minimum = -9_007_199_254_740_991_i64, maximum = 9_007_199_254_740_991_i64)]
    amount: i64,
}

/// What a job does.
pub struct KindName;

/// Why a job was turned down.
pub struct RejectionName;

impl PartialSchema for KindName {
    fn schema() -> RefOr<Schema> {
        names("What a job does.", Kind::ALL.iter().copied().map(Kind::name))
    }
}

impl ToSchema for KindName {
    fn name() -> Cow<'static, str> {
        "Kind".into()
    }
}

impl PartialSchema for RejectionName {
    fn schema() -> RefOr<Schema> {
        let all = Rejection::ALL.iter().copied();
        names("Why a job was turned down, in order of precedence.", all.map(Rejection::name))
    }
}

impl ToSchema for RejectionName {
    fn name() -> Cow<'static, str> {
        "Rejection".into()
    }
}

fn names(description: &str, names: impl Iterator<Item = &'static str>) -> RefOr<Schema> {
    let schema = ObjectBuilder::new().schema_type(Type::String).description(Some(description));
    schema.enum_values(Some(names)).into()
}

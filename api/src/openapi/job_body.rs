//! The schema of a job's body. Nothing is ever read into these types: `contract::submission`
//! reads bodies, and a test holds the two to the same fields.
#![allow(dead_code)]

use std::borrow::Cow;

use domain::access::Scope;
use domain::job::Kind;
use domain::outcome::Rejection;
use store::ledger::OutcomeName;
use strum::VariantArray as _;
use utoipa::openapi::schema::Type;
use utoipa::openapi::{ObjectBuilder, OpenApi, Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::statement::PaymentNames;

/// A job: the kind, the fields of that kind, and what may go with any job.
#[derive(ToSchema)]
#[schema(as = JobBody, example = json!({"kind": "transfer", "from": "alice", "to": "bob", "amount": 1250, "currency": "EUR", "reference": "invoice-17"}))]
pub struct JobBody {
    #[serde(flatten)]
    action: ActionBody,
    /// The client's own name for the job, and its idempotency key where no header gives one.
    #[schema(min_length = 1, max_length = 128)]
    reference: Option<String>,
    /// The text on the statement.
    #[schema(min_length = 1, max_length = 140)]
    memo: Option<String>,
    /// The business day: at most 100 years back and 10 ahead; by default the day on which the job is accepted
    /// (UTC).
    #[schema(format = Date)]
    value_date: Option<String>,
    counterparty: Option<CounterpartyBody>,
    /// Data of the client's own: an object of at most 1024 bytes of JSON, blanks counted. It comes back byte
    /// for byte. Other blanks or another order of members do not make another job. An object that has a name
    /// twice is refused.
    metadata: Option<MetadataBody>,
    /// The names of the payment, in the words of ISO 20022. None of them identifies the job. All of them come back
    /// in entries and statements.
    payment: Option<PaymentNames>,
    /// When the job is to be executed: an instant (RFC 3339, kept to the microsecond) or a day, which means 00:00 UTC of it; at
    /// most 10 years ahead. Until then the job is `scheduled`, and `DELETE /api/jobs/{id}` cancels it. By default, and where the
    /// moment has passed, at once.
    #[schema(example = "2026-12-01T08:00:00Z")]
    execute_at: Option<String>,
}

/// The other side of a job, which has no account here.
#[derive(ToSchema)]
#[schema(as = Counterparty)]
pub struct CounterpartyBody {
    /// The other side's name.
    #[schema(min_length = 1, max_length = 140)]
    name: Option<String>,
    /// The other side's account, as its bank writes it.
    #[schema(min_length = 1, max_length = 34)]
    account: Option<String>,
}

/// The number of an account: any text of these characters, such as an IBAN; not `external:…`.
#[derive(ToSchema)]
#[schema(value_type = String, pattern = "^[A-Za-z0-9._:-]{1,34}$", example = "alice")]
pub struct AccountNumber(String);

/// An amount in minor units, such as cents of EUR.
#[derive(ToSchema)]
#[schema(value_type = i64, minimum = 1, maximum = 9_007_199_254_740_991_i64, example = 1250)]
pub struct Amount(i64);

/// A currency code of ISO 4217.
#[derive(ToSchema)]
#[schema(value_type = String, pattern = "^[A-Z]{3}$", example = "EUR")]
pub struct Currency(String);

/// The id of a job.
#[derive(ToSchema)]
#[schema(value_type = String, format = Uuid)]
pub struct JobId(String);

/// What a job does; `kind` names it.
#[derive(ToSchema)]
#[schema(as = Action)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ActionBody {
    /// Opens an account.
    OpenAccount {
        account: AccountNumber,
        currency: Currency,
        /// How far below zero the available amount may go, in minor units; 0 by default.
        #[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64)]
        overdraft_limit: Option<i64>,
        /// Name of the account's holder.
        #[schema(min_length = 1, max_length = 140)]
        holder: Option<String>,
    },
    /// Closes an account that has neither a balance nor holds.
    CloseAccount { account: AccountNumber },
    /// Stops all movement on an account.
    FreezeAccount { account: AccountNumber },
    /// Lets a frozen account move again.
    UnfreezeAccount { account: AccountNumber },
    /// Sets how far below zero the available amount of an account may go. A limit below what is drawn already is taken:
    /// it only stops further draws. A frozen account takes it too.
    SetOverdraftLimit {
        account: AccountNumber,
        /// The limit in minor units; 0: no overdraft.
        #[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64)]
        overdraft_limit: i64,
        /// The currency that the limit is meant in; the job is rejected where the account has another one.
        currency: Option<Currency>,
    },
    /// Names another holder of an account. A frozen account takes it too.
    SetHolder {
        account: AccountNumber,
        /// Name of the account's holder; none by default.
        #[schema(min_length = 1, max_length = 140)]
        holder: Option<String>,
    },
    /// Brings money in from outside.
    Deposit { account: AccountNumber, amount: Amount, currency: Currency },
    /// Takes money out.
    Withdrawal { account: AccountNumber, amount: Amount, currency: Currency },
    /// Moves money from one account here to another.
    Transfer { from: AccountNumber, to: AccountNumber, amount: Amount, currency: Currency },
    /// Posts many legs that sum to zero, all or none. The journal keeps its order with the account of its
    /// first leg with a negative amount, and with no other account.
    Journal {
        currency: Currency,
        #[schema(min_items = 2, max_items = 100)]
        legs: Vec<LegBody>,
    },
    /// Reserves funds until a capture or a release. The id of the hold is the id of the job.
    Hold {
        account: AccountNumber,
        amount: Amount,
        currency: Currency,
        /// When the hold expires (RFC 3339): at most 100 years back and 10 ahead. No job can capture an
        /// expired hold. A hold whose expiry is in the past is released at once, so a late retry is not
        /// refused for being late.
        #[schema(format = DateTime)]
        expires_at: Option<String>,
    },
    /// Moves held funds, all or part, to an account or out. The rest of the hold is released.
    Capture { account: AccountNumber, hold: JobId, to: Option<AccountNumber>, amount: Option<Amount> },
    /// Releases held funds.
    Release { account: AccountNumber, hold: JobId },
    /// Posts the opposite of a posted job's entries, once. `account` is an account that the reversal debits,
    /// such as the receiver of a transfer. For the reversal of a withdrawal, which debits only the outside
    /// world, `account` is the account of the withdrawal.
    Reversal { account: AccountNumber, job: JobId },
    /// Has the fleet make payments from an account to another on the dates of a rule, until the order is closed or ends. The id
    /// of the order is the id of the job. Each payment is a job of kind `standing_payment` with an outcome of its own, and carries
    /// the `memo`, the `counterparty`, the `metadata` and the `payment` of this one.
    OpenStandingOrder {
        account: AccountNumber,
        to: AccountNumber,
        /// What each payment moves, in minor units. Give either this or `keep`.
        amount: Option<Amount>,
        /// Each payment moves all that the account has above this, in minor units; not what is held, and no overdraft.
        #[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64)]
        keep: Option<i64>,
        currency: Currency,
        rule: RuleBody,
        /// For how many days a payment that cannot be made is tried again, once a day; 0 by default: it is left out. Less than
        /// the days that lie between two dates.
        #[schema(minimum = 0, maximum = 65_535)]
        retry_days: Option<i64>,
    },
    /// Has a standing order pay nothing until it is resumed.
    PauseStandingOrder {
        account: AccountNumber,
        /// The id of the job that opened it.
        order: JobId,
    },
    /// Has a standing order that is paused pay again, from its first date on that is not before today. The dates before are left
    /// out.
    ResumeStandingOrder {
        account: AccountNumber,
        /// The id of the job that opened it.
        order: JobId,
    },
    /// Has a standing order pay nothing any more.
    CloseStandingOrder {
        account: AccountNumber,
        /// The id of the job that opened it.
        order: JobId,
    },
    /// Makes a payment of a standing order. The fleet alone submits it; from anybody else it is refused.
    StandingPayment {
        account: AccountNumber,
        to: AccountNumber,
        /// What it moves, in minor units; absent where the order pays all above `keep`.
        amount: Option<Amount>,
        /// It moves what the account has above this, in minor units.
        #[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64)]
        keep: Option<i64>,
        currency: Currency,
        /// The id of the job that opened the order.
        order: JobId,
        /// The date of the rule.
        #[schema(format = Date)]
        due: String,
        /// The number of the job among those for that date, from 1.
        #[schema(minimum = 1, maximum = 4_294_967_295_i64)]
        attempt: i64,
    },
}

/// On which days a standing order pays. Days are those of UTC.
#[derive(ToSchema)]
#[schema(as = StandingRule)]
#[serde(deny_unknown_fields)]
pub struct RuleBody {
    unit: RuleUnit,
    /// How many of the unit lie between two dates; 1 by default.
    #[schema(minimum = 1, maximum = 65_535)]
    every: Option<i64>,
    /// The day of the month; of `months` alone, and needed there.
    #[schema(minimum = 1, maximum = 31)]
    day: Option<i64>,
    /// What that day means in a month that does not have it; needed from the 29th on.
    missing_day: Option<MissingDay>,
    /// No date is before this day; at most 366 days back and 10 years ahead. Dates that have passed are paid at once. Days and
    /// weeks are counted from it.
    #[schema(format = Date)]
    from: String,
    /// The last day that may have a payment. Give either this or `count`, or neither.
    #[schema(format = Date)]
    until: Option<String>,
    /// How many dates there are. A date that is left out counts.
    #[schema(minimum = 1, maximum = 4_294_967_295_i64)]
    count: Option<i64>,
}

/// What a rule counts.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum RuleUnit {
    /// Days.
    Days,
    /// Weeks, on the day of the week of `from`.
    Weeks,
    /// Months.
    Months,
}

/// What a day means in a month that does not have it.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum MissingDay {
    /// The last day of that month.
    Last,
    /// The first day of the next month.
    Next,
    /// There is no payment in that month.
    Skip,
}

/// Work without an order: an analysis of one account, as `POST /api/analyses` starts. It stands alone, and not in a batch.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnalysePatternsJob {
    kind: AnalysisKind,
    account: AccountNumber,
    /// The first day that counts.
    #[schema(format = Date)]
    from: Option<String>,
    /// The last day that counts.
    #[schema(format = Date)]
    to: Option<String>,
    /// The client's own name for the analysis.
    #[schema(min_length = 1, max_length = 128)]
    reference: Option<String>,
}

/// The kind of job that is an analysis.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum AnalysisKind {
    AnalysePatterns,
}

/// Lets a job be an analysis too.
pub(super) fn add_analyses(document: &mut OpenApi) {
    let schemas = document.components.as_mut().map(|components| &mut components.schemas);
    let Some(RefOr::T(Schema::OneOf(kinds))) = schemas.and_then(|schemas| schemas.get_mut("JobBody")) else {
        return;
    };
    kinds.items.push(Ref::from_schema_name("AnalysePatternsJob").into());
    if let Some(discriminator) = &mut kinds.discriminator {
        let place = "#/components/schemas/AnalysePatternsJob".to_owned();
        discriminator.mapping.insert("analyse_patterns".to_owned(), place);
    }
}

/// Data of the client's own.
#[derive(ToSchema)]
#[schema(as = Metadata, value_type = Object)]
pub struct MetadataBody(());

/// One leg of a journal.
#[derive(ToSchema)]
#[schema(as = Leg)]
pub struct LegBody {
    account: AccountNumber,
    /// The amount in minor units, not 0: a credit is positive, a debit negative.
    #[schema(minimum = -9_007_199_254_740_991_i64, maximum = 9_007_199_254_740_991_i64)]
    amount: i64,
}

/// What a job does.
pub struct KindName;

/// Why a job was turned down.
pub struct RejectionName;

/// The outcome of a job.
pub struct OutcomeSchema;

/// What a key allows.
pub struct ScopeName;

/// Whether a key is taken.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum KeyStatus {
    /// It is taken.
    Valid,
    /// Its time is over.
    Expired,
    /// Somebody revoked it.
    Revoked,
}

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
        names("Why the ledger rejected a job, in order of precedence.", all.map(Rejection::name))
    }
}

impl ToSchema for RejectionName {
    fn name() -> Cow<'static, str> {
        "Rejection".into()
    }
}

impl PartialSchema for OutcomeSchema {
    fn schema() -> RefOr<Schema> {
        names("The outcome of a job.", OutcomeName::ALL.iter().copied().map(OutcomeName::name))
    }
}

impl ToSchema for OutcomeSchema {
    fn name() -> Cow<'static, str> {
        "Outcome".into()
    }
}

impl PartialSchema for ScopeName {
    fn schema() -> RefOr<Schema> {
        names("What a key allows its holder to do.", Scope::VARIANTS.iter().map(|scope| scope.name()))
    }
}

impl ToSchema for ScopeName {
    fn name() -> Cow<'static, str> {
        "Scope".into()
    }
}

fn names(description: &str, names: impl Iterator<Item = &'static str>) -> RefOr<Schema> {
    let schema = ObjectBuilder::new().schema_type(Type::String).description(Some(description));
    schema.enum_values(Some(names)).into()
}

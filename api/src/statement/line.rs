//! An entry as a statement shows it.

use serde_with::skip_serializing_none;
use std::collections::{BTreeSet, HashMap};

use domain::account::AccountNumber;
use domain::id::JobId;
use domain::job::Kind;
use domain::schedule::{ExecuteAt, default_value_date};
use formats::NOT_PROVIDED;
use serde::{Deserialize, Serialize};
use store::StoreError;
use store::ledger::{EntryRecord, Reads};
use utoipa::ToSchema;

use crate::rfc3339::day;

/// An entry, with what its job said about it.
#[derive(Debug)]
pub struct Line<'a> {
    /// The entry and its job.
    pub record: &'a EntryRecord,
    /// The day on which it was posted (UTC).
    pub booking_date: jiff::civil::Date,
    /// The business day: the job's, or else the day on which it was accepted, or was to be executed if that is later (UTC).
    pub value_date: jiff::civil::Date,
    /// The text.
    pub memo: Option<String>,
    /// The client's own name for the job.
    pub reference: Option<String>,
    /// The other side.
    pub counterparty: Other,
    /// The job says what it is called as a payment.
    pub is_payment: bool,
    /// What it is called, as far as the account's side may know.
    pub payment: PaymentNames,
}

/// The names of a payment, as it came in, in the words of ISO 20022. Only the payer sees `message_id` and
/// `payment_information_id` again.
#[skip_serializing_none]
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = Payment)]
pub struct PaymentNames {
    /// `MsgId`: the payer's own id of the message.
    #[schema(min_length = 1, max_length = 35)]
    pub message_id: Option<String>,
    /// `PmtInfId`: the payer's own id of the group of payments.
    #[schema(min_length = 1, max_length = 35)]
    pub payment_information_id: Option<String>,
    /// `InstrId`: the payer's own id of the instruction.
    #[schema(min_length = 1, max_length = 35)]
    pub instruction_id: Option<String>,
    /// `EndToEndId`, which reaches the payee unchanged.
    #[schema(min_length = 1, max_length = 35)]
    pub end_to_end_id: Option<String>,
    /// `UETR`: the unique end-to-end transaction reference.
    #[schema(min_length = 1, max_length = 36)]
    pub uetr: Option<String>,
    /// Name of the payer, as the payment has it.
    #[schema(min_length = 1, max_length = 140)]
    pub debtor_name: Option<String>,
    /// Name of the payee, as the payment has it.
    #[schema(min_length = 1, max_length = 140)]
    pub creditor_name: Option<String>,
    /// `CdtrRefInf/Ref`: the payee's own reference, such as an invoice number.
    #[schema(min_length = 1, max_length = 35)]
    pub creditor_reference: Option<String>,
    /// The type of that reference, such as `SCOR`.
    #[schema(min_length = 1, max_length = 35)]
    pub creditor_reference_type: Option<String>,
}

impl PaymentNames {
    /// Of a pain.001 that was read when its ids went to `metadata`, and joined to `reference`.
    fn of_an_earlier_release(said: &Said) -> Option<PaymentNames> {
        let text = |name: &str| said.metadata.as_ref()?.get(name)?.as_str().map(str::to_owned);
        let (message_id, end_to_end_id) = (text("message_id")?, text("end_to_end_id")?);
        let payment_information_id = text("payment_information_id");
        let information = payment_information_id.as_deref().unwrap_or_default();
        let joined = format!("{message_id}/{information}/{end_to_end_id}");
        let is_ours = match said.reference.as_deref() {
            Some(reference) => reference == joined,
            None => end_to_end_id == NOT_PROVIDED,
        };
        is_ours.then(|| PaymentNames {
            message_id: Some(message_id),
            payment_information_id,
            instruction_id: text("instruction_id"),
            end_to_end_id: Some(end_to_end_id),
            ..PaymentNames::default()
        })
    }
}

/// The other side of an entry: the counterparty that the job names, or else the job's other account.
#[skip_serializing_none]
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = OtherSide)]
pub struct Other {
    /// The other side's name.
    pub name: Option<String>,
    /// The number of the other side's account.
    pub account: Option<String>,
}

impl Other {
    /// Nothing is known of it.
    pub fn is_unknown(&self) -> bool {
        self.name.is_none() && self.account.is_none()
    }
}

/// What a job's body says about its entries.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    value_date: Option<jiff::civil::Date>,
    execute_at: Option<ExecuteAt>,
    memo: Option<String>,
    reference: Option<String>,
    counterparty: Option<Other>,
    payment: Option<PaymentNames>,
    metadata: Option<serde_json::Value>,
    from: Option<String>,
    to: Option<String>,
    account: Option<String>,
}

impl Said {
    fn of(record: &EntryRecord) -> Said {
        // A body that some hand has spoiled does not hide the entry.
        let mut said: Said = serde_json::from_str(&record.body).unwrap_or_default();
        if said.payment.is_none() {
            said.payment = PaymentNames::of_an_earlier_release(&said);
        }
        said
    }

    /// The other account of the job.
    fn other_account(&self, own: &AccountNumber) -> Option<&str> {
        let all = [&self.from, &self.to, &self.account];
        all.into_iter().flatten().map(String::as_str).find(|account| *account != own.as_str())
    }

    /// The account whose holder is to be asked for.
    fn unnamed_account(&self, record: &EntryRecord) -> Option<AccountNumber> {
        let own = &record.entry.account;
        let is_named =
            (self.counterparty.is_some() && !own.is_external()) || self.name_of_other(record).is_some();
        self.other_account(own).filter(|_| !is_named).and_then(AccountNumber::from_books)
    }

    /// The other side's name, as the payment has it.
    fn name_of_other(&self, record: &EntryRecord) -> Option<&str> {
        let payment = self.payment.as_ref()?;
        let name = if record.entry.amount < 0 { &payment.creditor_name } else { &payment.debtor_name };
        name.as_deref()
    }
}

/// Entries as statements show them. One read finds the names of all accounts on the other side.
///
/// # Errors
/// The ledger's database could not be reached.
pub async fn lines<'a>(ledger: &dyn Reads, records: &'a [EntryRecord]) -> Result<Vec<Line<'a>>, StoreError> {
    let said: Vec<(&EntryRecord, Said)> = records.iter().map(|record| (record, Said::of(record))).collect();
    let unnamed: BTreeSet<_> =
        said.iter().filter_map(|(record, said)| said.unnamed_account(record)).collect();
    let holders = ledger.holders(&unnamed.into_iter().collect::<Vec<_>>()).await?;
    Ok(said.into_iter().map(|(record, said)| Line::of(record, said, &holders)).collect())
}

impl Line<'_> {
    fn of<'a>(record: &'a EntryRecord, said: Said, holders: &HashMap<AccountNumber, String>) -> Line<'a> {
        let own = &record.entry.account;
        let name = said.name_of_other(record).map(str::to_owned);
        let counterparty = match &said.counterparty {
            // Seen from outside, the other side is inside.
            Some(named) if !own.is_external() => {
                Other { name: named.name.clone().or(name), account: named.account.clone() }
            }
            _ => {
                let account = said.other_account(own);
                let holder = || holders.get(&AccountNumber::from_books(account?)?).cloned();
                Other { name: name.or_else(holder), account: account.map(str::to_owned) }
            }
        };
        let is_payment = said.payment.is_some();
        let mut payment = said.payment.unwrap_or_default();
        if record.entry.amount > 0 {
            // They are between the payer and its bank.
            (payment.message_id, payment.payment_information_id) = (None, None);
        }
        Line {
            record,
            booking_date: day(record.entry.posted_at),
            value_date: said.value_date.unwrap_or_else(|| {
                let of_day = default_value_date(record.accepted_at, said.execute_at);
                of_day.unwrap_or_else(|| day(record.accepted_at))
            }),
            memo: said.memo,
            reference: said.reference,
            counterparty,
            is_payment,
            payment,
        }
    }

    /// The job that made it.
    pub fn job(&self) -> JobId {
        self.record.entry.job
    }

    /// What that job did.
    pub fn kind(&self) -> Kind {
        self.record.kind
    }

    /// The name of the account's own side, as the payment has it.
    pub fn own_name(&self) -> Option<&str> {
        let PaymentNames { debtor_name, creditor_name, .. } = &self.payment;
        if self.record.entry.amount < 0 { debtor_name.as_deref() } else { creditor_name.as_deref() }
    }
}

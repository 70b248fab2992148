//! What a payment is called and who takes part in it, in the words of ISO 20022: kept apart from what the job itself
//! is known by, so that it comes out as it came in.

use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::text::{Name, PaymentId, Uetr};

/// The names of a payment. None of them identifies its job: who sends a payment chooses most of them, and need not make
/// them unique.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payment {
    /// `MsgId`: the message that it came in. The payer's own.
    pub message_id: Option<PaymentId>,
    /// `PmtInfId`: the block of that message. The payer's own.
    pub payment_information_id: Option<PaymentId>,
    /// `InstrId`: between the payer and the bank.
    pub instruction_id: Option<PaymentId>,
    /// `EndToEndId`: from the payer to the payee, unchanged. `NOTPROVIDED` stays what it is.
    pub end_to_end_id: Option<PaymentId>,
    /// `UETR`: a UUID, the same with every bank on the way.
    pub uetr: Option<Uetr>,
    /// Name of the payer.
    pub debtor_name: Option<Name>,
    /// Name of the payee.
    pub creditor_name: Option<Name>,
    /// `CdtrRefInf/Ref`: the payee's own name for what is paid, such as an ISO 11649 reference.
    pub creditor_reference: Option<PaymentId>,
    /// `CdtrRefInf/Tp`: what kind of reference that is, such as `SCOR`.
    pub creditor_reference_type: Option<PaymentId>,
}

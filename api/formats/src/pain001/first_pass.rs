//! A message read to its end, before any payment is taken: its totals, and what its payments are called.

use super::exact::Exact;
use super::identity::{Collected, Ids};
use super::leaves::Leaves;
use super::walk::{Step, Walk};
use crate::charset::{self, Charset};
use crate::error::{FileError, Total};
use crate::source::Source;

/// The most payments of a message: what they are called is kept while it is read, in eight bytes for each. Schemes take
/// some 100,000.
const PAYMENTS_MAX: u64 = 10_000_000;

/// What is known once a file has been read to its end.
pub struct FirstPass {
    /// How many payments there are.
    pub rows_total: u64,
    /// The header of a file of some of its payments.
    pub header: Vec<u8>,
    /// What they are called.
    pub ids: Collected,
}

impl FirstPass {
    /// Reads the file to its end, checks its totals, and collects what its payments are called.
    pub fn of(source: &Source, charset: Charset) -> Result<FirstPass, FileError> {
        FirstPass::within(source, charset, PAYMENTS_MAX)
    }

    fn within(source: &Source, charset: Charset, payments_max: u64) -> Result<FirstPass, FileError> {
        let mut walk = Walk::new(charset.decoded(source)?);
        let (mut all, mut some, mut ids) = (Tally::default(), Tally::default(), Collected::default());
        let mut header = None;
        loop {
            match walk.advance()? {
                Step::Group => {
                    if let Some((_, reason)) = charset::damage(walk.header.as_bytes(), false) {
                        return Err(FileError::Xml {
                            line: walk.line(),
                            reason: format!("the group header {reason}"),
                        });
                    }
                    header = Some(walk.header.clone());
                }
                Step::Payment { leaves, line, .. } => {
                    if walk.group.text("MsgId").is_none() {
                        // All of its payments would be taken for those of any other such message.
                        let reason = "the group header before it has no MsgId, by which a message that is sent again is known; \
                                      give each message one of its own";
                        return Err(FileError::Xml { line, reason: reason.to_owned() });
                    }
                    if all.payments == payments_max {
                        let reason = format!("the message has more than {payments_max} payments; split it");
                        return Err(FileError::Xml { line, reason });
                    }
                    ids.add(&Ids::of(&walk, &leaves));
                    // What is no amount is a fault of its payment; the sum shows that it is missing.
                    let amount = Exact::parse(stated_amount(&leaves)).unwrap_or_default();
                    let added = all.add(amount).and(some.add(amount));
                    added.ok_or_else(|| FileError::Xml {
                        line,
                        reason: "the payments sum to more than any control sum".to_owned(),
                    })?;
                }
                Step::Information => {
                    let id = walk.information.text("PmtInfId").unwrap_or_default();
                    let place = format!("payment information {id:?} (which ends in line {})", walk.line());
                    std::mem::take(&mut some).check(&walk.information, &place, false)?;
                }
                Step::End => break,
            }
        }
        let header = header.ok_or(FileError::Xml {
            line: 1,
            reason: "there is no GrpHdr; send a whole pain.001 message".to_owned(),
        })?;
        all.check(&walk.group, "the group header", true)?;
        Ok(FirstPass { rows_total: all.payments, header: header.into_bytes(), ids })
    }
}

/// What a header says of the payments below it, and what there is.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    payments: u64,
    sum: Exact,
}

impl Tally {
    fn add(&mut self, amount: Exact) -> Option<()> {
        self.payments += 1;
        self.sum = self.sum.checked_add(amount)?;
        Some(())
    }

    /// Compares with what is stated; names both figures where they differ.
    fn check(self, stated: &Leaves, place: &str, is_count_required: bool) -> Result<(), FileError> {
        let advice = "nothing of the file was taken; correct the totals or the payments";
        let refuse = |element, reason| Err(FileError::Totals { element, reason });
        match stated.text("NbOfTxs") {
            Some(count) if count.parse() == Ok(self.payments) => (),
            Some(count) => {
                let found = self.payments;
                let reason =
                    format!("{place} says NbOfTxs {count}, but there are {found} payments; {advice}");
                return refuse(Total::Payments, reason);
            }
            None if is_count_required => {
                return refuse(Total::Payments, format!("{place} has no NbOfTxs; {advice}"));
            }
            None => (),
        }
        match stated.text("CtrlSum") {
            Some(sum) if Exact::parse(sum) != Some(self.sum) => {
                let found = self.sum;
                let reason = format!("{place} says CtrlSum {sum}, but the payments sum to {found}; {advice}");
                refuse(Total::Sum, reason)
            }
            _ => Ok(()),
        }
    }
}

/// What a payment adds to the control sum, in whatever currency.
pub fn stated_amount(payment: &Leaves) -> &str {
    payment.text("Amt/InstdAmt").or(payment.text("Amt/EqvtAmt/Amt")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::charset::Length;

    #[test]
    fn a_message_of_more_payments_than_memory_is_meant_for_is_refused() {
        let payment = "<CdtTrfTxInf><Amt><InstdAmt Ccy=\"EUR\">1</InstdAmt></Amt></CdtTrfTxInf>";
        let message = format!(
            "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:pain.001.001.09\"><CstmrCdtTrfInitn><GrpHdr><MsgId>M</MsgId>\
             <NbOfTxs>3</NbOfTxs></GrpHdr><PmtInf>{payment}{payment}{payment}</PmtInf></CstmrCdtTrfInitn></Document>"
        );
        let source = Source::new(Box::new(Cursor::new(message.into_bytes()))).unwrap();
        let charset = charset::find(&source, Some("utf-8"), Length::Any).unwrap();
        assert_eq!(FirstPass::within(&source, charset, 3).unwrap().rows_total, 3);
        let refused = FirstPass::within(&source, charset, 2).map(|pass| pass.rows_total).unwrap_err();
        assert!(refused.to_string().contains("more than 2 payments; split it"), "{refused}");
    }
}

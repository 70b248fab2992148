//! Statements as ISO 20022 BankToCustomerStatement, camt.053.001.08: see `docs/formats/camt-053.md`.

use domain::job::Kind;
use formats::pain002::uuid;
use formats::xml::{self, Xml};
use formats::{NOT_PROVIDED, in_units, is_iban};

use super::line::Line;
use super::writer::{Head, Writer};
use crate::rfc3339::{Rfc3339, day};

/// One message with one statement.
pub struct Camt053;

/// The most characters of an identification (`Max35Text`), of an account's name (`Max70Text`) and of a text.
const ID_CHARS_MAX: usize = 35;
const ACCOUNT_NAME_CHARS_MAX: usize = 70;
const TEXT_CHARS_MAX: usize = 140;

impl Writer for Camt053 {
    fn begin(&self, head: &Head) -> String {
        let mut xml = Xml::default();
        xml.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        xml.raw("<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\"><BkToCstmrStmt>\n");
        let written_at = Rfc3339(head.written_at);
        xml.within("GrpHdr", |xml| {
            xml.leaf("MsgId", &id(head, &[&written_at.to_string()]));
            xml.leaf("CreDtTm", &written_at.to_string());
        });
        xml.raw("\n<Stmt>");
        xml.leaf("Id", &id(head, &[]));
        xml.leaf("CreDtTm", &written_at.to_string());
        xml.within("FrToDt", |xml| {
            xml.leaf("FrDtTm", &Rfc3339::from_microseconds(head.from()).to_string());
            xml.leaf("ToDtTm", &Rfc3339::from_microseconds(head.until()).to_string());
        });
        let account = &head.range.account;
        xml.within("Acct", |xml| {
            account_id(xml, account.number.as_str());
            xml.leaf("Ccy", account.currency.code());
            if let Some(holder) = &account.holder {
                xml.text("Nm", holder, ACCOUNT_NAME_CHARS_MAX);
                xml.within("Ownr", |xml| xml.text("Nm", holder, TEXT_CHARS_MAX));
            }
        });
        balance(&mut xml, head, "OPBD", head.range.opening, head.from());
        balance(&mut xml, head, "CLBD", head.range.closing, (head.until() - 1).max(head.from()));
        xml.within("TxsSummry", |xml| {
            xml.within("TtlNtries", |xml| xml.leaf("NbOfNtries", &head.range.count().to_string()));
        });
        xml.into_text()
    }

    fn entry(&self, text: &mut String, head: &Head, line: &Line<'_>) {
        let mut xml = Xml::from(std::mem::take(text));
        let (entry, job) = (&line.record.entry, line.job().to_string().replace('-', ""));
        xml.raw("\n");
        xml.within("Ntry", |xml| {
            xml.leaf("NtryRef", &entry.seq.to_string());
            amount(xml, head, entry.amount);
            if line.kind() == Kind::Reversal {
                xml.leaf("RvslInd", "true");
            }
            xml.within("Sts", |xml| xml.leaf("Cd", "BOOK"));
            xml.within("BookgDt", |xml| xml.leaf("Dt", &line.booking_date.to_string()));
            // XML knows no year 0 (XML Schema, part 2, section 3.2.9); jobs of earlier releases may have one.
            if line.value_date.year() >= 1 {
                xml.within("ValDt", |xml| xml.leaf("Dt", &line.value_date.to_string()));
            }
            xml.leaf("AcctSvcrRef", &job);
            transaction_code(xml, line.kind(), entry.amount);
            xml.within("NtryDtls", |xml| xml.within("TxDtls", |xml| details(xml, head, line, &job)));
        });
        *text = xml.into_text();
    }

    fn end(&self, _: &Head) -> String {
        "\n</Stmt>\n</BkToCstmrStmt></Document>\n".to_owned()
    }
}

fn details(xml: &mut Xml, head: &Head, line: &Line<'_>, job: &str) {
    xml.within("Refs", |xml| references(xml, line, job));
    amount(xml, head, line.record.entry.amount);
    parties(xml, head, line);
    remittance(xml, line);
}

fn references(xml: &mut Xml, line: &Line<'_>, job: &str) {
    let payment = &line.payment;
    let id = |xml: &mut Xml, name: &str, id: Option<&str>| {
        if let Some(id) = id {
            xml.text(name, id, ID_CHARS_MAX);
        }
    };
    id(xml, "MsgId", payment.message_id.as_deref());
    xml.leaf("AcctSvcrRef", job);
    id(xml, "PmtInfId", payment.payment_information_id.as_deref());
    id(xml, "InstrId", payment.instruction_id.as_deref());
    // A reference that does not fit is not one that was shortened: `reference` of the job has it all.
    let reference = line.reference.as_deref().filter(|text| text.chars().count() <= ID_CHARS_MAX);
    let none = line.is_payment.then_some(NOT_PROVIDED);
    id(xml, "EndToEndId", payment.end_to_end_id.as_deref().or(reference).or(none));
    let Some(uetr) = &payment.uetr else { return };
    match uuid(uetr) {
        Some(uuid) => xml.leaf("UETR", &uuid),
        // The element takes nothing but a UUID.
        None => xml.within("Prtry", |xml| {
            xml.leaf("Tp", "UETR");
            xml.text("Ref", uetr, ID_CHARS_MAX);
        }),
    }
}

/// Both sides, where the other one is known. The account itself is at the head of the statement.
fn parties(xml: &mut Xml, head: &Head, line: &Line<'_>) {
    let other = &line.counterparty;
    if other.is_unknown() && !line.is_payment {
        return;
    }
    let own = (line.own_name().or(head.range.account.holder.as_deref()), None);
    let other = (other.name.as_deref(), other.account.as_deref());
    let (debtor, creditor) = if line.record.entry.amount > 0 { (other, own) } else { (own, other) };
    let sides = [("Dbtr", "DbtrAcct", debtor), ("Cdtr", "CdtrAcct", creditor)];
    let sides = sides.map(|(party, account, (name, number))| {
        (party, name.filter(|text| xml::is_shown(text)), account, number.filter(|text| xml::is_shown(text)))
    });
    if sides.iter().all(|(_, name, _, number)| name.is_none() && number.is_none()) {
        return;
    }
    xml.within("RltdPties", |xml| {
        for (party, name, account, number) in sides {
            if let Some(name) = name {
                xml.within(party, |xml| xml.within("Pty", |xml| xml.text("Nm", name, TEXT_CHARS_MAX)));
            }
            if let Some(number) = number {
                xml.within(account, |xml| account_id(xml, number));
            }
        }
    });
}

/// What the payment is for: in words, and as the payee's reference.
fn remittance(xml: &mut Xml, line: &Line<'_>) {
    let memo = line.memo.as_deref().filter(|text| xml::is_shown(text));
    let payment = &line.payment;
    let reference = payment.creditor_reference.as_deref().filter(|text| xml::is_shown(text));
    if memo.is_none() && reference.is_none() {
        return;
    }
    xml.within("RmtInf", |xml| {
        if let Some(memo) = memo {
            xml.text("Ustrd", memo, TEXT_CHARS_MAX);
        }
        if let Some(reference) = reference {
            let kind = payment.creditor_reference_type.as_deref().filter(|text| xml::is_shown(text));
            xml.within("Strd", |xml| {
                xml.within("CdtrRefInf", |xml| creditor_reference(xml, kind, reference))
            });
        }
    });
}

fn creditor_reference(xml: &mut Xml, kind: Option<&str>, reference: &str) {
    if let Some(kind) = kind {
        let choice = if REFERENCE_TYPES.contains(&kind) { "Cd" } else { "Prtry" };
        xml.within("Tp", |xml| xml.within("CdOrPrtry", |xml| xml.text(choice, kind, ID_CHARS_MAX)));
    }
    xml.text("Ref", reference, ID_CHARS_MAX);
}

/// `DocumentType3Code`; any other type is the payee's own.
const REFERENCE_TYPES: [&str; 6] = ["RADM", "RPIN", "FXDR", "DISP", "PUOR", "SCOR"];

/// 32 hexadecimal digits that stay the same for the same entries, period and `more`.
fn id(head: &Head, more: &[&str]) -> String {
    let range = &head.range;
    let mut hasher = blake3::Hasher::new();
    hasher.update(range.account.number.as_str().as_bytes());
    for number in [range.first, range.last, head.from(), head.until()] {
        hasher.update(&number.to_be_bytes());
    }
    for more in more {
        hasher.update(more.as_bytes());
    }
    hasher.finalize().to_hex().chars().take(32).collect()
}

fn account_id(xml: &mut Xml, number: &str) {
    xml.within("Id", |xml| {
        if is_iban(number) {
            xml.leaf("IBAN", number);
        } else {
            xml.within("Othr", |xml| xml.text("Id", number, 34));
        }
    });
}

/// Amounts are positive; which way they go is said beside them. Nothing is a credit.
fn amount(xml: &mut Xml, head: &Head, minor_units: i64) {
    let currency = head.range.account.currency;
    let shown = in_units(minor_units, currency.exponent());
    xml.raw(&format!("<Amt Ccy=\"{currency}\">{}</Amt>", shown.trim_start_matches('-')));
    xml.leaf("CdtDbtInd", if minor_units < 0 { "DBIT" } else { "CRDT" });
}

fn balance(xml: &mut Xml, head: &Head, code: &str, balance: i64, at: i64) {
    xml.raw("\n");
    xml.within("Bal", |xml| {
        xml.within("Tp", |xml| xml.within("CdOrPrtry", |xml| xml.leaf("Cd", code)));
        amount(xml, head, balance);
        xml.within("Dt", |xml| xml.leaf("Dt", &day(at).to_string()));
    });
}

/// The bank transaction code: of the external code set of ISO 20022, and the kind of the job.
fn transaction_code(xml: &mut Xml, kind: Kind, minor_units: i64) {
    let family = if minor_units < 0 { "ICDT" } else { "RCDT" };
    let sub_family = match kind {
        // A transfer between two accounts of one bank is a book transfer.
        Kind::Transfer => "BOOK",
        Kind::StandingPayment => "STDO",
        _ => "OTHR",
    };
    xml.within("BkTxCd", |xml| {
        xml.within("Domn", |xml| {
            xml.leaf("Cd", "PMNT");
            xml.within("Fmly", |xml| {
                xml.leaf("Cd", family);
                xml.leaf("SubFmlyCd", sub_family);
            });
        });
        xml.within("Prtry", |xml| {
            xml.leaf("Cd", kind.name());
            xml.leaf("Issr", "tellers");
        });
    });
}

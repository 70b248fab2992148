//! Which payment a payment is: by all that its message calls it, and by its place among those that are called the same.
//!
//! Who sends payments chooses their ids and need not make them unique: a payroll has one `EndToEndId` for all, and many
//! have none. So the payments of a message that have the same ids are counted, over the whole message. The count
//! depends on neither the bytes of the file nor the place of any other payment. A file of refused payments keeps it in
//! a mark before each payment, since the others with the same ids are not in that file.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use domain::id::Sameness;

use super::leaves::{Leaves, NOT_PROVIDED};
use super::refused::OCCURRENCE_MARK;
use super::walk::Walk;
use crate::iban;
use crate::reader::{FormerName, PaymentName};
use crate::text::one_line;

/// No reference can contain it.
const SEPARATOR: char = '\u{1f}';

/// What a message calls a payment: `MsgId`, `PmtInfId`, `InstrId`, `EndToEndId` and `UETR`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ids([Option<String>; 5]);

impl Ids {
    /// Of a payment that a walk has just come by.
    pub fn of(walk: &Walk, payment: &Leaves) -> Ids {
        let ids = [
            walk.group.text("MsgId"),
            walk.information.text("PmtInfId"),
            payment.text("PmtId/InstrId"),
            payment.text("PmtId/EndToEndId"),
            payment.text("PmtId/UETR"),
        ];
        // Whoever wraps the text of a message anew may wrap an id.
        Ids(ids.map(|id| Some(one_line(id?, false, usize::MAX)).filter(|id| !id.is_empty())))
    }

    /// By the names that a job has for them.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let names = ["message_id", "payment_information_id", "instruction_id", "end_to_end_id", "uetr"];
        names.into_iter().zip(&self.0).filter_map(|(name, id)| Some((name, id.as_deref()?)))
    }

    /// A text that says where each id begins and ends, so that no two payments share one by how their ids are cut.
    fn joined(&self) -> String {
        let mut joined = String::new();
        for id in &self.0 {
            // Writing to a string never fails.
            let _ = match id {
                Some(id) => write!(joined, "{}:{id}{SEPARATOR}", id.len()),
                None => write!(joined, "-{SEPARATOR}"),
            };
        }
        joined
    }

    fn hash(&self) -> Hash {
        Hash::of(&self.joined())
    }

    /// The payment that is the first with these ids in its message.
    fn first(&self) -> String {
        format!("{}1", self.joined())
    }

    /// The payment that is the nth with these ids in its message, as a mark says.
    fn marked(&self, nth: u32) -> String {
        format!("{}place{SEPARATOR}{nth}", self.joined())
    }

    /// The payment that is the nth of those with these ids and this money in its message.
    fn nth_of_money(&self, money: &str, nth: u32) -> String {
        format!("{}{money}{SEPARATOR}{nth}", self.joined())
    }
}

/// Of the ids of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Hash([u8; 16]);

impl Hash {
    fn of(text: &str) -> Hash {
        let mut hash = [0; 16];
        blake3::Hasher::new().update(text.as_bytes()).finalize_xof().fill(&mut hash);
        Hash(hash)
    }

    fn head(self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}

/// The ids of a message, being collected: eight bytes for each payment.
#[derive(Debug, Default)]
pub struct Collected(Vec<u64>);

impl Collected {
    /// Adds those of a payment.
    pub fn add(&mut self, ids: &Ids) {
        self.0.push(ids.hash().head());
    }

    /// Keeps only those that come again.
    pub fn into_occurrences(self) -> Occurrences {
        let Collected(mut all) = self;
        all.sort_unstable();
        let again = all.windows(2).filter_map(|pair| match pair {
            [first, second] if first == second => Some(*first),
            _ => None,
        });
        Occurrences {
            repeated: again.collect(),
            counts: HashMap::new(),
            money: HashMap::new(),
            marked: HashSet::new(),
        }
    }
}

/// Counts the payments that have the same ids as others of their message.
#[derive(Debug)]
pub struct Occurrences {
    repeated: HashSet<u64>,
    /// Of those without a mark.
    counts: HashMap<Hash, u32>,
    /// Of those with the same ids and the same money.
    money: HashMap<Hash, u32>,
    /// Of those with one.
    marked: HashSet<(Hash, u32)>,
}

/// The place of a payment among those with the same ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// From 1.
    pub occurrence: u32,
    /// A file in which the others are missing has to say it.
    pub is_to_be_marked: bool,
    /// A mark says it.
    mark: Option<Mark>,
    /// Another payment of the file has the same ids and the same place.
    pub is_taken: bool,
}

/// What stands before a payment in a file of refused ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    /// Its place among those with the same ids.
    occurrence: u32,
    /// What it moved when the mark was written, as a hash, and its place among those with the same ids and money.
    money: Option<(u64, u32)>,
}

impl Occurrences {
    /// Of the next payment. `mark` is what stands before it; it holds for the ids that it was written for.
    pub fn next(&mut self, ids: &Ids, mark: Option<&str>) -> Place {
        let hash = ids.hash();
        let repeats = self.repeated.contains(&hash.head());
        let mark = mark.and_then(|mark| Mark::read(mark, hash));
        if !repeats {
            return Place {
                occurrence: mark.map_or(1, |mark| mark.occurrence),
                is_to_be_marked: mark.is_some(),
                mark,
                is_taken: false,
            };
        }
        let count = self.counts.entry(hash).or_default();
        let (occurrence, is_taken) = match mark {
            Some(Mark { occurrence: marked, .. }) => {
                (marked, !self.marked.insert((hash, marked)) || marked <= *count)
            }
            None => {
                *count = count.saturating_add(1);
                (*count, self.marked.contains(&(hash, *count)))
            }
        };
        Place { occurrence, is_to_be_marked: true, mark, is_taken }
    }
}

impl Occurrences {
    /// What the next payment is known by, once its place is.
    ///
    /// The first with its ids is known by them alone, so that another amount under the same ids is seen to contradict it.
    /// The others are known by their money too: whoever leaves a payment out, or puts one before, moves their places,
    /// and pays none of them again. For the same reason the first may have been another one when it was made, and
    /// another one the first. In a file of refused payments the others are missing. There the mark says by what a
    /// payment is known whose money is as it was, and the place counts of one whose money was corrected.
    pub fn name(&mut self, ids: &Ids, place: Place, money: &str) -> PaymentName {
        let count = self.count(ids, place, money);
        let of_money = || ids.nth_of_money(money, count);
        let others = |others: Vec<(String, Sameness)>| {
            others.into_iter().map(|(name, sameness)| FormerName { name, sameness }).collect()
        };
        let is_corrected = place.mark.is_some_and(|mark| mark.money != Some((Hash::of(money).head(), count)));
        match (place.occurrence, is_corrected) {
            (1, true) => PaymentName { name: ids.first(), others: Vec::new() },
            (1, false) => {
                PaymentName { name: ids.first(), others: others(vec![(of_money(), Sameness::Always)]) }
            }
            (nth, true) => PaymentName { name: ids.marked(nth), others: Vec::new() },
            (nth, false) => {
                let first = (count == 1).then(|| (ids.first(), Sameness::SameMoney));
                let marked = (ids.marked(nth), Sameness::SameMoney);
                PaymentName { name: of_money(), others: others(first.into_iter().chain([marked]).collect()) }
            }
        }
    }
}

impl Occurrences {
    /// The place of a payment among those with the same ids and money.
    fn count(&mut self, ids: &Ids, place: Place, money: &str) -> u32 {
        if let Some(Mark { money: Some((hash, count)), .. }) = place.mark
            && hash == Hash::of(money).head()
        {
            return count;
        }
        let count = self.money.entry(Hash::of(&ids.nth_of_money(money, 0))).or_default();
        *count = count.saturating_add(1);
        *count
    }

    /// What stands before the payment in a file of refused ones; nothing where its ids say enough. After
    /// [`Occurrences::name`].
    pub fn mark(&self, ids: &Ids, place: Place, money: &str) -> String {
        if !place.is_to_be_marked {
            return String::new();
        }
        let (hash, count) = match place.mark.and_then(|mark| mark.money) {
            Some(marked) => marked,
            None => {
                let counted = self.money.get(&Hash::of(&ids.nth_of_money(money, 0))).copied();
                (Hash::of(money).head(), counted.unwrap_or(1))
            }
        };
        let ids = ids.hash().head();
        format!("<!--{OCCURRENCE_MARK}{} {ids:016x} {count} {hash:016x}-->", place.occurrence)
    }
}

/// What a payment moves: accounts, currency and amount.
pub fn money_of(walk: &Walk, payment: &Leaves) -> String {
    let account = |leaves: &Leaves, element: &str| {
        let number =
            leaves.text(&format!("{element}/Id/IBAN")).or(leaves.text(&format!("{element}/Id/Othr/Id")));
        iban::compact(number.unwrap_or_default()).to_ascii_uppercase()
    };
    let amount = payment.text("Amt/InstdAmt").unwrap_or_default().trim();
    let amount = match amount.split_once('.') {
        Some((whole, decimals)) => format!("{whole}.{}", decimals.trim_end_matches('0')),
        None => format!("{amount}."),
    };
    let currency = payment.currency("Amt/InstdAmt").unwrap_or_default();
    let (from, to) = (account(&walk.information, "DbtrAcct"), account(payment, "CdtrAcct"));
    format!("{from}{SEPARATOR}{to}{SEPARATOR}{currency}{SEPARATOR}{}", amount.trim_start_matches('0'))
}

impl Mark {
    /// `None`: it is no mark, or one of other ids. Who corrects an id makes it another payment, which is counted anew.
    fn read(mark: &str, hash: Hash) -> Option<Mark> {
        let mut words = mark.trim().strip_prefix(OCCURRENCE_MARK)?.split_whitespace();
        let number = |word: &str| word.parse().ok().filter(|number| *number > 0);
        let occurrence = number(words.next()?)?;
        if u64::from_str_radix(words.next()?, 16) != Ok(hash.head()) {
            return None;
        }
        let count = words.next().and_then(number);
        let money = words.next().and_then(|money| u64::from_str_radix(money, 16).ok());
        Some(Mark { occurrence, money: money.zip(count) })
    }
}

/// The reference that release 0.1 gave the job of a payment. It had one for all payments with the same ids and made
/// the first of them, so there the money tells which one that was.
pub fn former_name(walk: &Walk, payment: &Leaves, place: Place) -> Option<FormerName> {
    let (message, end_to_end) = (walk.group.text("MsgId")?, payment.text("PmtId/EndToEndId")?);
    let information = walk.information.text("PmtInfId").unwrap_or_default();
    let sameness = if place.is_to_be_marked { Sameness::SameMoney } else { Sameness::Always };
    let name = || format!("{message}/{information}/{end_to_end}");
    (end_to_end != NOT_PROVIDED).then(|| FormerName { name: name(), sameness })
}

//! How a file writes its amounts, as far as its own rows prove it: which mark stands before decimals, and what a minus
//! means where something else says which way the money goes.

use super::plan::{Cut, Plan, Text};
use super::words;
use crate::decimal::{self, DecimalMark, Direction, Sign, Written};
use crate::mapping::{Amounts, Target};

/// What the amounts of a file prove. The order of its rows makes no difference.
#[derive(Debug, Clone, Default)]
pub struct Writing {
    /// The first amount that proves a point before decimals, and the first that proves a comma.
    point: Option<String>,
    comma: Option<String>,
    /// Amounts of which a column, a mark, a word or a kind says that they come in, or go out.
    income: Tally,
    outgo: Tally,
    /// Amounts of which only their sign can say it.
    pub unsaid: Tally,
    /// Amounts with `CR` behind them, or another mark of money that comes in.
    pub credit_marks: u64,
    /// The rows are those that a former import refused, so the others are missing.
    pub is_rest: bool,
    /// One of them was refused for what its amount means without a sign among others; without those it still is in doubt.
    pub was_doubted: bool,
}

/// Amounts other than zero, by their signs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    /// Without a sign.
    pub bare: u64,
    pub plus: u64,
    pub minus: u64,
    pub brackets: u64,
}

/// What a minus is among the amounts of one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Minus {
    /// All have one.
    Always,
    /// It is the exception, so it turns the direction round.
    Exception,
    /// It is the rule, and amounts without one are the exception.
    Usual,
    /// Neither.
    Open,
}

/// From how many amounts with a minus on, for each without one, the minus is the rule.
const USUAL_TO_EXCEPTION_MIN: u64 = 10;

impl Tally {
    fn note(&mut self, sign: Option<Sign>) {
        match sign {
            None => self.bare += 1,
            Some(Sign::Plus) => self.plus += 1,
            Some(Sign::Minus) => self.minus += 1,
            Some(Sign::Brackets) => self.brackets += 1,
        }
    }

    /// Amounts below zero.
    pub fn negative(&self) -> u64 {
        self.minus + self.brackets
    }

    /// Amounts above zero.
    pub fn positive(&self) -> u64 {
        self.bare + self.plus
    }

    /// What a minus is among them.
    pub fn minus_is(&self) -> Minus {
        match (self.positive(), self.negative()) {
            (0, _) => Minus::Always,
            (positive, negative) if positive >= negative => Minus::Exception,
            (positive, negative) if negative >= positive.saturating_mul(USUAL_TO_EXCEPTION_MIN) => {
                Minus::Usual
            }
            _ => Minus::Open,
        }
    }
}

impl Writing {
    /// The amounts of one direction.
    pub fn tally(&self, direction: Direction) -> &Tally {
        match direction {
            Direction::In => &self.income,
            Direction::Out => &self.outgo,
        }
    }

    /// The mark before decimals; none if the file does not show it, or shows both.
    pub fn decimal(&self) -> Option<DecimalMark> {
        match (&self.point, &self.comma) {
            (Some(_), None) => Some(DecimalMark::Point),
            (None, Some(_)) => Some(DecimalMark::Comma),
            _ => None,
        }
    }

    /// Two amounts that cannot both be written in one form.
    pub fn contradiction(&self) -> Option<(&str, &str)> {
        self.point.as_deref().zip(self.comma.as_deref())
    }

    /// Learns from a row, also from one that is no job, how amounts are written.
    pub fn note_marks(&mut self, row: Cut<'_>, plan: &Plan) {
        let targets = [Target::Amount, Target::AmountIn, Target::AmountOut, Target::OverdraftLimit];
        for field in targets.iter().filter_map(|target| plan.fields.get(target)) {
            field.text.for_each_term(row, false, &mut |text, _| {
                let first = match decimal::proof(text) {
                    Some(DecimalMark::Point) => &mut self.point,
                    Some(DecimalMark::Comma) => &mut self.comma,
                    None => return,
                };
                first.get_or_insert_with(|| text.to_owned());
            });
        }
    }

    /// Learns from a job what signs mean beside a column, a mark, a word or a kind.
    pub fn note_signs(&mut self, row: Cut<'_>, plan: &Plan, amounts: &Amounts) {
        let columns = [(Target::AmountIn, Direction::In), (Target::AmountOut, Direction::Out)];
        let mut is_split = false;
        for (target, direction) in columns {
            let Some(field) = plan.fields.get(&target) else { continue };
            is_split = true;
            if let Some((sign, _)) = glance(&field.text, row) {
                self.tally_mut(direction).note(sign);
            }
        }
        if is_split {
            return;
        }
        let Some((sign, mark)) = plan.fields.get(&Target::Amount).and_then(|field| glance(&field.text, row))
        else {
            return;
        };
        let mut joined = String::new();
        let mut word = |target: &Target| -> Option<String> {
            let text = plan.fields.get(target)?.text.read(row, None, &mut joined);
            Some(text.to_owned())
        };
        let flagged = word(&Target::Direction).and_then(|word| words::direction(&word, amounts));
        let said = flagged.or(mark).or_else(|| words::of_kind(&word(&Target::Kind)?));
        self.credit_marks += u64::from(mark == Some(Direction::In));
        match said {
            Some(direction) => self.tally_mut(direction).note(sign),
            None => self.unsaid.note(sign),
        }
    }

    fn tally_mut(&mut self, direction: Direction) -> &mut Tally {
        match direction {
            Direction::In => &mut self.income,
            Direction::Out => &mut self.outgo,
        }
    }
}

/// Sign and mark of an amount, without knowing how it is written; none where there is none, or zero.
fn glance(text: &Text, row: Cut<'_>) -> Option<(Option<Sign>, Option<Direction>)> {
    let mut seen = None;
    text.for_each_term(row, false, &mut |text, is_taken_off| {
        if seen.is_some() || decimal::is_zero(text) {
            return;
        }
        seen = Written::of(text).map(|written| {
            let sign = match written.sign {
                Some(Sign::Minus | Sign::Brackets) if is_taken_off => None,
                None | Some(Sign::Plus) if is_taken_off => Some(Sign::Minus),
                sign => sign,
            };
            (sign, written.mark)
        });
    });
    seen
}

//! Which way the money of a row goes. Whatever says it (a column of its own, a word, a mark, the kind, a sign) counts,
//! and what does not agree is refused.

use super::body::{Bodies, Fault, fault};
use super::plan::{Cut, Field, Text};
use super::reasons::Doubt;
use super::words;
use super::writing::Minus;
use crate::decimal::{Direction, Parsed, Sign};
use crate::mapping::{Sign as Stated, Target};
use crate::text::shown;

/// An amount that was read.
pub struct Amounted<'a> {
    pub target: Target,
    pub parsed: Parsed,
    pub text: &'a str,
    /// Its column's direction, where there are two.
    pub column: Option<(By, Direction)>,
}

/// What says a direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// `amount.in` or `amount.out`.
    Column,
    /// A word of the column `direction`.
    Word(String),
    /// `CR` or `DR` behind the amount.
    Mark,
    /// `deposit` or `withdrawal`.
    Kind,
}

impl Direction {
    fn goes(self) -> &'static str {
        match self {
            Direction::In => "comes in",
            Direction::Out => "goes out",
        }
    }

    fn kind(self) -> &'static str {
        match self {
            Direction::In => "deposit",
            Direction::Out => "withdrawal",
        }
    }
}

impl Bodies {
    /// Which way an amount goes.
    pub fn direction(
        &self,
        row: Cut<'_>,
        amounted: &Amounted<'_>,
        kind: Option<&str>,
    ) -> Result<Direction, Fault> {
        let said = self.said(row, amounted, kind)?;
        let is_one_way = kind.is_some_and(|kind| words::of_kind(kind).is_none()) || self.is_one_way();
        match said {
            Some((by, direction)) => {
                if kind.is_none_or(|kind| words::of_kind(kind).is_none()) {
                    self.check_one_way(&by, direction, amounted)?;
                }
                self.signed(&by, direction, amounted)
            }
            None if is_one_way => self.one_way(amounted),
            None => self.unsaid(amounted, kind),
        }
    }

    /// What is said of the direction beside the sign, if all that say it agree.
    fn said(
        &self,
        row: Cut<'_>,
        amounted: &Amounted<'_>,
        kind: Option<&str>,
    ) -> Result<Option<(By, Direction)>, Fault> {
        let word = self.word(row)?;
        let mark = amounted.parsed.mark.map(|direction| (By::Mark, direction));
        let kind = kind.and_then(words::of_kind).map(|direction| (By::Kind, direction));
        let mut said: Option<(By, Direction)> = None;
        for (by, direction) in [amounted.column.clone(), word, mark, kind].into_iter().flatten() {
            match &said {
                Some((first, one)) if *one != direction => {
                    let reason = format!(
                        "is {}, where {} says that the money {}, and {} that it {}; correct one of them",
                        shown(amounted.text),
                        self.name(first, *one),
                        one.goes(),
                        self.name(&by, direction),
                        direction.goes()
                    );
                    return Err(fault(&amounted.target, reason));
                }
                Some(_) => (),
                None => said = Some((by, direction)),
            }
        }
        Ok(said)
    }

    /// What the column `direction` says; nothing where it is empty.
    pub fn word(&self, row: Cut<'_>) -> Result<Option<(By, Direction)>, Fault> {
        let mut joined = String::new();
        let Some(field) = self.plan.fields.get(&Target::Direction) else { return Ok(None) };
        let word = field.text.read(row, None, &mut joined);
        if word.is_empty() {
            return Ok(None);
        }
        let direction = words::direction(word, &self.amounts).ok_or_else(|| {
            let reason = format!("is {}; name the words for it with in_words= and out_words=", shown(word));
            fault(&Target::Direction, reason)
        })?;
        Ok(Some((By::Word(word.to_owned()), direction)))
    }

    fn name(&self, by: &By, direction: Direction) -> String {
        match (by, direction) {
            (By::Column, Direction::In) => "amount.in".to_owned(),
            (By::Column, Direction::Out) => "amount.out".to_owned(),
            (By::Word(word), _) => format!("direction {}", shown(word)),
            (By::Mark, _) => "the mark behind it".to_owned(),
            (By::Kind, _) => format!("kind {}", direction.kind()),
        }
    }

    /// What the sign makes of a direction that something else says.
    fn signed(&self, by: &By, says: Direction, amounted: &Amounted<'_>) -> Result<Direction, Fault> {
        let sign = amounted.parsed.sign.filter(|_| amounted.parsed.minor_units != 0);
        let Some(stated) = self.amounts.sign else { return self.by_rule(by, says, sign, amounted) };
        let refuse = |reason: String| Err(fault(&amounted.target, reason));
        let Some(sign) = sign else { return Ok(says) };
        let of_sign = match stated {
            Stated::Ignored => return Ok(says),
            Stated::Reverses if !sign.is_minus() => return Ok(says),
            Stated::Reverses if *by == By::Kind => {
                return refuse(format!(
                    "is {}, whose minus turns the {} of kind round; correct kind, or state sign=ignored",
                    shown(amounted.text),
                    says.kind()
                ));
            }
            Stated::Reverses => return Ok(says.other()),
            Stated::NegativeOut if sign.is_minus() => Direction::Out,
            Stated::PositiveOut if !sign.is_minus() => Direction::Out,
            Stated::NegativeOut | Stated::PositiveOut => Direction::In,
        };
        // Which of two columns an amount stands in, a statement of what the minus means overrules.
        if of_sign == says || (*by == By::Column && sign.is_minus()) {
            return Ok(of_sign);
        }
        refuse(format!(
            "is {}, whose sign says that the money {}, and {} that it {}; correct one of them, or state sign=ignored",
            shown(amounted.text),
            of_sign.goes(),
            self.name(by, says),
            says.goes()
        ))
    }

    /// The same where the map says nothing of signs: the file's own amounts are to tell what a minus means.
    fn by_rule(
        &self,
        by: &By,
        says: Direction,
        sign: Option<Sign>,
        amounted: &Amounted<'_>,
    ) -> Result<Direction, Fault> {
        let tally = self.writing.tally(says);
        let Some(sign) = sign.filter(|sign| sign.is_minus() || says == Direction::Out) else {
            // Without a sign among many with a minus, it may be the one that goes the other way.
            let is_odd = matches!(tally.minus_is(), Minus::Usual | Minus::Open)
                || (self.writing.was_doubted && sign.is_none() && *by != By::Kind);
            return match amounted.parsed.minor_units {
                0 => Ok(says),
                _ if is_odd => Err(fault(&amounted.target, self.doubt_of_none(by, says, amounted.text))),
                _ => Ok(says),
            };
        };
        let is_clear = !self.writing.is_rest
            && sign.is_minus()
            && match tally.minus_is() {
                Minus::Always if tally.negative() == 0 => false,
                Minus::Always => self.all_negative_agree(by, says),
                Minus::Usual => says == Direction::Out,
                Minus::Exception => tally.negative() > 0 && *by == By::Column,
                Minus::Open => false,
            };
        match tally.minus_is() {
            Minus::Exception if is_clear => Ok(says.other()),
            _ if is_clear => Ok(says),
            _ => Err(fault(&amounted.target, self.doubt(by, says, sign, amounted.text))),
        }
    }

    /// Whether amounts that all have a minus still go as their column, mark or word says.
    fn all_negative_agree(&self, by: &By, says: Direction) -> bool {
        let (tally, others) = (self.writing.tally(says), self.writing.tally(says.other()));
        match says {
            // Debits with a minus and credits without one: the sign says the same. One alone may be a refund.
            Direction::Out => {
                others.negative() <= others.positive() && (tally.negative() > 1 || others.positive() > 0)
            }
            // Accountants put credits in brackets. A minus may take money back.
            Direction::In => {
                *by == By::Column && tally.minus == 0 && others.negative() == 0 && others.bare > 0
            }
        }
    }

    fn doubt(&self, by: &By, says: Direction, sign: Sign, text: &str) -> String {
        let (text, name) = (shown(text), self.name(by, says));
        let again = "if the minus only says the same again";
        match (sign, by) {
            (Sign::Plus, _) => format!(
                "is {text}, whose plus says that the money comes in, and {name} that it goes out; correct one of them, or \
                 state sign=ignored"
            ),
            (_, By::Kind) => format!(
                "is {text}, below zero where {name} says that the money {}; correct kind if it is a {}, or state \
                 sign=ignored {again}",
                says.goes(),
                says.other().kind()
            ),
            _ => format!(
                "is {text}, below zero where {name} says that the money {}; state sign=reverses if it {} instead, or \
                 sign=ignored {again}",
                says.goes(),
                says.other().goes()
            ),
        }
    }

    fn doubt_of_none(&self, by: &By, says: Direction, text: &str) -> String {
        let name = self.name(by, says);
        let back = match by {
            By::Kind => "correct kind".to_owned(),
            _ => "state sign=reverses".to_owned(),
        };
        format!(
            "is {}{}minus where {name} says that the money {} and most amounts have a minus; {back} if those with a minus \
             {} instead, or state sign=ignored if the minus says nothing",
            shown(text),
            Doubt::WithoutSign,
            says.goes(),
            match says {
                Direction::In => "go out",
                Direction::Out => "come in",
            }
        )
    }

    /// The direction of an amount that only its sign can tell.
    fn unsaid(&self, amounted: &Amounted<'_>, kind: Option<&str>) -> Result<Direction, Fault> {
        let sign = amounted.parsed.sign;
        let tells = matches!(self.amounts.sign, Some(Stated::NegativeOut | Stated::PositiveOut));
        if self.plan.fields.contains_key(&Target::Direction) && !(tells && sign.is_some()) {
            return Err(fault(&Target::Direction, self.want_of_word()));
        }
        if let Some(stated) = self.amounts.sign {
            return Ok(match (stated, sign.is_some_and(Sign::is_minus)) {
                (Stated::NegativeOut | Stated::Reverses, true) | (Stated::PositiveOut, false) => {
                    Direction::Out
                }
                _ => Direction::In,
            });
        }
        if amounted.parsed.minor_units == 0 || sign.is_some() {
            return Ok(if sign.is_some_and(Sign::is_minus) { Direction::Out } else { Direction::In });
        }
        let has_kinds = kind.is_none() && self.plan.fields.contains_key(&Target::Kind);
        let tally = &self.writing.unsaid;
        let reason = if has_kinds && !self.has_sides() {
            "sign, and kind is empty; correct kind, or state sign=negative_out if such amounts come in"
        } else if self.writing.credit_marks > 0 {
            "mark where others have CR or the like; state sign=positive_out if such amounts go out, or \
             sign=negative_out if they come in"
        } else if tally.plus > 0 && tally.negative() == 0 {
            "sign where others have a plus; write a minus before it if it goes out, or state sign=negative_out if \
             such amounts come in"
        } else if self.writing.was_doubted {
            "sign, which other rows of its file left in doubt; write a minus before it if it goes out, or state \
             sign=negative_out if such amounts come in"
        } else {
            return Ok(Direction::In);
        };
        Err(fault(&amounted.target, format!("is {}{}{reason}", shown(amounted.text), Doubt::WithoutSign)))
    }

    /// The column of words is there, and this row has none.
    fn want_of_word(&self) -> String {
        let text = self.plan.fields.get(&Target::Direction).map(|field| &field.text);
        let Some(Text::Cell(cell)) = text else {
            return "is empty, so the direction of the money is not known; correct it".to_owned();
        };
        let word = |words: &[String], usual: &str| words.first().map_or(usual, String::as_str).to_owned();
        let (outgo, income) = (word(&self.amounts.out_words, "D"), word(&self.amounts.in_words, "C"));
        let column = self.plan.label(*cell);
        format!(
            "is empty, so the direction of the money is not known; correct it, or say what empty cells mean: \
             direction={column}|'{outgo}' or direction={column}|'{income}'"
        )
    }

    /// Whether rows say where money comes from or goes to.
    fn has_sides(&self) -> bool {
        [Target::From, Target::To].iter().any(|target| self.plan.fields.contains_key(target))
    }

    /// Whether the map says where money comes from or goes to, and the same for all rows: then no sign turns it round.
    fn is_one_way(&self) -> bool {
        let fields = [Target::From, Target::To].map(|target| self.plan.fields.get(&target));
        let turns = |field: &Field| field.text.turns();
        fields.iter().any(Option::is_some) && !fields.iter().all(|field| field.is_some_and(turns))
    }

    /// The direction of an amount that goes one way whatever its sign.
    fn one_way(&self, amounted: &Amounted<'_>) -> Result<Direction, Fault> {
        let is_negative = amounted.parsed.sign.is_some_and(Sign::is_minus);
        if is_negative && self.amounts.sign != Some(Stated::Ignored) {
            let reason = "is below zero; write it without a sign, or state sign=ignored".to_owned();
            return Err(fault(&amounted.target, reason));
        }
        Ok(match self.amounts.sign {
            Some(Stated::PositiveOut) => Direction::Out,
            _ => Direction::In,
        })
    }

    /// Refuses a direction that a transfer with fixed sides does not have.
    fn check_one_way(&self, by: &By, says: Direction, amounted: &Amounted<'_>) -> Result<(), Fault> {
        let sides = [Target::From, Target::To].map(|target| self.plan.fields.get(&target));
        if sides.iter().all(Option::is_none) || sides.iter().flatten().any(|field| field.text.turns()) {
            return Ok(());
        }
        let is_fixed = sides.map(|field| field.is_some_and(|field| matches!(field.text, Text::Value(_))));
        let goes = if is_fixed == [false, true] { Direction::In } else { Direction::Out };
        if says == goes {
            return Ok(());
        }
        let reason = format!(
            "is {}, where {} says that the money {}, but from and to are the same both ways; give each direction its own: \
             from.in=, from.out=, to.in=, to.out=",
            shown(amounted.text),
            self.name(by, says),
            says.goes()
        );
        Err(fault(&amounted.target, reason))
    }
}

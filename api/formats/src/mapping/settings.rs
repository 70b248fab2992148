//! The JSON form of a map, entry by entry.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::entries::{Column, Condition, Expression, InvalidMapping, Quote, Sign, Target};
use super::{Mapping, sums};
use crate::decimal::DecimalMark;

/// Reads every entry, or says which one is wrong.
pub fn read(given: Map<String, Value>) -> Result<Mapping, InvalidMapping> {
    let mut mapping = Mapping::default();
    // In one order, whatever order they came in: `memo` before `memo.in`.
    let sorted: BTreeMap<&String, &Value> = given.iter().collect();
    for (name, value) in sorted {
        entry(&mut mapping, name, value).map_err(|reason| InvalidMapping { entry: name.clone(), reason })?;
    }
    for (part, whole) in [(Target::AmountIn, Target::Amount), (Target::AmountOut, Target::Amount)] {
        if mapping.fields.contains_key(&part) && mapping.fields.get(&whole).is_some_and(Option::is_some) {
            let reason = "cannot be given beside `amount`; name either one column or two".to_owned();
            return Err(InvalidMapping { entry: part.name(), reason });
        }
    }
    mapping.given = given.into_iter().collect::<BTreeMap<_, _>>().into_iter().collect();
    Ok(mapping)
}

fn entry(mapping: &mut Mapping, name: &str, value: &Value) -> Result<(), String> {
    let (dialect, amounts, rows) = (&mut mapping.dialect, &mut mapping.amounts, &mut mapping.rows);
    match name {
        "charset" => dialect.charset = Some(text(value)?),
        "separator" => dialect.separator = Some(mark(&text(value)?)?),
        "quote" => {
            dialect.quote = match text(value)?.as_str() {
                "none" | "" => Quote::None,
                "double" => Quote::Double,
                "single" => Quote::Other(b'\''),
                other => Quote::Other(mark(other)?),
            }
        }
        "skip_lines" => {
            let lines = value.as_u64().or_else(|| value.as_str()?.parse().ok());
            dialect.skip_lines = Some(lines.ok_or_else(|| format!("is {value}; write a number of lines"))?);
        }
        "header" => dialect.has_header = Some(yes_or_no(value)?),
        "decimal" => {
            amounts.decimal = match text(value)?.as_str() {
                "," | "comma" => Some(DecimalMark::Comma),
                "." | "point" => Some(DecimalMark::Point),
                "found" => None,
                other => return Err(format!("is {other:?}; write comma, point or found")),
            }
        }
        "amounts" => {
            amounts.are_minor = match text(value)?.as_str() {
                "minor" => true,
                "major" => false,
                other => return Err(format!("is {other:?}; write major (12.50) or minor (1250)")),
            }
        }
        "extra_zeros" => amounts.allow_zeros = yes_or_no(value)?,
        "sign" => {
            amounts.sign = match text(value)?.as_str() {
                "negative_out" => Some(Sign::NegativeOut),
                "positive_out" => Some(Sign::PositiveOut),
                "reverses" => Some(Sign::Reverses),
                "ignored" => Some(Sign::Ignored),
                "found" => None,
                other => {
                    return Err(format!(
                        "is {other:?}; write negative_out, positive_out, reverses, ignored or found"
                    ));
                }
            }
        }
        "in_words" => amounts.in_words = texts(value)?,
        "out_words" => amounts.out_words = texts(value)?,
        "date" => mapping.date = Some(text(value)?).filter(|pattern| pattern != "found"),
        "ignore" => rows.ignore = conditions(value)?,
        "keep" => rows.keep = conditions(value)?,
        "require" => {
            rows.require = texts(value)?.iter().map(|name| column(name)).collect::<Result<_, _>>()?
        }
        "stop" => rows.stop = texts(value)?,
        _ => return field(&mut mapping.fields, name, value),
    }
    Ok(())
}

fn field(fields: &mut BTreeMap<Target, Option<Expression>>, name: &str, value: &Value) -> Result<(), String> {
    let given = if value.is_null() { None } else { Some(expression(value)?) };
    if let Some(target) = Target::named(name) {
        let given = match given {
            Some(given) if target.is_amount() => Some(sums::added(given)?),
            Some(given) if sums::adds(&given) => return Err(sums::NO_AMOUNT.to_owned()),
            given => given,
        };
        match (target, given) {
            // One field with two sides is two columns.
            (Target::Amount, Some(Expression::ByDirection { income, outgo })) => {
                let sides = [(Target::AmountIn, income), (Target::AmountOut, outgo)];
                fields.extend(sides.map(|(target, side)| (target, side.map(|side| *side))));
            }
            (target, given) => {
                fields.insert(target, given);
            }
        }
        return Ok(());
    }
    if given.as_ref().is_some_and(sums::adds) {
        return Err(sums::NO_AMOUNT.to_owned());
    }
    let by_direction = name.rsplit_once('.').filter(|(_, side)| *side == "in" || *side == "out");
    let target = by_direction.and_then(|(whole, _)| Target::named(whole));
    let (Some((_, side)), Some(target)) = (by_direction, target) else {
        let known: Vec<&str> = Target::NAMED.iter().map(|(name, _)| *name).collect();
        return Err(format!(
            "is no entry of a map; fields are {}, metadata.NAME; settings are charset, separator, quote, skip_lines, \
             header, decimal, amounts, extra_zeros, sign, in_words, out_words, date, ignore, keep, require, stop",
            known.join(", ")
        ));
    };
    let given = given.map(Box::new);
    let (mut income, mut outgo) = match fields.remove(&target) {
        Some(Some(Expression::ByDirection { income, outgo })) => (income, outgo),
        Some(Some(both)) => (Some(Box::new(both.clone())), Some(Box::new(both))),
        _ => (None, None),
    };
    if side == "in" {
        income = given
    } else {
        outgo = given
    }
    fields.insert(target, Some(Expression::ByDirection { income, outgo }));
    Ok(())
}

fn expression(value: &Value) -> Result<Expression, String> {
    const EXPECTED: &str = "write a column's name, or an object with `column` (and `default`, `values`), `columns` \
         (and `join`), `sum`, `first_of`, `in` and `out`, or `value`";
    let list = |list: &Value| -> Result<Vec<Expression>, String> {
        let list = list.as_array().filter(|list| !list.is_empty());
        list.ok_or_else(|| format!("has no list where one belongs; {EXPECTED}"))?
            .iter()
            .map(expression)
            .collect()
    };
    let members = match value {
        Value::String(name) => return Ok(Expression::Cell(column(name)?)),
        Value::Object(members) => members,
        other => return Err(format!("is {other}; {EXPECTED}")),
    };
    let member = |name: &str| members.get(name);
    let allowed: &[&str];
    let mut made = if let Some(constant) = member("value") {
        allowed = &["value"];
        Expression::Value(text(constant)?)
    } else if let Some(name) = member("column") {
        allowed = &["column", "default", "values"];
        Expression::Cell(column(&text(name)?)?)
    } else if let Some(terms) = member("columns").filter(|terms| sums::take_off(terms)) {
        allowed = &["columns", "default"];
        sums::listed(terms, &expression)?
    } else if let Some(columns) = member("columns") {
        allowed = &["columns", "join", "default", "values"];
        Expression::Join(list(columns)?, member("join").map_or(Ok(" ".to_owned()), text)?)
    } else if let Some(terms) = member("sum") {
        allowed = &["sum", "default"];
        sums::stated(terms, &expression)?
    } else if let Some(choices) = member("first_of") {
        allowed = &["first_of", "default", "values"];
        Expression::FirstOf(list(choices)?)
    } else if member("in").or(member("out")).is_some() {
        allowed = &["in", "out", "default", "values"];
        let side = |name: &str| member(name).map(|side| expression(side).map(Box::new)).transpose();
        Expression::ByDirection { income: side("in")?, outgo: side("out")? }
    } else {
        return Err(format!("is {value}; {EXPECTED}"));
    };
    if let Some(other) = members.keys().find(|name| !allowed.contains(&name.as_str())) {
        return Err(format!("has a member `{other}`; {EXPECTED}"));
    }
    if let Some(values) = member("values") {
        let values =
            values.as_object().ok_or_else(|| format!("has `values` that are {values}; write an object"))?;
        let values = values.iter().map(|(from, to)| Ok((from.clone(), text(to)?)));
        made = Expression::Translated(Box::new(made), values.collect::<Result<_, String>>()?);
    }
    if let Some(default) = member("default") {
        made = Expression::FirstOf(vec![made, Expression::Value(text(default)?)]);
    }
    Ok(made)
}

fn conditions(value: &Value) -> Result<Vec<Condition>, String> {
    let columns =
        value.as_object().ok_or_else(|| format!("is {value}; write an object of column and texts"))?;
    columns.iter().map(|(name, some)| Ok(Condition { column: column(name)?, texts: texts(some)? })).collect()
}

/// `#3` is the third column; anything else is a name.
fn column(name: &str) -> Result<Column, String> {
    let number = name.strip_prefix('#').and_then(|digits| digits.parse::<usize>().ok());
    match number {
        Some(0) => Err("is column #0; columns count from #1".to_owned()),
        Some(number) => Ok(Column::Number(number)),
        None if name.trim().is_empty() => Err("names no column; for none at all write null".to_owned()),
        None => Ok(Column::Name(name.to_owned())),
    }
}

fn mark(name: &str) -> Result<u8, String> {
    match (name, name.as_bytes()) {
        ("comma", _) => Ok(b','),
        ("semicolon", _) => Ok(b';'),
        ("tab" | "\\t", _) => Ok(b'\t'),
        ("pipe", _) => Ok(b'|'),
        (_, [byte]) if byte.is_ascii() && !byte.is_ascii_alphanumeric() && !b"\r\n".contains(byte) => {
            Ok(*byte)
        }
        _ => Err(format!("is {name:?}; write comma, semicolon, tab, pipe, or one ASCII mark")),
    }
}

/// A text, also where the short form took it for a constant or JSON has a number.
fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Object(members) if members.len() == 1 => match members.get("value") {
            Some(Value::String(text)) => Ok(text.clone()),
            _ => Err(format!("is {value}; write a text")),
        },
        _ => Err(format!("is {value}; write a text")),
    }
}

/// One text, or a list of them; the short form writes `a|b`, or `a+b`.
fn texts(value: &Value) -> Result<Vec<String>, String> {
    let listed = match value {
        Value::Array(list) => Some(list),
        Value::Object(members) => {
            members.get("first_of").or_else(|| members.get("columns")).and_then(Value::as_array)
        }
        _ => None,
    };
    match listed {
        Some(list) => list.iter().map(text).collect(),
        None => Ok(vec![text(value)?]),
    }
}

fn yes_or_no(value: &Value) -> Result<bool, String> {
    match (value, value.as_str()) {
        (Value::Bool(yes), _) => Ok(*yes),
        (_, Some("true" | "yes")) => Ok(true),
        (_, Some("false" | "no" | "none")) => Ok(false),
        _ => Err(format!("is {value}; write true or false")),
    }
}

//! Amounts of several columns: numbers are added where texts are joined.

use serde_json::Value;

use super::entries::Expression;

/// Why a field that is no amount has no sum.
pub const NO_AMOUNT: &str = "has a `sum`, which is for amounts; write `columns` to join texts";

/// The terms of a stated sum: `["Amount", {"minus": "Fee"}]`.
pub fn stated(
    terms: &Value,
    expression: &dyn Fn(&Value) -> Result<Expression, String>,
) -> Result<Expression, String> {
    let list = terms.as_array().filter(|list| !list.is_empty());
    let list = list.ok_or_else(|| format!("has `sum` that is {terms}; write a list of columns"))?;
    let term = |term: &Value| match term.as_object().filter(|members| members.len() == 1) {
        Some(members) if members.contains_key("minus") => Ok((expression(&term["minus"])?, true)),
        _ => Ok((expression(term)?, false)),
    };
    Ok(Expression::Sum { terms: list.iter().map(term).collect::<Result<_, String>>()?, is_stated: true })
}

/// The terms of a list of columns of which some are taken off, as text has them: `Amount+-Fee`. What they say of
/// fees with signs of their own is a question, so the list is no stated sum.
pub fn listed(
    terms: &Value,
    expression: &dyn Fn(&Value) -> Result<Expression, String>,
) -> Result<Expression, String> {
    Ok(match stated(terms, expression)? {
        Expression::Sum { terms, .. } => Expression::Sum { terms, is_stated: false },
        other => other,
    })
}

/// Whether a list of columns has some that are taken off.
pub fn take_off(terms: &Value) -> bool {
    let is_minus = |term: &Value| term.as_object().is_some_and(|members| members.contains_key("minus"));
    terms.as_array().is_some_and(|terms| terms.iter().any(is_minus))
}

/// The expression of an amount: columns that are listed are added. Parts that a mark joins (`12` and `50` by a point)
/// make one number.
pub fn added(given: Expression) -> Result<Expression, String> {
    let all = |parts: Vec<Expression>| parts.into_iter().map(added).collect::<Result<Vec<_>, _>>();
    Ok(match given {
        Expression::Join(parts, joint) if joint.trim().is_empty() => {
            let terms = all(parts)?.into_iter().map(|part| (part, false)).collect();
            Expression::Sum { terms, is_stated: false }
        }
        Expression::FirstOf(parts) => Expression::FirstOf(all(parts)?),
        Expression::ByDirection { income, outgo } => {
            let side =
                |side: Option<Box<Expression>>| side.map(|side| added(*side).map(Box::new)).transpose();
            Expression::ByDirection { income: side(income)?, outgo: side(outgo)? }
        }
        Expression::Translated(part, _) if adds(&added((*part).clone())?) => {
            return Err("has `values` beside columns that are added; give them to each column".to_owned());
        }
        other => other,
    })
}

/// Whether numbers are added in it.
pub fn adds(given: &Expression) -> bool {
    given.has(|part| matches!(part, Expression::Sum { .. }))
}

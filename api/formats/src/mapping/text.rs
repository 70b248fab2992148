//! The short form of a map: `amount=Betrag, currency='EUR', memo=Text+Zweck`.
//!
//! ```text
//! map       = entry *( ("," / newline) entry )
//! entry     = name "=" [ value ]
//! value     = join *( "|" join )          ; the first that is not empty
//! join      = term *( "+" term )          ; what is there, joined by a space
//! term      = 'constant' / "column" / column / #3
//! ```
//!
//! The terms of an amount are added, and those with a minus are taken off: `amount=Gross+-Fee`.
//!
//! ```text
//! join      = [ "-" ] term *( "+" [ "-" ] term )
//! ```

use serde_json::{Map, Value, json};

use super::entries::{InvalidMapping, Target};

/// One piece of a value, with how it was quoted.
struct Term {
    text: String,
    is_constant: bool,
}

/// Entries whose value is a list of `column:text` conditions.
const CONDITIONS: [&str; 2] = ["ignore", "keep"];

/// The JSON form of the text.
pub fn parse(text: &str) -> Result<Map<String, Value>, InvalidMapping> {
    let mut given = Map::new();
    for entry in cut(text, &[',', '\n'])? {
        let entry = entry.trim();
        if entry.is_empty() {
            continue;
        }
        let (name, value) = entry.split_once('=').ok_or_else(|| InvalidMapping {
            entry: entry.to_owned(),
            reason: "has no `=`; write field=column, and put a column's name with a comma in double quotes"
                .to_owned(),
        })?;
        let (name, value) = (name.trim().to_owned(), value.trim());
        let value = if CONDITIONS.contains(&name.as_str()) {
            condition(&name, value)?
        } else {
            expression(&name, value)?
        };
        match (given.get_mut(&name), value) {
            (None, value) => {
                given.insert(name, value);
            }
            // A condition may be given for several columns.
            (Some(Value::Object(columns)), Value::Object(more)) if CONDITIONS.contains(&name.as_str()) => {
                columns.extend(more);
            }
            _ => return Err(InvalidMapping { entry: name, reason: "is there twice; keep one".to_owned() }),
        }
    }
    Ok(given)
}

fn expression(name: &str, value: &str) -> Result<Value, InvalidMapping> {
    if value.is_empty() {
        return Ok(Value::Null);
    }
    let mut choices = Vec::new();
    for choice in cut(value, &['|'])? {
        let terms = cut(&choice, &['+'])?;
        let is_amount = Target::named(name).is_some_and(|target| target.is_amount());
        if is_amount && terms.iter().any(|term| term.trim().starts_with('-')) {
            let terms: Vec<Value> = terms.iter().map(|term| signed_json(term)).collect();
            choices.push(json!({ "columns": terms }));
            continue;
        }
        let terms = terms.iter().map(|term| term_json(&unquoted(term))).collect();
        choices.push(only_or("columns", terms));
    }
    Ok(only_or("first_of", choices))
}

/// The only value, or a list of this name.
fn only_or(list: &str, mut values: Vec<Value>) -> Value {
    if values.len() == 1 { values.remove(0) } else { json!({ list: values }) }
}

fn condition(name: &str, value: &str) -> Result<Value, InvalidMapping> {
    let parts = cut(value, &[':'])?;
    let [column, texts] = parts.as_slice() else {
        let reason = format!("is {value:?}; write {name}=Column:text|text*");
        return Err(InvalidMapping { entry: name.to_owned(), reason });
    };
    let texts: Vec<String> = cut(texts, &['|'])?.iter().map(|text| unquoted(text).text).collect();
    let mut columns = Map::new();
    columns.insert(unquoted(column).text, json!(texts));
    Ok(Value::Object(columns))
}

fn term_json(term: &Term) -> Value {
    if term.is_constant { json!({ "value": term.text }) } else { Value::from(term.text.as_str()) }
}

/// A term of an amount; with a minus it is taken off.
fn signed_json(term: &str) -> Value {
    match term.trim().strip_prefix('-') {
        Some(column) => json!({ "minus": term_json(&unquoted(column)) }),
        None => term_json(&unquoted(term)),
    }
}

fn unquoted(term: &str) -> Term {
    let term = term.trim();
    let within = |quote: char| term.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    match (within('\''), within('"')) {
        (Some(text), _) => Term { text: text.to_owned(), is_constant: true },
        (_, Some(text)) => Term { text: text.to_owned(), is_constant: false },
        _ => Term { text: term.to_owned(), is_constant: false },
    }
}

/// Cuts a text at marks that stand outside quotes. An apostrophe within a word is no quote.
fn cut(text: &str, marks: &[char]) -> Result<Vec<String>, InvalidMapping> {
    let mut pieces = vec![String::new()];
    let mut open: Option<char> = None;
    let mut before = '=';
    for c in text.chars() {
        let starts_term = matches!(before, '=' | ',' | '|' | '+' | '-' | ':' | '\n' | ' ');
        match open {
            Some(quote) if quote == c => open = None,
            Some(_) => (),
            None if (c == '"' || c == '\'') && starts_term => open = Some(c),
            None if marks.contains(&c) => {
                pieces.push(String::new());
                before = c;
                continue;
            }
            None => (),
        }
        before = c;
        if let Some(piece) = pieces.last_mut() {
            piece.push(c);
        }
    }
    match open {
        None => Ok(pieces),
        Some(quote) => {
            let reason = format!("opens a quote ({quote}) that is not closed");
            Err(InvalidMapping { entry: text.chars().take(60).collect(), reason })
        }
    }
}

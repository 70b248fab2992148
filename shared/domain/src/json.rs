//! JSON as it was sent, and the one form that all writings of it have in common.
//!
//! No number passes through a float here: `1.10` and `123456789012345678901234567890` stay as they are.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Arrays and objects within each other: as many as `serde_json` reads of a job's body.
pub const DEPTH_MAX: usize = 126;

/// JSON that has more than one reading, or none that can be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotExact {
    /// A name is there twice in one object.
    #[error("is there more than once; send each member once")]
    Repeated {
        /// Path of the member, such as `.invoice.lines[1].number`.
        path: String,
    },
    /// A string that is no text, such as half a surrogate pair.
    #[error("is a string that is no text ({why}); write each character whole")]
    NoText {
        /// Path of the string, or of the object that has it as a name.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// More than [`DEPTH_MAX`] arrays and objects within each other.
    #[error("is nested more than {DEPTH_MAX} deep; send it flatter, or as one string")]
    TooDeep,
}

impl NotExact {
    /// Where it is; empty for the whole.
    pub fn path(&self) -> &str {
        match self {
            NotExact::Repeated { path } | NotExact::NoText { path, .. } => path,
            NotExact::TooDeep => "",
        }
    }
}

/// The normal form of `value`: members by their names, no blanks, strings with no more escapes than they need,
/// and numbers as they stand.
///
/// # Errors
/// A name is there twice, a string is no text, or it is nested too deeply.
pub fn normal(value: &RawValue) -> Result<String, NotExact> {
    let mut normal = String::with_capacity(value.get().len());
    write(&mut normal, value.get(), &mut String::new(), DEPTH_MAX)?;
    Ok(normal)
}

/// The body of a job with its metadata in normal form; as it stands where it has none.
pub fn with_normal_metadata(body: &str) -> Cow<'_, str> {
    #[derive(serde::Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        metadata: Option<&'a RawValue>,
    }

    // Most bodies have none, and each is hashed more than once.
    if !body.contains("\"metadata\"") {
        return Cow::Borrowed(body);
    }
    let metadata = serde_json::from_str::<Body<'_>>(body).ok().and_then(|body| body.metadata);
    let Some(metadata) = metadata else { return Cow::Borrowed(body) };
    let start = (metadata.get().as_ptr() as usize).saturating_sub(body.as_ptr() as usize);
    let around = body.split_at_checked(start).zip(body.get(start + metadata.get().len()..));
    match (around, normal(metadata)) {
        (Some(((before, _), after)), Ok(normal)) if normal != metadata.get() => {
            Cow::Owned([before, &normal, after].concat())
        }
        _ => Cow::Borrowed(body),
    }
}

/// Writes one value; `path` is where it is, and the same again afterwards.
fn write(normal: &mut String, value: &str, path: &mut String, deeper: usize) -> Result<(), NotExact> {
    match value.as_bytes().first() {
        Some(b'{' | b'[') if deeper == 0 => Err(NotExact::TooDeep),
        Some(b'{') => write_object(normal, value, path, deeper),
        Some(b'[') => write_array(normal, value, path, deeper),
        Some(b'"') => {
            let text = serde_json::from_str::<String>(value).map_err(|error| no_text(path, &error))?;
            write_text(normal, &text);
            Ok(())
        }
        _ => {
            normal.push_str(value);
            Ok(())
        }
    }
}

fn write_object(normal: &mut String, value: &str, path: &mut String, deeper: usize) -> Result<(), NotExact> {
    let Members(mut members) = serde_json::from_str(value).map_err(|error| no_text(path, &error))?;
    members.sort_by(|(one, _), (other, _)| one.cmp(other));
    let whole = path.len();
    normal.push('{');
    for (place, (name, value)) in members.iter().enumerate() {
        let _ = write!(path, ".{name}");
        if members.get(place + 1).is_some_and(|(next, _)| next == name) {
            return Err(NotExact::Repeated { path: path.clone() });
        }
        if place > 0 {
            normal.push(',');
        }
        write_text(normal, name);
        normal.push(':');
        write(normal, value.get(), path, deeper - 1)?;
        path.truncate(whole);
    }
    normal.push('}');
    Ok(())
}

fn write_array(normal: &mut String, value: &str, path: &mut String, deeper: usize) -> Result<(), NotExact> {
    let Elements(elements) = serde_json::from_str(value).map_err(|error| no_text(path, &error))?;
    let whole = path.len();
    normal.push('[');
    for (place, value) in elements.iter().enumerate() {
        let _ = write!(path, "[{place}]");
        if place > 0 {
            normal.push(',');
        }
        write(normal, value.get(), path, deeper - 1)?;
        path.truncate(whole);
    }
    normal.push(']');
    Ok(())
}

fn write_text(normal: &mut String, text: &str) {
    // A string always has a JSON form.
    normal.push_str(&serde_json::to_string(text).unwrap_or_default());
}

fn no_text(path: &str, error: &serde_json::Error) -> NotExact {
    let why = error.to_string();
    let why = why.split(" at line ").next().unwrap_or_default().to_owned();
    NotExact::NoText { path: path.to_owned(), why }
}

/// The members of an object in their order, those that are there twice among them.
#[derive(Debug)]
pub struct Members<'a>(pub Vec<(String, &'a RawValue)>);

/// The elements of an array.
struct Elements<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members<'a>, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(InOrder).map(Members)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Elements<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Elements<'a>, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Vec<&'de RawValue>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut elements = Vec::new();
                while let Some(element) = seq.next_element()? {
                    elements.push(element);
                }
                Ok(elements)
            }
        }
        deserializer.deserialize_seq(InOrder).map(Elements)
    }
}

/// A name that an object has more than once: its readers differ in which member they take.
pub fn repeated(object: &str) -> Option<String> {
    let Members(mut members) = serde_json::from_str(object).ok()?;
    members.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut pairs = members.iter().zip(members.iter().skip(1));
    pairs.find(|((one, _), (next, _))| one == next).map(|((name, _), _)| name.clone())
}

/// What stands at a path such as `legs[1].amount`, as it was written.
pub fn find<'a>(json: &'a str, path: &str) -> Option<&'a str> {
    let mut value = json;
    for step in path.split(['.', '[']).map(|step| step.trim_end_matches(']')) {
        value = if value.trim_start().starts_with('[') {
            serde_json::from_str::<Elements<'_>>(value).ok()?.0.get(step.parse::<usize>().ok()?)?.get()
        } else {
            let Members(members) = serde_json::from_str(value).ok()?;
            // Of one that is there twice, the one that is once too often.
            members.iter().rev().find(|(name, _)| name == step)?.1.get()
        };
    }
    Some(value)
}

/// Whether a body is JSON at all, whatever it says.
///
/// # Errors
/// It is not; says where, and why.
pub fn check(body: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(body)
        .map_err(|error| format!("is not UTF-8 from byte {} on; send UTF-8", error.valid_up_to()))?;
    if text.trim_ascii().is_empty() {
        return Err("is empty; send JSON".to_owned());
    }
    match serde_json::from_str::<de::IgnoredAny>(text) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("is not JSON: {error}; send it whole and as RFC 8259 has it")),
    }
}

#[cfg(test)]
mod tests;

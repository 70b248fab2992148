//! The XML declaration of a message, for what it says of its charset.

use std::io::Read as _;

use crate::charset::{self, Charset, Length};
use crate::error::FileError;
use crate::source::Source;

/// The charset of a message, as it is declared or found.
pub fn charset(source: &Source) -> Result<Charset, FileError> {
    charset::find(source, Some(&declared_charset(source)?), Length::Any)
}

/// The charset that the XML declaration names; UTF-8 without one.
fn declared_charset(source: &Source) -> Result<String, FileError> {
    let mut start = Vec::new();
    source.pass()?.take(256).read_to_end(&mut start)?;
    let start = String::from_utf8_lossy(&start);
    let declaration = start.split("?>").next().unwrap_or_default();
    let named = declaration.split_once("encoding").and_then(|(_, rest)| {
        let rest = rest.trim_start().strip_prefix('=')?.trim_start();
        let quote = rest.chars().next().filter(|c| "\"'".contains(*c))?;
        rest.get(1..)?.split(quote).next()
    });
    // What was read byte by byte is no UTF-16, whatever it says: some programs write the name of their own strings' form.
    let is_possible = |name: &&str| {
        !name.is_empty() && !name.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("utf-16"))
    };
    Ok(named.filter(is_possible).unwrap_or("utf-8").to_owned())
}

//! The examples of the documentation, hostile files, and what comes back refused.

use std::io::{self, Cursor, Read, Seek, SeekFrom, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use super::{FileError, Format, Input, Mapping, Options, Reader, Row, open, refused};

mod corrected;
mod executed;
mod identities;
mod neighbours;
mod payments;

fn read_all(
    file: impl Input + 'static,
    format: Format,
    map: &str,
    prefixes: &[&str],
) -> Result<(Vec<Row>, Box<dyn Reader>), FileError> {
    let iban_prefixes = prefixes.iter().map(|prefix| (*prefix).to_owned()).collect();
    read_with(file, format, map, &Options { iban_prefixes, ..Options::default() })
}

pub(crate) fn read_with(
    file: impl Input + 'static,
    format: Format,
    map: &str,
    options: &Options,
) -> Result<(Vec<Row>, Box<dyn Reader>), FileError> {
    let mut reader = open(file, format, &map.parse().unwrap(), options)?;
    let mut rows = Vec::new();
    while let Some(row) = reader.next()? {
        rows.push(row);
    }
    Ok((rows, reader))
}

fn refusal(file: impl Into<Vec<u8>>, format: Format) -> String {
    match read_all(Cursor::new(file.into()), format, "", &[]) {
        Ok((rows, _)) => panic!("the file was read: {rows:?}"),
        Err(error) => error.to_string(),
    }
}

fn blocks<'a>(document: &'a str, language: &str) -> Vec<&'a str> {
    let start = format!("```{language}\n");
    document.split(start.as_str()).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

fn assert_jobs(rows: Vec<Row>, expected: &str) {
    let bodies: Vec<Value> = rows
        .into_iter()
        .map(|row| {
            let body = row.content.unwrap();
            contract::submission::parse(body.get().as_bytes()).unwrap_or_else(|error| panic!("{error}"));
            serde_json::from_str(body.get()).unwrap()
        })
        .collect();
    let expected: Vec<Value> = expected.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(bodies, expected);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn the_examples_of_csv_are_read_as_they_say() {
    let document = include_str!("../../../docs/formats/csv.md");
    let (files, jobs, map) = (blocks(document, "csv"), blocks(document, "json"), blocks(document, "map")[0]);
    for (index, map) in ["", map].into_iter().enumerate() {
        let (rows, reader) = read_all(Cursor::new(files[index].to_owned()), Format::Csv, map, &[]).unwrap();
        assert!(reader.rows_total() >= rows.len() as u64);
        assert_jobs(rows, jobs[index]);
    }
}

#[test]
fn the_example_of_ndjson_is_read_as_it_says() {
    let file = blocks(include_str!("../../../docs/formats/ndjson.md"), "json")[0];
    let (rows, _) = read_all(Cursor::new(gzip(file.as_bytes())), Format::Ndjson, "", &[]).unwrap();
    assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [1, 2, 4]);
    let expected = file.replace("\n\n", "\n").replace(",\"refused_because\":\"amount was below zero\"", "");
    assert_jobs(rows, &expected);
}

const PAIN: &str = include_str!("../../../docs/formats/pain-001.md");

#[test]
fn refused_rows_of_csv_and_ndjson_can_be_corrected_and_sent_again() {
    let file = "Kontoauszug\n\nDatum;Betrag\n01.02.2026;1,5x\n02.02.2026;2,50\n";
    let map = "account='a',currency='EUR',amount=Betrag,value_date=Datum,skip_lines=2,charset=windows-1252";
    let (rows, reader) = read_all(Cursor::new(file), Format::Csv, map, &[]).unwrap();
    assert!(rows[1].content.is_ok());
    let error = rows[0].content.as_ref().unwrap_err();
    assert_eq!((error.line, error.column, error.field.as_deref()), (4, Some(12), Some("amount")), "{error}");
    let mut raw = rows[0].raw.clone();
    // Twice refused, it has one reason.
    for _ in 0..2 {
        let start = refused::start(Format::Csv, reader.header(), &refused::Totals::default());
        let again = String::from_utf8([start, reader.refused(&raw, "ä \"quoted\"")].concat()).unwrap();
        assert!(
            again.ends_with("Datum;Betrag;refused_because\r\n01.02.2026;1,5x;\"ä \"\"quoted\"\"\"\r\n"),
            "{again:?}"
        );
        let (rows, _) = read_all(Cursor::new(again.clone()), Format::Csv, map, &[]).unwrap();
        raw.clone_from(&rows[0].raw);
        let (rows, _) = read_all(Cursor::new(again.replace("1,5x", "1,5")), Format::Csv, map, &[]).unwrap();
        assert_jobs(
            rows,
            r#"{"kind":"deposit","account":"a","currency":"EUR","amount":150,"value_date":"2026-02-01"}"#,
        );
    }
    let map = "header=false,account=#1,amount=#2,currency='EUR'";
    let (rows, reader) = read_all(Cursor::new("a;1.5\n"), Format::Csv, map, &[]).unwrap();
    let again = reader.refused(&rows[0].raw, "why");
    let (rows, _) = read_all(Cursor::new(again), Format::Csv, map, &[]).unwrap();
    assert_eq!(rows[0].raw, b"a;1.5");
    assert_jobs(rows, r#"{"kind":"deposit","account":"a","currency":"EUR","amount":150}"#);

    let line = b"{\"kind\":\"deposit\",\"refused_because\":\"x\"}";
    let (_, reader) = read_all(Cursor::new(line.to_vec()), Format::Ndjson, "", &[]).unwrap();
    assert_eq!(reader.refused(line, "y"), b"{\"kind\":\"deposit\",\"refused_because\":\"y\"}\n");
    let kept = String::from_utf8(reader.refused(b"{\"kind", "y")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&kept).unwrap()["line"], "{\"kind");
}

#[test]
fn damaged_and_hostile_gzip_is_refused() {
    let sound = gzip(b"{\"kind\":\"deposit\"}\n".repeat(10_000).as_slice());
    assert!(refusal(&sound[..sound.len() / 2], Format::Ndjson).contains("cut off"));
    let mut damaged = sound.clone();
    let end = damaged.len() - 6;
    damaged[end] ^= 0xFF;
    assert!(refusal(damaged, Format::Ndjson).contains("damaged"));
    let bomb = gzip(&b"{}\n".repeat(20_000_000));
    assert!(refusal(bomb, Format::Ndjson).contains("unfolds to more"));
    let members = [gzip(b"{\"a\":1}\n"), gzip(b"{\"b\":1}\n")].concat();
    assert_eq!(read_all(Cursor::new(members), Format::Ndjson, "", &[]).unwrap().0.len(), 2);
}

/// A file of one byte, over and over, that is never in memory.
struct Endless {
    byte: u8,
    bytes: u64,
    at: u64,
}

impl Read for Endless {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let bytes = usize::try_from((self.bytes - self.at).min(into.len() as u64)).unwrap();
        into[..bytes].fill(self.byte);
        self.at += bytes as u64;
        Ok(bytes)
    }
}

impl Seek for Endless {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::End(_) => self.bytes,
            SeekFrom::Current(by) => self.at.saturating_add_signed(by),
        };
        Ok(self.at)
    }
}

#[test]
fn a_line_of_a_gigabyte_is_refused() {
    for format in [Format::Csv, Format::Ndjson, Format::Pain001] {
        // What is no line may be long, and is looked through; its words may not.
        let bytes = if format == Format::Pain001 { 1 << 26 } else { 1 << 30 };
        let line = Endless { byte: b'x', bytes, at: 0 };
        let error = read_all(line, format, "header=false,account=#1,separator=comma", &[]).err().unwrap();
        assert!(error.to_string().contains("more than 65536 bytes"), "{format}: {error}");
    }
}

#[test]
fn bytes_that_are_no_text_are_refused_with_their_line() {
    for format in [Format::Csv, Format::Ndjson] {
        assert!(refusal(b"a,amount\n1,\x002\n".as_slice(), format).contains("line 2 is not text"));
        assert!(refusal("", format).contains("no rows"));
    }
}

#[test]
fn a_stray_byte_of_ndjson_is_a_fault_of_its_row() {
    let job = r#"{"kind":"deposit","account":"a","amount":150,"currency":"EUR","memo":"Maß"}"#;
    let file = [job.as_bytes(), b"\n{\"memo\":\"Ma\xDF\"}\n", job.as_bytes()].concat();
    let (mut rows, _) = read_all(Cursor::new(file.clone()), Format::Ndjson, "", &[]).unwrap();
    let error = rows.remove(1).content.unwrap_err();
    assert!(error.line == 2 && error.column == Some(12) && error.reason.contains("not UTF-8"), "{error:?}");
    assert_jobs(rows, &[job, job].join("\n"));
    let marked = [b"\xEF\xBB\xBF", file.as_slice()].concat();
    assert_eq!(read_all(Cursor::new(marked), Format::Ndjson, "", &[]).unwrap().0.len(), 3);
    let latin = encoding_rs::WINDOWS_1252.encode(job).0.into_owned();
    assert_jobs(read_all(Cursor::new(latin), Format::Ndjson, "charset=windows-1252", &[]).unwrap().0, job);
    let utf_16: Vec<u8> = job.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_jobs(read_all(Cursor::new(utf_16), Format::Ndjson, "", &[]).unwrap().0, job);
}

#[test]
fn quotes_and_columns_that_are_off_are_reported_by_line_and_column() {
    let file =
        "account,amount,currency\na,1,EUR\nb,\"2\"x,EUR\nc,3\nd,4,EUR,5\n\"e\ne\",1.234,EUR\ng,9.1,EUR\n";
    let (rows, _) = read_all(Cursor::new(file), Format::Csv, "", &[]).unwrap();
    let places: Vec<_> = rows
        .iter()
        .filter_map(|row| {
            row.content.as_ref().err().map(|error| (row.number, error.line, error.column.unwrap()))
        })
        .collect();
    assert_eq!(places, [(2, 3, 6), (3, 4, 4), (4, 5, 9), (5, 7, 4)], "{rows:?}");
}

#[test]
fn four_charsets_say_the_same() {
    let text = "account;amount;currency;memo\na;1,50;EUR;Zoë – Straße\n";
    let utf_16 = |to_bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(to_bytes).collect::<Vec<u8>>();
    let files = [
        text.as_bytes().to_vec(),
        [b"\xEF\xBB\xBF", text.as_bytes()].concat(),
        encoding_rs::WINDOWS_1252.encode(text).0.into_owned(),
        [vec![0xFF, 0xFE], utf_16(u16::to_le_bytes)].concat(),
        [vec![0xFE, 0xFF], utf_16(u16::to_be_bytes)].concat(),
        utf_16(u16::to_le_bytes),
        text.replace('\n', "\r").into_bytes(),
        gzip(text.as_bytes()),
    ];
    for file in files {
        assert_eq!(Format::guess(None, None, &mut Cursor::new(&file)).unwrap(), Format::Csv);
        let (rows, _) = read_all(Cursor::new(file), Format::Csv, "", &[]).unwrap();
        assert_jobs(
            rows,
            r#"{"kind":"deposit","account":"a","amount":150,"currency":"EUR","memo":"Zoë – Straße"}"#,
        );
    }
}

#[test]
fn a_mapping_says_the_same_whatever_its_form() {
    let short: Mapping =
        "amount=Betrag, currency='EUR', memo=A+\"B, C\", ignore=Text:Saldo*|X".parse().unwrap();
    let long = r#"{"ignore":{"Text":["Saldo*","X"]},"memo":{"columns":["A","B, C"]},"currency":{"value":"EUR"},"amount":"Betrag"}"#;
    let long: Mapping = long.parse().unwrap();
    assert_eq!(serde_json::to_string(&short).unwrap(), serde_json::to_string(&long).unwrap());
    for wrong in [
        "amont=A",
        "amount",
        "amount='a",
        "decimal=;",
        "amount=A,amount=B",
        "{\"amount\":1}",
        "amount=A,amount.in=B",
    ] {
        assert!(wrong.parse::<Mapping>().is_err(), "{wrong}");
    }
}

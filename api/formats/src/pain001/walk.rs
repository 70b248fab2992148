//! Walking through a pain.001 message: its header, and its payments one at a time.

use std::io::{self, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_xml::Reader;
use quick_xml::events::Event;

use super::exact::Exact;
use super::leaves::{LEAVES_BYTES_MAX, LEAVES_MAX, Leaves};
use super::meter::Metered;
use super::refused::{OCCURRENCE_MARK, TOTALS_MARK};
use crate::error::FileError;
use crate::limits::ROW_BYTES_MAX;
use crate::lines;

/// How deep elements may stand in each other; pain.001 has some 12 levels.
const DEPTH_MAX: usize = 32;

/// The most bytes of a total; `DecimalNumber` has 18 digits.
const TOTAL_BYTES_MAX: usize = 64;

/// Bytes that one text or tag may have, with what the reader reads ahead.
const EVENT_BYTES_MAX: u64 = 4 * ROW_BYTES_MAX as u64;

/// What was come by.
#[derive(Debug)]
pub enum Step {
    /// The group header has ended.
    Group,
    /// A payment has ended.
    Payment {
        /// Its leaves.
        leaves: Leaves,
        /// It, as it is written.
        text: String,
        /// The line that it starts in.
        line: u64,
        /// What a file of refused payments says of its place among its equals.
        mark: Option<String>,
    },
    /// A payment information has ended.
    Information,
    /// The document has ended.
    End,
}

/// A walk through one message.
pub struct Walk {
    xml: Reader<BufReader<Metered>>,
    meter: Arc<AtomicU64>,
    buffer: Vec<u8>,
    /// Local names of the elements that are open.
    path: Vec<String>,
    line: u64,
    /// Of the message: everything up to the first payment information, without its totals.
    pub header: String,
    /// Leaves of the group header.
    pub group: Leaves,
    /// What stands in the payment information before its payments, as it is written, without its totals.
    pub head: String,
    /// Its leaves.
    pub information: Leaves,
    /// The closing tag of the payment information.
    pub head_end: String,
    payment: Leaves,
    payment_text: String,
    payment_line: u64,
    /// Before the payment, and before the next one.
    payment_mark: Option<String>,
    next_mark: Option<String>,
    /// The namespace of the document.
    pub namespace: String,
    text: String,
    currency: Option<String>,
}

/// Where an event belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Header,
    Information,
    Payment,
}

impl Walk {
    /// From the start of a text.
    pub fn new(text: Box<dyn Read + Send>) -> Walk {
        let meter = Arc::new(AtomicU64::new(0));
        let metered = Metered { text, meter: meter.clone(), bytes_max: EVENT_BYTES_MAX };
        let mut xml = Reader::from_reader(BufReader::with_capacity(32 * 1024, metered));
        xml.config_mut().expand_empty_elements = true;
        Walk {
            xml,
            meter,
            buffer: Vec::new(),
            path: Vec::new(),
            line: 1,
            header: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned(),
            group: Leaves::default(),
            head: String::new(),
            information: Leaves::default(),
            head_end: String::new(),
            payment: Leaves::default(),
            payment_text: String::new(),
            payment_line: 0,
            payment_mark: None,
            next_mark: None,
            namespace: String::new(),
            text: String::new(),
            currency: None,
        }
    }

    /// The line that was come to.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Goes on to the end of the next header, payment, information, or of the document.
    pub fn advance(&mut self) -> Result<Step, FileError> {
        loop {
            self.meter.store(0, Ordering::Relaxed);
            self.buffer.clear();
            let event = match self.xml.read_event_into(&mut self.buffer) {
                Ok(event) => event.into_owned(),
                Err(error) => return Err(self.refusal(error)),
            };
            let starts_at = self.line;
            self.line += lines::count(event.as_bytes_of());
            match event {
                Event::Start(tag) => {
                    let local = String::from_utf8_lossy(tag.local_name().as_ref().as_ref()).into_owned();
                    if self.path.len() >= DEPTH_MAX {
                        return Err(self.wrong(format!(
                            "elements stand more than {DEPTH_MAX} deep; this is no pain.001"
                        )));
                    }
                    if self.is_total() {
                        let total = self.path.last().cloned().unwrap_or_default();
                        return Err(self.wrong(format!("{total} is no number; correct the totals")));
                    }
                    self.path.push(local);
                    self.begin(starts_at)?;
                    self.currency = None;
                    for attribute in tag.attributes() {
                        let attribute = attribute
                            .map_err(|error| self.wrong(format!("an attribute is wrong: {error}")))?;
                        let value = String::from_utf8_lossy(attribute.value.as_ref().as_ref()).into_owned();
                        let key: &[u8] = attribute.key.as_ref().as_ref();
                        if key == b"Ccy" {
                            self.currency = Some(value);
                        } else if key.starts_with(b"xmlns")
                            && self.path.len() == 1
                            && value.contains("pain.001")
                        {
                            self.namespace = value;
                        }
                    }
                    let tag: &str = tag.as_ref();
                    self.capture(&format!("<{tag}>"))?;
                    self.text.clear();
                }
                Event::End(tag) => {
                    let name = String::from_utf8_lossy(tag.name().as_ref().as_ref()).into_owned();
                    if let Some(step) = self.close(&name)? {
                        return Ok(step);
                    }
                }
                Event::Text(text) => {
                    let text = text.into_inner();
                    self.push_text(&text, &text)?;
                }
                Event::CData(text) => {
                    let text = text.into_inner();
                    self.push_text(&text, &quick_xml::escape::escape(&*text))?;
                }
                Event::GeneralRef(entity) => {
                    let name = entity.clone().into_inner().into_owned();
                    let text = match entity.resolve_char_ref() {
                        Ok(Some(c)) => c.to_string(),
                        _ => match quick_xml::escape::resolve_predefined_entity(&name) {
                            Some(text) => text.to_owned(),
                            None => {
                                return Err(self.wrong(format!(
                                    "the entity &{name}; is not allowed; only the five of XML are"
                                )));
                            }
                        },
                    };
                    self.push_text(&text, &format!("&{name};"))?;
                }
                Event::DocType(_) => {
                    return Err(self.wrong(
                        "a document type (DTD) is not allowed in a payment file; remove it".to_owned(),
                    ));
                }
                Event::Comment(text) if self.path.len() == 3 => {
                    let text = text.into_inner();
                    if text.trim_start().starts_with(OCCURRENCE_MARK) {
                        self.next_mark = Some(text.into_owned());
                    }
                }
                Event::Eof if self.path.is_empty() => return Ok(Step::End),
                Event::Eof => {
                    let open = self.path.last().cloned().unwrap_or_default();
                    return Err(self.wrong(format!("the file ends within {open}; send it whole")));
                }
                _ => (),
            }
        }
    }

    fn part(&self) -> Part {
        match self.path.get(2).map(String::as_str) {
            Some("PmtInf") if self.path.get(3).is_some_and(|name| name == "CdtTrfTxInf") => Part::Payment,
            Some("PmtInf") => Part::Information,
            _ => Part::Header,
        }
    }

    /// An element has been opened.
    fn begin(&mut self, line: u64) -> Result<(), FileError> {
        let expected = [Some("Document"), Some("CstmrCdtTrfInitn")];
        let at = self.path.len() - 1;
        let name = self.path.last().map(String::as_str);
        if at < 2 && expected.get(at).is_some_and(|expected| name != *expected) {
            let name = name.unwrap_or_default();
            return Err(self.wrong(format!(
                "<{name}> is no part of pain.001, which is Document/CstmrCdtTrfInitn; send a customer credit transfer initiation"
            )));
        }
        match (at, self.part()) {
            (2, Part::Information) => {
                self.head.clear();
                self.next_mark = None;
                self.information = Leaves::default();
            }
            (3, Part::Payment) => {
                self.payment = Leaves::default();
                self.payment_text.clear();
                self.payment_line = line;
                self.payment_mark = self.next_mark.take();
            }
            _ => (),
        }
        Ok(())
    }

    /// Whether the element that is open is a total of a header, which a file of fewer payments has to leave out.
    fn is_total(&self) -> bool {
        let is_total = |name: &String| name == "NbOfTxs" || name == "CtrlSum";
        self.path.len() >= 4 && self.path.get(3).is_some_and(is_total)
    }

    fn capture(&mut self, markup: &str) -> Result<(), FileError> {
        if self.is_total() {
            return Ok(());
        }
        let to = match self.part() {
            Part::Header => &mut self.header,
            Part::Information => &mut self.head,
            Part::Payment => &mut self.payment_text,
        };
        if to.len() + markup.len() > ROW_BYTES_MAX {
            return Err(FileError::RowTooLong { line: self.payment_line.max(1) });
        }
        to.push_str(markup);
        Ok(())
    }

    fn push_text(&mut self, text: &str, markup: &str) -> Result<(), FileError> {
        // Blanks between payments are not part of what stands before them.
        if self.path.len() == 3 && text.trim().is_empty() {
            return Ok(());
        }
        if self.path.len() > 2 {
            // Comments and sections cut a text into events, each of which is within the meter.
            let bytes_max = if self.is_total() { TOTAL_BYTES_MAX } else { ROW_BYTES_MAX };
            if self.text.len() + text.len() > bytes_max {
                return Err(self.too_long(&self.path.get(3..).unwrap_or_default().join("/")));
            }
            self.text.push_str(text);
            self.capture(markup)?;
        } else if !text.trim().is_empty() && self.path.is_empty() {
            return Err(self.wrong("text stands outside the document".to_owned()));
        }
        Ok(())
    }

    /// An element is closed.
    fn close(&mut self, name: &str) -> Result<Option<Step>, FileError> {
        let part = self.part();
        let depth = match part {
            Part::Header | Part::Information => 3,
            Part::Payment => 4,
        };
        let text = std::mem::take(&mut self.text);
        if self.path.len() > depth {
            let path = self.path.get(depth..).unwrap_or_default().join("/");
            let currency = self.currency.take();
            let leaves = match part {
                Part::Header => &mut self.group,
                Part::Information => &mut self.information,
                Part::Payment => &mut self.payment,
            };
            if !leaves.push(path, currency, text) {
                return Err(self.wrong(format!(
                    "more than {LEAVES_MAX} elements, or elements of more than {LEAVES_BYTES_MAX} bytes with their \
                     names, stand where a payment has some 50; this is no pain.001"
                )));
            }
        }
        let is_group_total = part == Part::Header && self.path.get(3).is_some_and(|name| name == "NbOfTxs");
        let is_outer = self.path.len() <= 2;
        let is_information = self.path.len() == 3 && part == Part::Information;
        if is_group_total {
            let prefix = name.strip_suffix("NbOfTxs").unwrap_or_default();
            self.header.push_str(&format!("{TOTALS_MARK}{prefix}-->"));
            if self.header.len() > ROW_BYTES_MAX {
                return Err(FileError::RowTooLong { line: self.line });
            }
        } else if is_information {
            self.head_end = format!("</{name}>");
        } else if !is_outer {
            self.capture(&format!("</{name}>"))?;
        }
        let is_group = part == Part::Header
            && self.path.len() == 3
            && self.path.get(2).is_some_and(|name| name == "GrpHdr");
        let is_payment = part == Part::Payment && self.path.len() == 4;
        self.path.pop();
        if is_group {
            self.keep_totals();
        }
        Ok(if is_payment {
            let leaves = std::mem::take(&mut self.payment);
            Some(Step::Payment {
                leaves,
                text: std::mem::take(&mut self.payment_text),
                line: self.payment_line,
                mark: self.payment_mark.take(),
            })
        } else if is_information {
            Some(Step::Information)
        } else {
            is_group.then_some(Step::Group)
        })
    }

    /// Writes what the group header says of its payments into the mark that stands for it.
    fn keep_totals(&mut self) {
        let payments = self.group.text("NbOfTxs").filter(|count| count.parse::<u64>().is_ok());
        let sum = self.group.text("CtrlSum").filter(|sum| Exact::parse(sum).is_some());
        let totals = format!(" {} {}", payments.unwrap_or_default(), sum.unwrap_or_default());
        let mark = self.header.find(TOTALS_MARK);
        let end = mark.and_then(|mark| Some(mark + self.header.get(mark..)?.find("-->")?));
        if let Some(end) = end {
            self.header.insert_str(end, &totals);
        }
    }

    /// What is longer than any message has it; totals are not captured, so they are held to their own limit.
    fn too_long(&self, path: &str) -> FileError {
        if self.is_total() {
            return self.wrong(format!("{path} is no number; correct the totals"));
        }
        FileError::RowTooLong { line: self.payment_line.max(1) }
    }

    fn wrong(&self, reason: String) -> FileError {
        FileError::Xml { line: self.line, reason }
    }

    fn refusal(&self, error: quick_xml::Error) -> FileError {
        if self.meter.load(Ordering::Relaxed) > EVENT_BYTES_MAX {
            return FileError::RowTooLong { line: self.line };
        }
        if let quick_xml::Error::Io(error) = &error {
            // What the layers below refuse is shared here; they have been through it once, when the charset was found.
            return FileError::Unreadable(io::Error::new(error.kind(), error.to_string()));
        }
        self.wrong(format!("the XML is not well formed: {error}; write the file again"))
    }
}

/// The bytes of an event, as they stand in the file.
trait Bytes {
    fn as_bytes_of(&self) -> &[u8];
}

impl Bytes for Event<'_> {
    fn as_bytes_of(&self) -> &[u8] {
        let text: &str = self;
        text.as_bytes()
    }
}

//! A list of a service, page by page.

use std::collections::HashMap;
use std::io::IsTerminal as _;

use anyhow::Context as _;
use reqwest::Method;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::Service;
use super::args::ListArgs;
use super::cells;
use super::table::{Column, Table};
use crate::output;

/// Rows of a page where all are shown.
const PAGE_ROWS: u32 = 500;

/// A list, and how its rows are shown.
pub(crate) struct Listing<'a> {
    pub(crate) service: &'a Service,
    /// Where its first page is.
    pub(crate) path: &'a str,
    /// The member of a page that holds the rows, and what one row and many are called.
    pub(crate) list: &'a str,
    pub(crate) columns: &'a [Column],
    /// The cells of a row.
    pub(crate) row: &'a dyn Fn(&Value) -> Vec<String>,
}

/// A page as it came.
struct Page {
    rows: Vec<Box<RawValue>>,
    next: Option<String>,
    looked_back_to: Value,
}

impl Page {
    fn of(body: &str, list: &str) -> anyhow::Result<Page> {
        let mut page: HashMap<String, Box<RawValue>> = serde_json::from_str(body)?;
        let rows = page.remove(list).with_context(|| format!("an unexpected answer without `{list}`"))?;
        let member = |name: &str| page.get(name).map(|value| serde_json::from_str(value.get()));
        Ok(Page {
            rows: serde_json::from_str(rows.get())?,
            next: member("next").transpose()?.and_then(|next: Value| next.as_str().map(str::to_owned)),
            looked_back_to: member("looked_back_to").transpose()?.unwrap_or_default(),
        })
    }
}

impl Listing<'_> {
    /// Shows the rows that `query` wants.
    ///
    /// # Errors
    /// The service refuses, or does not answer; or nobody reads on.
    pub(crate) async fn show(&self, query: &impl Serialize, how: &ListArgs) -> anyhow::Result<()> {
        let limit = if how.all { PAGE_ROWS } else { how.limit };
        let first = self.service.request(Method::GET, self.path).query(query).query(&[("limit", limit)]);
        let mut answer = self.service.ask(first).await?;
        if how.json.json && !how.all {
            return output::line(answer.body.trim_end());
        }
        let mut table = Table::new(self.columns);
        let mut shown = 0;
        let more = loop {
            let page = Page::of(&answer.body, self.list)?;
            for row in page.rows.iter().take(if how.all { usize::MAX } else { limit as usize - shown }) {
                shown += 1;
                if how.json.json {
                    output::line(row.get())?;
                } else {
                    table.add((self.row)(&serde_json::from_str(row.get())?));
                }
            }
            if how.all {
                table.write()?;
            }
            match page.next {
                Some(next) if how.all || shown < limit as usize => {
                    self.tell_how_far(shown, &page.looked_back_to);
                    answer = self.service.get(&next).await?;
                }
                next => break next.is_some(),
            }
        };
        table.write_all()?;
        match (shown, more) {
            (0, _) => output::beside(format!("no {}", self.list)),
            (_, true) => {
                output::beside(format!("the first {shown} {}; --limit or --all shows more", self.list))
            }
            _ => {}
        }
        Ok(())
    }

    /// A search goes on for as long as it takes: whoever waits at a terminal sees how far it came.
    fn tell_how_far(&self, shown: usize, looked_back_to: &Value) {
        if looked_back_to.is_string() && std::io::stderr().is_terminal() {
            let time = cells::time(looked_back_to);
            output::beside(format!("{shown} {} found, looked back to {time} UTC", self.list));
        }
    }
}

//! Tables without frames: columns that stand in line, in lines that no width breaks, for eyes, `grep` and `awk` alike.

use unicode_width::UnicodeWidthStr as _;

use crate::output;

/// Blanks between two columns.
const GAP: &str = "  ";

/// A column, by its title.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    title: &'static str,
    is_right: bool,
}

/// A column of words.
pub(crate) const fn left(title: &'static str) -> Column {
    Column { title, is_right: false }
}

/// A column of numbers.
pub(crate) const fn right(title: &'static str) -> Column {
    Column { title, is_right: true }
}

impl Column {
    /// Its title.
    pub(crate) fn title(&self) -> &'static str {
        self.title
    }
}

/// Rows that are still to be written.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    widths: Vec<usize>,
    rows: Vec<Vec<String>>,
    is_headed: bool,
}

impl Table {
    /// A table without rows.
    pub(crate) fn new(columns: &[Column]) -> Table {
        let widths = columns.iter().map(|column| column.title.width()).collect();
        Table { columns: columns.to_vec(), widths, rows: Vec::new(), is_headed: false }
    }

    /// Adds a row, with a cell for each column.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.add(cells.into());
    }

    /// The same with as many cells as there are columns.
    pub(crate) fn add(&mut self, cells: Vec<String>) {
        for (width, cell) in self.widths.iter_mut().zip(&cells) {
            *width = (*width).max(cell.width());
        }
        self.rows.push(cells);
    }

    /// Whether it has no rows to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Writes the rows so far; others may follow, and stand below these.
    ///
    /// # Errors
    /// As [`output::line`].
    pub(crate) fn write(&mut self) -> anyhow::Result<()> {
        for line in self.take_lines() {
            output::line(line)?;
        }
        Ok(())
    }

    /// Writes all of it: a column in which no row has anything is left out.
    ///
    /// # Errors
    /// As [`output::line`].
    pub(crate) fn write_all(mut self) -> anyhow::Result<()> {
        let filled = |at: usize| self.rows.iter().any(|row| row.get(at).is_some_and(|cell| !cell.is_empty()));
        let kept: Vec<_> = (0..self.columns.len()).map(filled).collect();
        let keep = |at: usize| kept.get(at).copied().unwrap_or(true);
        if !self.is_headed && !self.rows.is_empty() {
            self.columns = without(self.columns, keep);
            self.widths = without(self.widths, keep);
            self.rows = self.rows.into_iter().map(|row| without(row, keep)).collect();
        }
        self.write()
    }

    fn take_lines(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        let rows = std::mem::take(&mut self.rows);
        if rows.is_empty() {
            return lines;
        }
        if !self.is_headed {
            let titles: Vec<_> = self.columns.iter().map(|column| column.title.to_uppercase()).collect();
            lines.push(self.line(&titles));
            self.is_headed = true;
        }
        lines.extend(rows.iter().map(|row| self.line(row)));
        lines
    }

    fn line(&self, cells: &[String]) -> String {
        let mut line = String::new();
        for ((cell, column), width) in cells.iter().zip(&self.columns).zip(&self.widths) {
            let room = " ".repeat(width.saturating_sub(cell.width()));
            let (before, behind) = if column.is_right { (room.as_str(), "") } else { ("", room.as_str()) };
            line.extend([before, cell, behind, GAP]);
        }
        line.trim_end().to_owned()
    }
}

fn without<T>(items: Vec<T>, keep: impl Fn(usize) -> bool) -> Vec<T> {
    items.into_iter().enumerate().filter(|(at, _)| keep(*at)).map(|(_, item)| item).collect()
}

/// Names and their values, one a line, where there is a value.
///
/// # Errors
/// As [`output::line`].
pub(crate) fn facts(facts: &[(&str, String)]) -> anyhow::Result<()> {
    let facts: Vec<_> = facts.iter().filter(|(_, value)| !value.is_empty()).collect();
    let width = facts.iter().map(|(name, _)| name.width()).max().unwrap_or_default();
    for (name, value) in facts {
        let room = " ".repeat(width.saturating_sub(name.width()));
        output::line(format!("{name}{room}{GAP}{value}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_in_line() {
        let mut table = Table::new(&[left("name"), right("amount"), left("memo")]);
        table.row(["Zoë".to_owned(), "5.00 EUR".to_owned(), String::new()]);
        table.row(["山田".to_owned(), "-1,250.00 EUR".to_owned(), "rent".to_owned()]);
        let lines = table.take_lines();
        assert_eq!(
            lines,
            ["NAME         AMOUNT  MEMO", "Zoë        5.00 EUR", "山田  -1,250.00 EUR  rent"],
            "{}",
            lines.join("\n")
        );
        assert!(table.take_lines().is_empty());
        table.row(["Ann".to_owned(), "7".to_owned(), String::new()]);
        assert_eq!(table.take_lines(), ["Ann               7"], "its head was written");
    }
}

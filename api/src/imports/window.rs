//! Which rows of a file are on their way, and what may be written down meanwhile.

use std::collections::BTreeMap;

use store::imports::Refusal;

/// Counts that belong to the place right before a row, or after the last.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mark {
    /// The row before that place.
    pub row: u64,
    /// Rows that are jobs.
    pub accepted: u64,
    /// Rows that are none.
    pub refused: u64,
    /// Bytes of the file that had been read.
    pub bytes_read: u64,
}

/// Which rows are not done yet, and what had been counted before each.
#[derive(Debug, Default)]
pub(super) struct Window {
    open: BTreeMap<u64, Mark>,
    /// What is counted after the last row that was taken.
    pub last: Mark,
}

impl Window {
    /// Goes on after a place.
    pub fn after(last: Mark) -> Window {
        Window { open: BTreeMap::new(), last }
    }

    /// Rows that are not done.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// A row was read.
    pub fn take(&mut self, row: u64, refused: bool) {
        self.open.insert(row, self.last);
        self.last.row = row;
        self.last.accepted += u64::from(!refused);
        self.last.refused += u64::from(refused);
    }

    /// It is queued, or written down as refused.
    pub fn done(&mut self, row: u64) {
        self.open.remove(&row);
    }

    /// Up to where all is done, if `also` is.
    pub fn mark(&self, also: &[Refusal]) -> Mark {
        let done = |row: &u64| also.binary_search_by_key(row, |refusal| refusal.row).is_ok();
        self.open.iter().find(|(row, _)| !done(row)).map_or(self.last, |(_, mark)| *mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_down_is_what_is_done_without_a_gap() {
        let mut window = Window::default();
        for row in 1..=5 {
            window.take(row, row == 3);
        }
        assert_eq!(window.mark(&[]).row, 0);
        [1, 2, 4].iter().for_each(|row| window.done(*row));
        let mark = window.mark(&[]);
        assert_eq!((mark.row, mark.accepted, mark.refused), (2, 2, 0), "row 3 is not written down");
        let refusal =
            Refusal { row: 3, line: 4, column: None, field: None, reason: String::new(), raw: Vec::new() };
        let mark = window.mark(std::slice::from_ref(&refusal));
        assert_eq!((mark.row, mark.accepted, mark.refused), (4, 3, 1));
        [3, 5].iter().for_each(|row| window.done(*row));
        let mark = window.mark(&[]);
        assert_eq!((mark.row, mark.accepted, mark.refused), (5, 4, 1));
    }
}

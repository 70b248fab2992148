//! What an audit found.

/// What an audit read and found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audit {
    /// Accounts read.
    pub accounts: u64,
    /// Entries read.
    pub entries: u64,
    /// Jobs read.
    pub jobs: u64,
    /// What is wrong, a sentence each, the first [`Audit::FINDINGS_MAX`] of them; empty: all is well.
    pub findings: Vec<String>,
    /// How many there were in all.
    pub findings_total: u64,
}

impl Audit {
    /// The most findings that are listed in words.
    pub const FINDINGS_MAX: usize = 100;

    /// Adds a finding.
    pub fn find(&mut self, finding: impl FnOnce() -> String) {
        self.findings_total += 1;
        if self.findings.len() < Self::FINDINGS_MAX {
            self.findings.push(finding());
        }
    }

    /// Nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.findings_total == 0
    }
}

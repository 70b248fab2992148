//! The imports port: what is known of each file of jobs, and what became of its rows.
//!
//! Posting writes the outcomes of rows, in the transaction of the jobs themselves; see
//! [`Posting::post`](crate::ledger::Posting::post). The ledger's adapters stand behind this, on its database.

mod content;

use std::collections::HashMap;

use async_trait::async_trait;

pub use content::{Content, ContentOf, Share, Sketch};

use domain::id::JobId;
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::error::StoreError;

/// Imports, kept in the ledger's database.
///
/// # Errors
/// Of every method: the database could not be reached. A method that fails otherwise as well says so.
#[async_trait]
pub trait Imports: Send + Sync {
    /// Writes down a new import, queued; or finds the client's unfinished one of the same file.
    ///
    /// # Errors
    /// It could not be written, or it is not known whether it was: sent again, it is the same.
    async fn create(&self, new: &NewImport) -> Result<Opened, StoreError>;

    /// An import as it was last written down.
    async fn import(&self, number: u64) -> Result<Option<Import>, StoreError>;

    /// Up to `limit` imports, newest first, of one client if given, those with a number below `before` only.
    async fn imports(
        &self,
        client: Option<&str>,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<Import>, StoreError>;

    /// Makes `owner` the replica that reads an unfinished import, at `now` (µs since the Unix epoch). `false`:
    /// it has ended, or another replica wrote to it since `stale_before`.
    async fn take_over(
        &self,
        number: u64,
        owner: &str,
        stale_before: i64,
        now: i64,
    ) -> Result<bool, StoreError>;

    /// Writes down how far its owner has come, with the rows that were refused on the way, at `now` (µs since
    /// the Unix epoch); rows that are known are not written again. Nothing is written for who is not the owner.
    ///
    /// # Errors
    /// Nothing was written, or it is not known; the same may be written again.
    async fn checkpoint(
        &self,
        number: u64,
        owner: &str,
        progress: &Progress,
        refusals: &[Refusal],
        now: i64,
    ) -> Result<Standing, StoreError>;

    /// Asks the owner to stop reading. An import that nobody wrote to since `stale_before` (µs since the Unix
    /// epoch) is cancelled at once.
    async fn request_cancel(&self, number: u64, stale_before: i64, now: i64) -> Result<(), StoreError>;

    /// Up to `limit` rows that were refused, in order, from row `from` on. Row 0 is the head of the file, if it
    /// has one, with its format as the reason.
    async fn refusals(&self, number: u64, from: u64, limit: u32) -> Result<Vec<Refusal>, StoreError>;

    /// Up to `limit` rows that have an outcome, in order, those after row `after` only.
    async fn rows(&self, number: u64, after: u64, limit: u32) -> Result<Vec<ImportedRow>, StoreError>;

    /// Up to `limit` rows that came out as conflicts, in order, those after row `after` only, by their numbers.
    async fn conflicts(&self, number: u64, after: u64, limit: u32) -> Result<Vec<u64>, StoreError>;

    /// Writes down what the file of an import says, and which rows other imports of its client have too. `is_kept`:
    /// its rows are to be posted, so later ones are compared with it.
    ///
    /// # Errors
    /// Nothing was written, or it is not known; the same may be written again.
    async fn record_content(
        &self,
        number: u64,
        content: &Content,
        is_kept: bool,
    ) -> Result<Vec<Share>, StoreError>;

    /// The rows that other imports of the client had when this one came, most shared rows first.
    async fn shares(&self, number: u64) -> Result<Vec<Share>, StoreError>;

    /// How many rows came out how and why, without those that have no outcome.
    async fn rows_by_outcome(&self, number: u64) -> Result<Vec<RowsByOutcome>, StoreError>;

    /// What became of the rows of these imports so far.
    async fn tallies(&self, numbers: &[u64]) -> Result<HashMap<u64, RowTally>, StoreError>;
}

/// A file that came in.
#[derive(Debug, Clone)]
pub struct NewImport {
    /// Who sent it.
    pub client: String,
    /// Of its content and of how it is to be read.
    pub digest: [u8; 32],
    /// The replica that will read it.
    pub owner: String,
    /// JSON: what was sent, and how it is to be read.
    pub description: String,
    /// When it came, in microseconds since the Unix epoch.
    pub created_at: i64,
}

/// What became of a new import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// It, or the one that was there.
    pub import: Import,
    /// It was not there before.
    pub is_new: bool,
}

/// An import as it was last written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// What clients call it by.
    pub number: u64,
    /// Who sent it.
    pub client: String,
    /// Of its content and of how it is to be read.
    pub digest: [u8; 32],
    /// The replica that reads it.
    pub owner: String,
    /// JSON: what was sent, and how it is to be read.
    pub description: String,
    /// How far it has come.
    pub progress: Progress,
    /// Its client wants it to stop.
    pub cancel_requested: bool,
    /// When it came, in microseconds since the Unix epoch.
    pub created_at: i64,
    /// When its reading began, in microseconds since the Unix epoch.
    pub started_at: Option<i64>,
    /// When it was last written to, in microseconds since the Unix epoch.
    pub updated_at: i64,
}

/// How far an import has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// What it is at.
    pub state: ImportState,
    /// Every row up to this one is queued or refused; 0: none is.
    pub read_to: u64,
    /// Rows that are queued.
    pub accepted: u64,
    /// Rows that are not, and never will be.
    pub refused: u64,
    /// Bytes of the file that have been read.
    pub bytes_read: u64,
    /// Why it pauses or has ended.
    pub remark: Option<String>,
}

/// What an import is at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum ImportState {
    /// Others are read first.
    #[default]
    Queued,
    /// Its rows are being read and queued.
    Reading,
    /// All rows are queued, and some have no outcome yet.
    Draining,
    /// Every row has its outcome.
    Done,
    /// Not a file that can be read; says why. What was queued until then stays.
    Refused,
    /// Its client stopped it. What was queued until then stays.
    Cancelled,
    /// It could not be read to its end, for a fault of ours; says why.
    Failed,
}

impl ImportState {
    /// Every state.
    pub const ALL: &'static [ImportState] = ImportState::VARIANTS;

    /// Its stable name, as stored and as answered.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Nothing more will be read.
    pub fn has_ended(self) -> bool {
        !matches!(self, ImportState::Queued | ImportState::Reading | ImportState::Draining)
    }
}

/// What its owner learns when it writes down how far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// It is still the owner; if not, nothing was written, and it must stop.
    pub owned: bool,
    /// The client wants it to stop.
    pub cancel_requested: bool,
}

/// A row that was not queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The number of the row, from 1.
    pub row: u64,
    /// The line on which it starts, from 1.
    pub line: u64,
    /// The column on that line, from 1, where it is known.
    pub column: Option<u64>,
    /// The field at fault.
    pub field: Option<String>,
    /// What is wrong with which value, and what should be there.
    pub reason: String,
    /// The row as it stands in a file of refused rows, with the reason.
    pub raw: Vec<u8>,
}

/// A row that has its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedRow {
    /// The number of the row, from 1.
    pub row: u64,
    /// Its job.
    pub job: JobId,
    /// What became of it.
    pub outcome: RowOutcome,
    /// Why it was rejected; of a duplicate or a conflict, why the job that was there before was (`dead`: that one
    /// could not be posted).
    pub reason: Option<String>,
    /// What the job is, as JSON; of a conflict, what the job that was there before is.
    pub body: Option<String>,
}

/// Rows that came out the same way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowsByOutcome {
    /// What became of them.
    pub outcome: RowOutcome,
    /// As [`ImportedRow::reason`].
    pub reason: Option<String>,
    /// How many they are.
    pub rows: u64,
}

/// What became of a row that was queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum RowOutcome {
    /// Its job's entries are in the ledger, by this import.
    Posted,
    /// Its job was turned down.
    Rejected,
    /// The same job had its outcome before.
    Duplicate,
    /// Another body had its id before.
    Conflict,
    /// Its job could not be posted and is kept as a dead letter.
    Dead,
    /// Its job had been cancelled before it came.
    Cancelled,
    /// Its job is to be executed later. Once it is, the row comes to another outcome.
    Scheduled,
}

impl RowOutcome {
    /// Every outcome.
    pub const ALL: &'static [RowOutcome] = RowOutcome::VARIANTS;

    /// Its stable name, as stored and as answered.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// How many rows came out how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)] // As in `RowOutcome`.
pub struct RowTally {
    pub posted: u64,
    pub rejected: u64,
    pub duplicate: u64,
    pub conflict: u64,
    pub dead: u64,
    pub cancelled: u64,
    pub scheduled: u64,
}

impl RowTally {
    /// The count of one outcome.
    pub fn of(&mut self, outcome: RowOutcome) -> &mut u64 {
        match outcome {
            RowOutcome::Posted => &mut self.posted,
            RowOutcome::Rejected => &mut self.rejected,
            RowOutcome::Duplicate => &mut self.duplicate,
            RowOutcome::Conflict => &mut self.conflict,
            RowOutcome::Dead => &mut self.dead,
            RowOutcome::Cancelled => &mut self.cancelled,
            RowOutcome::Scheduled => &mut self.scheduled,
        }
    }

    /// Rows that have an outcome, and those that are scheduled.
    pub fn total(&self) -> u64 {
        let Self { posted, rejected, duplicate, conflict, dead, cancelled, scheduled } = self;
        posted + rejected + duplicate + conflict + dead + cancelled + scheduled
    }
}

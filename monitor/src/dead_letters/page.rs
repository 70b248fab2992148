//! A page of the dead letters that are wanted, in the order in which they were given up.

use std::collections::{BTreeMap, HashMap, HashSet};

use async_trait::async_trait;
use jiff::Timestamp;
use queue::dead_letter::LetterJob;
use queue::{DeadLetter, Queue, QueueError, Seen, Visitor};
use serde::Serialize;
use tellers_http::keys::Caller;
use utoipa::ToSchema;

use super::filter::LetterFilter;

/// Causes that are counted one by one; the letters of others are counted together.
const CAUSES_MAX: usize = 50;

/// Who may do what with a letter, by its jobs.
pub(crate) type Allowed = fn(&Caller, &[LetterJob]) -> bool;

/// What is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) filter: LetterFilter,
    pub(crate) caller: Caller,
    pub(crate) allowed: Allowed,
}

impl Wanted {
    /// Whether a letter with these jobs is.
    pub(crate) fn are(&self, letter: &DeadLetter, jobs: &[LetterJob]) -> bool {
        self.filter.wants(letter, jobs) && (self.allowed)(&self.caller, jobs)
    }
}

/// Where a letter stands in the list: the time in microseconds, and its id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(i64, String);

impl Place {
    fn of(letter: &DeadLetter) -> Place {
        Place(letter.at.as_microsecond(), letter.id.clone())
    }

    /// As a cursor has it.
    pub(crate) fn parse(cursor: &str) -> Option<Place> {
        let (at, id) = cursor.split_once('.')?;
        Some(Place(at.parse().ok()?, id.to_owned()))
    }
}

/// How many letters have a cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CauseCount {
    /// The cause, to the letter; `null`: all others together.
    pub cause: Option<String>,
    /// The number of letters.
    pub count: u64,
}

/// What was found.
pub(crate) struct Page {
    /// Letters that are wanted, on all pages; one that was kept twice counts once.
    pub(crate) matched: u64,
    /// The most frequent cause first.
    pub(crate) by_cause: Vec<CauseCount>,
    /// When the last of all that are wanted was given up.
    pub(crate) newest: Option<Timestamp>,
    pub(crate) letters: Vec<(DeadLetter, Vec<LetterJob>)>,
    /// The cursor of the next page.
    pub(crate) next: Option<String>,
}

/// Finds the page behind `after`; 0 letters: the counts alone.
pub(crate) async fn find(
    queue: &dyn Queue,
    wanted: Wanted,
    after: Option<Place>,
    limit: usize,
) -> Result<Page, QueueError> {
    let mut finding = Finding {
        wanted,
        after,
        limit,
        ids: HashSet::new(),
        causes: HashMap::new(),
        newest: None,
        kept: BTreeMap::new(),
        is_cut: false,
    };
    queue.walk_dead_letters(&mut finding).await?;
    Ok(finding.page())
}

struct Finding {
    wanted: Wanted,
    after: Option<Place>,
    limit: usize,
    ids: HashSet<String>,
    causes: HashMap<String, u64>,
    newest: Option<Timestamp>,
    kept: BTreeMap<Place, (DeadLetter, Vec<LetterJob>)>,
    is_cut: bool,
}

#[async_trait]
impl Visitor for Finding {
    async fn visit(&mut self, letters: Vec<DeadLetter>) -> Seen {
        letters.into_iter().for_each(|letter| self.take(letter));
        Seen::default()
    }
}

impl Finding {
    fn take(&mut self, letter: DeadLetter) {
        let jobs = letter.jobs();
        if !self.wanted.are(&letter, &jobs) {
            return;
        }
        self.newest = self.newest.max(Some(letter.at));
        if !self.ids.insert(letter.id.clone()) {
            return;
        }
        match self.causes.get_mut(&letter.cause) {
            Some(count) => *count += 1,
            None => drop(self.causes.insert(letter.cause.clone(), 1)),
        }
        let place = Place::of(&letter);
        if self.limit == 0 || self.after.as_ref().is_some_and(|after| place <= *after) {
            return;
        }
        self.kept.insert(place, (letter, jobs));
        if self.kept.len() > self.limit {
            self.kept.pop_last();
            self.is_cut = true;
        }
    }

    fn page(self) -> Page {
        let mut causes: Vec<_> = self.causes.into_iter().collect();
        causes.sort_by(|(one, of_one), (other, of_other)| of_other.cmp(of_one).then(one.cmp(other)));
        let others: u64 = causes.iter().skip(CAUSES_MAX).map(|(_, count)| count).sum();
        let named = causes.into_iter().take(CAUSES_MAX);
        let mut by_cause: Vec<_> =
            named.map(|(cause, count)| CauseCount { cause: Some(cause), count }).collect();
        by_cause.extend((others > 0).then_some(CauseCount { cause: None, count: others }));
        let last = self.kept.last_key_value().map(|(Place(at, id), _)| format!("{at}.{id}"));
        Page {
            matched: self.ids.len() as u64,
            by_cause,
            newest: self.newest,
            letters: self.kept.into_values().collect(),
            next: last.filter(|_| self.is_cut),
        }
    }
}

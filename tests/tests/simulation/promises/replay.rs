//! Every job once more, one after the other and alone: its outcome is what the ledger says at its turn.

use std::collections::HashMap;
use std::time::Duration;

use domain::account::AccountNumber;
use domain::fold::{Books, Needs, Original, fold};
use domain::job::Action;
use domain::outcome::{Outcome, RecordedOutcome, Rejection};

use crate::database::{JobRow, Tables};

/// Outcomes that are not what they should be.
pub fn outcomes(tables: &Tables, broken: &mut Vec<String>) {
    let mut all = Books::default();
    let mut opened: HashMap<AccountNumber, Duration> = HashMap::new();
    for row in tables.jobs.iter().filter(|row| row.record.outcome != RecordedOutcome::Dead) {
        let jobs = [row.job.clone()];
        let mut needs = Needs::of(&jobs);
        needs.follow(&all.holds, &all.originals);
        let accounts = needs.accounts.iter().filter_map(|number| all.accounts.get_key_value(number));
        let books = Books {
            accounts: accounts.map(|(number, account)| (number.clone(), account.clone())).collect(),
            holds: all.holds.clone(),
            originals: all.originals.clone(),
            posted_from: row.record.posted_at,
            ..Books::default()
        };
        let folded = fold(books, &jobs, row.read.now);
        let outcome = folded.outcomes.first().map(|outcome: &Outcome| outcome.recorded());
        if outcome != Some(row.record.outcome) {
            if came_too_late(row, &needs, &opened) {
                continue;
            }
            let (id, body, recorded) = (row.record.id, &row.record.body, row.record.outcome);
            broken.push(format!("job {id} is {recorded:?}, and should be {outcome:?}: {body}"));
            // What follows from it is no finding of its own.
            return;
        }
        if let Action::OpenAccount { account, .. } = &row.job.spec.action {
            opened.entry(account.clone()).or_insert(row.committed_after);
        }
        let legs = folded.entries.iter().map(|entry| (entry.account.clone(), entry.amount)).collect();
        let kind = row.job.spec.action.kind();
        let original = Original { kind, outcome: row.record.outcome, legs, reversed: false };
        all.originals.insert(row.record.id, original);
        for original in folded.reversals.keys() {
            all.originals.entry(*original).and_modify(|original| original.reversed = true);
        }
        all.accounts.extend(folded.accounts);
        all.holds.extend(folded.holds);
    }
}

/// An account that was not there could not be locked: it was opened between the look and the commit.
fn came_too_late(row: &JobRow, needs: &Needs, opened: &HashMap<AccountNumber, Duration>) -> bool {
    let not_found = row.record.outcome == RecordedOutcome::Rejected(Rejection::AccountNotFound);
    not_found
        && needs.accounts.iter().any(|number| opened.get(number).is_some_and(|at| *at >= row.read.after))
}

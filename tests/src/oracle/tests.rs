//! The oracle finds what it is there to find.

use super::*;

/// Alice pays bob 30 and then 20 of the 100 that she paid in; the promises are kept.
fn kept() -> (Books, Record) {
    let account = |key, number: &str, balance, seq| AccountRow {
        key,
        number: number.to_owned(),
        balance,
        held: 0,
        overdraft_limit: 0,
        seq,
    };
    let job = |id: &str, kind: &str| JobRow { id: id.into(), kind: kind.into(), outcome: "posted".into() };
    let entry = |account, seq, job: &str, amount, balance_after| EntryRow {
        account,
        seq,
        job: job.into(),
        amount,
        balance_after,
    };
    let books = Books {
        accounts: vec![
            account(1, "external:XTS:0", -100, 1),
            account(2, "alice", 50, 3),
            account(3, "bob", 50, 2),
        ],
        jobs: vec![job("d", "deposit"), job("t1", "transfer"), job("t2", "transfer")],
        entries: vec![
            entry(1, 1, "d", -100, -100),
            entry(2, 1, "d", 100, 100),
            entry(2, 2, "t1", -30, 70),
            entry(2, 3, "t2", -20, 50),
            entry(3, 1, "t1", 30, 30),
            entry(3, 2, "t2", 20, 50),
        ],
    };
    let mut record = Record::default();
    record.accept_in_order(["d", "t1", "t2"].into_iter().map(|id| ("alice", id.to_owned())));
    (books, record)
}

fn finds(break_it: impl FnOnce(&mut Books, &mut Record), expected: &str) {
    let (mut books, mut record) = kept();
    assert_eq!(judge(&books, &record), Vec::<String>::new());
    break_it(&mut books, &mut record);
    let findings = judge(&books, &record);
    assert!(findings.iter().any(|finding| finding.starts_with(expected)), "no {expected:?} in {findings:?}");
}

#[test]
fn a_lost_job_is_found() {
    finds(
        |_, record| record.accept_in_order([("bob", "gone".to_owned())].into_iter()),
        "O1: job gone of bob",
    );
    finds(|books, _| books.jobs[1].outcome = "dead".into(), "O1: job t1 of alice ended as `dead`");
}

#[test]
fn a_job_posted_twice_is_found() {
    finds(|books, _| books.jobs.push(books.jobs[2].clone()), "O2: job t2 has two rows");
    finds(|books, _| books.entries.push(books.entries[5].clone()), "O2: job t2 has two entries");
    finds(|books, _| books.entries.retain(|entry| entry.job != "t2"), "O2: transfer t2 is posted and has no");
    finds(|books, _| books.jobs[1].outcome = "rejected".into(), "O2: entries of job t1, which is rejected");
    finds(|books, _| books.jobs.truncate(2), "O2: entries of job t2, which has no row");
}

#[test]
fn books_that_do_not_balance_are_found() {
    finds(|books, _| books.entries[3].amount = -21, "O3: the entries of job t2 sum to -1");
    finds(|books, _| books.entries[2].balance_after = 71, "O3: entry 2 of alice");
    finds(|books, _| books.accounts[2].balance = 51, "O3: AccountRow");
    finds(|books, _| books.accounts[2].held = 51, "O3: AccountRow");
    finds(|books, _| books.accounts.truncate(2), "O3: entries of account 3");
}

#[test]
fn a_job_that_overtook_another_is_found() {
    let swap = |books: &mut Books| {
        let (one, other) = (books.entries[2].job.clone(), books.entries[3].job.clone());
        (books.entries[2].job, books.entries[3].job) = (other, one);
    };
    finds(|books, _| swap(books), "O4: on alice, job t2 (entry 2) overtook job t1");

    let (mut books, _) = kept();
    swap(&mut books);
    let mut unknown = Record::default();
    unknown.accept_at_once(["t1", "t2"].into_iter().map(|id| ("alice", id.to_owned())));
    assert_eq!(order(&books, &unknown), Vec::<String>::new(), "nobody knows which of them came first");
}

//! A batch under a key: its lines are known by what they say, so that a place never makes one job another.

use super::bank::{Bank, deposit, with_an_account};
use tests::client::BatchAnswer;

/// One batch of deposits under a key; an amount of `None` is an empty line.
async fn send(bank: &Bank, account: &str, amounts: &[Option<i64>]) -> BatchAnswer {
    let line =
        |amount: &Option<i64>| amount.map_or_else(String::new, |amount| deposit(account, amount).to_string());
    let lines: String = amounts.iter().map(|amount| line(amount) + "\n").collect();
    bank.batch(&[("idempotency-key", &format!("payroll-{account}"))], &lines).await
}

async fn deposits(bank: &Bank, account: &str, amounts: &[i64]) -> BatchAnswer {
    send(bank, account, &amounts.iter().copied().map(Some).collect::<Vec<_>>()).await
}

/// Each line that was accepted was told the id of a job of its own amount.
async fn assert_told_its_own(bank: &Bank, answer: &BatchAnswer, amounts: &[i64]) {
    for (result, amount) in answer.results.iter().zip(amounts) {
        if let Some(id) = &result.id {
            assert_eq!(bank.view(id).await["body"]["amount"], *amount, "line {}: {answer:?}", result.line);
        }
    }
}

#[test]
fn a_refused_line_that_is_sent_again_alone_is_a_new_job() {
    with_an_account(async |bank, account| {
        let first = deposits(bank, &account, &[100, 0, 300]).await;
        assert_eq!((first.accepted, first.refused), (2, 1), "{first:?}");
        let corrected = deposits(bank, &account, &[200]).await;
        assert_told_its_own(bank, &corrected, &[200]).await;
        assert_eq!(bank.balance(&account).await, 600, "{corrected:?}");
    });
}

#[test]
fn a_batch_that_is_sent_again_posts_nothing_twice() {
    with_an_account(async |bank, account| {
        let first = deposits(bank, &account, &[100, 300]).await;
        let again = deposits(bank, &account, &[100, 300]).await;
        let ids =
            |answer: &BatchAnswer| answer.results.iter().map(|result| result.id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&first), ids(&again));
        assert_eq!(bank.amounts(&account).await, [100, 300]);
    });
}

#[test]
fn a_batch_with_an_empty_line_in_front_posts_nothing_twice() {
    with_an_account(async |bank, account| {
        deposits(bank, &account, &[100, 300]).await;
        send(bank, &account, &[None, Some(100), Some(300)]).await;
        send(bank, &account, &[Some(100), None, None, Some(300), None]).await;
        assert_eq!(bank.amounts(&account).await, [100, 300]);
    });
}

#[test]
fn a_batch_in_another_order_posts_nothing_twice_and_gives_each_line_its_own_job() {
    with_an_account(async |bank, account| {
        deposits(bank, &account, &[100, 300]).await;
        let turned = deposits(bank, &account, &[300, 100]).await;
        assert_told_its_own(bank, &turned, &[300, 100]).await;
        let mut amounts = bank.amounts(&account).await;
        amounts.sort_unstable();
        assert_eq!(amounts, [100, 300], "{turned:?}");
    });
}

#[test]
fn a_batch_whose_refused_line_is_corrected_in_its_place_posts_just_that_line() {
    with_an_account(async |bank, account| {
        deposits(bank, &account, &[100, 0, 300]).await;
        let whole = deposits(bank, &account, &[100, 200, 300]).await;
        assert_told_its_own(bank, &whole, &[100, 200, 300]).await;
        assert_eq!(bank.balance(&account).await, 600, "{whole:?}");
    });
}

#[test]
fn equal_lines_of_one_batch_are_as_many_jobs() {
    with_an_account(async |bank, account| {
        let first = deposits(bank, &account, &[100, 100]).await;
        assert_ne!(first.results[0].id, first.results[1].id, "{first:?}");
        assert_eq!(bank.amounts(&account).await, [100, 100]);
        deposits(bank, &account, &[100, 100]).await;
        assert_eq!(bank.amounts(&account).await, [100, 100], "sent again they are the same two");
    });
}

#[test]
fn a_line_in_front_of_known_ones_is_a_new_job_and_changes_none() {
    with_an_account(async |bank, account| {
        deposits(bank, &account, &[100, 300]).await;
        let more = deposits(bank, &account, &[50, 100, 300]).await;
        assert_told_its_own(bank, &more, &[50, 100, 300]).await;
        assert_eq!(bank.balance(&account).await, 450, "{more:?}");
    });
}

#[test]
fn a_json_array_is_the_same_batch() {
    with_an_account(async |bank, account| {
        let key = format!("payroll-{account}");
        let lines = [deposit(&account, 100), deposit(&account, 300)];
        deposits(bank, &account, &[100, 300]).await;
        let array = serde_json::to_string(&lines).unwrap();
        let headers = [("content-type", "application/json"), ("idempotency-key", key.as_str())];
        let answer = bank.client.post_with("/api/jobs/batch", &headers, array).await.unwrap();
        let batch: BatchAnswer = answer.json().unwrap();
        for id in batch.results.iter().filter_map(|result| result.id.as_ref()) {
            bank.view(id).await;
        }
        assert_eq!(bank.amounts(&account).await, [100, 300], "{answer:?}");
    });
}
